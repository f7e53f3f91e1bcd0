//! Reading: a cold frame costs one range GET; frames that lie behind one another share one.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::base::{SegmentId, to_u64, to_usize};
use crate::crypto::{FrameBinding, KeyRing};
use crate::format::{Compression, FrameRef};
use crate::telemetry::names::CACHE_LOOKUPS;

use super::codec::decompress;
use super::{BlockError, Blocks, segment_key};

/// Sealed bytes that one GET may bring: enough to amortise a round trip, small enough to overlap.
const GET_BYTES_MAX: u64 = 4 << 20;
/// GETs under way for one call.
const GETS_MAX: usize = 8;
/// Sealed bytes that are opened on the caller's thread; more go to a worker.
const OPEN_INLINE_BYTES_MAX: u64 = 256 << 10;

#[derive(Clone)]
struct ByLength;

impl Weighter<(SegmentId, u32), Bytes> for ByLength {
    fn weight(&self, _key: &(SegmentId, u32), frame: &Bytes) -> u64 {
        to_u64(frame.len()) + 64
    }
}

/// Opened frames in memory, bounded in bytes. Keys are immutable places, so nothing in it can be
/// stale.
pub struct FrameCache(Cache<(SegmentId, u32), Bytes, ByLength>);

impl std::fmt::Debug for FrameCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FrameCache({} bytes)", self.0.weight())
    }
}

impl FrameCache {
    /// A cache of `bytes` for frames of about `extent_bytes`.
    #[must_use]
    pub fn new(bytes: u64, extent_bytes: u32) -> Self {
        let items = to_usize(bytes / u64::from(extent_bytes).max(1)).max(16);
        Self(Cache::with_weighter(items, bytes, ByLength))
    }
}

impl Blocks {
    /// Reads and opens frames, in the order given.
    ///
    /// # Errors
    /// [`BlockError::FrameRefused`] if one was changed in the store, [`BlockError::Store`] if one
    /// cannot be had.
    ///
    /// # Cost
    /// Nothing for frames in the cache; one range GET per group of neighbours otherwise.
    pub async fn read_frames(&self, frames: &[FrameRef]) -> Result<Vec<Bytes>, BlockError> {
        let mut found: Vec<Option<Bytes>> = Vec::with_capacity(frames.len());
        let mut cold = Vec::new();
        for (at, frame) in frames.iter().enumerate() {
            let hit = self.cache.0.get(&(frame.segment, frame.frame));
            if hit.is_none() {
                cold.push((at, *frame));
            }
            found.push(hit);
        }
        let (misses, hits) = (to_u64(cold.len()), to_u64(frames.len() - cold.len()));
        metrics::counter!(CACHE_LOOKUPS, "cache" => "frames", "outcome" => "miss")
            .increment(misses);
        metrics::counter!(CACHE_LOOKUPS, "cache" => "frames", "outcome" => "hit").increment(hits);
        let mut gets = stream::iter(groups_of(&cold))
            .map(|group| self.read_group(group))
            .buffer_unordered(GETS_MAX);
        while let Some(group) = gets.try_next().await? {
            for (at, plain) in group {
                if let Some(place) = found.get_mut(at) {
                    *place = Some(plain);
                }
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// One GET and the opening of what it brought.
    async fn read_group(
        &self,
        group: Vec<(usize, FrameRef)>,
    ) -> Result<Vec<(usize, Bytes)>, BlockError> {
        let (Some((_, first)), Some((_, last))) = (group.first(), group.last()) else {
            return Ok(Vec::new());
        };
        let start = u64::from(first.offset);
        let end = u64::from(last.offset) + u64::from(last.stored_len);
        let key = segment_key(first.segment);
        let sealed = self.store.get_range(&key, start..end).await?;
        let keys = Arc::clone(&self.keys);
        let opened = if end - start <= OPEN_INLINE_BYTES_MAX {
            open_group(&keys, &group, &sealed)
        } else {
            let work = tokio::task::spawn_blocking(move || open_group(&keys, &group, &sealed));
            work.await.map_err(|_| BlockError::Worker)?
        };
        let opened = opened?;
        let mut out = Vec::with_capacity(opened.len());
        for (at, place, plain) in opened {
            self.cache.0.insert(place, plain.clone());
            out.push((at, plain));
        }
        Ok(out)
    }
}

/// Splits frames into groups of neighbours in one segment, each at most [`GET_BYTES_MAX`].
fn groups_of(cold: &[(usize, FrameRef)]) -> Vec<Vec<(usize, FrameRef)>> {
    let mut groups: Vec<Vec<(usize, FrameRef)>> = Vec::new();
    for &(at, frame) in cold {
        let joins = groups.last().and_then(|group| group.first().zip(group.last())).is_some_and(
            |((_, first), (_, last))| {
                last.segment == frame.segment
                    && u64::from(last.offset) + u64::from(last.stored_len)
                        == u64::from(frame.offset)
                    && u64::from(frame.offset) + u64::from(frame.stored_len)
                        - u64::from(first.offset)
                        <= GET_BYTES_MAX
            },
        );
        match groups.last_mut() {
            Some(group) if joins => group.push((at, frame)),
            _ => groups.push(vec![(at, frame)]),
        }
    }
    groups
}

type Opened = (usize, (SegmentId, u32), Bytes);

fn open_group(
    keys: &KeyRing,
    group: &[(usize, FrameRef)],
    sealed: &Bytes,
) -> Result<Vec<Opened>, BlockError> {
    let Some((_, first)) = group.first() else { return Ok(Vec::new()) };
    let segment = first.segment;
    let epoch = first.epoch;
    let missing = BlockError::KeyMissing { segment, epoch: epoch.get() };
    let cipher = keys.epoch(epoch).ok_or(missing)?.segment(segment);
    let mut out = Vec::with_capacity(group.len());
    for (at, frame) in group {
        let index = frame.frame;
        let refused = || BlockError::FrameRefused { segment, frame: index };
        let start = to_usize(u64::from(frame.offset - first.offset));
        let end = start + to_usize(u64::from(frame.stored_len));
        let bytes = sealed.get(start..end).ok_or_else(refused)?;
        let binding = FrameBinding {
            volume: keys.volume(),
            segment,
            frame: index,
            codec: frame.codec,
            plain_len: frame.plain_len,
        };
        let packed = cipher.open(&binding, bytes).map_err(|_| refused())?;
        let codec = Compression::from_code(frame.codec).map_err(|_| refused())?;
        let plain_len = to_usize(u64::from(frame.plain_len));
        let plain = decompress(packed, codec, plain_len)
            .map_err(|reason| BlockError::FrameLayout { segment, frame: index, reason })?;
        out.push((*at, (segment, index), Bytes::from(plain)));
    }
    Ok(out)
}
