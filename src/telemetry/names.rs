//! Every metric name, so that a dashboard has one page to read.

/// Counter: requests to the store, by `operation` and `outcome`.
pub const STORE_REQUESTS: &str = "sealgate_store_requests_total";
/// Histogram: seconds a request to the store took, retries included, by `operation`.
pub const STORE_REQUEST_SECONDS: &str = "sealgate_store_request_seconds";
/// Counter: bytes moved to and from the store, by `direction` (`in`, `out`).
pub const STORE_BYTES: &str = "sealgate_store_bytes_total";
/// Counter: requests that were sent again after a temporary failure, by `operation`.
pub const STORE_RETRIES: &str = "sealgate_store_retries_total";

/// Counter: flushes of the metadata engine, by `outcome`.
pub const META_FLUSHES: &str = "sealgate_meta_flushes_total";
/// Counter: callers that waited for a flush; divided by the flushes it tells how many share one.
pub const META_FLUSH_WAITERS: &str = "sealgate_meta_flush_waiters_total";
/// Histogram: seconds one flush of the metadata engine took.
pub const META_FLUSH_SECONDS: &str = "sealgate_meta_flush_seconds";
