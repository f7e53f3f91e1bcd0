//! READ: dirty bytes over stored frames over zeros.

use std::sync::Arc;

use bytes::Bytes;

use super::Result;
use crate::base::{InodeId, to_u64, to_usize};
use crate::block::BlockError;
use crate::format::{ExtentMap, FileKind, FrameRef};

use super::super::access::check_read;
use super::super::caches::map_place;
use super::super::cell::InodeCell;
use super::super::dirty::Pieces;
use super::super::{Attr, Error, Identity, ReadData, Vfs};

/// Where the zeros of holes come from.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
/// An access time is renewed when it is older than this, in seconds, or older than the last change.
const ATIME_AGE_MAX: i64 = 24 * 60 * 60;

/// One extent of a read: what lies over its stored bytes, and which of its bytes are asked for.
struct Part {
    extent: u64,
    start: u32,
    end: u32,
    layers: Vec<Pieces>,
}

/// What is stored of an extent.
enum Base {
    Hole,
    Inline(Bytes),
    Frame(FrameRef),
}

impl Vfs {
    /// At most `count` bytes from `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::IsDirectory`], [`Error::Invalid`] for anything else that has no
    /// content, [`Error::Io`] if stored bytes were changed or are missing: never zeros instead.
    ///
    /// # Cost
    /// Cold frames cost one range GET per group of neighbours; dirty and cached bytes none.
    pub async fn read(
        &self,
        who: &Identity,
        inode: InodeId,
        offset: u64,
        count: u32,
    ) -> Result<ReadData> {
        let cell = self.cell(inode).await?;
        let (attr, parts) = {
            let state = cell.state().lock();
            match state.record.kind {
                FileKind::File => {}
                FileKind::Directory => return Err(Error::IsDirectory),
                FileKind::Symlink
                | FileKind::CharDevice
                | FileKind::BlockDevice
                | FileKind::Fifo
                | FileKind::Socket => return Err(Error::Invalid),
            }
            check_read(&state.record, who)?;
            let attr = super::super::cell::attr_of(inode, &state.record);
            let end = attr.size.min(offset.saturating_add(u64::from(count)));
            (attr, self.parts_of(&state.dirty, offset, end))
        };
        self.touch_atime(&cell);
        let slices = self.read_parts(&cell, parts).await?;
        Ok(finish(slices, offset, attr))
    }

    fn parts_of(&self, dirty: &super::super::dirty::DirtyFile, offset: u64, end: u64) -> Vec<Part> {
        let extent_len = u64::from(self.extent_bytes());
        let mut parts = Vec::new();
        let mut at = offset;
        while at < end {
            let extent = at / extent_len;
            let first = extent * extent_len;
            let until = (first + extent_len).min(end);
            let within = |position: u64| u32::try_from(position - first).unwrap_or(u32::MAX);
            let layers = dirty.layers(extent, self.extent_bytes());
            parts.push(Part { extent, start: within(at), end: within(until), layers });
            at = until;
        }
        parts
    }

    async fn read_parts(&self, cell: &Arc<InodeCell>, parts: Vec<Part>) -> Result<Vec<Bytes>> {
        match self.read_stored(cell, &parts).await {
            // The segment was rewritten or emptied between the map and the read: look again once.
            Err(ReadError::Missing) => self.read_stored(cell, &parts).await.map_err(Error::from),
            other => other.map_err(Error::from),
        }
    }

