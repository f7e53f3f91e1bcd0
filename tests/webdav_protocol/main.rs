//! WebDAV over loopback, spoken in raw HTTP, against a volume in memory.
#![cfg(feature = "testkit")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot set itself up has failed"
)]

mod copy_move;
mod garbage;
mod locks;
mod props;
mod support;
mod transfer;
