//! Atomic uploads: an inode without a name is filled, then published whole; and copies that share
//! content.

use std::sync::Arc;

use super::create::NewNode;
use super::remove::LOCK_ATTEMPTS;
use super::{DirChange, Result, locked_record};
use crate::base::{FileName, InodeId};
use crate::format::{ExtentMap, FileKind};
use crate::meta::{RecordKey, keys};

use super::super::access::{check_change_entries, check_read, check_sticky, check_write};
use super::super::cell::{InodeCell, attr_of, lock_all};
use super::super::change::Change;
use super::super::{Attr, Created, Error, Identity, Pin, SetAttr, Vfs};

/// Extent maps copied in one transaction.
const MAPS_PER_STEP: usize = 64;

impl Vfs {
    /// Creates a file without a name. It is gone when the pin is dropped, or after a crash, unless
    /// [`Self::publish`] gave it a name.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Fenced`], [`Error::Unavailable`].
    pub async fn create_unlinked(&self, who: &Identity, set: SetAttr) -> Result<(Attr, Pin)> {
        self.check_writable()?;
        let root = self.cell(InodeId::ROOT).await?;
        let parent = root.state().lock().record.clone();
        let inode = self.new_inode_id().await?;
        let mut record = self.new_record(who, &root, &parent, NewNode::of(FileKind::File, set))?;
        record.nlink = 0;
        let mut change = Change::begin(self).await?;
        change.put_inode(inode, &record);
        change.put(&RecordKey::orphan(inode), &[1]);
        change.count(inode, 1, 0);
        let attr = attr_of(inode, &record);
        // Pinned before the search for orphans can find its record and take it for a leftover.
        let cell = self.table.put_new(inode, record, self.clock().monotonic());
        let pin = Pin::new(cell, self.orphans.wake());
        if let Err(error) = change.commit().await {
            self.table.forget(inode);
            return Err(error);
        }
        self.orphans.add(inode);
        Ok((attr, pin))
    }

    /// Gives an unlinked file a name. A file of that name is replaced in the same transaction; its
    /// owner and mode stay.
    ///
    /// # Errors
    /// [`Error::IsDirectory`] if the name is a directory's, [`Error::Denied`], and whatever keeps
    /// the content from being stored: then the old file is untouched.
    ///
    /// # Durability
    /// Content, name and attributes are durable on return.
    pub async fn publish(
        &self,
        who: &Identity,
        inode: InodeId,
        dir: InodeId,
        name: &FileName,
    ) -> Result<Created> {
        self.check_writable()?;
        // Content first: a name never points to content that is not there. What is committed first
        // is durable first, so one flush at the end covers both.
        self.flusher.store_content(inode).await?;
        let cell = self.cell(inode).await?;
        let dir_cell = self.cell(dir).await?;
        let hash = self.name_hash(dir, name);
        for _ in 0..LOCK_ATTEMPTS {
            let old = match self.bucket(&dir_cell, hash).await?.find(name) {
                Some(entry) => Some(self.cell(entry.inode).await?),
                None => None,
            };
            let mut cells = vec![&cell, &dir_cell];
            cells.extend(&old);
            let held = lock_all(&cells).await;
            let found = self.bucket_locked(dir, hash).await?.find(name).map(|entry| entry.inode);
            if found != old.as_ref().map(|cell| cell.id) {
                continue;
            }
            let created = self.publish_locked(who, &cell, &dir_cell, (hash, name), old).await?;
            drop(held);
            self.flush_metadata().await?;
            return Ok(created);
        }
        Err(Error::Unavailable("the name keeps changing".to_owned()))
    }

    async fn publish_locked(
        &self,
        who: &Identity,
        cell: &Arc<InodeCell>,
        dir: &Arc<InodeCell>,
        (hash, name): (u64, &FileName),
        old: Option<Arc<InodeCell>>,
    ) -> Result<Created> {
        let parent = locked_record(dir)?;
        let mut record = locked_record(cell)?;
        check_change_entries(&parent, who)?;
        if record.nlink > 0 {
            return Err(Error::Invalid);
        }
        let mut bucket = (*self.bucket_locked(dir.id, hash).await?).clone();
        if !bucket.set(name, cell.id, FileKind::File) {
            return Err(Error::NoSpace);
        }
        let mut dir = DirChange::new(dir, parent);
        let mut change = Change::begin(self).await?;
        let mut left = None;
        if let Some(old) = &old {
            let replaced = locked_record(old)?;
            if replaced.kind == FileKind::Directory {
                return Err(Error::IsDirectory);
            }
            check_sticky(&dir.record, &replaced, who)?;
            check_write(&replaced, who)?;
            (record.mode, record.uid, record.gid) = (replaced.mode, replaced.uid, replaced.gid);
            // A strong entity tag: the new content must never look like the old.
            record.version = record.version.max(replaced.version + 1);
            left = self.unlink_in(&mut change, old).await?;
        } else {
            dir.record.entries += 1;
        }
        dir.touch(self.now());
        record.nlink = 1;
        record.ctime = self.now();
        change.put_bucket(dir.cell.id, hash, bucket);
        change.put_inode(dir.cell.id, &dir.record);
        change.put_inode(cell.id, &record);
        change.delete(&RecordKey::orphan(cell.id));
        change.commit().await?;
        if let Some(old) = &old {
            self.after_unlink(old, left.as_ref());
        }
        let attr = {
            let mut state = cell.state().lock();
            let size = state.record.size;
            state.record = record;
            state.record.size = size;
            attr_of(cell.id, &state.record)
        };
        Ok(Created { attr, dir: dir.done() })
    }

    /// Makes `to`, an unlinked file, share the content of `from`: no byte is copied.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Invalid`] if `from` is not a file or `to` has content.
    ///
    /// # Cost
    /// One record per 64 extents.
    pub async fn clone_content(&self, who: &Identity, from: InodeId, to: InodeId) -> Result<()> {
        self.check_writable()?;
        self.flusher.store_content(from).await?;
        let from_cell = self.cell(from).await?;
        let to_cell = self.cell(to).await?;
        let _held = lock_all(&[&from_cell, &to_cell]).await;
        let source = locked_record(&from_cell)?;
        check_read(&source, who)?;
        let mut target = locked_record(&to_cell)?;
        if source.kind != FileKind::File || target.kind != FileKind::File || target.size > 0 {
            return Err(Error::Invalid);
        }
        let prefix = keys::extent_maps_of(from);
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let page =
                self.noting(self.records().scan(&prefix, after.as_deref(), MAPS_PER_STEP).await)?;
            let mut change = Change::begin(self).await?;
            for (key, bytes) in &page {
                let record_key = RecordKey::found(key);
                let map = ExtentMap::decode(bytes).map_err(|e| Error::layout(&record_key, e))?;
                let index = keys::extent_map_index(key).ok_or(Error::Invalid)?;
                target.used_bytes += map.used_bytes();
                change.put_map(to, index, &ExtentMap::default(), map);
            }
            let is_last = page.len() < MAPS_PER_STEP;
            if is_last {
                target.size = source.size;
                target.version += 1;
                change.put_inode(to, &target);
            }
            change.commit().await?;
            after = page.last().map(|(key, _)| key.clone());
            if is_last {
                break;
            }
        }
        let mut state = to_cell.state().lock();
        state.stored_size = target.size;
        state.record = target;
        Ok(())
    }
}
