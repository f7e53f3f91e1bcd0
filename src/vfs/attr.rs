//! Attributes as operations take and return them.

use crate::base::{InodeId, Timestamp};
pub use crate::format::FileKind;

/// Who asks. Checked against mode bits by every operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id; 0 passes every check that POSIX lets a privileged process pass.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups, at most [`crate::base::limits::GROUPS_MAX`].
    pub groups: Vec<u32>,
}

impl Identity {
    /// The privileged identity.
    pub const ROOT: Self = Self { uid: 0, gid: 0, groups: Vec::new() };

    /// Whether privilege lets this identity pass.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether `gid` is one of its groups.
    #[must_use]
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

/// The attributes of an inode at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr {
    /// The inode.
    pub inode: InodeId,
    /// File, directory, symlink or special.
    pub kind: FileKind,
    /// Permission, set-id and sticky bits: the low 12 bits.
    pub mode: u32,
    /// Hard links; for a directory 2 plus its subdirectories.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Owning group.
    pub gid: u32,
    /// Length in bytes; for a directory a function of its number of entries.
    pub size: u64,
    /// Bytes of content it occupies, holes not counted.
    pub used_bytes: u64,
    /// Device numbers (major, minor) of a special file, else zeros.
    pub rdev: (u32, u32),
    /// Last access.
    pub atime: Timestamp,
    /// Last change of content.
    pub mtime: Timestamp,
    /// Last change of attributes or content.
    pub ctime: Timestamp,
    /// Grows with every change of content: `inode-version` is a strong entity tag.
    pub version: u64,
}

/// The attributes that tell a client whether its cache is still good (RFC 1813 `wcc_attr`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreAttr {
    /// Length in bytes.
    pub size: u64,
    /// Last change of content.
    pub mtime: Timestamp,
    /// Last change of attributes or content.
    pub ctime: Timestamp,
}

impl From<&Attr> for PreAttr {
    fn from(attr: &Attr) -> Self {
        Self { size: attr.size, mtime: attr.mtime, ctime: attr.ctime }
    }
}

/// An inode before and after an operation, taken under the same lock as the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wcc {
    /// Before the change.
    pub before: PreAttr,
    /// After it.
    pub after: Attr,
}

/// A time to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// The gateway's clock.
    Now,
    /// The time given.
    At(Timestamp),
}

/// Attributes to change; `None` leaves one alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttr {
    /// Permission, set-id and sticky bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Owning group.
    pub gid: Option<u32>,
    /// Length in bytes; growing leaves a hole.
    pub size: Option<u64>,
    /// Last access.
    pub atime: Option<SetTime>,
    /// Last change of content.
    pub mtime: Option<SetTime>,
}

/// What an identity may do to an inode: bits of `Access`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Read content or list entries.
    pub read: bool,
    /// Change content or entries.
    pub write: bool,
    /// Execute a file or pass through a directory.
    pub execute: bool,
}

/// How CREATE treats a name that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateMode {
    /// Take the existing file, as `open(O_CREAT)`.
    Unchecked(SetAttr),
    /// Fail with [`crate::vfs::Error::Exists`], as `open(O_CREAT|O_EXCL)`.
    Guarded(SetAttr),
    /// As guarded, but a repetition with the same verifier finds the file it made.
    Exclusive([u8; 8]),
}

/// How stable a WRITE must be when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stability {
    /// In memory; lost with the process unless committed.
    Unstable,
    /// Content and what is needed to find it are durable.
    DataSync,
    /// Content and all attributes are durable.
    FileSync,
}

/// A new or found object and the directory that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// The object.
    pub attr: Attr,
    /// The directory.
    pub dir: Wcc,
}

/// The directory or directories that a RENAME changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The directory the name left.
    pub from: Wcc,
    /// The directory the name went to.
    pub to: Wcc,
}

/// A linked inode and the directory that got the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The inode.
    pub attr: Attr,
    /// The directory.
    pub dir: Wcc,
}

/// The result of a READ.
#[derive(Clone, Debug)]
pub struct ReadData {
    /// The bytes, in order; holes are zeros.
    pub slices: Vec<bytes::Bytes>,
    /// Whether the end of the file was reached.
    pub eof: bool,
    /// The file's attributes.
    pub attr: Attr,
}

impl ReadData {
    /// Bytes read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slices.iter().map(bytes::Bytes::len).sum()
    }

    /// Whether nothing was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The result of a WRITE.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Bytes taken; always all of them.
    pub count: u32,
    /// How stable they are.
    pub stability: Stability,
    /// The file before and after.
    pub wcc: Wcc,
    /// The verifier under which unstable bytes were taken: if COMMIT answers another, send again.
    pub verifier: [u8; 8],
}

/// The result of a COMMIT.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// The file before and after.
    pub wcc: Wcc,
    /// Compare with the verifier of the writes.
    pub verifier: [u8; 8],
}

/// One entry of a directory listing.
#[derive(Clone, Debug)]
pub struct DirEntry {
    /// Its name.
    pub name: crate::base::FileName,
    /// The inode it names.
    pub inode: InodeId,
    /// What kind of inode.
    pub kind: FileKind,
    /// Where to go on after this entry. Stable across inserts, removals and restarts; 16 or more,
    /// below 2^63.
    pub cookie: u64,
    /// Attributes, if asked for. `None` if the inode vanished meanwhile.
    pub attr: Option<Attr>,
}

/// One page of a directory listing.
#[derive(Clone, Debug)]
pub struct DirPage {
    /// The entries, in cookie order.
    pub entries: Vec<DirEntry>,
    /// Whether the directory ends here.
    pub eof: bool,
    /// The directory's attributes.
    pub attr: Attr,
    /// The directory that holds this one (itself for the root).
    pub parent: InodeId,
}

/// Space and inodes of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatFs {
    /// Bytes in all: the quota, or what an unbounded store is shown as.
    pub total_bytes: u64,
    /// Bytes left.
    pub free_bytes: u64,
    /// Inodes in all.
    pub total_inodes: u64,
    /// Inodes left.
    pub free_inodes: u64,
}
