//! The vfs of an open volume: its parts, its background tasks, its end.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::base::{Clock, FileName, InodeId, Timestamp};
use crate::block::Blocks;
use crate::crypto::HandleMac;
use crate::format::{InodeRecord, Usage};
use crate::meta::keys::USAGE_SHARDS;
use crate::meta::{RecordError, RecordKey, Records};
use crate::volume::Volume;

use super::budget::Budget;
use super::caches::Caches;
use super::cell::{CellState, InodeCell, InodeTable};
use super::change::CounterLocks;
use super::flush::Flusher;
use super::ids::InodeIds;
use super::reclaim::Orphans;
use super::segments::DeadSegments;
use super::{Error, VfsOptions};

/// How often orphans and empty segments are looked at when nothing wakes the task.
const RECLAIM_INTERVAL: Duration = Duration::from_secs(1);

/// The file system of one open volume. Every protocol front calls it.
pub struct Vfs {
    volume: Arc<Volume>,
    pub(super) options: VfsOptions,
    pub(super) table: InodeTable,
    pub(super) caches: Caches,
    pub(super) budget: Budget,
    pub(super) flusher: Flusher,
    pub(super) segments: DeadSegments,
    pub(super) orphans: Orphans,
    pub(super) inode_ids: InodeIds,
    pub(super) counter_locks: CounterLocks,
    /// Held by renames of directories between directories, so that no two make a circle.
    pub(super) tree_lock: tokio::sync::Mutex<()>,
    pub(super) used_bytes: AtomicI64,
    pub(super) used_inodes: AtomicI64,
    verifier: RwLock<[u8; 8]>,
    /// Why changes are refused now, if they are.
    trouble: RwLock<Option<Error>>,
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Vfs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vfs").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Vfs {
    /// Starts serving a volume: loads its counters and starts the background tasks (flush,
    /// reclaim, removal of empty segments).
    ///
    /// # Errors
    /// Whatever keeps the volume's counters and root from being read.
    pub async fn start(volume: Arc<Volume>, options: VfsOptions) -> Result<Arc<Self>, Error> {
        let capabilities = volume.records().capabilities();
        let age_max = (!capabilities.exclusive).then_some(options.shared_age_max);
        let mut verifier = [0; 8];
        volume.random().fill(&mut verifier);
        let mut options = options;
        options.read_only |= !capabilities.writable;
        let vfs = Arc::new(Self {
            table: InodeTable::new(options.cached_inodes, age_max),
            caches: Caches::new(capabilities.exclusive),
            budget: Budget::new(options.dirty_bytes_max),
            flusher: Flusher::default(),
            segments: DeadSegments::default(),
            orphans: Orphans::default(),
            inode_ids: InodeIds::default(),
            counter_locks: CounterLocks::new(),
            tree_lock: tokio::sync::Mutex::new(()),
            used_bytes: AtomicI64::new(0),
            used_inodes: AtomicI64::new(0),
            verifier: RwLock::new(verifier),
            trouble: RwLock::new(None),
            stop: CancellationToken::new(),
            tasks: Mutex::new(Vec::new()),
            volume,
            options,
        });
        vfs.load_usage().await?;
        vfs.cell(InodeId::ROOT).await?;
        if !vfs.options.read_only {
            vfs.start_tasks();
        }
        Ok(vfs)
    }

    fn start_tasks(self: &Arc<Self>) {
        let wake = self.flusher.wake();
        let interval = self.options.flush_interval;
        self.run_task(wake, interval, |vfs| Box::pin(async move { vfs.flush_round().await }));
        let wake = self.orphans.wake();
        self.run_task(wake, RECLAIM_INTERVAL, |vfs| {
            Box::pin(async move { vfs.reclaim_round().await })
        });
    }

