//! The default engine: SlateDB, an LSM tree whose files live in the volume's own store.
//!
//! One gateway writes at a time: opening fences whoever wrote before. Every wait for durability
//! goes through one [`FlushCoordinator`]; the engine's own flush timer is off.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use slatedb::config::{
    CompactionWorkerOptions, CompactorOptions, GarbageCollectorDirectoryOptions,
    GarbageCollectorOptions, ScanOptions, Settings,
};
use slatedb::{CloseReason, Db, DbIterator, DbTransaction, IsolationLevel, WriteBatch};

use crate::base::SystemClock;
use crate::meta::engines::overlay::{Overlay, ScanRange};
use crate::meta::engines::slate_cache::BlockCache;
use crate::meta::engines::slate_error::guarded;
use crate::meta::engines::slate_object_store::SlateObjectStore;
use crate::meta::engines::slate_reader::SlateReader;
use crate::meta::{
    Capabilities, Durability, FlushCoordinator, FlushStats, Isolation, MetaEngine, MetaError,
    MetaTxn,
};
use crate::store::Store;

/// How the engine is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlateOptions {
    /// Whether to start an empty engine where there is none. Off by default: an engine that has
    /// lost its files must not come back empty without anybody noticing.
    pub create: bool,
    /// Memory for blocks, indexes and filters, in bytes. Default 48 MiB.
    pub cache_bytes: u64,
    /// When opening or closing is given up. Default 120 s; opening reads what was not compacted.
    pub open_limit: Duration,
    /// When a flush is given up, and so the longest a caller waits for one. Default 60 s.
    pub flush_limit: Duration,
    /// How often files that nobody needs any more are collected. Default 60 s.
    pub collect_interval: Duration,
    /// How old such a file must be: readers elsewhere may still use it. Default 300 s.
    pub collect_age: Duration,
}

impl Default for SlateOptions {
    fn default() -> Self {
        Self {
            create: false,
            cache_bytes: 48 << 20,
            open_limit: Duration::from_secs(120),
            flush_limit: Duration::from_secs(60),
            collect_interval: Duration::from_secs(60),
            collect_age: Duration::from_secs(300),
        }
    }
}

/// The writing engine. Cloning gives another handle on it.
#[derive(Clone)]
pub struct SlateEngine {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    flush: FlushCoordinator,
    closed: AtomicBool,
    limit: Duration,
}

impl std::fmt::Debug for SlateEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlateEngine").field("flush", &self.inner.flush).finish_non_exhaustive()
    }
}

impl SlateEngine {
    /// Opens the engine under `meta/` and fences whoever wrote before.
    ///
    /// # Errors
    /// `Corrupt` if there is no engine (and `create` is off) or its files are damaged;
    /// `Unavailable` if the store does not answer within the limit.
    pub async fn open(store: &Store, options: &SlateOptions) -> Result<Self, MetaError> {
        if !options.create {
            must_exist(store).await?;
        }
        let objects = SlateObjectStore::new(store.clone());
        let settings = settings(options, objects.can_update());
        let cache = Arc::new(BlockCache::new(options.cache_bytes));
        let build = Db::builder(PATH, Arc::new(objects))
            .with_settings(settings)
            .with_db_cache(cache, 0)
            .build();
        let db = bounded("opening", options.open_limit, build).await?;
        let flush = FlushCoordinator::new(Arc::new(SystemClock::new()), options.flush_limit);
        let closed = AtomicBool::new(false);
        Ok(Self { inner: Arc::new(Inner { db, flush, closed, limit: options.open_limit }) })
    }

    /// Opens the engine beside its writer, for reading only. Writes nothing to the store; sees
    /// what the writer made durable with a lag of about a second.
    ///
    /// # Errors
    /// As [`SlateEngine::open`].
    pub async fn open_read_only(
        store: &Store,
        options: &SlateOptions,
    ) -> Result<SlateReader, MetaError> {
        must_exist(store).await?;
        SlateReader::open(store, options).await
    }

    /// How many flushes were shared by how many waiters.
    #[must_use]
    pub fn flush_stats(&self) -> FlushStats {
        self.inner.flush.stats()
    }

