//! Writing: frames are compressed and sealed on worker threads and stored as one segment.

use std::sync::Arc;

use bytes::Bytes;
use opendal::Buffer;

use crate::base::limits::SEGMENT_BYTES_MAX;
use crate::base::{ExtentIndex, InodeId, SegmentId, to_u32, to_u64};
use crate::crypto::{FrameBinding, KeyRing};
use crate::format::{Compression, DirectoryEntry, FrameRef, SegmentFooter, encode_directory};
use crate::telemetry::names::{SEGMENT_BYTES_WRITTEN, SEGMENTS_WRITTEN};

use super::codec::compress;
use super::{BlockError, Blocks, segment_key};

/// Content of one extent, ready to be sealed.
#[derive(Debug)]
pub struct PlainFrame {
    /// The file.
    pub inode: InodeId,
    /// The extent of the file.
    pub extent: ExtentIndex,
    /// Its bytes, 1 to the extent size.
    pub bytes: Vec<u8>,
}

/// A segment that the store has.
#[derive(Debug)]
pub struct WrittenSegment {
    /// Its id.
    pub segment: SegmentId,
    /// Size of its object in bytes.
    pub size: u32,
    /// Whose frames it holds and where each went, in the order given.
    pub frames: Vec<(InodeId, ExtentIndex, FrameRef)>,
    /// When it was written, in seconds since 1970.
    pub created: i64,
}

impl Blocks {
    /// Seals `frames` into one new segment and stores it.
    ///
    /// # Errors
    /// [`BlockError::Store`] if the store does not take it.
    ///
    /// # Panics
    /// If the frames exceed the largest segment: a bug in the caller.
    ///
    /// # Durability
    /// The segment is durable on return. Nothing refers to it yet: until the caller's metadata
    /// does, it is garbage that a sweep removes.
    ///
    /// # Cost
    /// One pass of compression and sealing on a worker thread, one PUT.
    pub async fn write_segment(
        &self,
        frames: Vec<PlainFrame>,
    ) -> Result<WrittenSegment, BlockError> {
        // A new id for every attempt: a segment key never seals two byte sequences.
        let segment = SegmentId::from_bytes(self.random.bytes16());
        let keys = Arc::clone(&self.keys);
        let compression = self.options.compression;
        let permit = Arc::clone(&self.sealing).acquire_owned().await;
        let sealed = tokio::task::spawn_blocking(move || {
            let sealed = seal_segment(&keys, segment, frames, compression);
            drop(permit);
            sealed
        });
        let (body, frames) = sealed.await.map_err(|_| BlockError::Worker)?;
        let size: u64 = body.iter().map(|part| to_u64(part.len())).sum();
        assert!(size <= SEGMENT_BYTES_MAX, "the caller bounds a segment");
        self.store.create(&segment_key(segment), Buffer::from(body)).await?;
        metrics::counter!(SEGMENTS_WRITTEN).increment(1);
        metrics::counter!(SEGMENT_BYTES_WRITTEN).increment(size);
        let created = self.clock.now().seconds;
        Ok(WrittenSegment {
            segment,
            size: u32::try_from(size).unwrap_or(u32::MAX),
            frames,
            created,
        })
    }

    /// Removes the objects of segments; those that are gone already are fine.
    ///
    /// # Errors
    /// [`BlockError::Store`].
    pub async fn delete_segments(&self, segments: &[SegmentId]) -> Result<(), BlockError> {
        let keys: Vec<String> = segments.iter().copied().map(segment_key).collect();
        Ok(self.store.delete(&keys).await?)
    }

    /// Lists at most `limit` segments that the store has, after `after` in the order of their
    /// object keys, each with its age in seconds if the store tells it.
    ///
    /// # Errors
    /// [`BlockError::Store`].
    pub async fn list_segments(
        &self,
        after: Option<SegmentId>,
        limit: usize,
    ) -> Result<Vec<(SegmentId, Option<i64>)>, BlockError> {
        let after = after.map(segment_key);
        let found = self.store.list("seg/", after.as_deref(), limit).await?;
        let now = self.clock.now().seconds;
        let segments = found.into_iter().filter_map(|object| {
            let age = object.modified.map(|time| now.saturating_sub(time.seconds));
            Some((super::segment_of_key(&object.key)?, age))
        });
        Ok(segments.collect())
    }
}

/// Compresses and seals; returns the parts of the object, unjoined, and where the frames are.
fn seal_segment(
    keys: &KeyRing,
    segment: SegmentId,
    frames: Vec<PlainFrame>,
    compression: Compression,
) -> (Vec<Bytes>, Vec<(InodeId, ExtentIndex, FrameRef)>) {
    let tree = keys.current();
    let cipher = tree.segment(segment);
    let mut parts = Vec::with_capacity(frames.len() + 2);
    let mut refs = Vec::with_capacity(frames.len());
    let mut directory = Vec::with_capacity(frames.len());
    let mut offset = 0_u32;
    for (frame, plain) in (0_u32..).zip(frames) {
        let plain_len = to_u32(plain.bytes.len());
        let (mut bytes, codec) = compress(plain.bytes, compression);
        let codec = codec.code();
        let binding = FrameBinding { volume: keys.volume(), segment, frame, codec, plain_len };
        cipher.seal(&binding, &mut bytes);
        let stored_len = to_u32(bytes.len());
        let (inode, extent) = (plain.inode, plain.extent);
        directory.push(DirectoryEntry { inode, extent, offset, stored_len, plain_len, codec });
        let epoch = tree.epoch();
        let valid_len = plain_len;
        let place =
            FrameRef { segment, epoch, frame, offset, stored_len, plain_len, valid_len, codec };
        refs.push((inode, extent, place));
        offset += stored_len;
        parts.push(Bytes::from(bytes));
    }
    let mut sealed = encode_directory(&directory);
    let footer = SegmentFooter {
        epoch: tree.epoch(),
        frames: to_u32(directory.len()),
        directory_offset: offset,
        directory_len: to_u32(sealed.len() + crate::crypto::aead::FRAME_OVERHEAD_BYTES),
    }
    .encode();
    cipher.seal_directory(keys.volume(), segment, &footer, &mut sealed);
    parts.push(sealed.into());
    parts.push(footer.into());
    (parts, refs)
}
