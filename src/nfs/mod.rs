//! NFSv3 and MOUNT over ONC RPC, on one TCP port.
//!
//! Owns: the wire (record marking, RPC, XDR), file handles, identities and squashing, the reply
//! cache, and what each vfs answer is called in RFC 1813. Guarantees: client bytes are bounded
//! before anything is allocated for them, a repeated request gets the first answer, and nothing
//! is acknowledged that the vfs did not promise. Leaves to others: what operations mean (`vfs`).
//!
//! Sockets appear in `server.rs` only; [`dispatch`] maps the bytes of a call to the bytes of its
//! reply. Sources: RFC 1813 (NFSv3, MOUNT), RFC 5531 (RPC), RFC 4506 (XDR).

mod args;
mod attr;
mod auth;
mod connection;
mod context;
mod dispatch;
mod file_handle;
mod fuzz;
pub mod metrics;
mod mount;
mod options;
mod proc;
mod procedure;
pub mod record;
mod reply;
mod reply_cache;
mod rpc;
mod sattr;
mod server;
mod status;
pub mod xdr;

pub use context::Context;
pub use dispatch::dispatch;
#[doc(hidden)]
pub use fuzz::{fuzz_call, fuzz_record};
pub use options::{Export, ExportId, NfsOptions, Squash};
pub use reply::Reply;
pub use server::NfsServer;