    fn check_open(&self) -> Result<(), MetaError> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(MetaError::Closed("it was closed".into()));
        }
        Ok(())
    }

    /// Whether the library still takes writes. It may have ended itself without a word to anybody
    /// who has nothing to flush.
    fn check_writing(&self) -> Result<(), MetaError> {
        self.check_open()?;
        match self.inner.db.status().close_reason {
            None => Ok(()),
            Some(CloseReason::Fenced) => Err(MetaError::Fenced),
            Some(reason) => Err(MetaError::Closed(format!("it stopped by itself: {reason:?}"))),
        }
    }

    /// What a failed flush or commit means if somebody else took over meanwhile: the library may
    /// report the store's refusal before it reports the fence.
    fn explain(&self, err: MetaError) -> MetaError {
        match self.inner.db.status().close_reason {
            Some(CloseReason::Fenced) => MetaError::Fenced,
            _ => err,
        }
    }

    async fn flush_now(&self) -> Result<(), MetaError> {
        let flush = || {
            let db = self.inner.db.clone();
            async move { guarded(db.flush()).await }
        };
        self.inner.flush.flush(flush).await.map_err(|err| self.explain(err))
    }

    async fn scan_range(
        &self,
        range: &ScanRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError> {
        guarded(async {
            let iter = self.inner.db.scan_with_options(range.bounds(), &scan_options()).await?;
            collect(iter, limit).await
        })
        .await
    }
}

/// Runs a long call as a task of its own, so that a panic in it or a store that never answers ends
/// with an error.
pub(super) async fn bounded<T: Send + 'static>(
    what: &str,
    limit: Duration,
    call: impl Future<Output = Result<T, slatedb::Error>> + Send + 'static,
) -> Result<T, MetaError> {
    let task = tokio::spawn(guarded(call));
    let abort = task.abort_handle();
    match tokio::time::timeout(limit, AssertUnwindSafe(task).catch_unwind()).await {
        Ok(Ok(Ok(result))) => result,
        Ok(_) => Err(MetaError::Corrupt(format!("{what} stopped on unexpected bytes"))),
        Err(_) => {
            abort.abort();
            let text = format!("{what} did not end within {} s", limit.as_secs());
            Err(MetaError::Unavailable(text))
        }
    }
}

/// An engine that was ever opened has a manifest.
async fn must_exist(store: &Store) -> Result<(), MetaError> {
    let prefix = format!("{PATH}/manifest/");
    match store.list(&prefix, None, 1).await {
        Ok(found) if found.is_empty() => Err(MetaError::Corrupt(format!(
            "there is no metadata under {prefix}: its objects are lost or were never written"
        ))),
        Ok(_) => Ok(()),
        Err(err) => Err(MetaError::Unavailable(err.to_string())),
    }
}

pub(super) async fn collect(
    mut iter: DbIterator,
    limit: usize,
) -> Result<Vec<(Bytes, Bytes)>, slatedb::Error> {
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(pair) = iter.next().await? else { break };
        found.push((pair.key, pair.value));
    }
    Ok(found)
}

/// A directory is read in one go and often again.
pub(super) fn scan_options() -> ScanOptions {
    ScanOptions { read_ahead_bytes: READ_AHEAD_BYTES, cache_blocks: true, ..ScanOptions::default() }
}

fn settings(options: &SlateOptions, can_update: bool) -> Settings {
    let directory = Some(GarbageCollectorDirectoryOptions {
        interval: Some(options.collect_interval),
        min_age: options.collect_age,
        dry_run: false,
    });
    Settings {
        flush_interval: None,
        manifest_poll_interval: Duration::from_secs(1),
        manifest_update_timeout: OUTAGE_MAX,
        min_filter_keys: FILTER_KEYS_MIN,
        l0_sst_size_bytes: NEW_FILE_BYTES,
        l0_max_ssts: NEW_FILES_MAX,
        l0_max_ssts_per_key: NEW_FILES_MAX,
        max_unflushed_bytes: UNFLUSHED_BYTES_MAX,
        object_store_max_retries: None,
        compactor_options: Some(CompactorOptions {
            poll_interval: Duration::from_millis(500),
            manifest_update_timeout: OUTAGE_MAX,
            max_concurrent_compactions: 2,
            object_store_max_retries: None,
            worker: Some(CompactionWorkerOptions {
                compactions_poll_interval: Duration::from_millis(500),
                max_sst_size: COMPACTED_FILE_BYTES,
                min_filter_keys: FILTER_KEYS_MIN,
                ..CompactionWorkerOptions::default()
            }),
            ..CompactorOptions::default()
        }),
        garbage_collector_options: Some(GarbageCollectorOptions {
            manifest_options: directory,
            wal_options: directory,
            // The marks that fence a former writer stay: collecting them is only ever a dry run.
            compacted_options: directory,
            compactions_options: directory,
            // They need a compare-and-swap, and protect a stalled writer from reusing a number.
            boundary_files_enabled: can_update,
            object_store_max_retries: None,
            ..GarbageCollectorOptions::default()
        }),
        ..Settings::default()
    }
}

