//! Sealgate: an end-to-end encrypted volume in any object store, exported over NFSv3 and WebDAV.
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::wildcard_enum_match_arm,
        reason = "tests state facts; their conversions are checked by what they assert"
    )
)]

pub mod admin;
pub mod base;
pub mod block;
pub mod cli;
pub mod crypto;
pub mod daemon;
pub mod format;
pub mod keyslot;
pub mod meta;
pub mod nfs;
pub mod store;
pub mod telemetry;
pub mod vfs;
pub mod volume;
pub mod webdav;

#[cfg(feature = "testkit")]
#[doc(hidden)]
pub mod testkit;
