//! Every byte layout of records and segments: encode and decode only, versioned, bounded.
//!
//! Owns: the layouts of docs/format.md. Guarantees: a decoder refuses short, excess and
//! out-of-range bytes, and decode then encode is the identity. Leaves to others: sealing
//! (`crypto`), keys of records (`meta`), placing frames (`block`).

mod compression;
mod counters;
mod dentry;
mod extent_map;
mod inode;
mod property;
mod segment;

pub use compression::Compression;
pub use counters::{SegmentRecord, Usage, VolumeMarker, decode_next_inode, encode_next_inode};
pub use dentry::{Dentry, DentryBucket};
pub use extent_map::{ExtentMap, FrameRef};
pub use inode::{FileKind, InodeRecord};
pub use property::{PROPERTY_NAME_BYTES_MAX, PROPERTY_VALUE_BYTES_MAX, PropertyRecord};
pub use segment::{
    DirectoryEntry, FOOTER_BYTES, SegmentFooter, decode_directory, encode_directory,
};
