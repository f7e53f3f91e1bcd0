//! LOOKUP, GETATTR, ACCESS, READLINK.

use bytes::Bytes;

use super::Result;
use crate::base::{FileName, InodeId};
use crate::format::FileKind;

use super::super::access::{access_of, check_search};
use super::super::{Access, Attr, Error, Identity, Pin, Vfs};

impl Vfs {
    /// The attributes of an inode; unstable writes are visible in them.
    ///
    /// # Errors
    /// [`Error::Stale`] if it no longer exists.
    pub async fn getattr(&self, inode: InodeId) -> Result<Attr> {
        Ok(self.cell(inode).await?.attr())
    }

    /// Finds a name in a directory.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotDirectory`], [`Error::Denied`] without search permission.
    ///
    /// # Cost
    /// One bucket and one inode record, usually from memory; independent of the directory's size.
    pub async fn lookup(&self, who: &Identity, dir: InodeId, name: &FileName) -> Result<Attr> {
        let cell = self.cell(dir).await?;
        check_search(&cell.state().lock().record, who)?;
        let bucket = self.bucket(&cell, self.name_hash(dir, name)).await?;
        let inode = super::find(&bucket, name)?.inode;
        match self.cell(inode).await {
            // The name went away between the two reads.
            Err(Error::Stale) => Err(Error::NotFound),
            found => Ok(found?.attr()),
        }
    }

    /// The directory that holds `dir`; the root holds itself.
    ///
    /// # Errors
    /// [`Error::NotDirectory`], [`Error::Denied`] without search permission.
    pub async fn parent(&self, who: &Identity, dir: InodeId) -> Result<Attr> {
        let cell = self.cell(dir).await?;
        let parent = {
            let state = cell.state().lock();
            check_search(&state.record, who)?;
            state.record.parent.ok_or(Error::Stale)?
        };
        self.getattr(parent).await
    }

    /// What `who` may do to an inode. The owner of a file may always read and write it, because
    /// the protocols have no open: that is not part of the answer.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub async fn access(&self, who: &Identity, inode: InodeId) -> Result<(Access, Attr)> {
        let cell = self.cell(inode).await?;
        let access = access_of(&cell.state().lock().record, who);
        Ok((access, cell.attr()))
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not one.
    pub async fn readlink(&self, _who: &Identity, inode: InodeId) -> Result<(Bytes, Attr)> {
        let cell = self.cell(inode).await?;
        let target = {
            let state = cell.state().lock();
            if state.record.kind != FileKind::Symlink {
                return Err(Error::Invalid);
            }
            state.record.target.clone()
        };
        Ok((target, cell.attr()))
    }

    /// Keeps the content of `inode` while the pin lives, whatever happens to its names.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub async fn pin(&self, inode: InodeId) -> Result<Pin> {
        let cell = self.cell(inode).await?;
        // The operation lock keeps a removal from deciding that nobody holds the inode.
        let _shared = cell.op.read().await;
        if cell.state().lock().record.nlink == 0 && !cell.is_pinned() {
            return Err(Error::Stale);
        }
        Ok(Pin::new(std::sync::Arc::clone(&cell), self.orphans.wake()))
    }
}
