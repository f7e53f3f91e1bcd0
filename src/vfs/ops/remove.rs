//! REMOVE, RMDIR, and the removal of a whole tree.

use std::sync::Arc;

use super::{DirChange, Result, find, locked_record};
use crate::base::{FileName, InodeId};
use crate::format::{FileKind, InodeRecord};

use super::super::access::{check_change_entries, check_sticky};
use super::super::cell::{InodeCell, lock_all};
use super::super::change::Change;
use super::super::{Error, Identity, Vfs, Wcc};

/// What may be removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victim {
    NotDirectory,
    EmptyDirectory,
    Anything,
}

/// Attempts to lock a name and what it names before giving up: each failed one means that somebody
/// else changed the name in between.
pub(super) const LOCK_ATTEMPTS: usize = 64;

impl Vfs {
    /// Removes a name of anything but a directory.
    ///
    /// # Errors
    /// [`Error::IsDirectory`], [`Error::NotFound`], [`Error::Denied`], [`Error::NotPermitted`] in a
    /// sticky directory.
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says. The space of the last
    /// name's file is reclaimed in the background.
    pub async fn remove(&self, who: &Identity, dir: InodeId, name: &FileName) -> Result<Wcc> {
        self.remove_victim(who, dir, name, Victim::NotDirectory).await
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::NotDirectory`], [`Error::NotFound`], [`Error::Denied`].
    ///
    /// # Durability
    /// As [`Self::remove`].
    pub async fn rmdir(&self, who: &Identity, dir: InodeId, name: &FileName) -> Result<Wcc> {
        self.remove_victim(who, dir, name, Victim::EmptyDirectory).await
    }

    /// Removes whatever a name names, a whole tree too, in one transaction. Permission is checked
    /// on the name's directory only.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`].
    ///
    /// # Durability
    /// As [`Self::remove`].
    pub async fn remove_tree(&self, who: &Identity, dir: InodeId, name: &FileName) -> Result<Wcc> {
        self.remove_victim(who, dir, name, Victim::Anything).await
    }

    async fn remove_victim(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        victim: Victim,
    ) -> Result<Wcc> {
        self.check_writable()?;
        let dir_cell = self.cell(dir).await?;
        let hash = self.name_hash(dir, name);
        for _ in 0..LOCK_ATTEMPTS {
            // Permission first, as every system does: who may not look must not learn.
            check_change_entries(&dir_cell.state().lock().record, who)?;
            let inode = find(&*self.bucket(&dir_cell, hash).await?, name)?.inode;
            let Ok(cell) = self.cell(inode).await else {
                // Either it went away just now, or its record is damaged: look again, then say so.
                self.recheck_entry(&dir_cell, hash, name, inode).await?;
                continue;
            };
            let held = lock_all(&[&dir_cell, &cell]).await;
            let bucket = self.bucket_locked(dir, hash).await?;
            if find(&bucket, name)?.inode != inode {
                continue;
            }
            let wcc = self.remove_locked(who, &dir_cell, &cell, (hash, name), victim).await?;
            drop(held);
            self.settle().await?;
            return Ok(wcc);
        }
        Err(Error::Unavailable("the name keeps changing".to_owned()))
    }

    /// Reports why an entry's inode cannot be had, unless the entry changed meanwhile.
    async fn recheck_entry(
        &self,
        dir: &Arc<InodeCell>,
        hash: u64,
        name: &FileName,
        inode: InodeId,
    ) -> Result<()> {
        let again = find(&*self.bucket(dir, hash).await?, name)?.inode;
        if again == inode { self.cell(inode).await.map(drop) } else { Ok(()) }
    }

    async fn remove_locked(
        &self,
        who: &Identity,
        dir: &Arc<InodeCell>,
        cell: &Arc<InodeCell>,
        (hash, name): (u64, &FileName),
        victim: Victim,
    ) -> Result<Wcc> {
        let parent = locked_record(dir)?;
        let record = locked_record(cell)?;
        check_change_entries(&parent, who)?;
        check_sticky(&parent, &record, who)?;
        check_victim(&record, victim)?;
        let mut bucket = (*self.bucket_locked(dir.id, hash).await?).clone();
        bucket.remove(name);
        let mut dir = DirChange::new(dir, parent);
        dir.touch(self.now());
        dir.record.entries = dir.record.entries.saturating_sub(1);
        if record.kind == FileKind::Directory {
            dir.record.nlink = dir.record.nlink.saturating_sub(1);
        }
        let mut change = Change::begin(self).await?;
        change.put_bucket(dir.cell.id, hash, bucket);
        change.put_inode(dir.cell.id, &dir.record);
        let left = self.unlink_in(&mut change, cell).await?;
        change.commit().await?;
        self.after_unlink(cell, left.as_ref());
        Ok(dir.done())
    }
}

fn check_victim(record: &InodeRecord, victim: Victim) -> Result<()> {
    let is_directory = record.kind == FileKind::Directory;
    match victim {
        Victim::NotDirectory if is_directory => Err(Error::IsDirectory),
        Victim::EmptyDirectory if !is_directory => Err(Error::NotDirectory),
        Victim::EmptyDirectory if record.entries > 0 => Err(Error::NotEmpty),
        Victim::NotDirectory | Victim::EmptyDirectory | Victim::Anything => Ok(()),
    }
}
