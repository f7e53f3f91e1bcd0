//! Inodes in memory: one cell per inode that somebody uses, and a bounded set of recent ones.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::sync::{OnceCell, OwnedRwLockWriteGuard, RwLock};

use crate::base::InodeId;
use crate::format::{FileKind, InodeRecord};

use super::dirty::DirtyFile;
use super::{Attr, Error};

/// What is known of an inode now. Behind a mutex that is never held over an await.
#[derive(Debug)]
pub(super) struct CellState {
    /// The inode as operations see it, dirty size and times included.
    pub(super) record: InodeRecord,
    /// The size the stored record may claim: content up to here is stored, or was never written.
    pub(super) stored_size: u64,
    /// Content that is not stored yet.
    pub(super) dirty: DirtyFile,
    /// `record` differs from the stored one.
    pub(super) attr_dirty: bool,
    /// Monotonic time of the oldest change that waits.
    pub(super) dirty_since: Option<Duration>,
    /// A flush lost content for good; the next COMMIT says so.
    pub(super) write_error: Option<Error>,
}

impl CellState {
    pub(super) fn new(record: InodeRecord) -> Self {
        Self {
            stored_size: record.size,
            record,
            dirty: DirtyFile::default(),
            attr_dirty: false,
            dirty_since: None,
            write_error: None,
        }
    }

    /// The record to store now: it does not claim content that is not there yet.
    pub(super) fn record_to_store(&self) -> InodeRecord {
        let mut record = self.record.clone();
        if record.kind == FileKind::File {
            record.size = self.stored_size;
        }
        record
    }
}

/// One inode in memory.
#[derive(Debug)]
pub(super) struct InodeCell {
    pub(super) id: InodeId,
    /// The operation lock: writers of metadata hold it for the whole operation, WRITE holds it
    /// shared, readers take it only to fill a cache.
    pub(super) op: Arc<RwLock<()>>,
    pub(super) state: OnceCell<Mutex<CellState>>,
    pins: AtomicU64,
    loaded_at_ms: AtomicU64,
}

impl InodeCell {
    fn empty(id: InodeId, now: Duration) -> Self {
        Self {
            id,
            op: Arc::new(RwLock::new(())),
            state: OnceCell::new(),
            pins: AtomicU64::new(0),
            loaded_at_ms: AtomicU64::new(millis(now)),
        }
    }

    /// The state of a cell that was loaded.
    ///
    /// # Panics
    /// If it was not: cells leave [`super::Vfs::cell`] loaded.
    pub(super) fn state(&self) -> &Mutex<CellState> {
        self.state.get().expect("cells leave the table loaded")
    }

    pub(super) fn attr(&self) -> Attr {
        attr_of(self.id, &self.state().lock().record)
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.pins.load(Ordering::Acquire) > 0
    }
}

/// The attributes a record stands for.
pub(super) fn attr_of(inode: InodeId, record: &InodeRecord) -> Attr {
    let size = match record.kind {
        FileKind::Directory => (record.entries + 2) * 64,
        FileKind::File
        | FileKind::Symlink
        | FileKind::CharDevice
        | FileKind::BlockDevice
        | FileKind::Fifo
        | FileKind::Socket => record.size,
    };
    Attr {
        inode,
        kind: record.kind,
        mode: u32::from(record.mode),
        nlink: record.nlink,
        uid: record.uid,
        gid: record.gid,
        size,
        used_bytes: record.used_bytes,
        rdev: record.rdev,
        atime: record.atime,
        mtime: record.mtime,
        ctime: record.ctime,
        version: record.version,
    }
}

/// An open file: while it lives, an unlinked inode keeps its content.
#[derive(Debug)]
pub struct Pin {
    cell: Arc<InodeCell>,
    released: Arc<tokio::sync::Notify>,
}

impl Pin {
    pub(super) fn new(cell: Arc<InodeCell>, released: Arc<tokio::sync::Notify>) -> Self {
        cell.pins.fetch_add(1, Ordering::AcqRel);
        Self { cell, released }
    }

