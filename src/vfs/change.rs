//! A change: one transaction and everything that has to be right together with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::base::{InodeId, SegmentId};
use crate::format::{DentryBucket, ExtentMap, InodeRecord, SegmentRecord, Usage};
use crate::meta::keys::USAGE_SHARDS;
use crate::meta::{Durability, RecordKey, Txn};

use super::{Error, Vfs};

const SEGMENT_STRIPES: usize = 64;

/// Locks over the counters that transactions on different inodes share. Taken last, in order, and
/// only for the commit itself.
#[derive(Debug)]
pub(super) struct CounterLocks {
    usage: Vec<tokio::sync::Mutex<()>>,
    segments: Vec<tokio::sync::Mutex<()>>,
}

impl CounterLocks {
    pub(super) fn new() -> Self {
        let locks = |count: usize| (0..count).map(|_| tokio::sync::Mutex::new(())).collect();
        Self { usage: locks(usize::from(USAGE_SHARDS)), segments: locks(SEGMENT_STRIPES) }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct SegmentDelta {
    frames: i64,
    bytes: i64,
    new: Option<(u32, i64)>,
}

/// One metadata transaction, with the accounting of space that belongs to it.
pub(super) struct Change<'v> {
    vfs: &'v Vfs,
    txn: Txn,
    usage: BTreeMap<u8, Usage>,
    segments: BTreeMap<SegmentId, SegmentDelta>,
    buckets: Vec<((InodeId, u64), Arc<DentryBucket>)>,
    maps: Vec<((InodeId, u32), Arc<ExtentMap>)>,
}

impl<'v> Change<'v> {
    pub(super) async fn begin(vfs: &'v Vfs) -> Result<Self, Error> {
        let txn = vfs.noting(vfs.records().begin().await)?;
        Ok(Self {
            vfs,
            txn,
            usage: BTreeMap::new(),
            segments: BTreeMap::new(),
            buckets: Vec::new(),
            maps: Vec::new(),
        })
    }

    pub(super) fn put_inode(&mut self, inode: InodeId, record: &InodeRecord) {
        self.txn.put(&RecordKey::inode(inode), &record.encode());
    }

    pub(super) fn put(&mut self, key: &RecordKey, bytes: &[u8]) {
        self.txn.put(key, bytes);
    }

    pub(super) fn delete(&mut self, key: &RecordKey) {
        self.txn.delete(key);
    }

    /// Counts inodes and bytes of content that come or go with an inode.
    pub(super) fn count(&mut self, inode: InodeId, inodes: i64, bytes: i64) {
        let shard = u8::try_from(inode.get() % u64::from(USAGE_SHARDS)).unwrap_or(0);
        let usage = self.usage.entry(shard).or_default();
        usage.inodes += inodes;
        usage.bytes += bytes;
    }

    pub(super) fn put_bucket(&mut self, dir: InodeId, hash: u64, bucket: DentryBucket) {
        let key = RecordKey::dentry(dir, hash);
        if bucket.is_empty() {
            self.txn.delete(&key);
        } else {
            self.txn.put(&key, &bucket.encode());
        }
        self.buckets.push(((dir, hash), Arc::new(bucket)));
    }

    /// Replaces an extent map; counts the frames that lose and gain a reference, and the bytes.
    pub(super) fn put_map(&mut self, file: InodeId, index: u32, old: &ExtentMap, new: ExtentMap) {
        self.count_frames(old, -1);
        self.count_frames(&new, 1);
        self.count(file, 0, signed(new.used_bytes()) - signed(old.used_bytes()));
        let key = RecordKey::extent_map(file, index);
        if new.is_empty() {
            self.txn.delete(&key);
        } else {
            self.txn.put(&key, &new.encode());
        }
        self.maps.push(((file, index), Arc::new(new)));
    }

    fn count_frames(&mut self, map: &ExtentMap, sign: i64) {
        let ExtentMap::Frames(frames) = map else { return };
        for frame in frames.iter().flatten() {
            let delta = self.segments.entry(frame.segment).or_default();
            delta.frames += sign;
            delta.bytes += sign * i64::from(frame.stored_len);
        }
    }

