//! POSIX semantics, written once, blind to protocols.
//!
//! Owns: what every operation means, permission checks, timestamps, dirty data and the order in
//! which it becomes durable. Guarantees: an operation that answered is visible to every later one;
//! what [`Vfs::commit`] answered is durable. Leaves to others: sealing and placing content
//! (`block`), keeping records (`meta`), statuses and handles (`nfs`, `webdav`).

mod attr;
mod error;
mod skeleton;

pub use attr::{
    Access, Attr, Committed, CreateMode, Created, DirEntry, DirPage, FileKind, Identity, Linked,
    PreAttr, ReadData, Renamed, SetAttr, SetTime, Stability, StatFs, Wcc, Written,
};
pub use error::Error;
pub use skeleton::{Pin, Vfs};
