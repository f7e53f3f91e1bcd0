//! Extent maps: where the content of 64 consecutive extents of a file is (docs/format.md §6.3).

use bytes::Bytes;

use crate::base::limits::{EXTENT_BYTES_MAX, EXTENTS_PER_MAP, INLINE_BYTES_MAX};
use crate::base::{CodecError, KeyEpoch, Reader, SegmentId, Writer, to_u32, to_usize};

const VERSION: u8 = 1;
const INLINE: u8 = 0;
const RUNS: u8 = 1;

/// Where one sealed extent is and how to open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef {
    /// The segment that holds the frame.
    pub segment: SegmentId,
    /// The key epoch of the segment.
    pub epoch: KeyEpoch,
    /// The frame's index in the segment.
    pub frame: u32,
    /// Where the frame starts in the segment, in bytes.
    pub offset: u32,
    /// Its sealed length in bytes.
    pub stored_len: u32,
    /// Its opened and decompressed length in bytes.
    pub plain_len: u32,
    /// How many of those bytes still belong to the file: a truncation lowers this and leaves the
    /// frame alone; bytes beyond read as zeros.
    pub valid_len: u32,
    /// How it is compressed.
    pub codec: u8,
}

impl FrameRef {
    /// Whether `next` lies right behind this frame, so that both fit one run.
    fn continues_with(&self, next: &Self) -> bool {
        self.segment == next.segment
            && self.epoch == next.epoch
            && self.frame.checked_add(1) == Some(next.frame)
            && self.offset.checked_add(self.stored_len) == Some(next.offset)
    }
}

/// The content of 64 consecutive extents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtentMap {
    /// A small file: its bytes themselves, at the start of the first extent.
    Inline(Bytes),
    /// One place per extent; `None` is a hole.
    Frames(Vec<Option<FrameRef>>),
}

impl Default for ExtentMap {
    fn default() -> Self {
        Self::Frames(vec![None; to_usize(EXTENTS_PER_MAP)])
    }
}

impl ExtentMap {
    /// Whether the map holds nothing: its record is deleted then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Inline(bytes) => bytes.is_empty(),
            Self::Frames(frames) => frames.iter().all(Option::is_none),
        }
    }

    /// The frame of the extent at `position` (0 to 63) of this map.
    #[must_use]
    pub fn frame(&self, position: usize) -> Option<&FrameRef> {
        match self {
            Self::Inline(_) => None,
            Self::Frames(frames) => frames.get(position).and_then(Option::as_ref),
        }
    }

    /// Bytes of content this map accounts for; holes not counted.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => u64::from(to_u32(bytes.len())),
            Self::Frames(frames) => frames.iter().flatten().map(|f| u64::from(f.valid_len)).sum(),
        }
    }

    /// Encodes the map; frames that lie behind one another share one run.
    ///
    /// # Panics
    /// If it has more than 64 extents: a bug in the caller.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(256);
        writer.u8(VERSION);
        match self {
            Self::Inline(bytes) => {
                writer.u8(INLINE).u32(to_u32(bytes.len())).put(bytes);
            }
            Self::Frames(frames) => {
                let runs = runs_of(frames);
                writer.u8(RUNS).u8(u8::try_from(runs.len()).expect("at most 64 runs"));
                for (position, run) in runs {
                    encode_run(&mut writer, position, &run);
                }
            }
        }
        writer.into_vec()
    }

    /// Decodes a map.
    ///
    /// # Errors
    /// [`CodecError`] for anything `encode` would not write: positions out of order, runs that
    /// should be one, lengths beyond the limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        reader.version("extent map", VERSION)?;
        let map = match reader.u8()? {
            INLINE => {
                let len = reader.u32()?;
                if len > INLINE_BYTES_MAX {
                    return Err(CodecError::Range { field: "inline length" });
                }
                Self::Inline(Bytes::copy_from_slice(reader.take(to_usize(u64::from(len)))?))
            }
            RUNS => decode_runs(&mut reader)?,
            _ => return Err(CodecError::Range { field: "map kind" }),
        };
        reader.finish()?;
        Ok(map)
    }
}

fn runs_of(frames: &[Option<FrameRef>]) -> Vec<(usize, Vec<FrameRef>)> {
    let mut runs: Vec<(usize, Vec<FrameRef>)> = Vec::new();
    for (position, frame) in frames.iter().enumerate() {
        let Some(frame) = frame else { continue };
        match runs.last_mut() {
            Some((start, run))
                if *start + run.len() == position
                    && run.last().is_some_and(|last| last.continues_with(frame)) =>
            {
                run.push(*frame);
            }
            _ => runs.push((position, vec![*frame])),
        }
    }
    runs
}

fn encode_run(writer: &mut Writer, position: usize, run: &[FrameRef]) {
    let Some(first) = run.first() else { return };
    writer.u8(u8::try_from(position).expect("64 extents per map"));
    writer.u8(u8::try_from(run.len()).expect("64 extents per map"));
    writer.put(first.segment.as_bytes()).u32(first.epoch.get());
    writer.u32(first.frame).u32(first.offset);
    for frame in run {
        writer.u32(frame.stored_len).u32(frame.plain_len).u32(frame.valid_len).u8(frame.codec);
    }
}

