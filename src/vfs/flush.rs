//! Group commit: everybody who waits for durability at the same moment shares one round.
//!
//! The order is the rule: segments durable, then the metadata that names them, then the metadata
//! durable, then the replies. A pointer to a missing segment would be loss; a segment without a
//! pointer is only garbage.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::base::limits::SEGMENT_BYTES_TARGET;
use crate::base::{ExtentIndex, InodeId, SegmentId};
use crate::block::{PlainFrame, WrittenSegment};
use crate::format::FrameRef;
use crate::telemetry::names::{FLUSH_LOSSES, FLUSH_SECONDS, FLUSHES};

use super::cell::InodeCell;
use super::flush_file::PreparedFile;
use super::{Error, Vfs};

/// Dirty bytes that one pass of a round takes: they exist twice while they are sealed.
const PASS_BYTES_MAX: u64 = 64 << 20;
/// Files prepared at once; each may have to read the rest of an extent it changes.
const FILES_AT_ONCE: usize = 16;
/// Segments on their way at once.
const UPLOADS_AT_ONCE: usize = 4;

/// Somebody who waits for a round.
#[derive(Debug)]
struct Waiter {
    /// For one inode, or for everything.
    inode: Option<InodeId>,
    /// Until the metadata is durable, or only until the content is stored and its metadata visible.
    durable: bool,
    answer: oneshot::Sender<Result<(), Error>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Inodes with anything that is not committed.
    dirty: BTreeMap<InodeId, Arc<InodeCell>>,
    /// Of those, the ones somebody waits for.
    wanted: BTreeSet<InodeId>,
    /// Somebody waits for all of them.
    all: bool,
    /// When all of them were last looked at: a crowd of commits must not search them each time.
    searched: Duration,
    /// When the engine was last flushed.
    flushed: Duration,
    waiters: Vec<Waiter>,
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct Flusher {
    waiting: Mutex<Waiting>,
    /// Metadata was committed since the last flush of the engine.
    metadata: AtomicBool,
    wake: Arc<Notify>,
}

impl Flusher {
    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Runs a round soon.
    pub(super) fn press(&self) {
        self.wake.notify_one();
    }

    pub(super) fn note_metadata(&self) {
        self.metadata.store(true, Ordering::Release);
    }

    pub(super) fn note_dirty(&self, cell: &Arc<InodeCell>) {
        self.waiting.lock().dirty.entry(cell.id).or_insert_with(|| Arc::clone(cell));
    }

    /// Waits until everything about `inode` (or about everything) that happened before the call is
    /// durable.
    pub(super) async fn flush(&self, inode: Option<InodeId>) -> Result<(), Error> {
        self.wait_for(inode, true).await
    }

    /// Waits until the content of `inode` that was written before the call is stored and its
    /// metadata visible. For a caller that commits more and then flushes both at once.
    pub(super) async fn store_content(&self, inode: InodeId) -> Result<(), Error> {
        self.wait_for(Some(inode), false).await
    }

    async fn wait_for(&self, inode: Option<InodeId>, durable: bool) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock();
            match inode {
                Some(inode) => {
                    waiting.wanted.insert(inode);
                }
                None => waiting.all = true,
            }
            waiting.waiters.push(Waiter { inode, durable, answer });
        }
        self.press();
        let stopped = |_| Err(Error::Unavailable("the gateway is stopping".to_owned()));
        answered.await.unwrap_or_else(stopped)
    }

    /// Whether the engine is to be flushed now: somebody waits for it, or its interval is over.
    fn is_engine_due(&self, waits: bool, now: Duration, interval: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        let due = waits || now.saturating_sub(waiting.flushed) >= interval;
        if due {
            waiting.flushed = now;
        }
        due
    }
}

/// Where the frames of a pass went.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) places: HashMap<InodeId, Vec<(ExtentIndex, FrameRef)>>,
    /// Size and time of each segment.
    pub(super) segments: HashMap<SegmentId, (u32, i64)>,
}

impl Stored {
    fn of(segments: &[WrittenSegment]) -> Self {
        let mut stored = Self::default();
        for segment in segments {
            stored.segments.insert(segment.segment, (segment.size, segment.created));
            for (inode, extent, frame) in &segment.frames {
                stored.places.entry(*inode).or_default().push((*extent, *frame));
            }
        }
        stored
    }
}