    /// Runs `round` when woken and at least every `interval`, until the vfs stops. The task does
    /// not keep the vfs alive.
    fn run_task(
        self: &Arc<Self>,
        wake: Arc<Notify>,
        interval: Duration,
        round: fn(Arc<Self>) -> BoxFuture<'static, ()>,
    ) {
        let weak: Weak<Self> = Arc::downgrade(self);
        let stop = self.stop.clone();
        let clock = Arc::clone(self.volume.clock());
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = wake.notified() => {}
                    () = clock.sleep(interval) => {}
                    () = stop.cancelled() => return,
                }
                let Some(vfs) = weak.upgrade() else { return };
                round(vfs).await;
            }
        });
        self.tasks.lock().push(task);
    }

    /// Stores everything, ends the background tasks and closes the volume.
    ///
    /// # Errors
    /// Whatever kept the last flush from succeeding; [`Self::dirty_bytes`] then says how much is
    /// not stored.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let flushed = if self.options.read_only { Ok(()) } else { self.sync().await };
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            if task.await.is_err() {
                tracing::error!("a background task ended by a panic");
            }
        }
        let closed = self.volume.close().await.map_err(Error::from);
        let fenced = match self.trouble() {
            Some(Error::Fenced) => Err(Error::Fenced),
            _ => Ok(()),
        };
        flushed.and(fenced).and(closed)
    }

    /// Whether changes are refused because the volume is open for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    /// 8 random bytes that change at every start and whenever dirty content was lost: a client
    /// that sees another verifier sends its uncommitted writes again (RFC 1813 section 3.3.21).
    #[must_use]
    pub fn write_verifier(&self) -> [u8; 8] {
        *self.verifier.read()
    }

    pub(super) fn change_verifier(&self) {
        let mut verifier = [0; 8];
        self.volume.random().fill(&mut verifier);
        *self.verifier.write() = verifier;
    }

    /// The MAC of file handles; the same for every gateway of the volume.
    #[must_use]
    pub fn handle_mac(&self) -> &HandleMac {
        self.volume.keys().current().handles()
    }

    /// Bytes of content that are in memory only.
    #[must_use]
    pub fn dirty_bytes(&self) -> u64 {
        self.budget.used()
    }

    /// Why changes are refused now: [`Error::Fenced`] for good, [`Error::Unavailable`] until the
    /// store answers again. `None` if all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<Error> {
        self.trouble.read().clone()
    }

    /// Remembers how the last flush ended. Being fenced is for good.
    pub(super) fn set_trouble(&self, error: Option<Error>) {
        let mut trouble = self.trouble.write();
        if *trouble == Some(Error::Fenced) || *trouble == error {
            return;
        }
        match &error {
            Some(Error::Fenced) => tracing::error!(
                "another gateway has taken over this volume: this one refuses all changes from now \
                 on; stop it, or stop the other and start this one again"
            ),
            Some(error) => {
                tracing::error!(%error, "changes are refused until the store takes them")
            }
            None => tracing::info!("the store takes changes again"),
        }
        *trouble = error;
    }

    /// Passes an answer of the metadata engine on. Whoever is told first that another gateway took
    /// over tells the whole vfs; after any other refusal the next round asks the engine how it is.
    pub(super) fn noting<T>(&self, answer: Result<T, RecordError>) -> Result<T, Error> {
        answer.map_err(|error| {
            let error = Error::from(error);
            self.flusher.note_metadata();
            if error == Error::Fenced {
                self.set_trouble(Some(Error::Fenced));
            }
            error
        })
    }

    /// Makes everything committed so far durable. Callers that wait at the same time share a flush.
    pub(super) async fn flush_metadata(&self) -> Result<(), Error> {
        let flushed = self.noting(self.records().flush().await);
        if let Err(error) = &flushed {
            self.flusher.note_metadata();
            self.set_trouble(Some(error.clone()));
        }
        flushed
    }

    /// Refuses a change that could not become durable.
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        if self.options.read_only {
            return Err(Error::ReadOnly);
        }
        match &*self.trouble.read() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    pub(super) fn records(&self) -> &Records {
        self.volume.records()
    }

    pub(super) fn blocks(&self) -> &Blocks {
        self.volume.blocks()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &**self.volume.clock()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.volume.clock().now()
    }

    pub(super) fn inline_bytes_max(&self) -> u64 {
        u64::from(self.volume.inline_bytes_max())
    }

    pub(super) fn extent_bytes(&self) -> u32 {
        self.volume.blocks().extent_bytes()
    }

    /// The keyed hash of a name: its place in its directory.
    pub(super) fn name_hash(&self, dir: InodeId, name: &FileName) -> u64 {
        self.volume.keys().current().names().hash(dir, name)
    }

    /// The loaded cell of an inode that exists, linked or not.
    pub(super) async fn any_cell(&self, id: InodeId) -> Result<Arc<InodeCell>, Error> {
        let cell = self.table.get(id, self.clock().monotonic());
        let load = || async {
            let key = RecordKey::inode(id);
            let bytes = self.noting(self.records().get(&key).await)?.ok_or(Error::Stale)?;
            let record = InodeRecord::decode(&bytes).map_err(|e| Error::layout(&key, e))?;
            Ok::<_, Error>(Mutex::new(CellState::new(record)))
        };
        match cell.state.get_or_try_init(load).await {
            Ok(_) => Ok(cell),
            Err(error) => {
                self.table.forget(id);
                Err(error)
            }
        }
    }

    /// The loaded cell of an inode that has a name, or that somebody keeps open.
    pub(super) async fn cell(&self, id: InodeId) -> Result<Arc<InodeCell>, Error> {
        let cell = self.any_cell(id).await?;
        if cell.state().lock().record.nlink == 0 && !cell.is_pinned() {
            return Err(Error::Stale);
        }
        Ok(cell)
    }

    async fn load_usage(&self) -> Result<(), Error> {
        let mut total = Usage::default();
        for shard in 0..USAGE_SHARDS {
            let key = RecordKey::usage(shard);
            if let Some(bytes) = self.noting(self.records().get(&key).await)? {
                let usage = Usage::decode(&bytes).map_err(|e| Error::layout(&key, e))?;
                total.bytes += usage.bytes;
                total.inodes += usage.inodes;
            }
        }
        self.used_bytes.store(total.bytes, Ordering::Relaxed);
        self.used_inodes.store(total.inodes, Ordering::Relaxed);
        Ok(())
    }
}