fn decode_runs(reader: &mut Reader<'_>) -> Result<ExtentMap, CodecError> {
    let per_map = to_usize(EXTENTS_PER_MAP);
    let mut frames = vec![None; per_map];
    let count = usize::from(reader.u8()?);
    let mut next_position = 0;
    let mut last: Option<(usize, FrameRef)> = None;
    for _ in 0..count {
        let position = usize::from(reader.u8()?);
        let len = usize::from(reader.u8()?);
        if position < next_position || len == 0 || position + len > per_map {
            return Err(CodecError::Range { field: "run" });
        }
        let segment = SegmentId::from_bytes(reader.array()?);
        let epoch = KeyEpoch::new(reader.u32()?);
        let (mut frame, mut offset) = (reader.u32()?, reader.u32()?);
        for (at, place) in frames.iter_mut().enumerate().skip(position).take(len) {
            let found = decode_frame(reader, FramePlace { segment, epoch, frame, offset })?;
            let merges = last.is_some_and(|(before, last)| {
                at == position && before + 1 == at && last.continues_with(&found)
            });
            if merges {
                return Err(CodecError::Range { field: "run that continues the one before" });
            }
            let beyond = CodecError::Range { field: "frame place" };
            frame = frame.checked_add(1).ok_or(beyond)?;
            offset = offset.checked_add(found.stored_len).ok_or(beyond)?;
            last = Some((at, found));
            *place = Some(found);
        }
        next_position = position + len;
    }
    Ok(ExtentMap::Frames(frames))
}

struct FramePlace {
    segment: SegmentId,
    epoch: KeyEpoch,
    frame: u32,
    offset: u32,
}

fn decode_frame(reader: &mut Reader<'_>, at: FramePlace) -> Result<FrameRef, CodecError> {
    let frame = FrameRef {
        segment: at.segment,
        epoch: at.epoch,
        frame: at.frame,
        offset: at.offset,
        stored_len: reader.u32()?,
        plain_len: reader.u32()?,
        valid_len: reader.u32()?,
        codec: reader.u8()?,
    };
    // Compression never makes a frame longer than its plaintext and the tag: what does not shrink
    // is stored as it is.
    let fits = frame.plain_len <= EXTENT_BYTES_MAX
        && frame.valid_len <= frame.plain_len
        && frame.stored_len <= EXTENT_BYTES_MAX + 16;
    if fits { Ok(frame) } else { Err(CodecError::Range { field: "frame lengths" }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segment: u8, frame: u32, offset: u32) -> FrameRef {
        FrameRef {
            segment: SegmentId::from_bytes([segment; 16]),
            epoch: KeyEpoch::FIRST,
            frame,
            offset,
            stored_len: 100,
            plain_len: 90,
            valid_len: 80,
            codec: 0,
        }
    }

    fn map(places: &[(usize, FrameRef)]) -> ExtentMap {
        let mut frames = vec![None; 64];
        for (position, frame) in places {
            frames[*position] = Some(*frame);
        }
        ExtentMap::Frames(frames)
    }

    #[test]
    fn frames_behind_one_another_share_a_run() {
        let one = map(&[(3, frame(1, 7, 500)), (4, frame(1, 8, 600)), (5, frame(1, 9, 700))]);
        assert_eq!(one.encode().len(), 3 + 30 + 3 * 13, "one run");
        let two = map(&[(3, frame(1, 7, 500)), (5, frame(1, 8, 600)), (6, frame(2, 9, 700))]);
        for map in [one, two, ExtentMap::default()] {
            assert_eq!(ExtentMap::decode(&map.encode()), Ok(map));
        }
    }

    #[test]
    fn small_files_are_inline() {
        let map = ExtentMap::Inline(Bytes::from_static(b"hello"));
        assert_eq!(ExtentMap::decode(&map.encode()), Ok(map.clone()));
        assert_eq!(map.used_bytes(), 5);
    }

    #[test]
    fn every_truncation_and_a_split_run_are_refused() {
        let bytes = map(&[(0, frame(1, 7, 500)), (63, frame(1, 8, 600))]).encode();
        for len in 0..bytes.len() {
            assert!(ExtentMap::decode(&bytes[..len]).is_err());
        }
        // The same two frames as two runs of one: decode must not accept what encode cannot write.
        let mut writer = Writer::default();
        writer.u8(VERSION).u8(RUNS).u8(2);
        encode_run(&mut writer, 0, &[frame(1, 7, 500)]);
        encode_run(&mut writer, 1, &[frame(1, 8, 600)]);
        assert!(ExtentMap::decode(&writer.into_bytes()).is_err());
    }

    #[test]
    fn lengths_beyond_the_limits_are_refused() {
        let mut large = frame(1, 0, 0);
        large.valid_len = 91;
        assert!(ExtentMap::decode(&map(&[(0, large)]).encode()).is_err());
        large.valid_len = 80;
        large.stored_len = EXTENT_BYTES_MAX + 17;
        assert!(ExtentMap::decode(&map(&[(0, large)]).encode()).is_err());
    }
}
