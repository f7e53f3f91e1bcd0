//! WebDAV: the volume as HTTP clients see it (RFC 4918 classes 1, 2 and 3).
//!
//! Owns: the HTTP listener, the checks every request passes before a method sees it, write locks,
//! properties, and the mapping of vfs errors to statuses. `dav-server` answers OPTIONS, GET, HEAD,
//! PUT, PATCH and MKCOL over the adapter in `fs`; the other methods are here, because a MOVE, COPY
//! or DELETE must be one metadata transaction and properties must be kept to the letter.
//! Guarantees: a PUT is seen whole or not at all, and 201 or 204 to a PUT means durable; no name
//! and no path is logged or sent in an error body. Leaves to others: meaning of operations (`vfs`),
//! authentication and TLS (not offered: loopback only, see [`WebDavOptions::check_address`]).

mod body;
mod call;
mod conditional;
mod dates;
mod file;
mod fs;
mod fuzz;
mod host;
mod if_header;
mod locks;
mod method;
pub mod metrics;
mod options;
mod path;
mod props;
mod reply;
mod request_line;
mod resolve;
mod server;
mod service;
mod session;
mod status;
#[cfg(test)]
mod test_clock;
mod upload;
mod xml;

#[doc(hidden)]
pub use fuzz::{fuzz_if, fuzz_path, fuzz_xml};
pub use options::{WebDavError, WebDavOptions};
pub use server::WebDavServer;
