//! The interface of the vfs, as protocols see it. (Bodies come with the real implementation.)
#![expect(
    missing_docs,
    unused_variables,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::unused_async,
    reason = "skeleton"
)]
use super::{Error, attr::*};
use crate::base::{FileName, InodeId, Timestamp};
use bytes::Bytes;

#[derive(Debug)]
pub struct Vfs {}

/// An open file: while it lives, an unlinked inode keeps its content.
#[derive(Debug)]
pub struct Pin {}

impl Pin {
    pub fn inode(&self) -> InodeId {
        todo!()
    }
}

type Result<T> = std::result::Result<T, Error>;

impl Vfs {
    // ---- facts
    pub fn is_read_only(&self) -> bool {
        todo!()
    }
    /// 8 random bytes; changes at every start and after a failed flush.
    pub fn write_verifier(&self) -> [u8; 8] {
        todo!()
    }
    /// MAC for NFS file handles.
    pub fn handle_mac(&self) -> &crate::crypto::HandleMac {
        todo!()
    }
    pub fn dirty_bytes(&self) -> u64 {
        todo!()
    }
    // ---- lookup
    pub async fn getattr(&self, inode: InodeId) -> Result<Attr> {
        todo!()
    }
    /// Execute permission on `dir` is checked.
    pub async fn lookup(&self, who: &Identity, dir: InodeId, name: &FileName) -> Result<Attr> {
        todo!()
    }
    /// `..`: the directory that holds `dir`; the root holds itself.
    pub async fn parent(&self, who: &Identity, dir: InodeId) -> Result<Attr> {
        todo!()
    }
    pub async fn access(&self, who: &Identity, inode: InodeId) -> Result<(Access, Attr)> {
        todo!()
    }
    pub async fn readlink(&self, who: &Identity, inode: InodeId) -> Result<(Bytes, Attr)> {
        todo!()
    }
    // ---- setattr
    /// `guard`: refuse with GuardMismatch unless the inode's ctime is this.
    pub async fn setattr(
        &self,
        who: &Identity,
        inode: InodeId,
        set: SetAttr,
        guard: Option<Timestamp>,
    ) -> Result<Wcc> {
        todo!()
    }
    // ---- create
    pub async fn create(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        mode: CreateMode,
    ) -> Result<Created> {
        todo!()
    }
    pub async fn mkdir(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        set: SetAttr,
    ) -> Result<Created> {
        todo!()
    }
    pub async fn symlink(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        target: Bytes,
        set: SetAttr,
    ) -> Result<Created> {
        todo!()
    }
    /// `kind`: device, fifo or socket.
    pub async fn mknod(
        &self,
        who: &Identity,
        dir: InodeId,
        name: &FileName,
        kind: FileKind,
        rdev: (u32, u32),
        set: SetAttr,
    ) -> Result<Created> {
        todo!()
    }
    // ---- link, remove, rename
    pub async fn link(
        &self,
        who: &Identity,
        inode: InodeId,
        dir: InodeId,
        name: &FileName,
    ) -> Result<Linked> {
        todo!()
    }
    /// Anything but a directory (IsDirectory otherwise).
    pub async fn remove(&self, who: &Identity, dir: InodeId, name: &FileName) -> Result<Wcc> {
        todo!()
    }
    pub async fn rmdir(&self, who: &Identity, dir: InodeId, name: &FileName) -> Result<Wcc> {
        todo!()
    }
    /// A file, or a whole tree in one transaction; its space is reclaimed in the background.
    pub async fn remove_tree(&self, who: &Identity, dir: InodeId, name: &FileName) -> Result<Wcc> {
        todo!()
    }
    pub async fn rename(
        &self,
        who: &Identity,
        from: InodeId,
        from_name: &FileName,
        to: InodeId,
        to_name: &FileName,
    ) -> Result<Renamed> {
        todo!()
    }
    /// As rename, but whatever `to_name` names (a non-empty tree too) is replaced, in one transaction.
    pub async fn rename_replacing_tree(
        &self,
        who: &Identity,
        from: InodeId,
        from_name: &FileName,
        to: InodeId,
        to_name: &FileName,
    ) -> Result<Renamed> {
        todo!()
    }
    // ---- readdir: entries after `cookie` (0 = from the start); no `.` and `..`; at most `entries_max`
    pub async fn readdir(
        &self,
        who: &Identity,
        dir: InodeId,
        cookie: u64,
        entries_max: usize,
        with_attr: bool,
    ) -> Result<DirPage> {
        todo!()
    }
    // ---- content. The owner of a file may read and write it whatever its mode (an open descriptor outlives chmod).
    pub async fn read(
        &self,
        who: &Identity,
        inode: InodeId,
        offset: u64,
        count: u32,
    ) -> Result<ReadData> {
        todo!()
    }
    pub async fn write(
        &self,
        who: &Identity,
        inode: InodeId,
        offset: u64,
        data: Bytes,
        stability: Stability,
    ) -> Result<Written> {
        todo!()
    }
    /// Makes the content of a file, and everything that finds it, durable. Count 0 = to the end.
    pub async fn commit(&self, inode: InodeId, offset: u64, count: u32) -> Result<Committed> {
        todo!()
    }
    /// Makes everything durable that was answered before the call.
    pub async fn sync(&self) -> Result<()> {
        todo!()
    }
    pub async fn statfs(&self) -> Result<StatFs> {
        todo!()
    }
    // ---- for atomic uploads: an inode without a name, then published whole
    pub async fn create_unlinked(&self, who: &Identity, set: SetAttr) -> Result<(Attr, Pin)> {
        todo!()
    }
    /// Gives an unlinked file a name, replacing a file of that name (not a directory) in the same transaction. Keeps mode and owner of the file it replaces. Durable on return.
    pub async fn publish(
        &self,
        who: &Identity,
        inode: InodeId,
        dir: InodeId,
        name: &FileName,
    ) -> Result<Created> {
        todo!()
    }
    /// Makes `to` (an unlinked empty file) share the content of `from`, by reference.
    pub async fn clone_content(&self, who: &Identity, from: InodeId, to: InodeId) -> Result<()> {
        todo!()
    }
    /// Keeps the content of `inode` while the pin lives.
    pub async fn pin(&self, inode: InodeId) -> Result<Pin> {
        todo!()
    }
    // ---- dead properties (WebDAV): opaque (name, value) pairs of an inode
    pub async fn props(&self, inode: InodeId) -> Result<Vec<(Bytes, Bytes)>> {
        todo!()
    }
    pub async fn set_props(
        &self,
        who: &Identity,
        inode: InodeId,
        set: Vec<(Bytes, Option<Bytes>)>,
    ) -> Result<()> {
        todo!()
    }
}
