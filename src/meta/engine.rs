//! The contract of a metadata engine.

use async_trait::async_trait;
use bytes::Bytes;

/// What an engine can promise beyond the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// This process is the only writer while the engine is open: caches of what was read stay true,
    /// and in-process locks may stand in for transaction conflicts.
    pub exclusive: bool,
    /// The engine takes writes.
    pub writable: bool,
}

/// Whether a transaction checks what it read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Commit fails with [`MetaError::Conflict`] if anything read or scanned changed since.
    Serializable,
    /// The caller holds in-process locks over everything it reads and writes. Lawful only on an
    /// engine that is [`Capabilities::exclusive`]; others treat it as `Serializable`.
    CallerLocks,
}

/// How far a commit goes before it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Visible to every later read of this process.
    Visible,
    /// Visible, and survives loss of the gateway.
    Durable,
}

/// Why an engine could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// Somebody changed what this transaction read: run the operation again.
    #[error("the transaction conflicts with another")]
    Conflict,
    /// Another gateway opened the volume: this engine writes no more.
    #[error("another gateway has taken over this volume")]
    Fenced,
    /// The store cannot be reached now.
    #[error("the metadata store cannot be reached: {0}")]
    Unavailable(String),
    /// The engine was closed or opened for reading only.
    #[error("the metadata engine takes no writes: {0}")]
    Closed(String),
    /// What the engine finds in the store is damaged.
    #[error("the metadata engine's objects are damaged: {0}")]
    Corrupt(String),
}

/// A small ordered, transactional byte store.
///
/// Keys and values are opaque. An implementation owes: keys in byte order; a read sees every commit
/// that returned before it began; a commit is all or nothing, also across a crash; after a crash
/// commits survive as a prefix of their order; `flush` returns only when everything committed
/// before the call survives the loss of the process.
#[async_trait]
pub trait MetaEngine: Send + Sync + 'static {
    /// What this engine promises.
    fn capabilities(&self) -> Capabilities;

    /// One value.
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, MetaError>;

    /// Several values, in the order of the keys.
    async fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, MetaError> {
        let mut out = Vec::with_capacity(keys.len());
        for key in keys {
            out.push(self.get(key).await?);
        }
        Ok(out)
    }

    /// At most `limit` pairs whose key starts with `prefix` and is greater than `after` (if given),
    /// in key order. `after` is a whole key.
    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError>;

    /// Starts a transaction.
    async fn begin(&self, isolation: Isolation) -> Result<Box<dyn MetaTxn>, MetaError>;

    /// Makes everything committed so far durable. Calls that wait at the same time share one flush.
    async fn flush(&self) -> Result<(), MetaError>;

    /// Flushes and closes. Later calls fail with [`MetaError::Closed`].
    async fn close(&self) -> Result<(), MetaError>;
}

/// A transaction. Reads see its own writes. Dropping it without `commit` undoes it.
#[async_trait]
pub trait MetaTxn: Send + Sync {
    /// One value.
    async fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, MetaError>;

    /// As [`MetaEngine::scan`].
    async fn scan(
        &mut self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError>;

    /// Sets a value.
    fn put(&mut self, key: Bytes, value: Bytes);

    /// Removes a key, present or not.
    fn delete(&mut self, key: Bytes);

    /// Applies all writes at once.
    async fn commit(self: Box<Self>, durability: Durability) -> Result<(), MetaError>;
}
