//! CREATE, MKDIR, SYMLINK, MKNOD: a new inode and its first name, in one transaction.

use std::sync::Arc;

use bytes::Bytes;

use super::{DirChange, Result, locked_record};
use crate::base::limits::{FILE_BYTES_MAX, SYMLINK_BYTES_MAX};
use crate::base::{FileName, InodeId, to_u64};
use crate::format::{FileKind, InodeRecord};

use super::super::access::{SET_GID, check_change_entries, check_search};
use super::super::cell::{InodeCell, attr_of, lock_all};
use super::super::change::Change;
use super::super::{CreateMode, Created, Error, Identity, SetAttr, SetTime, Vfs};

/// What a new inode is, beyond its attributes.
pub(super) struct NewNode {
    pub(super) kind: FileKind,
    pub(super) rdev: (u32, u32),
    pub(super) target: Bytes,
    pub(super) verifier: Option<[u8; 8]>,
    pub(super) set: SetAttr,
}

impl NewNode {
    pub(super) fn of(kind: FileKind, set: SetAttr) -> Self {
        Self { kind, rdev: (0, 0), target: Bytes::new(), verifier: None, set }
    }
}

/// What making a node came to.
enum Made {
    New(Created),
    /// The name is taken by this inode.
    Taken(InodeId, DirChange),
}

impl Vfs {
    /// Creates a file, or finds it, as `mode` says. An unchecked create of an existing file sets
    /// its size if `mode` has one.
    ///
    /// # Errors
    /// [`Error::Exists`] as `mode` says, [`Error::IsDirectory`], [`Error::Denied`].
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says.
    pub async fn create(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        mode: CreateMode,
    ) -> Result<Created> {
        let mut node = NewNode::of(FileKind::File, SetAttr::default());
        match mode {
            CreateMode::Unchecked(set) | CreateMode::Guarded(set) => node.set = set,
            CreateMode::Exclusive(verifier) => {
                node.verifier = Some(verifier);
                node.set.mode = Some(0o600);
            }
        }
        let created = match self.make(who, dir, name, node).await? {
            Made::New(created) => created,
            Made::Taken(inode, dir) => self.create_found(who, inode, dir, mode).await?,
        };
        self.settle().await?;
        Ok(created)
    }

    async fn create_found(
        &self,
        who: &Identity,
        inode: InodeId,
        dir: DirChange,
        mode: CreateMode,
    ) -> Result<Created> {
        let cell = self.cell(inode).await?;
        let (kind, verifier) = {
            let state = cell.state().lock();
            (state.record.kind, state.record.verifier)
        };
        let dir = dir.unchanged();
        match mode {
            CreateMode::Guarded(_) => Err(Error::Exists),
            CreateMode::Exclusive(asked) if verifier == Some(asked) => {
                Ok(Created { attr: cell.attr(), dir })
            }
            CreateMode::Exclusive(_) => Err(Error::Exists),
            CreateMode::Unchecked(_) if kind == FileKind::Directory => Err(Error::IsDirectory),
            CreateMode::Unchecked(set) => {
                if set.size.is_some() && kind == FileKind::File {
                    let size = SetAttr { size: set.size, ..SetAttr::default() };
                    self.setattr(who, inode, size, None).await?;
                }
                Ok(Created { attr: cell.attr(), dir })
            }
        }
    }

    /// Creates a directory.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Denied`].
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says.
    pub async fn mkdir(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        set: SetAttr,
    ) -> Result<Created> {
        self.make_new(who, dir, name, NewNode::of(FileKind::Directory, set)).await
    }

    /// Creates a symbolic link. Its mode is taken as given; nothing checks it.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Denied`], [`Error::Invalid`] for an empty target or one with a
    /// NUL, [`Error::NameTooLong`] beyond 4,096 bytes.
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says.
    pub async fn symlink(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        target: Bytes,
        set: SetAttr,
    ) -> Result<Created> {
        if target.is_empty() || target.contains(&0) {
            return Err(Error::Invalid);
        }
        if target.len() > SYMLINK_BYTES_MAX {
            return Err(Error::NameTooLong);
        }
        let mut node = NewNode::of(FileKind::Symlink, set);
        node.target = target;
        self.make_new(who, dir, name, node).await
    }

