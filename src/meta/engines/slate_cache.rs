//! The engine's cache of blocks in memory, bounded in bytes.

use async_trait::async_trait;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use slatedb::db_cache::{CachedEntry, CachedKey, DbCache};

use crate::base::{to_u64, to_usize};

/// Blocks, indexes and filters of the engine's files, by the library's own key.
pub(super) struct BlockCache {
    entries: Cache<CachedKey, CachedEntry, BySize>,
}

#[derive(Clone)]
struct BySize;

impl Weighter<CachedKey, CachedEntry> for BySize {
    fn weight(&self, _: &CachedKey, entry: &CachedEntry) -> u64 {
        // The entry's own bookkeeping, so that many small entries count as well.
        to_u64(entry.size()) + 128
    }
}

impl BlockCache {
    /// A cache of at most `bytes` bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let entries = to_usize(bytes / 4_096).max(16);
        Self { entries: Cache::with_weighter(entries, bytes, BySize) }
    }
}

#[async_trait]
impl DbCache for BlockCache {
    async fn get_block(&self, key: &CachedKey) -> Result<Option<CachedEntry>, slatedb::Error> {
        Ok(self.entries.get(key))
    }

    async fn get_index(&self, key: &CachedKey) -> Result<Option<CachedEntry>, slatedb::Error> {
        Ok(self.entries.get(key))
    }

    async fn get_filter(&self, key: &CachedKey) -> Result<Option<CachedEntry>, slatedb::Error> {
        Ok(self.entries.get(key))
    }

    async fn get_stats(&self, key: &CachedKey) -> Result<Option<CachedEntry>, slatedb::Error> {
        Ok(self.entries.get(key))
    }

    async fn insert(&self, key: CachedKey, value: CachedEntry) {
        self.entries.insert(key, value);
    }

    async fn remove(&self, key: &CachedKey) {
        self.entries.remove(key);
    }

    fn entry_count(&self) -> u64 {
        to_u64(self.entries.len())
    }
}
