//! The engine beside its writer: reads what the writer made durable, writes nothing.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use slatedb::config::DbReaderOptions;
use slatedb::{DbReader, DbReaderMode};

use crate::base::{Clock, SystemClock};
use crate::meta::engines::overlay::ScanRange;
use crate::meta::engines::slate::{PATH, SlateOptions, bounded, collect, scan_options};
use crate::meta::engines::slate_cache::BlockCache;
use crate::meta::engines::slate_error::guarded;
use crate::meta::engines::slate_object_store::SlateObjectStore;
use crate::meta::{Capabilities, Durability, Isolation, MetaEngine, MetaError, MetaTxn};
use crate::store::Store;

/// A read-only engine; see `SlateEngine::open_read_only`. Cloning gives another handle.
#[derive(Clone)]
pub struct SlateReader {
    inner: Arc<Inner>,
}

struct Inner {
    db: DbReader,
    clock: SystemClock,
    closed: AtomicBool,
    limit: Duration,
}

impl std::fmt::Debug for SlateReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SlateReader")
    }
}

impl SlateReader {
    pub(super) async fn open(store: &Store, options: &SlateOptions) -> Result<Self, MetaError> {
        let reader = DbReaderOptions {
            manifest_poll_interval: POLL_INTERVAL,
            object_store_max_retries: None,
            ..DbReaderOptions::default()
        };
        let objects = Arc::new(SlateObjectStore::new(store.clone()));
        let build = DbReader::builder(PATH, objects)
            // Checkpoints would be writes; the writer's grace period for old files is enough.
            .with_reader_mode(DbReaderMode::FollowLatest)
            .with_options(reader)
            .with_db_cache(Arc::new(BlockCache::new(options.cache_bytes)), 0)
            .build();
        let db = bounded("opening", options.open_limit, build).await?;
        let inner = Inner {
            db,
            clock: SystemClock::new(),
            closed: AtomicBool::new(false),
            limit: options.open_limit,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs a read; if it meets a file that the writer has collected, again after the next poll.
    async fn retried<T, F>(&self, read: impl Fn() -> F) -> Result<T, MetaError>
    where
        F: Future<Output = Result<T, slatedb::Error>>,
    {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(MetaError::Closed("it was closed".into()));
        }
        let mut result = guarded(read()).await;
        for _ in 0..READS_AGAIN {
            if result.is_ok() {
                break;
            }
            self.inner.clock.sleep(POLL_INTERVAL * 2).await;
            result = guarded(read()).await;
        }
        result
    }
}

#[async_trait]
impl MetaEngine for SlateReader {
    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: false, writable: false }
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, MetaError> {
        self.retried(|| self.inner.db.get(key)).await
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError> {
        let Some(range) = ScanRange::new(prefix, after).filter(|_| limit > 0) else {
            return Ok(Vec::new());
        };
        self.retried(|| async {
            let iter = self.inner.db.scan_with_options(range.bounds(), &scan_options()).await?;
            collect(iter, limit).await
        })
        .await
    }

    async fn begin(&self, _: Isolation) -> Result<Box<dyn MetaTxn>, MetaError> {
        Ok(Box::new(ReadTxn { engine: self.clone(), wrote: false }))
    }

    async fn flush(&self) -> Result<(), MetaError> {
        Ok(())
    }

    async fn close(&self) -> Result<(), MetaError> {
        if self.inner.closed.swap(true, Ordering::AcqRel) {
            return Err(MetaError::Closed("it was closed".into()));
        }
        let inner = Arc::clone(&self.inner);
        bounded("closing", self.inner.limit, async move { inner.db.close().await }).await
    }
}

/// Reads pass through; the first write makes the commit fail.
struct ReadTxn {
    engine: SlateReader,
    wrote: bool,
}

#[async_trait]
impl MetaTxn for ReadTxn {
    async fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, MetaError> {
        self.engine.get(key).await
    }

    async fn scan(
        &mut self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError> {
        self.engine.scan(prefix, after, limit).await
    }

    fn put(&mut self, _: Bytes, _: Bytes) {
        self.wrote = true;
    }

    fn delete(&mut self, _: Bytes) {
        self.wrote = true;
    }

    async fn commit(self: Box<Self>, _: Durability) -> Result<(), MetaError> {
        if self.wrote {
            return Err(MetaError::Closed("it was opened for reading only".into()));
        }
        Ok(())
    }
}

/// How often the reader looks for news of the writer: the lag of a read-only gateway.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Further tries of a read that failed.
const READS_AGAIN: usize = 2;
