//! Every metric of the gateway: its name, kind, unit and what it says.
//!
//! A metric is counted with the `metrics` macros and one of these names, never with a literal, so
//! that `/metrics`, its help texts and the documentation cannot drift apart. Labels never carry a
//! file name, an inode or a client address: label values come from small fixed sets.

use metrics::Unit;

/// Requests answered, by `protocol`, `operation` and `status`.
pub const REQUESTS: &str = "sealgate_requests_total";
/// Time from a request's last byte to its reply, by `protocol` and `operation`.
pub const REQUEST_SECONDS: &str = "sealgate_request_seconds";
/// Requests under way, by `protocol`.
pub const REQUESTS_ACTIVE: &str = "sealgate_requests_active";
/// Content moved for clients, by `protocol` and `direction` (`read`, `write`).
pub const CONTENT_BYTES: &str = "sealgate_content_bytes_total";
/// Bytes from clients that no decoder accepts, by `protocol` and `reason`.
pub const MALFORMED: &str = "sealgate_malformed_total";
/// Connections open now, by `protocol`.
pub const CONNECTIONS: &str = "sealgate_connections";
/// Connections refused, by `protocol` and `reason` (`network`, `limit`).
pub const CONNECTIONS_REFUSED: &str = "sealgate_connections_refused_total";
/// Cache lookups, by `cache` and `outcome` (`hit`, `miss`).
pub const CACHE_LOOKUPS: &str = "sealgate_cache_lookups_total";
/// Bytes held by a cache, by `cache`.
pub const CACHE_BYTES: &str = "sealgate_cache_bytes";
/// Content written by clients and not yet in the store.
pub const DIRTY_BYTES: &str = "sealgate_dirty_bytes";
/// Flushes of content and metadata, by `outcome`.
pub const FLUSHES: &str = "sealgate_flushes_total";
/// Time of one flush.
pub const FLUSH_SECONDS: &str = "sealgate_flush_seconds";
/// Requests to the object store, by `operation` and `outcome`.
pub const STORE_REQUESTS: &str = "sealgate_store_requests_total";
/// Time of one request to the object store, by `operation`.
pub const STORE_REQUEST_SECONDS: &str = "sealgate_store_request_seconds";
/// Bytes moved to and from the object store, by `operation`.
pub const STORE_BYTES: &str = "sealgate_store_bytes_total";
/// Stored bytes that did not open, by `kind` (`frame`, `record`, `segment`, `header`).
pub const DAMAGED: &str = "sealgate_damaged_total";
/// 1 while the volume can be served, 0 while it cannot.
pub const READY: &str = "sealgate_ready";
/// 1 after another gateway took the volume over.
pub const FENCED: &str = "sealgate_fenced";
/// 1, with the version of the gateway as a label.
pub const BUILD_INFO: &str = "sealgate_build_info";

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
    (REQUESTS, Kind::Counter, Unit::Count, "Requests answered."),
    (REQUEST_SECONDS, Kind::Histogram, Unit::Seconds, "Time from a request to its reply."),
    (REQUESTS_ACTIVE, Kind::Gauge, Unit::Count, "Requests under way."),
    (CONTENT_BYTES, Kind::Counter, Unit::Bytes, "Content read and written by clients."),
    (MALFORMED, Kind::Counter, Unit::Count, "Client bytes that no decoder accepts."),
    (CONNECTIONS, Kind::Gauge, Unit::Count, "Client connections open now."),
    (CONNECTIONS_REFUSED, Kind::Counter, Unit::Count, "Client connections refused."),
    (CACHE_LOOKUPS, Kind::Counter, Unit::Count, "Cache lookups."),
    (CACHE_BYTES, Kind::Gauge, Unit::Bytes, "Bytes held by a cache."),
    (DIRTY_BYTES, Kind::Gauge, Unit::Bytes, "Content written and not yet in the store."),
    (FLUSHES, Kind::Counter, Unit::Count, "Flushes of content and metadata."),
    (FLUSH_SECONDS, Kind::Histogram, Unit::Seconds, "Time of one flush."),
    (STORE_REQUESTS, Kind::Counter, Unit::Count, "Requests to the object store."),
    (STORE_REQUEST_SECONDS, Kind::Histogram, Unit::Seconds, "Time of one store request."),
    (STORE_BYTES, Kind::Counter, Unit::Bytes, "Bytes moved to and from the object store."),
    (DAMAGED, Kind::Counter, Unit::Count, "Stored bytes that did not open."),
    (READY, Kind::Gauge, Unit::Count, "1 while the volume can be served."),
    (FENCED, Kind::Gauge, Unit::Count, "1 after another gateway took the volume over."),
    (BUILD_INFO, Kind::Gauge, Unit::Count, "1, labelled with the version of the gateway."),
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
