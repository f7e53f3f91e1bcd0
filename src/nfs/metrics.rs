//! What the NFS server counts. Labels are names of procedures and statuses, never of files.

use std::time::Duration;

use ::metrics::{counter, gauge, histogram};

use crate::base::to_u64;

/// Requests answered, by `program`, `procedure` and `status`.
pub const REQUESTS: &str = "sealgate_nfs_requests_total";
/// Seconds from the record to its reply, by `procedure`.
pub const REQUEST_SECONDS: &str = "sealgate_nfs_request_seconds";
/// Bytes of content sent in READ replies.
pub const READ_BYTES: &str = "sealgate_nfs_read_bytes_total";
/// Bytes of content taken from WRITE requests.
pub const WRITE_BYTES: &str = "sealgate_nfs_write_bytes_total";
/// Connections open now.
pub const CONNECTIONS: &str = "sealgate_nfs_connections";
/// Connections closed as they came, by `reason`: `address` or `limit`.
pub const CONNECTIONS_REFUSED: &str = "sealgate_nfs_connections_refused_total";
/// Connections closed by the gateway, by `reason`.
pub const CONNECTIONS_CLOSED: &str = "sealgate_nfs_connections_closed_total";
/// Records and calls that do not decode, by `layer`: `record`, `rpc`, `args`.
pub const DECODE_FAILURES: &str = "sealgate_nfs_decode_failures_total";
/// Replies given again from the reply cache.
pub const REPLAYS: &str = "sealgate_nfs_replays_total";
/// Requests whose handler panicked: a bug in the gateway.
pub const PANICS: &str = "sealgate_nfs_panics_total";

/// What a request was, for the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) program: &'static str,
    pub(super) procedure: &'static str,
    pub(super) status: &'static str,
}

pub(super) fn request(labels: Labels, took: Duration) {
    counter!(
        REQUESTS,
        "program" => labels.program,
        "procedure" => labels.procedure,
        "status" => labels.status
    )
    .increment(1);
    histogram!(REQUEST_SECONDS, "procedure" => labels.procedure).record(took.as_secs_f64());
}

pub(super) fn read_bytes(len: usize) {
    counter!(READ_BYTES).increment(to_u64(len));
}

pub(super) fn write_bytes(len: u32) {
    counter!(WRITE_BYTES).increment(u64::from(len));
}

pub(super) fn decode_failure(layer: &'static str) {
    counter!(DECODE_FAILURES, "layer" => layer).increment(1);
}

pub(super) fn connection_refused(reason: &'static str) {
    counter!(CONNECTIONS_REFUSED, "reason" => reason).increment(1);
}

pub(super) fn connection_closed(reason: &'static str) {
    counter!(CONNECTIONS_CLOSED, "reason" => reason).increment(1);
}

pub(super) fn replay() {
    counter!(REPLAYS).increment(1);
}

pub(super) fn panic() {
    counter!(PANICS).increment(1);
}

/// Counts an open connection for as long as it lives.
#[derive(Debug)]
pub(super) struct OpenConnection(());

impl OpenConnection {
    pub(super) fn new() -> Self {
        gauge!(CONNECTIONS).increment(1.0);
        Self(())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        gauge!(CONNECTIONS).decrement(1.0);
    }
}