    async fn read_stored(
        &self,
        cell: &Arc<InodeCell>,
        parts: &[Part],
    ) -> std::result::Result<Vec<Bytes>, ReadError> {
        let mut bases = Vec::with_capacity(parts.len());
        for part in parts {
            bases.push(self.base_of_part(cell, part).await?);
        }
        let frames: Vec<FrameRef> = bases
            .iter()
            .filter_map(|base| match base {
                Base::Frame(frame) => Some(*frame),
                Base::Hole | Base::Inline(_) => None,
            })
            .collect();
        let mut plain = self.blocks().read_frames(&frames).await?.into_iter();
        let mut slices = Vec::with_capacity(parts.len());
        for (part, base) in parts.iter().zip(bases) {
            let stored = match base {
                Base::Hole => Bytes::new(),
                Base::Inline(bytes) => bytes,
                Base::Frame(frame) => {
                    let bytes = plain.next().unwrap_or_default();
                    bytes.slice(..to_usize(u64::from(frame.valid_len)).min(bytes.len()))
                }
            };
            assemble(part, &stored, &mut slices);
        }
        Ok(slices)
    }

    async fn base_of_part(&self, cell: &Arc<InodeCell>, part: &Part) -> Result<Base> {
        let covered = part.layers.last().is_some_and(|pieces| pieces.covers(part.end));
        if covered {
            return Ok(Base::Hole);
        }
        let (index, position) = map_place(part.extent)?;
        let map = self.extent_map(cell, index).await?;
        Ok(match &*map {
            ExtentMap::Inline(bytes) if position == 0 => Base::Inline(bytes.clone()),
            ExtentMap::Inline(_) => Base::Hole,
            ExtentMap::Frames(_) => map.frame(position).map_or(Base::Hole, |f| Base::Frame(*f)),
        })
    }

    /// Renews the access time as `relatime` does: in memory, stored with the next flush.
    pub(in crate::vfs) fn touch_atime(&self, cell: &Arc<InodeCell>) {
        if self.options.read_only {
            return;
        }
        let now = self.now();
        let mut state = cell.state().lock();
        let record = &mut state.record;
        let stale = record.atime <= record.mtime
            || record.atime <= record.ctime
            || now.seconds.saturating_sub(record.atime.seconds) > ATIME_AGE_MAX;
        if stale && record.atime < now {
            record.atime = now;
            state.attr_dirty = true;
            state.dirty_since.get_or_insert(self.clock().monotonic());
            drop(state);
            self.flusher.note_dirty(cell);
        }
    }
}

enum ReadError {
    Missing,
    Other(Error),
}

impl From<BlockError> for ReadError {
    fn from(error: BlockError) -> Self {
        if error.is_missing() { Self::Missing } else { Self::Other(error.into()) }
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing => Self::Damaged("a segment is missing from the store".to_owned()),
            ReadError::Other(error) => error,
        }
    }
}

/// Lays the layers of a part over its stored bytes and appends the slices that were asked for.
fn assemble(part: &Part, stored: &Bytes, slices: &mut Vec<Bytes>) {
    let mut painted = Pieces::default();
    painted.paint(0, stored.clone());
    for layer in &part.layers {
        for (start, piece) in layer.iter() {
            painted.paint(start, piece.clone());
        }
    }
    let mut at = part.start;
    for (start, piece) in painted.iter() {
        let piece_end = start + crate::base::to_u32(piece.len());
        if piece_end <= at {
            continue;
        }
        if start >= part.end {
            break;
        }
        push_zeros(u64::from(start.saturating_sub(at)), slices);
        at = at.max(start);
        let until = piece_end.min(part.end);
        let skip = to_usize(u64::from(at - start));
        slices.push(piece.slice(skip..skip + to_usize(u64::from(until - at))));
        at = until;
    }
    push_zeros(u64::from(part.end - at), slices);
}

fn push_zeros(mut len: u64, slices: &mut Vec<Bytes>) {
    while len > 0 {
        let take = len.min(to_u64(ZEROS.len()));
        slices.push(Bytes::from_static(&ZEROS).slice(..to_usize(take)));
        len -= take;
    }
}

fn finish(slices: Vec<Bytes>, offset: u64, attr: Attr) -> ReadData {
    let data = ReadData { slices, eof: false, attr };
    let eof = offset.saturating_add(to_u64(data.len())) >= attr.size;
    ReadData { eof, ..data }
}
