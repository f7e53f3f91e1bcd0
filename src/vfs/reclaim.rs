//! Reclaim: inodes that lost their last name give back their space in the background, in bounded
//! transactions, also after a crash.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::base::InodeId;
use crate::base::limits::EXTENTS_PER_MAP;
use crate::format::{DentryBucket, ExtentMap, FileKind, InodeRecord};
use crate::meta::{RecordKey, keys};

use super::cell::{InodeCell, lock_all};
use super::change::Change;
use super::{Error, Vfs};

/// Extent maps freed in one transaction: 64 MiB of a file with default extents.
const MAPS_PER_STEP: usize = 16;
/// Dentry buckets of a removed tree taken apart in one transaction.
const BUCKETS_PER_STEP: usize = 64;
/// Orphans looked at in one step of the search at start.
const ORPHANS_PER_PAGE: usize = 1_024;
/// Properties removed in one transaction.
const PROPERTIES_PER_STEP: usize = 256;

/// Inodes without a name that wait for reclaim.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    waiting: Mutex<BTreeSet<InodeId>>,
    /// Their records cannot be read; they stay for a repair.
    damaged: Mutex<BTreeSet<InodeId>>,
    searched: Mutex<bool>,
    wake: Arc<Notify>,
}

impl Orphans {
    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Remembers an orphan whose record was just committed.
    pub(super) fn add(&self, inode: InodeId) {
        self.waiting.lock().insert(inode);
        self.wake.notify_one();
    }

    fn done(&self, inode: InodeId) {
        self.waiting.lock().remove(&inode);
    }

    fn next_after(&self, after: Option<InodeId>) -> Option<InodeId> {
        let waiting = self.waiting.lock();
        let damaged = self.damaged.lock();
        let start = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let mut rest = waiting.range((start, std::ops::Bound::Unbounded));
        rest.find(|inode| !damaged.contains(inode)).copied()
    }
}

impl Vfs {
    /// Reclaims what can be reclaimed now.
    pub(super) async fn reclaim_round(&self) {
        if self.check_writable().is_err() {
            return;
        }
        let result = async {
            if !*self.orphans.searched.lock() {
                self.find_orphans().await?;
                self.sweep_segments().await?;
                *self.orphans.searched.lock() = true;
            }
            let mut after = None;
            while let Some(inode) = self.orphans.next_after(after) {
                after = Some(inode);
                self.reclaim(inode).await?;
            }
            if self.segments.is_waiting() { self.remove_dead_segments().await } else { Ok(()) }
        };
        if let Err(error) = result.await {
            tracing::warn!(%error, "reclaiming space goes on later");
        }
    }

