//! Bounded caches of dentry buckets and extent maps.
//!
//! INVARIANT: an entry is filled while the inode's operation lock is held (shared is enough) and
//! replaced while it is held exclusively, after the commit. So a reader never puts an old value
//! over a new one.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::base::InodeId;
use crate::base::limits::EXTENTS_PER_MAP;
use crate::format::{DentryBucket, ExtentMap};
use crate::meta::RecordKey;

use super::cell::InodeCell;
use super::{Error, Vfs};

/// Buckets and maps kept in memory; entries are small, a map at most a few KiB.
const BUCKETS_MAX: usize = 100_000;
const MAPS_MAX: usize = 20_000;

pub(super) struct Caches {
    pub(super) buckets: Cache<(InodeId, u64), Arc<DentryBucket>>,
    pub(super) maps: Cache<(InodeId, u32), Arc<ExtentMap>>,
    /// Whether entries may be believed: nobody else writes the volume.
    exclusive: bool,
}

impl std::fmt::Debug for Caches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Caches({} buckets, {} maps)", self.buckets.len(), self.maps.len())
    }
}

impl Caches {
    pub(super) fn new(exclusive: bool) -> Self {
        Self { buckets: Cache::new(BUCKETS_MAX), maps: Cache::new(MAPS_MAX), exclusive }
    }
}

/// The map that covers an extent, and the extent's position in it.
pub(super) fn map_place(extent: u64) -> Result<(u32, usize), Error> {
    let index = u32::try_from(extent / EXTENTS_PER_MAP).map_err(|_| Error::TooLarge)?;
    let position = usize::try_from(extent % EXTENTS_PER_MAP).unwrap_or(0);
    Ok((index, position))
}

impl Vfs {
    /// A dentry bucket; empty if no name has the hash.
    pub(super) async fn bucket(
        &self,
        dir: &InodeCell,
        hash: u64,
    ) -> Result<Arc<DentryBucket>, Error> {
        if let Some(bucket) = self.cached_bucket(dir.id, hash) {
            return Ok(bucket);
        }
        let _filling = dir.op.read().await;
        self.bucket_locked(dir.id, hash).await
    }

    /// As [`Self::bucket`]; the caller holds the directory's operation lock.
    pub(super) async fn bucket_locked(
        &self,
        dir: InodeId,
        hash: u64,
    ) -> Result<Arc<DentryBucket>, Error> {
        if let Some(bucket) = self.cached_bucket(dir, hash) {
            return Ok(bucket);
        }
        let key = RecordKey::dentry(dir, hash);
        let bucket = match self.noting(self.records().get(&key).await)? {
            Some(bytes) => DentryBucket::decode(&bytes).map_err(|e| Error::layout(&key, e))?,
            None => DentryBucket::default(),
        };
        let bucket = Arc::new(bucket);
        self.caches.buckets.insert((dir, hash), Arc::clone(&bucket));
        Ok(bucket)
    }

    /// An extent map; empty if all of its extents are holes.
    pub(super) async fn extent_map(
        &self,
        file: &InodeCell,
        index: u32,
    ) -> Result<Arc<ExtentMap>, Error> {
        if let Some(map) = self.cached_map(file.id, index) {
            return Ok(map);
        }
        let _filling = file.op.read().await;
        self.extent_map_locked(file.id, index).await
    }

    /// As [`Self::extent_map`]; the caller holds the file's operation lock.
    pub(super) async fn extent_map_locked(
        &self,
        file: InodeId,
        index: u32,
    ) -> Result<Arc<ExtentMap>, Error> {
        if let Some(map) = self.cached_map(file, index) {
            return Ok(map);
        }
        let key = RecordKey::extent_map(file, index);
        let map = match self.noting(self.records().get(&key).await)? {
            Some(bytes) => ExtentMap::decode(&bytes).map_err(|e| Error::layout(&key, e))?,
            None => ExtentMap::default(),
        };
        let map = Arc::new(map);
        self.caches.maps.insert((file, index), Arc::clone(&map));
        Ok(map)
    }

    fn cached_bucket(&self, dir: InodeId, hash: u64) -> Option<Arc<DentryBucket>> {
        if self.caches.exclusive { self.caches.buckets.get(&(dir, hash)) } else { None }
    }

    fn cached_map(&self, file: InodeId, index: u32) -> Option<Arc<ExtentMap>> {
        if self.caches.exclusive { self.caches.maps.get(&(file, index)) } else { None }
    }
}
