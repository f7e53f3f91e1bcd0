//! Flushing one file: from dirty pieces to frames, from stored frames to its extent maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::limits::EXTENTS_PER_MAP;
use crate::base::{ExtentIndex, InodeId, to_u64, to_usize};
use crate::block::PlainFrame;
use crate::format::{ExtentMap, FrameRef};

use super::caches::map_place;
use super::cell::InodeCell;
use super::change::Change;
use super::dirty::{Extents, Pieces};
use super::flush::Stored;
use super::{Error, Vfs};

/// New places of extents, by map: the extent's position in it, and its frame or a hole.
type Places = BTreeMap<u32, Vec<(usize, Option<FrameRef>)>>;

/// A file on its way to the store.
#[derive(Debug)]
pub(super) struct PreparedFile {
    pub(super) cell: Arc<InodeCell>,
    frames: Vec<PlainFrame>,
    inline: Option<Vec<u8>>,
    /// Where the content taken ends: the stored record may claim a size up to here.
    end: u64,
    /// When the file was looked at, nothing else waited.
    took_all: bool,
}

impl PreparedFile {
    pub(super) fn take_frames(&mut self) -> Vec<PlainFrame> {
        std::mem::take(&mut self.frames)
    }
}

impl Vfs {
    /// Takes about `bytes` of a file's dirty content and turns it into whole frames, or into inline
    /// content if the file is small. Extents that are changed in part are completed from the store.
    pub(super) async fn prepare_file(
        &self,
        cell: Arc<InodeCell>,
        bytes: u64,
    ) -> Result<PreparedFile, (Arc<InodeCell>, Error)> {
        let (taken, size, took_all) = {
            let mut state = cell.state().lock();
            let taken = state.dirty.begin_flush(bytes.max(1));
            (taken, state.record.size, state.dirty.bytes() == 0)
        };
        let mut prepared = PreparedFile {
            cell: Arc::clone(&cell),
            frames: Vec::new(),
            inline: None,
            end: 0,
            took_all,
        };
        let Some(extents) = taken else { return Ok(prepared) };
        let extent_len = u64::from(self.extent_bytes());
        if let Some((&last, pieces)) = extents.iter().next_back() {
            prepared.end = last * extent_len + u64::from(pieces.end());
        }
        match self.prepare_extents(&cell, &extents, size, &mut prepared).await {
            Ok(()) => Ok(prepared),
            Err(error) => Err((cell, error)),
        }
    }

    async fn prepare_extents(
        &self,
        cell: &InodeCell,
        extents: &Extents,
        size: u64,
        prepared: &mut PreparedFile,
    ) -> Result<(), Error> {
        let first_map = self.extent_map(cell, 0).await?;
        let first_inline = match &*first_map {
            ExtentMap::Inline(bytes) => Some(bytes.clone()),
            ExtentMap::Frames(_) if first_map.is_empty() => Some(Bytes::new()),
            ExtentMap::Frames(_) => None,
        };
        let only_first = extents.keys().all(|&index| index == 0);
        if let (Some(base), Some(pieces)) = (&first_inline, extents.get(&0))
            && only_first
            && size <= self.inline_bytes_max()
            && u64::from(pieces.end()) <= self.inline_bytes_max()
        {
            prepared.inline = Some(compose(base, pieces));
            return Ok(());
        }
        let mut work: BTreeMap<u64, Pieces> = extents.clone();
        // Inline content shares its record with the first 64 extents: it becomes a frame with them.
        let touches_first = extents.keys().any(|&index| index < EXTENTS_PER_MAP);
        if touches_first && first_inline.as_ref().is_some_and(|bytes| !bytes.is_empty()) {
            work.entry(0).or_default();
        }
        for (index, pieces) in work {
            let base = self.base_of(cell, index, &pieces).await?;
            let bytes = compose(&base, &pieces);
            let extent = ExtentIndex::new(index);
            if !bytes.is_empty() {
                prepared.frames.push(PlainFrame { inode: cell.id, extent, bytes });
            }
        }
        Ok(())
    }

    /// The stored content that shines through the gaps of `pieces`; empty if there are none.
    async fn base_of(
        &self,
        cell: &InodeCell,
        extent: u64,
        pieces: &Pieces,
    ) -> Result<Bytes, Error> {
        let (index, position) = map_place(extent)?;
        let map = self.extent_map(cell, index).await?;
        if let ExtentMap::Inline(bytes) = &*map {
            return Ok(if position == 0 { bytes.clone() } else { Bytes::new() });
        }
        let Some(frame) = map.frame(position) else { return Ok(Bytes::new()) };
        if pieces.covers(frame.valid_len) {
            return Ok(Bytes::new());
        }
        let mut frames = self.blocks().read_frames(&[*frame]).await?;
        let plain = frames.pop().ok_or_else(|| Error::Io("a frame was not read".to_owned()))?;
        Ok(plain.slice(..to_usize(u64::from(frame.valid_len)).min(plain.len())))
    }

