//! What a user may tune.

use std::time::Duration;

/// When namespace and attribute changes become durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetadataSync {
    /// Before the reply; callers that wait at the same time share one flush.
    Always,
    /// Within the flush interval, and never later than the next COMMIT.
    #[default]
    Interval,
}

/// Options of the vfs.
#[derive(Clone, Debug)]
pub struct VfsOptions {
    /// When metadata becomes durable. Default: `Interval`.
    pub metadata_sync: MetadataSync,
    /// How long committed metadata may wait for its flush. Default: 200 ms.
    pub flush_interval: Duration,
    /// How long dirty content may wait in memory without a COMMIT. Default: 2 s.
    pub dirty_age_max: Duration,
    /// Memory for dirty content in bytes; writers slow down at the limit. Default: 256 MiB.
    pub dirty_bytes_max: u64,
    /// How long the object of an empty segment stays for readers elsewhere. Default: 10 s.
    pub segment_grace: Duration,
    /// How long a writer waits for memory before it is told to come back later. Default: 30 s.
    pub wait_max: Duration,
    /// Inodes kept in memory. Default: 100,000.
    pub cached_inodes: usize,
    /// How old cached metadata may be when another gateway writes the volume. Default: 1 s.
    pub shared_age_max: Duration,
    /// Refuse every change.
    pub read_only: bool,
}

impl Default for VfsOptions {
    fn default() -> Self {
        Self {
            metadata_sync: MetadataSync::default(),
            flush_interval: Duration::from_millis(200),
            dirty_age_max: Duration::from_secs(2),
            dirty_bytes_max: 256 << 20,
            segment_grace: Duration::from_secs(10),
            wait_max: Duration::from_secs(30),
            cached_inodes: 100_000,
            shared_age_max: Duration::from_secs(1),
            read_only: false,
        }
    }
}
