//! Small records: segment accounting, usage, the next inode id, the volume marker
//! (docs/format.md §6.4 to §6.7).

use crate::base::limits::SEGMENT_BYTES_MAX;
use crate::base::{CodecError, Reader, VolumeId, Writer};

const VERSION: u8 = 1;

/// What is known of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRecord {
    /// Size of the object in bytes.
    pub size: u32,
    /// Frames that extent maps refer to, counted once per reference.
    pub live_frames: u64,
    /// Sealed bytes of those frames.
    pub live_bytes: u64,
    /// When it was written, in seconds since 1970.
    pub created: i64,
}

impl SegmentRecord {
    /// Encodes the record; 29 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(29);
        writer.u8(VERSION).u32(self.size).u64(self.live_frames).u64(self.live_bytes);
        writer.i64(self.created);
        writer.into_vec()
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// [`CodecError`] for anything `encode` would not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        reader.version("segment record", VERSION)?;
        let record = Self {
            size: reader.u32()?,
            live_frames: reader.u64()?,
            live_bytes: reader.u64()?,
            created: reader.i64()?,
        };
        reader.finish()?;
        if u64::from(record.size) > SEGMENT_BYTES_MAX {
            return Err(CodecError::Range { field: "segment size" });
        }
        Ok(record)
    }
}

/// Used bytes and inodes of one shard of the volume. Shards may be negative; their sum is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of content.
    pub bytes: i64,
    /// Inodes.
    pub inodes: i64,
}

impl Usage {
    /// Encodes the record; 17 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(17);
        writer.u8(VERSION).i64(self.bytes).i64(self.inodes);
        writer.into_vec()
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// [`CodecError`] for anything `encode` would not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        reader.version("usage", VERSION)?;
        let usage = Self { bytes: reader.i64()?, inodes: reader.i64()? };
        reader.finish()?;
        Ok(usage)
    }
}

/// Encodes the first inode id that no gateway has reserved yet.
#[must_use]
pub fn encode_next_inode(next: u64) -> Vec<u8> {
    let mut writer = Writer::with_capacity(9);
    writer.u8(VERSION).u64(next);
    writer.into_vec()
}

/// Decodes the first inode id that no gateway has reserved yet.
///
/// # Errors
/// [`CodecError`] for anything [`encode_next_inode`] would not write.
pub fn decode_next_inode(bytes: &[u8]) -> Result<u64, CodecError> {
    let mut reader = Reader::new(bytes);
    reader.version("next inode", VERSION)?;
    let next = reader.u64()?;
    reader.finish()?;
    if next < 2 {
        return Err(CodecError::Range { field: "next inode" });
    }
    Ok(next)
}

/// Says which volume the metadata belongs to: a header that was put in front of another volume's
/// metadata is noticed at open, in words, before anything is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeMarker {
    /// The volume.
    pub volume: VolumeId,
    /// The extent size all maps were made with.
    pub extent_bytes: u32,
}

impl VolumeMarker {
    /// Encodes the record; 21 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(21);
        writer.u8(VERSION).put(self.volume.as_bytes()).u32(self.extent_bytes);
        writer.into_vec()
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// [`CodecError`] for anything `encode` would not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        reader.version("volume marker", VERSION)?;
        let marker =
            Self { volume: VolumeId::from_bytes(reader.array()?), extent_bytes: reader.u32()? };
        reader.finish()?;
        Ok(marker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_records_read_back() {
        let segment = SegmentRecord { size: 5, live_frames: 6, live_bytes: 7, created: 8 };
        assert_eq!(SegmentRecord::decode(&segment.encode()), Ok(segment));
        let usage = Usage { bytes: -4, inodes: 9 };
        assert_eq!(Usage::decode(&usage.encode()), Ok(usage));
        assert_eq!(decode_next_inode(&encode_next_inode(77)), Ok(77));
        assert!(decode_next_inode(&encode_next_inode(1)).is_err(), "1 is the root");
        let marker = VolumeMarker { volume: VolumeId::from_bytes([3; 16]), extent_bytes: 65_536 };
        assert_eq!(VolumeMarker::decode(&marker.encode()), Ok(marker));
    }
}
