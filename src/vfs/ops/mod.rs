//! The operations, one file per family. Each says in its doc what is committed and what is durable
//! when it returns.

mod create;
mod link;
mod lookup;
mod props;
mod read;
mod readdir;
mod remove;
mod rename;
mod setattr;
mod sync;
mod upload;
mod write;

use std::sync::Arc;

use crate::base::{FileName, Timestamp};
use crate::format::{Dentry, DentryBucket, InodeRecord};

use super::cell::{InodeCell, attr_of};
use super::{Error, MetadataSync, PreAttr, Vfs, Wcc};

type Result<T> = std::result::Result<T, Error>;

impl Vfs {
    /// With `MetadataSync::Always`, waits until everything committed so far is durable. Called
    /// without locks: whoever waits at the same moment shares the flush.
    async fn settle(&self) -> Result<()> {
        match self.options.metadata_sync {
            MetadataSync::Interval => Ok(()),
            MetadataSync::Always => self.flush_metadata().await,
        }
    }
}

/// The record of an inode whose operation lock the caller holds; it may have lost its last name
/// while the caller waited for the lock.
fn locked_record(cell: &InodeCell) -> Result<InodeRecord> {
    let state = cell.state().lock();
    if state.record.nlink == 0 && !cell.is_pinned() {
        return Err(Error::Stale);
    }
    Ok(state.record_to_store())
}

/// A directory whose entries change: what it was, what it will be.
struct DirChange {
    cell: Arc<InodeCell>,
    before: PreAttr,
    record: InodeRecord,
}

impl DirChange {
    fn new(cell: &Arc<InodeCell>, record: InodeRecord) -> Self {
        let before = PreAttr::from(&attr_of(cell.id, &record));
        Self { cell: Arc::clone(cell), before, record }
    }

    fn touch(&mut self, now: Timestamp) {
        touch(&mut self.record, now);
    }

    /// Makes the directory's cell say what the committed change said.
    fn done(self) -> Wcc {
        let after = attr_of(self.cell.id, &self.record);
        let mut state = self.cell.state().lock();
        // Listing a directory sets its access time without the operation lock.
        let atime = state.record.atime.max(self.record.atime);
        state.record = self.record;
        state.record.atime = atime;
        Wcc { before: self.before, after }
    }

    /// The directory as it is, for an operation that changed nothing.
    fn unchanged(self) -> Wcc {
        Wcc { before: self.before, after: attr_of(self.cell.id, &self.record) }
    }
}

/// Content changed: times and version follow.
fn touch(record: &mut InodeRecord, now: Timestamp) {
    record.mtime = now;
    record.ctime = now;
    record.version += 1;
}

fn find<'b>(bucket: &'b DentryBucket, name: &FileName) -> Result<&'b Dentry> {
    bucket.find(name).ok_or(Error::NotFound)
}