    /// Puts the stored frames of a file into its extent maps, with the size and times that belong
    /// to them, in one transaction.
    pub(super) async fn commit_file(
        &self,
        file: PreparedFile,
        stored: &Stored,
    ) -> Result<(), Error> {
        let cell = Arc::clone(&file.cell);
        let _held = cell.op.write().await;
        let (clip, exists) = {
            let state = cell.state().lock();
            let clip = state.dirty.flushing.as_ref().map_or(u64::MAX, |flushing| flushing.clip);
            (clip, state.record.nlink > 0 || cell.is_pinned())
        };
        if !exists {
            let mut state = cell.state().lock();
            self.budget.give(state.dirty.discard());
            return Ok(());
        }
        let mut change = Change::begin(self).await?;
        let used = self.change_maps(&mut change, &file, stored, clip).await?;
        let (record, stored_size) = {
            let state = cell.state().lock();
            let mut next = state.record_to_store();
            next.used_bytes = next.used_bytes.saturating_add_signed(used);
            let reached = if file.took_all && state.dirty.bytes() == 0 {
                state.record.size
            } else {
                state.stored_size.max(file.end.min(clip)).min(state.record.size)
            };
            if next.kind == crate::format::FileKind::File {
                next.size = reached;
            }
            (next, reached)
        };
        change.put_inode(cell.id, &record);
        change.commit().await?;
        let mut state = cell.state().lock();
        state.record.used_bytes = record.used_bytes;
        state.stored_size = stored_size;
        self.budget.give(state.dirty.end_flush());
        if state.dirty.is_clean() {
            state.attr_dirty = state.record != record;
            state.dirty_since = None;
        } else {
            state.dirty_since = Some(self.clock().monotonic());
        }
        if !state.dirty.is_clean() || state.attr_dirty {
            drop(state);
            self.flusher.note_dirty(&cell);
        }
        Ok(())
    }

    /// Replaces the places of the extents that were stored. Returns by how many bytes the content
    /// the file accounts for grew.
    async fn change_maps(
        &self,
        change: &mut Change<'_>,
        file: &PreparedFile,
        stored: &Stored,
        clip: u64,
    ) -> Result<i64, Error> {
        let inode = file.cell.id;
        if let Some(inline) = &file.inline {
            let old = self.extent_map_locked(inode, 0).await?;
            let keep = inline.len().min(to_usize(clip.min(to_u64(inline.len()))));
            let kept = inline.get(..keep).unwrap_or_default();
            let new = ExtentMap::Inline(Bytes::copy_from_slice(kept));
            let grown =
                super::change::signed(new.used_bytes()) - super::change::signed(old.used_bytes());
            change.put_map(inode, 0, &old, new);
            return Ok(grown);
        }
        let mut grown = 0;
        for (index, places) in self.places_of(inode, stored, clip)? {
            let old = self.extent_map_locked(inode, index).await?;
            let mut frames = match &*old {
                ExtentMap::Frames(frames) => frames.clone(),
                ExtentMap::Inline(_) => vec![None; to_usize(EXTENTS_PER_MAP)],
            };
            for (position, frame) in places {
                if let Some(place) = frames.get_mut(position) {
                    *place = frame;
                }
            }
            let new = ExtentMap::Frames(frames);
            grown +=
                super::change::signed(new.used_bytes()) - super::change::signed(old.used_bytes());
            change.put_map(inode, index, &old, new);
        }
        for (_, frame) in stored.places.get(&inode).into_iter().flatten() {
            if let Some(&(size, created)) = stored.segments.get(&frame.segment) {
                change.new_segment(frame.segment, size, created);
            }
        }
        Ok(grown)
    }

    /// The new places of a file's extents, by map. A frame that a truncation overtook is clipped,
    /// or left out if nothing of it is content any more.
    fn places_of(&self, inode: InodeId, stored: &Stored, clip: u64) -> Result<Places, Error> {
        let mut places = Places::new();
        for (extent, frame) in stored.places.get(&inode).into_iter().flatten() {
            let start = extent.get() * u64::from(self.extent_bytes());
            let valid = u64::from(frame.plain_len).min(clip.saturating_sub(start));
            let valid_len = u32::try_from(valid).unwrap_or(frame.plain_len);
            let frame = (valid_len > 0).then_some(FrameRef { valid_len, ..*frame });
            let (index, position) = map_place(extent.get())?;
            places.entry(index).or_default().push((position, frame));
        }
        Ok(places)
    }
}

/// Lays pieces over a base; gaps are zeros.
fn compose(base: &[u8], pieces: &Pieces) -> Vec<u8> {
    let len = base.len().max(to_usize(u64::from(pieces.end())));
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(base);
    out.resize(len, 0);
    for (start, piece) in pieces.iter() {
        let start = to_usize(u64::from(start));
        if let Some(place) = out.get_mut(start..start + piece.len()) {
            place.copy_from_slice(piece);
        }
    }
    out
}