    /// Creates a device, a named pipe or a socket.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for a device without privilege, [`Error::Invalid`] for another
    /// kind, [`Error::Exists`], [`Error::Denied`].
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says.
    pub async fn mknod(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        kind: FileKind,
        rdev: (u32, u32),
        set: SetAttr,
    ) -> Result<Created> {
        let mut node = NewNode::of(kind, set);
        match kind {
            FileKind::CharDevice | FileKind::BlockDevice => {
                if !who.is_root() {
                    return Err(Error::NotPermitted);
                }
                node.rdev = rdev;
            }
            FileKind::Fifo | FileKind::Socket => {}
            FileKind::File | FileKind::Directory | FileKind::Symlink => {
                return Err(Error::Invalid);
            }
        }
        self.make_new(who, dir, name, node).await
    }

    async fn make_new(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        node: NewNode,
    ) -> Result<Created> {
        match self.make(who, dir, name, node).await? {
            Made::New(created) => {
                self.settle().await?;
                Ok(created)
            }
            Made::Taken(..) => Err(Error::Exists),
        }
    }

    async fn make(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        node: NewNode,
    ) -> Result<Made> {
        self.check_writable()?;
        let cell = self.cell(dir).await?;
        let _held = lock_all(&[&cell]).await;
        let parent = locked_record(&cell)?;
        check_search(&parent, who)?;
        let hash = self.name_hash(dir, name);
        let bucket = self.bucket_locked(dir, hash).await?;
        if let Some(entry) = bucket.find(name) {
            return Ok(Made::Taken(entry.inode, DirChange::new(&cell, parent)));
        }
        check_change_entries(&parent, who)?;
        let inode = self.new_inode_id().await?;
        let record = self.new_record(who, &cell, &parent, node)?;
        let mut bucket = (*bucket).clone();
        if !bucket.set(name, inode, record.kind) {
            return Err(Error::NoSpace);
        }
        let mut dir = DirChange::new(&cell, parent);
        dir.touch(record.ctime);
        dir.record.entries += 1;
        if record.kind == FileKind::Directory {
            dir.record.nlink += 1;
        }
        let mut change = Change::begin(self).await?;
        change.put_inode(inode, &record);
        change.put_inode(cell.id, &dir.record);
        change.put_bucket(cell.id, hash, bucket);
        change.count(inode, 1, 0);
        let attr = attr_of(inode, &record);
        // In the table before anybody can find the name: whoever looks it up meanwhile must not
        // load a second cell of the same inode.
        let _cell = self.table.put_new(inode, record, self.clock().monotonic());
        if let Err(error) = change.commit().await {
            self.table.forget(inode);
            return Err(error);
        }
        Ok(Made::New(Created { attr, dir: dir.done() }))
    }

    /// The record of a new inode: who owns it, which bits it may have.
    pub(super) fn new_record(
        &self,
        who: &Identity,
        dir: &Arc<InodeCell>,
        parent: &InodeRecord,
        node: NewNode,
    ) -> Result<InodeRecord> {
        let now = self.now();
        let is_directory = node.kind == FileKind::Directory;
        let (mut uid, mut gid) = (who.uid, who.gid);
        if parent.mode & SET_GID != 0 {
            gid = parent.gid;
        }
        if who.is_root() {
            uid = node.set.uid.unwrap_or(uid);
            gid = node.set.gid.unwrap_or(gid);
        }
        let default_mode = match node.kind {
            FileKind::Directory => 0o755,
            FileKind::Symlink => 0o777,
            FileKind::File
            | FileKind::CharDevice
            | FileKind::BlockDevice
            | FileKind::Fifo
            | FileKind::Socket => 0o644,
        };
        let mode = node.set.mode.unwrap_or(default_mode) & 0o7777;
        let mut mode = u16::try_from(mode).unwrap_or(0);
        if is_directory {
            mode |= parent.mode & SET_GID;
        } else if !who.is_root() && !who.in_group(gid) {
            mode &= !SET_GID;
        }
        let size = match node.kind {
            FileKind::File => node.set.size.unwrap_or(0),
            FileKind::Directory
            | FileKind::Symlink
            | FileKind::CharDevice
            | FileKind::BlockDevice
            | FileKind::Fifo
            | FileKind::Socket => to_u64(node.target.len()),
        };
        if size > FILE_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        let time = |set: Option<SetTime>| match set {
            Some(SetTime::At(time)) => time,
            Some(SetTime::Now) | None => now,
        };
        Ok(InodeRecord {
            kind: node.kind,
            mode,
            nlink: if is_directory { 2 } else { 1 },
            uid,
            gid,
            size,
            used_bytes: 0,
            rdev: node.rdev,
            atime: time(node.set.atime),
            mtime: time(node.set.mtime),
            ctime: now,
            version: 1,
            parent: is_directory.then_some(dir.id),
            entries: 0,
            verifier: node.verifier,
            target: node.target,
        })
    }
}
