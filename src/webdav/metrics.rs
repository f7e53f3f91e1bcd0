//! Names of the metrics this module records, through the `metrics` facade.

/// Counter of answered requests; labels `method`, `status` (the class: `2xx`, `4xx`, ...).
pub const REQUESTS: &str = "sealgate_webdav_requests_total";
/// Histogram of the time from the request's headers to the answer's headers, in seconds; label
/// `method`. The streaming of a body afterwards is not in it.
pub const REQUEST_SECONDS: &str = "sealgate_webdav_request_seconds";
/// Counter of body bytes received from clients.
pub const BYTES_IN: &str = "sealgate_webdav_received_bytes_total";
/// Counter of body bytes sent to clients.
pub const BYTES_OUT: &str = "sealgate_webdav_sent_bytes_total";
/// Gauge of open connections.
pub const CONNECTIONS: &str = "sealgate_webdav_connections";
/// Counter of connections dropped because the peer is outside the allow list.
pub const PEERS_REFUSED: &str = "sealgate_webdav_peers_refused_total";
/// Gauge of write locks that are held.
pub const LOCKS: &str = "sealgate_webdav_locks";
/// Counter of operations that were held because the store could not be reached.
pub const HELD: &str = "sealgate_webdav_held_operations_total";
