//! Creating a volume, and giving it its first secret.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::limits::INLINE_BYTES_DEFAULT;
use crate::base::{InodeId, VolumeId};
use crate::crypto::{CipherSuite, KeyRing, Passphrase};
use crate::format::{Compression, InodeRecord, VolumeMarker, encode_next_inode};
use crate::keyslot::{Engine, Header, KeyslotError, NewVolume};
use crate::meta::{Durability, MetaEngine, RecordKey, Records};
use crate::store::{SseFacts, Store, StoreErrorKind};

use super::header::{self, FIRST, SECOND};
use super::open::{Opening, VolumeParts, open_engine};
use super::{VolumeError, read_header};

/// Objects deleted at once while leftovers of an interrupted first start are removed.
const DELETE_PAGE: usize = 500;

/// What a new volume should be.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// What people call it. Default: `volume`.
    pub name: Option<String>,
    /// How it is sealed.
    pub encryption: CipherSuite,
    /// How content is compressed.
    pub compression: Compression,
    /// Extent size in bytes, a power of two from 16 KiB to 1 MiB.
    pub extent_bytes: u32,
    /// Server-side encryption, recorded in the header.
    pub sse: SseFacts,
}

/// Creates a volume in an empty prefix; with `secret`, complete.
///
/// Without a secret an encrypted volume waits for its first start to get one.
///
/// # Errors
/// [`VolumeError::Exists`], [`VolumeError::NotEmpty`], [`VolumeError::Header`] for an option out of
/// range, [`VolumeError::Store`].
///
/// # Durability
/// The volume is durable on return. A crash in between leaves a volume without a secret, which the
/// next start completes.
pub async fn create(
    parts: &VolumeParts,
    options: CreateOptions,
    secret: Option<&Passphrase>,
) -> Result<Header, VolumeError> {
    let store = &parts.store;
    let place = || store.label().to_owned();
    if options.encryption == CipherSuite::None && secret.is_some() {
        return Err(KeyslotError::NotEncrypted.into());
    }
    let header = Header::create(NewVolume {
        volume_id: VolumeId::from_bytes(parts.random.bytes16()),
        name: options.name.unwrap_or_else(|| "volume".to_owned()),
        created: parts.clock.now(),
        encryption: options.encryption,
        compression: options.compression,
        extent_bytes: options.extent_bytes,
        inline_bytes_max: INLINE_BYTES_DEFAULT,
        engine: Engine::Slate,
        sse: header::facts_to_header(&options.sse),
    })
    .map_err(|error| VolumeError::Header { store: place(), error })?;
    match read_header(store).await {
        Ok(_) | Err(VolumeError::Header { .. }) => {
            return Err(VolumeError::Exists { store: place() });
        }
        Err(VolumeError::NoVolume { .. }) => {}
        Err(error) => return Err(error),
    }
    if !store.is_empty().await? {
        return Err(VolumeError::NotEmpty { store: place() });
    }
    let text = Bytes::from(header.encode());
    match store.create(FIRST, text.clone()).await {
        Ok(()) => {}
        Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
            return Err(VolumeError::Exists { store: place() });
        }
        Err(error) => return Err(error.into()),
    }
    store.put(SECOND, text).await?;
    match (options.encryption, secret) {
        (CipherSuite::Aes256Gcm, Some(secret)) => set_first_secret(parts, header, secret).await,
        (CipherSuite::Aes256Gcm, None) => Ok(header),
        (CipherSuite::None, _) => {
            let (_, keys) = header.open_plain()?;
            let engine = open_engine(store, Opening::New).await?;
            write_first_records(engine, keys, parts, &header).await?;
            Ok(header)
        }
    }
}

/// Gives a volume that has no secret its first one.
///
/// # Errors
/// [`VolumeError::Keyslot`] if it has one, [`VolumeError::HeaderChanged`] if another gateway was
/// faster, [`VolumeError::Store`], [`VolumeError::Engine`].
///
/// # Durability
/// The metadata first, the header after it: a header with a secret always has its metadata.
pub async fn set_first_secret(
    parts: &VolumeParts,
    header: Header,
    secret: &Passphrase,
) -> Result<Header, VolumeError> {
    // The derivation blocks the thread for a tenth of a second. Nothing is served yet, and a secret
    // does not move to another thread.
    let now = parts.clock.now();
    let claimed = header.clone().next_generation()?;
    let (verified, keys) = claimed.clone().set_first_secret(secret, now, &*parts.random)?;
    // A claim: of two gateways that give the first secret at the same moment, only the one whose
    // claim was the last can end with the header, and the metadata it wrote is the last as well.
    header::replace(&parts.store, &header, &claimed).await?;
    remove_leftovers(&parts.store).await?;
    let engine = open_engine(&parts.store, Opening::New).await?;
    write_first_records(engine, keys, parts, verified.header()).await?;
    let next = verified.into_header();
    header::replace(&parts.store, &claimed, &next).await?;
    Ok(next)
}

/// Without a secret there is no metadata: what is below `meta/` was sealed under a key that an
/// interrupted first start took with it.
async fn remove_leftovers(store: &Store) -> Result<(), VolumeError> {
    loop {
        let found = store.list("meta/", None, DELETE_PAGE).await?;
        if found.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = found.into_iter().map(|object| object.key).collect();
        store.delete(&keys).await?;
    }
}

/// Writes the root directory, the marker and the first counter; closes the engine.
pub(super) async fn write_first_records(
    engine: Arc<dyn MetaEngine>,
    keys: KeyRing,
    parts: &VolumeParts,
    header: &Header,
) -> Result<(), VolumeError> {
    let records = Records::new(engine, Arc::new(keys), Arc::clone(&parts.random));
    let mut txn = records.begin().await?;
    txn.put(
        &RecordKey::inode(InodeId::ROOT),
        &InodeRecord::root(parts.clock.now(), parts.owner).encode(),
    );
    let next = InodeId::ROOT.get() + 1;
    txn.put(&RecordKey::next_inode(), &encode_next_inode(next));
    let marker = VolumeMarker { volume: header.volume_id(), extent_bytes: header.extent_bytes() };
    txn.put(&RecordKey::volume_marker(), &marker.encode());
    txn.commit(Durability::Durable).await?;
    Ok(records.close().await?)
}
