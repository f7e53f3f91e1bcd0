//! Sealgate: an end-to-end encrypted volume in any object store, exported over NFSv3 and WebDAV.

pub mod base;
pub mod format;
pub mod keyslot;
pub mod meta;
pub mod vfs;
pub mod crypto;