    /// The inode it keeps.
    #[must_use]
    pub fn inode(&self) -> InodeId {
        self.cell.id
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if self.cell.pins.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.released.notify_one();
        }
    }
}

const SHARDS: usize = 16;
/// A shard is swept when it holds this many cells and has doubled since the last sweep.
const SWEEP_MIN: usize = 1_024;

#[derive(Debug, Default)]
struct Shard {
    cells: HashMap<InodeId, Weak<InodeCell>>,
    sweep_at: usize,
}

/// All cells: at most one per inode, found by id; recently used ones are kept alive.
pub(super) struct InodeTable {
    shards: Vec<Mutex<Shard>>,
    recent: Cache<InodeId, Arc<InodeCell>>,
    /// How long a cell may be believed; `None` if nobody else writes the volume.
    age_max: Option<Duration>,
}

impl std::fmt::Debug for InodeTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InodeTable({} recent)", self.recent.len())
    }
}

impl InodeTable {
    pub(super) fn new(recent_max: usize, age_max: Option<Duration>) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::default())).collect();
        Self { shards, recent: Cache::new(recent_max.max(16)), age_max }
    }

    /// The cell of an inode, perhaps not loaded yet.
    pub(super) fn get(&self, id: InodeId, now: Duration) -> Arc<InodeCell> {
        if let Some(cell) = self.recent.get(&id)
            && !self.is_old(&cell, now)
        {
            return cell;
        }
        let cell = {
            let mut shard = self.shard(id).lock();
            let known = shard.cells.get(&id).and_then(Weak::upgrade);
            match known.filter(|cell| !self.is_old(cell, now)) {
                Some(cell) => cell,
                None => Self::insert(&mut shard, InodeCell::empty(id, now)),
            }
        };
        self.recent.insert(id, Arc::clone(&cell));
        cell
    }

    /// The cell of an inode that was just made.
    pub(super) fn put_new(
        &self,
        id: InodeId,
        record: InodeRecord,
        now: Duration,
    ) -> Arc<InodeCell> {
        let mut cell = InodeCell::empty(id, now);
        cell.state = OnceCell::new_with(Some(Mutex::new(CellState::new(record))));
        let cell = Self::insert(&mut self.shard(id).lock(), cell);
        self.recent.insert(id, Arc::clone(&cell));
        cell
    }

    /// Forgets an inode that no longer exists.
    pub(super) fn forget(&self, id: InodeId) {
        self.recent.remove(&id);
        self.shard(id).lock().cells.remove(&id);
    }

    fn insert(shard: &mut Shard, cell: InodeCell) -> Arc<InodeCell> {
        if shard.cells.len() >= shard.sweep_at.max(SWEEP_MIN) {
            shard.cells.retain(|_, cell| cell.strong_count() > 0);
            shard.sweep_at = shard.cells.len() * 2;
        }
        let cell = Arc::new(cell);
        shard.cells.insert(cell.id, Arc::downgrade(&cell));
        cell
    }

    fn is_old(&self, cell: &InodeCell, now: Duration) -> bool {
        let loaded = cell.loaded_at_ms.load(Ordering::Relaxed);
        self.age_max.is_some_and(|max| millis(now).saturating_sub(loaded) > millis(max))
    }

    fn shard(&self, id: InodeId) -> &Mutex<Shard> {
        let at = usize::try_from(id.get() % 16).unwrap_or(0);
        self.shards.get(at).expect("16 shards, and a number below 16")
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Takes the operation locks of several inodes, each once, in the order of their ids: two
/// operations never wait for each other in a circle.
pub(super) async fn lock_all(cells: &[&Arc<InodeCell>]) -> Vec<OwnedRwLockWriteGuard<()>> {
    let mut order: Vec<&Arc<InodeCell>> = cells.to_vec();
    order.sort_by_key(|cell| cell.id);
    order.dedup_by_key(|cell| cell.id);
    let mut guards = Vec::with_capacity(order.len());
    for cell in order {
        guards.push(Arc::clone(&cell.op).write_owned().await);
    }
    guards
}
