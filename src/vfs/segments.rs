//! Segments that nothing refers to any more, and when their objects may go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::SegmentId;
use crate::format::SegmentRecord;
use crate::meta::{RecordKey, keys};

use crate::telemetry::names::SEGMENTS_REMOVED;

use super::{Error, Vfs};

/// Segments looked at in one step of a sweep.
const SWEEP_PAGE: usize = 512;
/// An object that no record knows is left alone until it is this old, in seconds: its writer may
/// be about to commit.
const STRAY_AGE_MIN: i64 = 3_600;

/// What waits for removal, and what must not be removed now.
#[derive(Debug, Default)]
pub(super) struct DeadSegments {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Emptied, and since which monotonic time (set when the emptying became durable).
    emptied: BTreeMap<SegmentId, Option<Duration>>,
    /// Stored, and about to be referred to.
    in_flight: BTreeSet<SegmentId>,
}

impl DeadSegments {
    pub(super) fn emptied(&self, segments: Vec<SegmentId>) {
        if !segments.is_empty() {
            let mut state = self.state.lock();
            state.emptied.extend(segments.into_iter().map(|segment| (segment, None)));
        }
    }

    pub(super) fn begin(&self, segment: SegmentId) {
        self.state.lock().in_flight.insert(segment);
    }

    pub(super) fn end(&self, segment: SegmentId) {
        self.state.lock().in_flight.remove(&segment);
    }

    /// Segments whose emptying is not durable yet.
    fn not_durable(&self) -> Vec<SegmentId> {
        let state = self.state.lock();
        state.emptied.iter().filter(|(_, at)| at.is_none()).map(|(&id, _)| id).collect()
    }

    /// Starts the grace period of segments whose emptying is durable now.
    fn start_grace(&self, segments: &[SegmentId], now: Duration) {
        let mut state = self.state.lock();
        for segment in segments {
            if let Some(at) = state.emptied.get_mut(segment) {
                at.get_or_insert(now);
            }
        }
    }

    /// Segments whose grace period is over.
    fn due(&self, now: Duration, grace: Duration) -> Vec<SegmentId> {
        let state = self.state.lock();
        let over = |at: &Option<Duration>| at.is_some_and(|at| now.saturating_sub(at) >= grace);
        let due = state.emptied.iter().filter(|(id, at)| over(at) && !state.in_flight.contains(id));
        due.map(|(&id, _)| id).collect()
    }

    fn done(&self, segment: SegmentId) {
        self.state.lock().emptied.remove(&segment);
    }

    /// Whether anything waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.state.lock().emptied.is_empty()
    }
}

impl Vfs {
    /// Removes segments that have been empty, durably, for the grace period.
    pub(super) async fn remove_dead_segments(&self) -> Result<(), Error> {
        let fresh = self.segments.not_durable();
        if !fresh.is_empty() {
            // Never before the freeing metadata is durable: a crash must not bring back a map that
            // points to an object that is gone.
            self.flush_metadata().await?;
            self.segments.start_grace(&fresh, self.clock().monotonic());
        }
        let due = self.segments.due(self.clock().monotonic(), self.options.segment_grace);
        for segment in due {
            self.remove_dead_segment(segment).await?;
        }
        Ok(())
    }

    async fn remove_dead_segment(&self, segment: SegmentId) -> Result<(), Error> {
        let _still = self.counter_locks.segment(segment).await;
        let key = RecordKey::segment(segment);
        let record = match self.noting(self.records().get(&key).await)? {
            Some(bytes) => Some(SegmentRecord::decode(&bytes).map_err(|e| Error::layout(&key, e))?),
            None => None,
        };
        if record.is_none_or(|record| record.live_frames == 0) {
            // The object first: a record without an object is found again at the next start.
            self.blocks().delete_segments(&[segment]).await?;
            let mut txn = self.noting(self.records().begin().await)?;
            txn.delete(&key);
            txn.commit(crate::meta::Durability::Visible).await?;
            self.flusher.note_metadata();
            metrics::counter!(SEGMENTS_REMOVED).increment(1);
        }
        self.segments.done(segment);
        Ok(())
    }

    /// Finds what a crash left: records of empty segments, and old objects that no record knows.
    pub(super) async fn sweep_segments(&self) -> Result<(), Error> {
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let prefix = keys::segments();
            let page =
                self.noting(self.records().scan(&prefix, after.as_deref(), SWEEP_PAGE).await)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let empty = page.iter().filter_map(|(key, bytes)| {
                let record = SegmentRecord::decode(bytes).ok()?;
                (record.live_frames == 0).then(|| keys::segment_id(key)).flatten()
            });
            self.segments.emptied(empty.collect());
        }
        self.sweep_stray_objects().await
    }

    async fn sweep_stray_objects(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self.blocks().list_segments(after, SWEEP_PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (segment, age) in page {
                let old = age.is_some_and(|age| age >= STRAY_AGE_MIN);
                if old
                    && self
                        .noting(self.records().get(&RecordKey::segment(segment)).await)?
                        .is_none()
                {
                    self.segments.emptied(vec![segment]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_goes_only_after_its_grace_and_never_in_flight() {
        let dead = DeadSegments::default();
        let segment = SegmentId::from_bytes([1; 16]);
        let seconds = Duration::from_secs;
        dead.emptied(vec![segment]);
        assert!(dead.due(seconds(100), seconds(10)).is_empty(), "not durable yet");
        dead.start_grace(&dead.not_durable(), seconds(100));
        assert!(dead.due(seconds(109), seconds(10)).is_empty());
        dead.begin(segment);
        assert!(dead.due(seconds(110), seconds(10)).is_empty(), "in flight");
        dead.end(segment);
        assert_eq!(dead.due(seconds(110), seconds(10)), vec![segment]);
        dead.done(segment);
        assert!(!dead.is_waiting());
    }
}
