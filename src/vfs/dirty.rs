//! Dirty content: bytes that were written and are not stored yet, kept by reference.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{to_u32, to_u64, to_usize};

/// Pieces of one extent beyond which neighbours are joined, so that many tiny writes stay cheap.
const PIECES_MAX: usize = 64;

/// Byte ranges of one extent that do not overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces(BTreeMap<u32, Bytes>);

impl Pieces {
    /// Lays `bytes` over what is there. Returns by how much the number of bytes kept grew.
    pub(super) fn paint(&mut self, offset: u32, bytes: Bytes) -> i64 {
        let len = to_u32(bytes.len());
        if len == 0 {
            return 0;
        }
        let end = offset + len;
        let mut grown = i64::from(len);
        let before =
            self.0.range(..offset).next_back().map(|(&start, piece)| (start, piece.clone()));
        if let Some((start, piece)) = before {
            let piece_end = start + to_u32(piece.len());
            if piece_end > offset {
                grown -= i64::from(piece_end.min(end) - offset);
                self.0.insert(start, piece.slice(..to_usize(u64::from(offset - start))));
                if piece_end > end {
                    self.0.insert(end, piece.slice(to_usize(u64::from(end - start))..));
                }
            }
        }
        let covered: Vec<u32> = self.0.range(offset..end).map(|(&start, _)| start).collect();
        for start in covered {
            let Some(piece) = self.0.remove(&start) else { continue };
            let piece_end = start + to_u32(piece.len());
            grown -= i64::from(piece_end.min(end) - start);
            if piece_end > end {
                self.0.insert(end, piece.slice(to_usize(u64::from(end - start))..));
            }
        }
        self.0.insert(offset, bytes);
        if self.0.len() > PIECES_MAX {
            self.join();
        }
        grown
    }

    /// Forgets everything from `len` on. Returns how many bytes that were.
    pub(super) fn truncate(&mut self, len: u32) -> u64 {
        let beyond = self.0.split_off(&len);
        let mut dropped: u64 = beyond.values().map(|piece| to_u64(piece.len())).sum();
        if let Some((&start, piece)) = self.0.iter_mut().next_back() {
            let keep = to_usize(u64::from(len - start));
            if piece.len() > keep {
                dropped += to_u64(piece.len() - keep);
                piece.truncate(keep);
            }
        }
        dropped
    }

