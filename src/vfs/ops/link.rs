//! LINK: another name for an inode.

use super::{DirChange, Result, locked_record};
use crate::base::limits::LINKS_MAX;
use crate::base::{FileName, InodeId};
use crate::format::FileKind;

use super::super::access::check_change_entries;
use super::super::cell::{attr_of, lock_all};
use super::super::change::Change;
use super::super::{Error, Identity, Linked, Vfs};

impl Vfs {
    /// Gives an inode another name.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NotPermitted`] for a directory, [`Error::TooManyLinks`],
    /// [`Error::Denied`].
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says.
    pub async fn link(
        &self,
        who: &Identity,
        inode: InodeId,
        dir: InodeId,
        name: &FileName,
    ) -> Result<Linked> {
        self.check_writable()?;
        let linked = self.link_locked(who, inode, dir, name).await?;
        self.settle().await?;
        Ok(linked)
    }

    async fn link_locked(
        &self,
        who: &Identity,
        inode: InodeId,
        dir: InodeId,
        name: &FileName,
    ) -> Result<Linked> {
        let cell = self.cell(inode).await?;
        let dir_cell = self.cell(dir).await?;
        let _held = lock_all(&[&cell, &dir_cell]).await;
        let parent = locked_record(&dir_cell)?;
        let mut record = locked_record(&cell)?;
        check_change_entries(&parent, who)?;
        if record.kind == FileKind::Directory {
            return Err(Error::NotPermitted);
        }
        let hash = self.name_hash(dir, name);
        let bucket = self.bucket_locked(dir, hash).await?;
        if bucket.find(name).is_some() {
            return Err(Error::Exists);
        }
        // An inode without a name waits for reclaim; a name cannot bring it back.
        if record.nlink == 0 {
            return Err(Error::Stale);
        }
        if record.nlink >= LINKS_MAX {
            return Err(Error::TooManyLinks);
        }
        let mut bucket = (*bucket).clone();
        if !bucket.set(name, inode, record.kind) {
            return Err(Error::NoSpace);
        }
        let now = self.now();
        record.nlink += 1;
        record.ctime = now;
        let mut dir = DirChange::new(&dir_cell, parent);
        dir.touch(now);
        dir.record.entries += 1;
        let mut change = Change::begin(self).await?;
        change.put_inode(inode, &record);
        change.put_inode(dir_cell.id, &dir.record);
        change.put_bucket(dir_cell.id, hash, bucket);
        change.commit().await?;
        let attr = {
            let mut state = cell.state().lock();
            state.record.nlink = record.nlink;
            state.record.ctime = now;
            attr_of(inode, &state.record)
        };
        Ok(Linked { attr, dir: dir.done() })
    }
}