    async fn find_orphans(&self) -> Result<(), Error> {
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let prefix = keys::orphans();
            let page = self
                .noting(self.records().scan(&prefix, after.as_deref(), ORPHANS_PER_PAGE).await)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            let found = page.iter().filter_map(|(key, _)| keys::orphan_inode(key));
            self.orphans.waiting.lock().extend(found);
        }
    }

    /// Takes one orphan apart, unless somebody keeps it open.
    async fn reclaim(&self, inode: InodeId) -> Result<(), Error> {
        let cell = match self.any_cell(inode).await {
            Ok(cell) => cell,
            Err(Error::Stale) => {
                let mut change = Change::begin(self).await?;
                change.delete(&RecordKey::orphan(inode));
                change.commit().await?;
                self.orphans.done(inode);
                return Ok(());
            }
            Err(Error::Damaged(_)) => {
                self.orphans.damaged.lock().insert(inode);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let is_directory = cell.state().lock().record.kind == FileKind::Directory;
        let result = if is_directory {
            self.reclaim_directory(&cell).await
        } else {
            self.reclaim_file(&cell).await
        };
        if let Err(Error::Damaged(_)) = result {
            tracing::error!(inode = inode.get(), "an orphan has damaged records and is left alone");
            self.orphans.damaged.lock().insert(inode);
            return Ok(());
        }
        result
    }

    async fn reclaim_file(&self, cell: &Arc<InodeCell>) -> Result<(), Error> {
        loop {
            let _held = cell.op.write().await;
            {
                let mut state = cell.state().lock();
                if cell.is_pinned() || state.dirty.flushing.is_some() {
                    return Ok(());
                }
                if state.record.nlink > 0 {
                    self.orphans.done(cell.id);
                    return Ok(());
                }
                self.budget.give(state.dirty.discard());
            }
            let prefix = keys::extent_maps_of(cell.id);
            let page = self.noting(self.records().scan(&prefix, None, MAPS_PER_STEP).await)?;
            let mut change = Change::begin(self).await?;
            for (key, bytes) in &page {
                let record_key = RecordKey::found(key);
                let map = ExtentMap::decode(bytes).map_err(|e| Error::layout(&record_key, e))?;
                let index = keys::extent_map_index(key).ok_or(Error::Invalid)?;
                change.put_map(cell.id, index, &map, ExtentMap::default());
            }
            if page.len() < MAPS_PER_STEP {
                return self.forget_inode(change, cell).await;
            }
            change.commit().await?;
        }
    }

    /// Ends an inode: its record, its properties, its place among the orphans.
    async fn forget_inode(&self, mut change: Change<'_>, cell: &InodeCell) -> Result<(), Error> {
        let prefix = keys::properties_of(cell.id);
        for (key, _) in
            self.noting(self.records().scan(&prefix, None, PROPERTIES_PER_STEP).await)?
        {
            change.delete(&RecordKey::found(&key));
        }
        self.delete_inode(&mut change, cell.id);
        change.delete(&RecordKey::orphan(cell.id));
        change.commit().await?;
        self.orphans.done(cell.id);
        self.table.forget(cell.id);
        Ok(())
    }

    fn delete_inode(&self, change: &mut Change<'_>, inode: InodeId) {
        change.delete(&RecordKey::inode(inode));
        change.count(inode, -1, 0);
    }

    async fn reclaim_directory(&self, cell: &Arc<InodeCell>) -> Result<(), Error> {
        loop {
            if cell.is_pinned() {
                return Ok(());
            }
            let prefix = keys::dentries_of(cell.id);
            let page = self.noting(self.records().scan(&prefix, None, BUCKETS_PER_STEP).await)?;
            if page.is_empty() {
                let _held = cell.op.write().await;
                let change = Change::begin(self).await?;
                return self.forget_inode(change, cell).await;
            }
            let mut buckets = Vec::with_capacity(page.len());
            for (key, bytes) in &page {
                let record_key = RecordKey::found(key);
                let bucket =
                    DentryBucket::decode(bytes).map_err(|e| Error::layout(&record_key, e))?;
                buckets.push((keys::dentry_hash(key).ok_or(Error::Invalid)?, bucket));
            }
            self.take_apart(cell, &buckets).await?;
        }
    }

    /// Removes entries of an orphaned directory; what they named loses a link.
    async fn take_apart(
        &self,
        dir: &Arc<InodeCell>,
        buckets: &[(u64, DentryBucket)],
    ) -> Result<(), Error> {
        let mut children = Vec::new();
        for entry in buckets.iter().flat_map(|(_, bucket)| bucket.entries()) {
            match self.any_cell(entry.inode).await {
                Ok(cell) => children.push(cell),
                Err(Error::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        let mut locks: Vec<&Arc<InodeCell>> = children.iter().collect();
        locks.push(dir);
        let _held = lock_all(&locks).await;
        let mut change = Change::begin(self).await?;
        for (hash, _) in buckets {
            change.put_bucket(dir.id, *hash, DentryBucket::default());
        }
        // One inode may have several names in the directory: links are counted before any is set.
        let mut left: Vec<(&Arc<InodeCell>, InodeRecord)> = Vec::new();
        for child in &children {
            let at = left.iter().position(|(cell, _)| cell.id == child.id).unwrap_or_else(|| {
                left.push((child, child.state().lock().record_to_store()));
                left.len() - 1
            });
            if let Some((_, record)) = left.get_mut(at) {
                self.drop_link(record);
            }
        }
        let mut orphans = Vec::new();
        for (child, record) in &left {
            change.put_inode(child.id, record);
            if record.nlink == 0 {
                change.put(&RecordKey::orphan(child.id), &[1]);
                orphans.push(child.id);
            }
        }
        change.commit().await?;
        for (child, record) in left {
            let mut state = child.state().lock();
            state.record.nlink = record.nlink;
            state.record.ctime = record.ctime;
        }
        orphans.into_iter().for_each(|inode| self.orphans.add(inode));
        Ok(())
    }

    /// One name less. A directory has one name only.
    pub(super) fn drop_link(&self, record: &mut InodeRecord) {
        record.nlink = match record.kind {
            FileKind::Directory => 0,
            FileKind::File
            | FileKind::Symlink
            | FileKind::CharDevice
            | FileKind::BlockDevice
            | FileKind::Fifo
            | FileKind::Socket => record.nlink.saturating_sub(1),
        };
        record.ctime = self.now();
    }

    /// Removes one name of an inode within `change`; the caller holds its operation lock. A small
    /// file or empty directory that nobody keeps open is gone at once; anything else becomes an
    /// orphan. Returns the
    /// record it is left with, or `None` if it is gone.
    pub(super) async fn unlink_in(
        &self,
        change: &mut Change<'_>,
        cell: &InodeCell,
    ) -> Result<Option<InodeRecord>, Error> {
        let (mut record, busy) = {
            let state = cell.state().lock();
            (state.record_to_store(), state.dirty.flushing.is_some() || cell.is_pinned())
        };
        self.drop_link(&mut record);
        let is_small = match record.kind {
            FileKind::File => record.size <= u64::from(self.extent_bytes()) * EXTENTS_PER_MAP,
            FileKind::Directory => record.entries == 0,
            FileKind::Symlink
            | FileKind::CharDevice
            | FileKind::BlockDevice
            | FileKind::Fifo
            | FileKind::Socket => true,
        };
        if record.nlink == 0 && !busy && is_small {
            let prefix = keys::properties_of(cell.id);
            if self.noting(self.records().scan(&prefix, None, 1).await)?.is_empty() {
                if record.kind == FileKind::File {
                    let map = self.extent_map_locked(cell.id, 0).await?;
                    change.put_map(cell.id, 0, &map, ExtentMap::default());
                }
                self.delete_inode(change, cell.id);
                return Ok(None);
            }
        }
        change.put_inode(cell.id, &record);
        if record.nlink == 0 {
            change.put(&RecordKey::orphan(cell.id), &[1]);
        }
        Ok(Some(record))
    }

    /// Makes the cell of an unlinked inode say what the committed change said.
    pub(super) fn after_unlink(&self, cell: &InodeCell, left: Option<&InodeRecord>) {
        let mut state = cell.state().lock();
        state.record.nlink = left.map_or(0, |record| record.nlink);
        if let Some(record) = left {
            state.record.ctime = record.ctime;
        }
        if state.record.nlink == 0 && !cell.is_pinned() && state.dirty.flushing.is_none() {
            self.budget.give(state.dirty.discard());
        }
        drop(state);
        match left {
            None => self.table.forget(cell.id),
            Some(record) if record.nlink == 0 => self.orphans.add(cell.id),
            Some(_) => {}
        }
    }
}