    /// Where the last byte ends.
    pub(super) fn end(&self) -> u32 {
        self.0.iter().next_back().map_or(0, |(&start, piece)| start + to_u32(piece.len()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.values().map(|piece| to_u64(piece.len())).sum()
    }

    /// Whether `0..len` is there without a gap.
    pub(super) fn covers(&self, len: u32) -> bool {
        let mut at = 0;
        for (&start, piece) in &self.0 {
            if start > at {
                break;
            }
            at = start + to_u32(piece.len());
        }
        at >= len
    }

    /// The ranges, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        self.0.iter().map(|(&start, piece)| (start, piece))
    }

    /// Joins neighbours that touch.
    fn join(&mut self) {
        let mut joined: Vec<(u32, Vec<u8>)> = Vec::new();
        for (start, piece) in std::mem::take(&mut self.0) {
            match joined.last_mut() {
                Some((first, run)) if *first + to_u32(run.len()) == start => {
                    run.extend_from_slice(&piece);
                }
                _ => joined.push((start, piece.to_vec())),
            }
        }
        self.0 = joined.into_iter().map(|(start, run)| (start, Bytes::from(run))).collect();
    }
}

/// Extents by index.
pub(super) type Extents = BTreeMap<u64, Pieces>;

/// Content on its way to the store. Newer writes lie over it.
#[derive(Clone, Debug)]
pub(super) struct Flushing {
    pub(super) extents: Arc<Extents>,
    /// The smallest size the file had since: bytes beyond it are no longer content.
    pub(super) clip: u64,
    pub(super) bytes: u64,
}

/// The dirty content of one file.
#[derive(Debug, Default)]
pub(super) struct DirtyFile {
    extents: Extents,
    bytes: u64,
    pub(super) flushing: Option<Flushing>,
}

impl DirtyFile {
    /// Whether nothing waits and nothing is on its way.
    pub(super) fn is_clean(&self) -> bool {
        self.extents.is_empty() && self.flushing.is_none()
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes a write. Returns by how much the bytes that wait grew.
    pub(super) fn write(&mut self, offset: u64, data: &Bytes, extent_bytes: u32) -> i64 {
        let extent_len = u64::from(extent_bytes);
        let (mut at, mut grown) = (0_u64, 0_i64);
        let len = to_u64(data.len());
        while at < len {
            let position = offset + at;
            let within = position % extent_len;
            let take = (extent_len - within).min(len - at);
            let piece = data.slice(to_usize(at)..to_usize(at + take));
            let pieces = self.extents.entry(position / extent_len).or_default();
            grown += pieces.paint(u32::try_from(within).unwrap_or(0), piece);
            at += take;
        }
        self.bytes = self.bytes.saturating_add_signed(grown);
        grown
    }

    /// Forgets everything from `size` on. Returns how many waiting bytes that were.
    pub(super) fn truncate(&mut self, size: u64, extent_bytes: u32) -> u64 {
        let extent_len = u64::from(extent_bytes);
        let beyond = self.extents.split_off(&size.div_ceil(extent_len));
        let mut dropped: u64 = beyond.values().map(Pieces::bytes).sum();
        if let Some(pieces) = self.extents.get_mut(&(size / extent_len)) {
            dropped += pieces.truncate(u32::try_from(size % extent_len).unwrap_or(0));
        }
        self.extents.retain(|_, pieces| !pieces.is_empty());
        self.bytes -= dropped;
        if let Some(flushing) = &mut self.flushing {
            flushing.clip = flushing.clip.min(size);
        }
        dropped
    }

    /// Puts extents worth about `bytes_max` on their way. `None` if nothing waits.
    ///
    /// # Panics
    /// If something is on its way already: one flush of a file at a time.
    pub(super) fn begin_flush(&mut self, bytes_max: u64) -> Option<Arc<Extents>> {
        assert!(self.flushing.is_none(), "one flush of a file at a time");
        let mut taken = Extents::new();
        let mut bytes = 0;
        while bytes < bytes_max {
            let Some((index, pieces)) = self.extents.pop_first() else { break };
            bytes += pieces.bytes();
            taken.insert(index, pieces);
        }
        if taken.is_empty() {
            return None;
        }
        self.bytes -= bytes;
        let extents = Arc::new(taken);
        self.flushing = Some(Flushing { extents: Arc::clone(&extents), clip: u64::MAX, bytes });
        Some(extents)
    }

    /// What was on its way is stored. Returns its bytes.
    pub(super) fn end_flush(&mut self) -> u64 {
        self.flushing.take().map_or(0, |flushing| flushing.bytes)
    }

    /// What was on its way did not arrive: it waits again, under newer writes. Returns by how much
    /// the memory it needs shrank.
    pub(super) fn undo_flush(&mut self, extent_bytes: u32) -> u64 {
        let Some(flushing) = self.flushing.take() else { return 0 };
        let newer = std::mem::take(&mut self.extents);
        let before = self.bytes + flushing.bytes;
        self.extents = Arc::unwrap_or_clone(flushing.extents);
        self.bytes = flushing.bytes;
        if flushing.clip != u64::MAX {
            self.truncate(flushing.clip, extent_bytes);
        }
        for (index, pieces) in newer {
            let below = self.extents.entry(index).or_default();
            for (offset, piece) in pieces.iter() {
                self.bytes = self.bytes.saturating_add_signed(below.paint(offset, piece.clone()));
            }
        }
        before - self.bytes
    }

    /// Forgets everything. Returns how many bytes that were.
    pub(super) fn discard(&mut self) -> u64 {
        self.extents.clear();
        std::mem::take(&mut self.bytes) + self.end_flush()
    }

    /// What lies over the stored bytes of one extent, oldest first.
    pub(super) fn layers(&self, index: u64, extent_bytes: u32) -> Vec<Pieces> {
        let mut layers = Vec::new();
        if let Some(flushing) = &self.flushing
            && let Some(pieces) = flushing.extents.get(&index)
        {
            let mut pieces = pieces.clone();
            let start = index * u64::from(extent_bytes);
            let clip = flushing.clip.saturating_sub(start).min(u64::from(extent_bytes));
            pieces.truncate(u32::try_from(clip).unwrap_or(u32::MAX));
            layers.push(pieces);
        }
        layers.extend(self.extents.get(&index).cloned());
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(pieces: &Pieces, len: usize) -> Vec<u8> {
        let mut out = vec![b'.'; len];
        for (start, piece) in pieces.iter() {
            out[start as usize..start as usize + piece.len()].copy_from_slice(piece);
        }
        out
    }

    #[test]
    fn painting_is_the_same_as_copying_into_a_buffer() {
        // A small generator is enough: every overlap shape appears within a few hundred writes.
        let mut seed = 1_u32;
        let mut next = |bound: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % bound
        };
        let (mut pieces, mut model) = (Pieces::default(), vec![b'.'; 200]);
        let mut kept = 0;
        for round in 0..2_000_u32 {
            let start = next(180);
            let len = 1 + next(20);
            let byte = b'a' + u8::try_from(round % 26).unwrap();
            kept += pieces.paint(start, Bytes::from(vec![byte; len as usize]));
            model[start as usize..(start + len) as usize].fill(byte);
            if round % 97 == 0 {
                let cut = next(200);
                kept -= i64::try_from(pieces.truncate(cut)).unwrap();
                model[cut as usize..].fill(b'.');
            }
            assert_eq!(flat(&pieces, 200), model);
            assert_eq!(i64::try_from(pieces.bytes()).unwrap(), kept);
        }
    }

    #[test]
    fn a_failed_flush_waits_again_under_newer_writes() {
        let mut file = DirtyFile::default();
        file.write(0, &Bytes::from_static(b"old old old"), 1_024);
        assert!(file.begin_flush(u64::MAX).is_some());
        file.write(4, &Bytes::from_static(b"new"), 1_024);
        file.truncate(9, 1_024);
        let layers = file.layers(0, 1_024);
        assert_eq!((flat(&layers[0], 11), flat(&layers[1], 11)), {
            (b"old old o..".to_vec(), b"....new....".to_vec())
        });
        assert_eq!(file.undo_flush(1_024), 2 + 3);
        let layers = file.layers(0, 1_024);
        assert_eq!(flat(&layers[0], 9), b"old new o");
        assert_eq!(file.discard(), 9);
        assert!(file.is_clean());
    }

    #[test]
    fn a_write_over_an_extent_boundary_is_split() {
        let mut file = DirtyFile::default();
        assert_eq!(file.write(6, &Bytes::from_static(b"abcd"), 8), 4);
        let (first, second) = (&file.layers(0, 8)[0], &file.layers(1, 8)[0]);
        assert_eq!(flat(first, 8), b"......ab");
        assert_eq!(flat(second, 8), b"cd......");
        assert!(!first.covers(8) && second.covers(2));
    }
}
