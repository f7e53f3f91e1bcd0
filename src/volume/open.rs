//! Opening a volume: header, keys, metadata, content.

use std::sync::Arc;

use crate::base::{Clock, Random};
use crate::block::{BlockOptions, Blocks};
use crate::crypto::{CipherSuite, KeyRing, Passphrase};
use crate::format::VolumeMarker;
use crate::keyslot::{Header, KeyslotError};
use crate::meta::engines::{SlateEngine, SlateOptions};
use crate::meta::{MetaEngine, RecordError, RecordKey, Records};
use crate::store::Store;

use super::VolumeError;
use super::create::write_first_records;
use super::header::{read_copies, repair};

/// What a volume needs from outside.
#[derive(Clone)]
pub struct VolumeParts {
    /// Where it is.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for keys, nonces and ids.
    pub random: Arc<dyn Random>,
    /// Uid and gid that own the root directory of a volume made with these parts.
    pub owner: (u32, u32),
}

impl std::fmt::Debug for VolumeParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VolumeParts").field("store", &self.store.label()).finish_non_exhaustive()
    }
}

/// How a volume is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Take no writer's place: read what another gateway writes, with a lag of about a second.
    pub read_only: bool,
    /// Memory for opened frames in bytes. Default: 64 MiB.
    pub cache_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { read_only: false, cache_bytes: 64 << 20 }
    }
}

/// An open volume: its header, its keys, its records, its content.
pub struct Volume {
    header: Header,
    keys: Arc<KeyRing>,
    records: Records,
    blocks: Blocks,
    parts: VolumeParts,
}

impl std::fmt::Debug for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Volume").field("id", &self.header.volume_id()).finish_non_exhaustive()
    }
}

impl Volume {
    /// Opens the volume in the store. Unless read-only, this gateway becomes its only writer: the
    /// one before is fenced.
    ///
    /// # Errors
    /// [`VolumeError::Keyslot`] for a wrong secret or an altered header, [`VolumeError::NoVolume`],
    /// [`VolumeError::ForeignMetadata`], [`VolumeError::MetadataMissing`], [`VolumeError::Store`],
    /// [`VolumeError::Engine`].
    ///
    /// # Cost
    /// One key derivation (64 MiB, about 0.1 s), a handful of requests.
    pub async fn open(
        parts: VolumeParts,
        secret: Option<&Passphrase>,
        options: OpenOptions,
    ) -> Result<Arc<Self>, VolumeError> {
        let copies = read_copies(&parts.store).await?;
        let (header, keys) = unlock(&copies.header, secret)?;
        if !options.read_only {
            repair(&parts.store, &copies).await?;
        }
        if !options.read_only && header.encryption() == CipherSuite::None {
            complete_creation(&parts, &header).await?;
        }
        let opening = if options.read_only { Opening::Read } else { Opening::Write };
        let engine = open_engine(&parts.store, opening).await?;
        let keys = Arc::new(keys);
        let records = Records::new(engine, Arc::clone(&keys), Arc::clone(&parts.random));
        check_marker(&records, &header, &parts.store).await?;
        Ok(Arc::new(Self::assemble(parts, header, keys, records, &options)))
    }

    /// Puts a volume together from its parts. For tests with another engine.
    #[must_use]
    pub fn assemble(
        parts: VolumeParts,
        header: Header,
        keys: Arc<KeyRing>,
        records: Records,
        options: &OpenOptions,
    ) -> Self {
        let block_options = BlockOptions {
            compression: header.compression(),
            extent_bytes: header.extent_bytes(),
            cache_bytes: options.cache_bytes,
        };
        let blocks = Blocks::new(
            parts.store.clone(),
            Arc::clone(&keys),
            Arc::clone(&parts.clock),
            Arc::clone(&parts.random),
            block_options,
        );
        Self { header, keys, records, blocks, parts }
    }

    /// The header, verified.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The metadata.
    #[must_use]
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// The content.
    #[must_use]
    pub const fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.parts.store
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Randomness.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        &*self.parts.random
    }

    /// Largest file that lives inside its extent map, in bytes.
    #[must_use]
    pub const fn inline_bytes_max(&self) -> u32 {
        self.header.inline_bytes_max()
    }

    /// Flushes the metadata and closes it. Dirty content is the vfs's business.
    ///
    /// # Errors
    /// [`RecordError`] if the last flush fails.
    pub async fn close(&self) -> Result<(), RecordError> {
        self.records.close().await
    }
}

fn unlock(header: &Header, secret: Option<&Passphrase>) -> Result<(Header, KeyRing), VolumeError> {
    let (verified, keys) = match (header.encryption(), secret) {
        (CipherSuite::None, None) => header.open_plain()?,
        (CipherSuite::None, Some(_)) => return Err(KeyslotError::NotEncrypted.into()),
        (CipherSuite::Aes256Gcm, None) if header.slots().is_empty() => {
            return Err(KeyslotError::NoSecret.into());
        }
        (CipherSuite::Aes256Gcm, None) => return Err(VolumeError::SecretMissing),
        (CipherSuite::Aes256Gcm, Some(secret)) => {
            // Blocks the thread for a tenth of a second. Nothing is served yet, and a secret does
            // not move to another thread.
            header.unlock(secret)?
        }
    };
    Ok((verified.into_header(), keys))
}

/// How the metadata engine is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// There is none yet.
    New,
    /// As its only writer.
    Write,
    /// Beside its writer.
    Read,
}

pub(super) async fn open_engine(
    store: &Store,
    opening: Opening,
) -> Result<Arc<dyn MetaEngine>, VolumeError> {
    let options = SlateOptions { create: opening == Opening::New, ..SlateOptions::default() };
    Ok(match opening {
        Opening::Read => Arc::new(SlateEngine::open_read_only(store, &options).await?),
        Opening::New | Opening::Write => Arc::new(SlateEngine::open(store, &options).await?),
    })
}

/// Writes the first records of a volume without encryption whose creation stopped between its
/// header and its metadata. One that has any other object is left alone.
async fn complete_creation(parts: &VolumeParts, header: &Header) -> Result<(), VolumeError> {
    for prefix in ["meta/", "seg/"] {
        if !parts.store.list(prefix, None, 1).await?.is_empty() {
            return Ok(());
        }
    }
    let (_, keys) = header.open_plain()?;
    let engine = open_engine(&parts.store, Opening::New).await?;
    write_first_records(engine, keys, parts, header).await
}

/// Refuses metadata that is not this volume's.
async fn check_marker(
    records: &Records,
    header: &Header,
    store: &Store,
) -> Result<(), VolumeError> {
    let place = || store.label().to_owned();
    let key = RecordKey::volume_marker();
    let bytes = match records.get(&key).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(VolumeError::MetadataMissing { store: place() }),
        Err(RecordError::Refused { .. }) => {
            return Err(VolumeError::ForeignMetadata { store: place() });
        }
        Err(error) => return Err(error.into()),
    };
    let marker = VolumeMarker::decode(&bytes)
        .map_err(|error| VolumeError::Record(RecordError::Layout { key, error }))?;
    if marker.volume == header.volume_id() && marker.extent_bytes == header.extent_bytes() {
        Ok(())
    } else {
        Err(VolumeError::ForeignMetadata { store: place() })
    }
}
