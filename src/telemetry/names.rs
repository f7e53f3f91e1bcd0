//! Metric names: those of the layers below the protocols, and the help text of every metric.
//!
//! A layer counts with a constant, never with a literal. The protocols keep theirs in their own
//! `metrics` file, because nothing here may know them; their help texts stand here all the same,
//! and a test of the daemon compares the two. Labels never carry a file name, an inode or a client
//! address: label values come from small fixed sets.

use metrics::Unit;

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

/// Counter: cache lookups, by `cache` and `outcome` (`hit`, `miss`).
pub const CACHE_LOOKUPS: &str = "sealgate_cache_lookups_total";
/// Gauge: bytes held by a cache, by `cache`.
pub const CACHE_BYTES: &str = "sealgate_cache_bytes";
/// Gauge: content written by clients that the store does not have yet.
pub const DIRTY_BYTES: &str = "sealgate_dirty_bytes";
/// Counter: flushes of content and its metadata, by `outcome`.
pub const FLUSHES: &str = "sealgate_flushes_total";
/// Histogram: seconds one flush of content took.
pub const FLUSH_SECONDS: &str = "sealgate_flush_seconds";
/// Counter: stored bytes that did not open, by `kind` (`frame`, `record`, `segment`, `header`).
pub const DAMAGED: &str = "sealgate_damaged_total";

/// Gauge: 1 while requests are served in full, 0 while not.
pub const READY: &str = "sealgate_ready";
/// Gauge: 1 after another gateway took the volume over.
pub const FENCED: &str = "sealgate_fenced";
/// Gauge: 1, with the `version` of the gateway.
pub const BUILD_INFO: &str = "sealgate_build_info";
/// Gauge: admin connections open now.
pub const ADMIN_CONNECTIONS: &str = "sealgate_admin_connections";
/// Counter: admin connections refused, by `reason` (`network`, `limit`).
pub const ADMIN_CONNECTIONS_REFUSED: &str = "sealgate_admin_connections_refused_total";

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at process start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution with fixed buckets.
    Histogram,
}

/// Name, kind, unit and help text of every metric.
pub const ALL: &[(&str, Kind, Unit, &str)] = &[
    (STORE_REQUESTS, Kind::Counter, Unit::Count, "Requests to the object store."),
    (STORE_REQUEST_SECONDS, Kind::Histogram, Unit::Seconds, "Time of one store request."),
    (STORE_BYTES, Kind::Counter, Unit::Bytes, "Bytes moved to and from the object store."),
    (STORE_RETRIES, Kind::Counter, Unit::Count, "Store requests sent again."),
    (META_FLUSHES, Kind::Counter, Unit::Count, "Flushes of the metadata engine."),
    (META_FLUSH_WAITERS, Kind::Counter, Unit::Count, "Callers that waited for a metadata flush."),
    (META_FLUSH_SECONDS, Kind::Histogram, Unit::Seconds, "Time of one metadata flush."),
    (CACHE_LOOKUPS, Kind::Counter, Unit::Count, "Cache lookups."),
    (CACHE_BYTES, Kind::Gauge, Unit::Bytes, "Bytes held by a cache."),
    (DIRTY_BYTES, Kind::Gauge, Unit::Bytes, "Content written and not yet in the store."),
    (FLUSHES, Kind::Counter, Unit::Count, "Flushes of content and its metadata."),
    (FLUSH_SECONDS, Kind::Histogram, Unit::Seconds, "Time of one flush of content."),
    (DAMAGED, Kind::Counter, Unit::Count, "Stored bytes that did not open."),
    (READY, Kind::Gauge, Unit::Count, "1 while requests are served in full."),
    (FENCED, Kind::Gauge, Unit::Count, "1 after another gateway took the volume over."),
    (BUILD_INFO, Kind::Gauge, Unit::Count, "1, labelled with the version of the gateway."),
    (ADMIN_CONNECTIONS, Kind::Gauge, Unit::Count, "Admin connections open now."),
    (ADMIN_CONNECTIONS_REFUSED, Kind::Counter, Unit::Count, "Admin connections refused."),
    ("sealgate_nfs_requests_total", Kind::Counter, Unit::Count, "NFS requests answered."),
    ("sealgate_nfs_request_seconds", Kind::Histogram, Unit::Seconds, "Time of one NFS request."),
    ("sealgate_nfs_read_bytes_total", Kind::Counter, Unit::Bytes, "Content sent over NFS."),
    ("sealgate_nfs_write_bytes_total", Kind::Counter, Unit::Bytes, "Content taken over NFS."),
    ("sealgate_nfs_connections", Kind::Gauge, Unit::Count, "NFS connections open now."),
    (
        "sealgate_nfs_connections_refused_total",
        Kind::Counter,
        Unit::Count,
        "NFS connections closed as they came.",
    ),
    (
        "sealgate_nfs_connections_closed_total",
        Kind::Counter,
        Unit::Count,
        "NFS connections closed by the gateway.",
    ),
    (
        "sealgate_nfs_decode_failures_total",
        Kind::Counter,
        Unit::Count,
        "NFS records and calls that do not decode.",
    ),
    ("sealgate_nfs_replays_total", Kind::Counter, Unit::Count, "NFS replies given again."),
    ("sealgate_nfs_panics_total", Kind::Counter, Unit::Count, "NFS requests that hit a bug."),
    ("sealgate_webdav_requests_total", Kind::Counter, Unit::Count, "WebDAV requests answered."),
    (
        "sealgate_webdav_request_seconds",
        Kind::Histogram,
        Unit::Seconds,
        "Time from the head of a WebDAV request to the head of its answer.",
    ),
    (
        "sealgate_webdav_received_bytes_total",
        Kind::Counter,
        Unit::Bytes,
        "Body bytes received over WebDAV.",
    ),
    ("sealgate_webdav_sent_bytes_total", Kind::Counter, Unit::Bytes, "Body bytes sent over WebDAV."),
    ("sealgate_webdav_connections", Kind::Gauge, Unit::Count, "WebDAV connections open now."),
    (
        "sealgate_webdav_peers_refused_total",
        Kind::Counter,
        Unit::Count,
        "WebDAV connections from outside the allowed networks.",
    ),
    ("sealgate_webdav_locks", Kind::Gauge, Unit::Count, "WebDAV locks held."),
    (
        "sealgate_webdav_held_operations_total",
        Kind::Counter,
        Unit::Count,
        "WebDAV operations held while the store was away.",
    ),
];

/// Gives the installed recorder the help text and unit of every metric.
pub fn describe_all() {
    for &(name, kind, unit, help) in ALL {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, unit, help),
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram => metrics::describe_histogram!(name, unit, help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_say_their_unit() {
        let mut seen = std::collections::BTreeSet::new();
        for &(name, kind, unit, help) in ALL {
            assert!(seen.insert(name), "{name} is listed twice");
            assert!(name.starts_with("sealgate_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), unit == Unit::Seconds, "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
    }
}
