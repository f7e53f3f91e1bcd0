//! What can go wrong with content.

use crate::base::SegmentId;
use crate::store::{StoreError, StoreErrorKind};

/// Why content cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A frame does not open: it was changed, moved or replaced in the store.
    #[error("frame {frame} of segment {segment} was changed in the store")]
    FrameRefused {
        /// The segment.
        segment: SegmentId,
        /// The frame's index.
        frame: u32,
    },
    /// A frame opens and does not decompress to the length it should have.
    #[error("frame {frame} of segment {segment} does not decompress: {reason}")]
    FrameLayout {
        /// The segment.
        segment: SegmentId,
        /// The frame's index.
        frame: u32,
        /// What is wrong.
        reason: String,
    },
    /// A frame refers to a key epoch that is not there.
    #[error("segment {segment} is sealed under key epoch {epoch}, which this volume does not have")]
    KeyMissing {
        /// The segment.
        segment: SegmentId,
        /// The epoch.
        epoch: u32,
    },
    /// A worker ended without an answer.
    #[error("a sealing worker ended without an answer")]
    Worker,
}

impl BlockError {
    /// Whether the object that holds the frame is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Store(error) if error.kind() == StoreErrorKind::NotFound)
    }
}
