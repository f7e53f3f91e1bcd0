//! Segments: frames, a sealed directory of them, a footer (docs/format.md §5).
//!
//! ```text
//! frame 0 | frame 1 | ... | sealed directory | footer (32 bytes)
//! ```

use crate::base::limits::{SEGMENT_BYTES_MAX, SEGMENT_FRAMES_MAX};
use crate::base::{CodecError, ExtentIndex, InodeId, KeyEpoch, Reader, Writer, to_u32, to_usize};

const MAGIC: [u8; 8] = *b"SEALSEG1";
const DIRECTORY_VERSION: u8 = 1;
const ENTRY_BYTES: u64 = 8 + 8 + 4 + 4 + 4 + 1;

/// Size of the footer.
pub const FOOTER_BYTES: usize = 32;

/// The plaintext end of a segment. It is authenticated as part of the directory's binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFooter {
    /// Key epoch the segment is sealed under.
    pub epoch: KeyEpoch,
    /// Number of frames.
    pub frames: u32,
    /// Where the sealed directory starts, which is where the frames end.
    pub directory_offset: u32,
    /// Its sealed length.
    pub directory_len: u32,
}

impl SegmentFooter {
    /// Encodes the footer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(FOOTER_BYTES);
        writer.u32(self.epoch.get()).u32(self.frames);
        writer.u32(self.directory_offset).u32(self.directory_len).u64(0).put(&MAGIC);
        writer.into_vec()
    }

    /// Decodes the last 32 bytes of a segment.
    ///
    /// # Errors
    /// [`CodecError`] for anything `encode` would not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let footer = Self {
            epoch: KeyEpoch::new(reader.u32()?),
            frames: reader.u32()?,
            directory_offset: reader.u32()?,
            directory_len: reader.u32()?,
        };
        if reader.u64()? != 0 || reader.array::<8>()? != MAGIC {
            return Err(CodecError::Range { field: "segment magic" });
        }
        reader.finish()?;
        let end = u64::from(footer.directory_offset) + u64::from(footer.directory_len);
        if footer.frames > SEGMENT_FRAMES_MAX || end > SEGMENT_BYTES_MAX {
            return Err(CodecError::Range { field: "segment footer" });
        }
        Ok(footer)
    }
}

/// What a segment says of one of its frames: enough to find its owner again without the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The file.
    pub inode: InodeId,
    /// The extent of the file.
    pub extent: ExtentIndex,
    /// Where the frame starts.
    pub offset: u32,
    /// Its sealed length.
    pub stored_len: u32,
    /// Its opened and decompressed length.
    pub plain_len: u32,
    /// How it is compressed.
    pub codec: u8,
}

/// Encodes a directory.
#[must_use]
pub fn encode_directory(entries: &[DirectoryEntry]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(5 + entries.len() * to_usize(ENTRY_BYTES));
    writer.u8(DIRECTORY_VERSION).u32(to_u32(entries.len()));
    for entry in entries {
        writer.u64(entry.inode.get()).u64(entry.extent.get());
        writer.u32(entry.offset).u32(entry.stored_len).u32(entry.plain_len).u8(entry.codec);
    }
    writer.into_vec()
}

/// Decodes a directory.
///
/// # Errors
/// [`CodecError`] for anything [`encode_directory`] would not write.
pub fn decode_directory(bytes: &[u8]) -> Result<Vec<DirectoryEntry>, CodecError> {
    let mut reader = Reader::new(bytes);
    reader.version("segment directory", DIRECTORY_VERSION)?;
    let count = u64::from(reader.u32()?);
    // The count is checked against the bytes that are there before anything is allocated for it.
    if count.saturating_mul(ENTRY_BYTES) != u64::from(to_u32(reader.left())) {
        return Err(CodecError::Range { field: "directory entries" });
    }
    let mut entries = Vec::with_capacity(to_usize(count));
    for _ in 0..count {
        entries.push(DirectoryEntry {
            inode: InodeId::new(reader.u64()?).ok_or(CodecError::Range { field: "inode" })?,
            extent: ExtentIndex::new(reader.u64()?),
            offset: reader.u32()?,
            stored_len: reader.u32()?,
            plain_len: reader.u32()?,
            codec: reader.u8()?,
        });
    }
    reader.finish()?;
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footer_and_directory_read_back() {
        let footer = SegmentFooter {
            epoch: KeyEpoch::FIRST,
            frames: 1,
            directory_offset: 100,
            directory_len: 50,
        };
        let bytes = footer.encode();
        assert_eq!(bytes.len(), FOOTER_BYTES);
        assert_eq!(SegmentFooter::decode(&bytes), Ok(footer));
        let entry = DirectoryEntry {
            inode: InodeId::ROOT,
            extent: ExtentIndex::new(9),
            offset: 0,
            stored_len: 100,
            plain_len: 84,
            codec: 0,
        };
        let bytes = encode_directory(&[entry, entry]);
        assert_eq!(decode_directory(&bytes), Ok(vec![entry, entry]));
        for len in 0..bytes.len() {
            assert!(decode_directory(&bytes[..len]).is_err());
        }
    }

    #[test]
    fn a_directory_that_claims_more_entries_than_bytes_is_refused() {
        let mut writer = Writer::default();
        writer.u8(DIRECTORY_VERSION).u32(u32::MAX);
        assert!(decode_directory(&writer.into_bytes()).is_err());
    }

    #[test]
    fn a_changed_magic_is_refused() {
        let footer = SegmentFooter {
            epoch: KeyEpoch::FIRST,
            frames: 0,
            directory_offset: 0,
            directory_len: 0,
        };
        for bit in 128..256 {
            let mut bytes = footer.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentFooter::decode(&bytes).is_err());
        }
    }
}
