//! Records: every value is sealed under its full key before an engine sees it.

use std::sync::Arc;

use bytes::Bytes;

use crate::base::limits::RECORD_BYTES_MAX;
use crate::base::{CodecError, Random};
use crate::crypto::{KeyRing, RecordCipher};

use super::engine::{Capabilities, Durability, Isolation, MetaEngine, MetaError, MetaTxn};
use super::keys::RecordKey;

/// Why a record cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The engine says no.
    #[error(transparent)]
    Engine(#[from] MetaError),
    /// The value does not open under its own key: it was changed, or moved from another key.
    #[error("a metadata record was changed in the store or moved to another place ({key:?})")]
    Refused {
        /// Which record.
        key: RecordKey,
    },
    /// The value opens and is not the layout it should be.
    #[error("a metadata record does not decode ({key:?}): {error}")]
    Layout {
        /// Which record.
        key: RecordKey,
        /// What is wrong with it.
        error: CodecError,
    },
}

/// A record as a scan finds it: its key in the engine, and its opened value.
pub type Found = (Bytes, Vec<u8>);

/// The sealed records of a volume.
#[derive(Clone)]
pub struct Records {
    engine: Arc<dyn MetaEngine>,
    keys: Arc<KeyRing>,
    random: Arc<dyn Random>,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

impl Records {
    /// Puts the sealing in front of `engine`.
    #[must_use]
    pub fn new(engine: Arc<dyn MetaEngine>, keys: Arc<KeyRing>, random: Arc<dyn Random>) -> Self {
        Self { engine, keys, random }
    }

    /// What the engine promises.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    /// One record.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn get(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, RecordError> {
        let sealed = self.engine.get(key.as_bytes()).await?;
        sealed.map(|sealed| open(&self.keys, key.as_bytes(), &sealed)).transpose()
    }

    /// At most `limit` records whose key starts with `prefix` and follows `after`, in key order.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Found>, RecordError> {
        let found = self.engine.scan(prefix, after, limit).await?;
        open_all(&self.keys, found)
    }

    /// Starts a transaction whose caller holds in-process locks over what it touches.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn begin(&self) -> Result<Txn, RecordError> {
        let inner = self.engine.begin(Isolation::CallerLocks).await?;
        Ok(Txn { inner, keys: Arc::clone(&self.keys), random: Arc::clone(&self.random) })
    }

    /// Makes everything committed so far durable.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn flush(&self) -> Result<(), RecordError> {
        Ok(self.engine.flush().await?)
    }

    /// Flushes and closes the engine.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn close(&self) -> Result<(), RecordError> {
        Ok(self.engine.close().await?)
    }
}

/// A transaction on sealed records.
pub struct Txn {
    inner: Box<dyn MetaTxn>,
    keys: Arc<KeyRing>,
    random: Arc<dyn Random>,
}

impl std::fmt::Debug for Txn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Txn").finish_non_exhaustive()
    }
}

impl Txn {
    /// One record; sees this transaction's own writes.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn get(&mut self, key: &RecordKey) -> Result<Option<Vec<u8>>, RecordError> {
        let sealed = self.inner.get(key.as_bytes()).await?;
        sealed.map(|sealed| open(&self.keys, key.as_bytes(), &sealed)).transpose()
    }

    /// As [`Records::scan`]; sees this transaction's own writes.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn scan(
        &mut self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Found>, RecordError> {
        let found = self.inner.scan(prefix, after, limit).await?;
        open_all(&self.keys, found)
    }

    /// Seals and sets a record.
    ///
    /// # Panics
    /// If it is longer than [`RECORD_BYTES_MAX`]: the caller did not apply its limit.
    pub fn put(&mut self, key: &RecordKey, plain: &[u8]) {
        assert!(plain.len() <= RECORD_BYTES_MAX, "{key:?} has {} bytes", plain.len());
        let records: &RecordCipher = self.keys.current().records();
        let sealed = records.seal(key.as_bytes(), plain, &*self.random);
        self.inner.put(key.to_bytes(), sealed);
    }

    /// Removes a record, present or not.
    pub fn delete(&mut self, key: &RecordKey) {
        self.inner.delete(key.to_bytes());
    }

    /// Removes the record with this engine key, as a scan found it.
    pub fn delete_found(&mut self, key: Bytes) {
        self.inner.delete(key);
    }

    /// Applies all writes at once.
    ///
    /// # Errors
    /// [`RecordError`].
    pub async fn commit(self, durability: Durability) -> Result<(), RecordError> {
        Ok(self.inner.commit(durability).await?)
    }
}

fn open(keys: &KeyRing, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, RecordError> {
    let refused = || RecordError::Refused { key: RecordKey::found(key) };
    if sealed.len() > RECORD_BYTES_MAX + 64 {
        return Err(refused());
    }
    let epoch = RecordCipher::epoch_of(sealed).map_err(|_| refused())?;
    let tree = keys.epoch(epoch).ok_or_else(refused)?;
    tree.records().open(key, sealed).map_err(|_| refused())
}

fn open_all(keys: &KeyRing, found: Vec<(Bytes, Bytes)>) -> Result<Vec<Found>, RecordError> {
    let opened = found.into_iter().map(|(key, sealed)| {
        let plain = open(keys, &key, &sealed)?;
        Ok((key, plain))
    });
    opened.collect()
}
