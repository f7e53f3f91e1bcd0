//! Words shared by every layer: ids, names, units, time, randomness, bounded codecs, limits.
//!
//! Nothing here does I/O or knows a protocol; nothing here can fail for a reason outside its own
//! arguments, except reading the operating system's clock and random source.

mod codec;
mod ids;
pub mod limits;
mod name;
mod random;
mod time;
mod units;

pub use codec::{CodecError, Reader, Writer};
pub use ids::{ExtentIndex, InodeId, KeyEpoch, SegmentId, VolumeId};
pub use name::{FileName, NameError};
pub use random::{OsRandom, Random};
pub use time::{Clock, SystemClock, Timestamp};
pub use units::{parse_bytes, to_u32, to_u64, to_usize};