    /// Makes a segment that was just stored known.
    pub(super) fn new_segment(&mut self, segment: SegmentId, size: u32, created: i64) {
        self.segments.entry(segment).or_default().new = Some((size, created));
    }

    /// Commits. The change is visible on return; with `MetadataSync::Always` the caller waits for
    /// the flush separately, without its locks.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        let vfs = self.vfs;
        self.usage.retain(|_, usage| *usage != Usage::default());
        self.segments.retain(|_, delta| delta.frames != 0 || delta.bytes != 0);
        let locks = &vfs.counter_locks;
        let mut held = Vec::new();
        for lock in self.usage.keys().filter_map(|&shard| locks.usage.get(usize::from(shard))) {
            held.push(lock.lock().await);
        }
        let stripes: BTreeSet<usize> = self.segments.keys().map(|&id| stripe(id)).collect();
        for lock in stripes.iter().filter_map(|&at| locks.segments.get(at)) {
            held.push(lock.lock().await);
        }
        self.apply_usage().await?;
        let dead = self.apply_segments().await?;
        vfs.noting(self.txn.commit(Durability::Visible).await)?;
        drop(held);
        let bytes: i64 = self.usage.values().map(|usage| usage.bytes).sum();
        let inodes: i64 = self.usage.values().map(|usage| usage.inodes).sum();
        vfs.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        vfs.used_inodes.fetch_add(inodes, Ordering::Relaxed);
        for (place, bucket) in self.buckets {
            vfs.caches.buckets.insert(place, bucket);
        }
        for (place, map) in self.maps {
            vfs.caches.maps.insert(place, map);
        }
        vfs.segments.emptied(dead);
        vfs.flusher.note_metadata();
        Ok(())
    }

    async fn apply_usage(&mut self) -> Result<(), Error> {
        for (&shard, delta) in &self.usage {
            let key = RecordKey::usage(shard);
            let mut usage = match self.txn.get(&key).await? {
                Some(bytes) => Usage::decode(&bytes).map_err(|e| Error::layout(&key, e))?,
                None => Usage::default(),
            };
            usage.bytes += delta.bytes;
            usage.inodes += delta.inodes;
            self.txn.put(&key, &usage.encode());
        }
        Ok(())
    }

    /// Updates segment records; returns the segments that nothing refers to any more.
    async fn apply_segments(&mut self) -> Result<Vec<SegmentId>, Error> {
        let mut dead = Vec::new();
        for (&segment, delta) in &self.segments {
            let key = RecordKey::segment(segment);
            let found = match self.txn.get(&key).await? {
                Some(bytes) => {
                    Some(SegmentRecord::decode(&bytes).map_err(|e| Error::layout(&key, e))?)
                }
                None => None,
            };
            let new = delta.new.map(|(size, created)| SegmentRecord {
                size,
                live_frames: 0,
                live_bytes: 0,
                created,
            });
            let Some(mut record) = found.or(new) else {
                return Err(Error::Damaged(format!("segment {segment} has no accounting record")));
            };
            record.live_frames = record.live_frames.saturating_add_signed(delta.frames);
            record.live_bytes = record.live_bytes.saturating_add_signed(delta.bytes);
            if record.live_frames == 0 {
                dead.push(segment);
            }
            self.txn.put(&key, &record.encode());
        }
        Ok(dead)
    }
}

fn stripe(segment: SegmentId) -> usize {
    let [first, ..] = *segment.as_bytes();
    usize::from(first) % SEGMENT_STRIPES
}

pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl CounterLocks {
    /// Holds the accounting of one segment still.
    pub(super) async fn segment(&self, segment: SegmentId) -> tokio::sync::MutexGuard<'_, ()> {
        let lock = self.segments.get(stripe(segment)).expect("stripes are within bounds");
        lock.lock().await
    }
}
