//! File content: extents become frames, frames become segments, segments become objects.
//!
//! Owns: where frames are placed, how they are compressed and sealed, the cache of opened frames.
//! Guarantees: a segment id names one byte sequence; what does not open is an error, never zeros.
//! Leaves to others: which file a frame belongs to (`vfs`), the record that refers to it (`meta`).

mod codec;
mod error;
mod reader;
mod writer;

use std::sync::Arc;

use crate::base::{Clock, Random};
use crate::crypto::KeyRing;
use crate::format::Compression;
use crate::store::Store;

pub use error::BlockError;
pub use reader::FrameCache;
pub use writer::{PlainFrame, WrittenSegment};

/// How content is written and read.
#[derive(Clone, Debug)]
pub struct BlockOptions {
    /// Compression of new frames. Old frames keep theirs.
    pub compression: Compression,
    /// Extent size of the volume in bytes.
    pub extent_bytes: u32,
    /// Memory for opened frames, in bytes.
    pub cache_bytes: u64,
}

/// The content of a volume: frames in, frames out.
pub struct Blocks {
    store: Store,
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    options: BlockOptions,
    cache: FrameCache,
    sealing: Arc<tokio::sync::Semaphore>,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Blocks {
    /// Opens the content of a volume in `store`.
    #[must_use]
    pub fn new(
        store: Store,
        keys: Arc<KeyRing>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: BlockOptions,
    ) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let cache = FrameCache::new(options.cache_bytes, options.extent_bytes);
        let sealing = Arc::new(tokio::sync::Semaphore::new(workers));
        Self { store, keys, clock, random, options, cache, sealing }
    }

    /// Extent size of the volume in bytes.
    #[must_use]
    pub const fn extent_bytes(&self) -> u32 {
        self.options.extent_bytes
    }
}

/// The object that holds a segment.
#[must_use]
pub fn segment_key(segment: crate::base::SegmentId) -> String {
    let hex = segment.to_string();
    let shard: String = hex.chars().take(2).collect();
    format!("seg/{shard}/{hex}")
}

/// The segment an object holds; `None` if the object is not a segment.
#[must_use]
pub fn segment_of_key(key: &str) -> Option<crate::base::SegmentId> {
    let (shard, hex) = key.strip_prefix("seg/")?.split_once('/')?;
    if !hex.starts_with(shard) {
        return None;
    }
    crate::base::SegmentId::parse(hex)
}