/// How a round went: the inodes that failed, and whether everything did.
#[derive(Debug, Default)]
struct Outcome {
    failed: BTreeMap<InodeId, Error>,
    all: Option<Error>,
}

impl Outcome {
    fn answer(&self, waiters: Vec<Waiter>) {
        for waiter in waiters {
            // Whoever waits for everything is told of any file that is not stored.
            let own = match waiter.inode {
                Some(inode) => self.failed.get(&inode),
                None => self.failed.values().next(),
            };
            let result = self.all.as_ref().or(own).map_or(Ok(()), |error| Err(error.clone()));
            // The caller may have given up: then nobody needs the answer.
            drop(waiter.answer.send(result));
        }
    }
}

impl Vfs {
    /// Stores what somebody waits for, and what has waited long enough.
    pub(super) async fn flush_round(&self) {
        let (cells, waiters) = self.take_waiting();
        let metadata = self.flusher.metadata.swap(false, Ordering::AcqRel);
        if cells.is_empty() && waiters.is_empty() && !metadata {
            // Costs no request. It tells an idle gateway that another one took over; what is wrong
            // is noted there, and nobody waits for an answer.
            drop(self.flush_metadata().await);
            return;
        }
        let began = self.clock().monotonic();
        let mut outcome = self.flush_cells(cells).await;
        let (durable, content): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|waiter| waiter.durable);
        outcome.answer(content);
        let interval = self.options.flush_interval;
        let now = self.clock().monotonic();
        if outcome.all.is_some() || !self.flusher.is_engine_due(!durable.is_empty(), now, interval)
        {
            self.flusher.note_metadata();
        } else if let Err(error) = self.flush_metadata().await {
            outcome.all = Some(error);
        }
        self.set_trouble(outcome.all.clone());
        let ended =
            if outcome.all.is_none() && outcome.failed.is_empty() { "ok" } else { "failed" };
        metrics::counter!(FLUSHES, "outcome" => ended).increment(1);
        metrics::histogram!(FLUSH_SECONDS)
            .record(self.clock().monotonic().saturating_sub(began).as_secs_f64());
        outcome.answer(durable);
    }

    fn take_waiting(&self) -> (Vec<Arc<InodeCell>>, Vec<Waiter>) {
        let now = self.clock().monotonic();
        let pressed = self.budget.is_pressed();
        let mut waiting = self.flusher.waiting.lock();
        let wanted = std::mem::take(&mut waiting.wanted);
        let everything = std::mem::take(&mut waiting.all) || pressed;
        let mut cells: Vec<Arc<InodeCell>> = if everything {
            std::mem::take(&mut waiting.dirty).into_values().collect()
        } else {
            wanted.iter().filter_map(|id| waiting.dirty.remove(id)).collect()
        };
        if now.saturating_sub(waiting.searched) >= self.options.flush_interval {
            waiting.searched = now;
            let is_due = |cell: &InodeCell| {
                let since = cell.state().lock().dirty_since;
                since.is_some_and(|since| now.saturating_sub(since) >= self.options.dirty_age_max)
            };
            let due = waiting.dirty.extract_if(.., |_, cell| is_due(cell));
            cells.extend(due.map(|(_, cell)| cell));
        }
        (cells, std::mem::take(&mut waiting.waiters))
    }

    /// Stores the dirty content and attributes of `cells`, in passes of bounded size.
    async fn flush_cells(&self, cells: Vec<Arc<InodeCell>>) -> Outcome {
        let mut outcome = Outcome::default();
        // What a file had when the round began; a busy writer does not keep the round from ending.
        let mut left: Vec<(Arc<InodeCell>, u64)> = cells
            .into_iter()
            .map(|cell| {
                let bytes = cell.state().lock().dirty.bytes();
                (cell, bytes)
            })
            .collect();
        while !left.is_empty() && outcome.all.is_none() {
            let mut pass = Vec::new();
            let mut room = PASS_BYTES_MAX;
            while let Some((cell, bytes)) = left.pop() {
                let take = bytes.min(room);
                pass.push((Arc::clone(&cell), take));
                if take < bytes {
                    left.push((cell, bytes - take));
                }
                room -= take;
                if room == 0 {
                    break;
                }
            }
            self.flush_pass(pass, &mut outcome).await;
        }
        for (cell, _) in left {
            self.flusher.note_dirty(&cell);
        }
        outcome
    }

    async fn flush_pass(&self, pass: Vec<(Arc<InodeCell>, u64)>, outcome: &mut Outcome) {
        let prepared: Vec<Result<PreparedFile, (Arc<InodeCell>, Error)>> = stream::iter(pass)
            .map(|(cell, bytes)| self.prepare_file(cell, bytes))
            .buffer_unordered(FILES_AT_ONCE)
            .collect()
            .await;
        let mut files = Vec::with_capacity(prepared.len());
        for file in prepared {
            match file {
                Ok(file) => files.push(file),
                Err((cell, error)) => {
                    let lose = matches!(error, Error::Damaged(_));
                    self.flush_failed(&cell, error, lose, outcome);
                }
            }
        }
        let segments = match self.store_frames(&mut files).await {
            Ok(segments) => segments,
            Err(error) => {
                for file in files {
                    // A full store is told to whoever wrote, as by any file system. Keeping the
                    // content would fill the memory and stop the removals that make room.
                    let lose = error == Error::NoSpace;
                    self.flush_failed(&file.cell, error.clone(), lose, outcome);
                }
                if error != Error::NoSpace {
                    outcome.all = Some(error);
                }
                return;
            }
        };
        let stored = Stored::of(&segments);
        for file in files {
            let cell = Arc::clone(&file.cell);
            if let Err(error) = self.commit_file(file, &stored).await {
                let lose = matches!(error, Error::Damaged(_));
                self.flush_failed(&cell, error, lose, outcome);
            }
        }
        for segment in &segments {
            self.segments.end(segment.segment);
            // If no file committed its frames, the record is not there and the object is garbage.
            let key = crate::meta::RecordKey::segment(segment.segment);
            if matches!(self.records().get(&key).await, Ok(None)) {
                self.segments.emptied(vec![segment.segment]);
            }
        }
    }

    /// Packs the frames of all files into segments and stores those, several at a time.
    async fn store_frames(&self, files: &mut [PreparedFile]) -> Result<Vec<WrittenSegment>, Error> {
        let mut packs: Vec<Vec<PlainFrame>> = Vec::new();
        let mut open: Vec<PlainFrame> = Vec::new();
        let mut open_bytes = 0;
        for file in files {
            for frame in file.take_frames() {
                open_bytes += crate::base::to_u64(frame.bytes.len());
                open.push(frame);
                if open_bytes >= SEGMENT_BYTES_TARGET {
                    packs.push(std::mem::take(&mut open));
                    open_bytes = 0;
                }
            }
        }
        if !open.is_empty() {
            packs.push(open);
        }
        let uploads: Vec<Result<WrittenSegment, _>> = stream::iter(packs)
            .map(|pack| self.blocks().write_segment(pack))
            .buffered(UPLOADS_AT_ONCE)
            .collect()
            .await;
        let mut segments = Vec::with_capacity(uploads.len());
        let mut failed = None;
        for upload in uploads {
            match upload {
                Ok(segment) => segments.push(segment),
                Err(error) => failed = Some(Error::from(error)),
            }
        }
        if let Some(error) = failed {
            self.segments.emptied(segments.iter().map(|segment| segment.segment).collect());
            return Err(error);
        }
        for segment in &segments {
            self.segments.begin(segment.segment);
        }
        Ok(segments)
    }

    /// A file could not be flushed. Its content waits again, unless what it has to be merged with
    /// is damaged or the store is full (`lose`): then it is lost, the verifier changes so that
    /// clients send again what they still have, and the next COMMIT of the file reports the error.
    fn flush_failed(&self, cell: &Arc<InodeCell>, error: Error, lose: bool, outcome: &mut Outcome) {
        let mut state = cell.state().lock();
        if !lose {
            let shrunk = state.dirty.undo_flush(self.extent_bytes());
            self.budget.give(shrunk);
            self.flusher.note_dirty(cell);
        } else {
            tracing::error!(inode = cell.id.get(), %error, "dirty content was lost");
            metrics::counter!(FLUSH_LOSSES).increment(1);
            self.budget.give(state.dirty.discard());
            state.record.size = state.stored_size;
            state.write_error = Some(error.clone());
            self.change_verifier();
        }
        drop(state);
        if error == Error::Fenced {
            outcome.all = Some(Error::Fenced);
        }
        outcome.failed.insert(cell.id, error);
    }
}
