//! NFSv3 and MOUNT over loopback, spoken by an independent client.
#![cfg(feature = "testkit")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod directories;
mod files;
mod names;
mod server;
mod support;
mod wire;
