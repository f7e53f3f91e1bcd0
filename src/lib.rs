//! Sealgate: an end-to-end encrypted volume in any object store, exported over NFSv3 and WebDAV.

pub mod admin;
pub mod base;
pub mod crypto;
pub mod format;
pub mod keyslot;
pub mod meta;
pub mod store;
pub mod telemetry;
pub mod vfs;
