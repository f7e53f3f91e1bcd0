//! A volume for a test: created, opened and served in one call, opened again in another.

use std::sync::Arc;

use crate::base::limits::EXTENT_BYTES_DEFAULT;
use crate::base::{Clock, OsRandom, Random, SystemClock};
use crate::crypto::{CipherSuite, KeyRing, Passphrase};
use crate::format::Compression;
use crate::keyslot::Header;
use crate::meta::engines::{SlateEngine, SlateOptions};
use crate::meta::{RecordError, Records};
use crate::store::{SseFacts, Store};
use crate::vfs::{self, Vfs, VfsOptions};
use crate::volume::{self, CreateOptions, OpenOptions, Volume, VolumeError, VolumeParts};

/// The secret of every volume that [`World`] makes.
pub const SECRET: &str = "correct horse battery staple";

/// A store and what stands around it.
#[derive(Clone)]
pub struct World {
    /// What the volume is opened with.
    pub parts: VolumeParts,
    /// Encryption of a volume made here.
    pub encryption: CipherSuite,
    /// Compression of a volume made here.
    pub compression: Compression,
    /// Extent size of a volume made here.
    pub extent_bytes: u32,
    /// Options of the vfs.
    pub options: VfsOptions,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// The header of a volume and the keys it gave: opening with them spares the key derivation, which
/// a test of many starts cannot afford.
#[derive(Clone)]
pub struct Unlocked {
    header: Header,
    keys: Arc<KeyRing>,
}

impl std::fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unlocked").finish_non_exhaustive()
    }
}

impl World {
    /// A world on `store` with the system's clock and randomness.
    #[must_use]
    pub fn on(store: Store) -> Self {
        Self::with(store, Arc::new(SystemClock::new()), Arc::new(OsRandom))
    }

    /// A world in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::on(Store::memory())
    }

    /// A world with a clock and randomness of its own.
    #[must_use]
    pub fn with(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            parts: VolumeParts { store, clock, random, owner: (0, 0) },
            encryption: CipherSuite::Aes256Gcm,
            compression: Compression::None,
            extent_bytes: EXTENT_BYTES_DEFAULT,
            options: VfsOptions::default(),
        }
    }

    /// The secret to open the volume with.
    ///
    /// # Panics
    /// Never: the secret is long enough.
    #[must_use]
    pub fn secret(&self) -> Option<Passphrase> {
        let secret = || Passphrase::new(SECRET.to_owned()).expect("the secret is long enough");
        (self.encryption == CipherSuite::Aes256Gcm).then(secret)
    }

    /// Creates the volume.
    ///
    /// # Errors
    /// As [`volume::create`].
    pub async fn create(&self) -> Result<(), VolumeError> {
        let options = CreateOptions {
            name: Some("test".to_owned()),
            encryption: self.encryption,
            compression: self.compression,
            extent_bytes: self.extent_bytes,
            sse: SseFacts::None,
        };
        volume::create(&self.parts, options, self.secret().as_ref()).await?;
        Ok(())
    }

    /// Opens the volume, as a new process would.
    ///
    /// # Errors
    /// As [`Volume::open`].
    pub async fn open(&self) -> Result<Arc<Volume>, VolumeError> {
        let read_only = self.options.read_only;
        let options = OpenOptions { read_only, ..OpenOptions::default() };
        Volume::open(self.parts.clone(), self.secret().as_ref(), options).await
    }

    /// Opens the volume and starts its vfs.
    ///
    /// # Panics
    /// If it does not open: a test that expects this calls [`World::open`].
    pub async fn start(&self) -> Arc<Vfs> {
        let volume = self.open().await.expect("the volume opens");
        Vfs::start(volume, self.options.clone()).await.expect("the vfs starts")
    }

    /// Creates, opens and starts a volume.
    ///
    /// # Panics
    /// If it cannot be created or opened.
    pub async fn started(&self) -> Arc<Vfs> {
        self.create().await.expect("the volume is created");
        self.start().await
    }

    /// Derives the keys of the volume once.
    ///
    /// # Errors
    /// As [`Volume::open`].
    pub async fn unlock(&self) -> Result<Unlocked, VolumeError> {
        let header = volume::read_header(&self.parts.store).await?.header;
        let (verified, keys) = match self.secret() {
            Some(secret) => header.unlock(&secret)?,
            None => header.open_plain()?,
        };
        Ok(Unlocked { header: verified.into_header(), keys: Arc::new(keys) })
    }

    /// Opens the volume with keys that were derived before, as a new process would.
    ///
    /// # Errors
    /// Whatever keeps the metadata from being opened.
    pub async fn open_unlocked(&self, unlocked: &Unlocked) -> Result<Arc<Volume>, vfs::Error> {
        let engine = SlateEngine::open(&self.parts.store, &SlateOptions::default())
            .await
            .map_err(|error| vfs::Error::from(RecordError::Engine(error)))?;
        let keys = Arc::clone(&unlocked.keys);
        let random = Arc::clone(&self.parts.random);
        let records = Records::new(Arc::new(engine), Arc::clone(&keys), random);
        let header = unlocked.header.clone();
        let options = OpenOptions::default();
        Ok(Arc::new(Volume::assemble(self.parts.clone(), header, keys, records, &options)))
    }

    /// Opens the volume with keys that were derived before, and starts its vfs.
    ///
    /// # Errors
    /// Whatever keeps the metadata from being opened or the vfs from starting.
    pub async fn start_unlocked(&self, unlocked: &Unlocked) -> Result<Arc<Vfs>, vfs::Error> {
        Vfs::start(self.open_unlocked(unlocked).await?, self.options.clone()).await
    }

    /// The same world on another store.
    #[must_use]
    pub fn moved_to(&self, store: Store) -> Self {
        let parts = VolumeParts { store, ..self.parts.clone() };
        Self { parts, ..self.clone() }
    }
}