#[async_trait]
impl MetaEngine for SlateEngine {
    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: true, writable: true }
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, MetaError> {
        self.check_open()?;
        guarded(self.inner.db.get(key)).await
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError> {
        self.check_open()?;
        match ScanRange::new(prefix, after) {
            Some(range) if limit > 0 => self.scan_range(&range, limit).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn begin(&self, isolation: Isolation) -> Result<Box<dyn MetaTxn>, MetaError> {
        self.check_writing()?;
        let base = match isolation {
            Isolation::CallerLocks => None,
            Isolation::Serializable => {
                let begin = async { self.inner.db.begin(IsolationLevel::SerializableSnapshot) };
                Some(guarded(begin).await?)
            }
        };
        Ok(Box::new(SlateTxn { engine: self.clone(), base, overlay: Overlay::default() }))
    }

    async fn flush(&self) -> Result<(), MetaError> {
        self.check_writing()?;
        self.flush_now().await
    }

    async fn close(&self) -> Result<(), MetaError> {
        self.check_open()?;
        let flushed = match self.check_writing() {
            Ok(()) => self.flush_now().await,
            Err(stopped) => Err(stopped),
        };
        self.inner.closed.store(true, Ordering::Release);
        let db = self.inner.db.clone();
        let closed = bounded("closing", self.inner.limit, async move { db.close().await }).await;
        flushed.and(closed.map_err(|err| self.explain(err)))
    }
}

struct SlateTxn {
    engine: SlateEngine,
    /// The library's transaction, if conflicts are to be found; its reads are remembered there.
    base: Option<DbTransaction>,
    overlay: Overlay,
}

#[async_trait]
impl MetaTxn for SlateTxn {
    async fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, MetaError> {
        self.engine.check_open()?;
        if let Some(written) = self.overlay.get(key) {
            return Ok(written);
        }
        match &self.base {
            Some(base) => guarded(base.get(key)).await,
            None => guarded(self.engine.inner.db.get(key)).await,
        }
    }

    async fn scan(
        &mut self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError> {
        self.engine.check_open()?;
        let Some(range) = ScanRange::new(prefix, after).filter(|_| limit > 0) else {
            return Ok(Vec::new());
        };
        let needed = self.overlay.needed(&range, limit);
        let found = match &self.base {
            Some(base) => {
                guarded(async {
                    let iter = base.scan_with_options(range.bounds(), &scan_options()).await?;
                    collect(iter, needed).await
                })
                .await?
            }
            None => self.engine.scan_range(&range, needed).await?,
        };
        Ok(self.overlay.merge(&range, found, limit))
    }

    fn put(&mut self, key: Bytes, value: Bytes) {
        self.overlay.writes.insert(key, Some(value));
    }

    fn delete(&mut self, key: Bytes) {
        self.overlay.writes.insert(key, None);
    }

    async fn commit(self: Box<Self>, durability: Durability) -> Result<(), MetaError> {
        self.engine.check_open()?;
        let Self { engine, base, overlay } = *self;
        if !overlay.writes.is_empty() {
            let commit = write(&engine.inner.db, base, overlay);
            // Where the store does not keep up, the library holds writers back; that must end.
            let limited = tokio::time::timeout(engine.inner.limit, guarded(commit)).await;
            let result = limited.unwrap_or_else(|_| {
                Err(MetaError::Unavailable("a commit found no room for too long".into()))
            });
            // Also after a failure: what was handed over may still become visible.
            if result != Err(MetaError::Conflict) {
                engine.inner.flush.committed();
            }
            result.map_err(|err| engine.explain(err))?;
        }
        match durability {
            Durability::Visible => Ok(()),
            Durability::Durable => engine.flush_now().await,
        }
    }
}

async fn write(
    db: &Db,
    base: Option<DbTransaction>,
    overlay: Overlay,
) -> Result<(), slatedb::Error> {
    if let Some(base) = base {
        for (key, value) in overlay.writes {
            match value {
                Some(value) => base.put(key, value)?,
                None => base.delete(key)?,
            }
        }
        base.commit().await?;
        return Ok(());
    }
    let mut batch = WriteBatch::new();
    for (key, value) in overlay.writes {
        match value {
            Some(value) => batch.put_bytes(key, value),
            None => batch.delete(key),
        }
    }
    db.write(batch).await?;
    Ok(())
}

/// Where the engine's objects live.
pub(super) const PATH: &str = "meta";
/// How long the library tries to write a manifest before it ends itself. Requests are tried on for
/// as long as the store is away: an engine that gave up would have to be opened again by hand.
const OUTAGE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A memtable becomes a file at this size.
const NEW_FILE_BYTES: usize = 16 << 20;
/// Compaction starts a new file at this size; 64 MiB with everything is the limit of one PUT.
const COMPACTED_FILE_BYTES: usize = 32 << 20;
/// Files that wait for compaction before writers wait for it.
const NEW_FILES_MAX: usize = 32;
/// Committed bytes in memory before writers wait for the store.
const UNFLUSHED_BYTES_MAX: usize = 256 << 20;
/// Files with fewer keys have no filter.
const FILTER_KEYS_MIN: u32 = 10;
/// Bytes that a scan fetches ahead.
const READ_AHEAD_BYTES: usize = 256 << 10;
