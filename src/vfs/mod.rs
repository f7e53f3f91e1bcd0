//! POSIX semantics, written once, blind to protocols.
//!
//! Owns: what every operation means, permission checks, timestamps, dirty data and the order in
//! which it becomes durable. Guarantees: an operation that answered is visible to every later one;
//! what [`Vfs::commit`] answered is durable. Leaves to others: sealing and placing content
//! (`block`), keeping records (`meta`), statuses and handles (`nfs`, `webdav`).

mod access;
mod attr;
mod budget;
mod caches;
mod cell;
mod change;
mod dirty;
mod error;
mod flush;
mod flush_file;
mod ids;
mod ops;
mod options;
mod reclaim;
mod segments;
mod start;

pub use attr::{
    Access, Attr, Committed, CreateMode, Created, DirEntry, DirPage, FileKind, Identity, Linked,
    PreAttr, ReadData, Renamed, SetAttr, SetTime, Stability, StatFs, Wcc, Written,
};
pub use cell::Pin;
pub use error::Error;
pub use options::{MetadataSync, VfsOptions};
pub use start::Vfs;
