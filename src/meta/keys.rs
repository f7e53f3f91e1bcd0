//! Keys of records: binary, big-endian, order-preserving (docs/format.md §6).
//!
//! A key tells an observer which directory or inode number a record belongs to and nothing else:
//! names enter only as keyed hashes.

use bytes::Bytes;

use crate::base::{InodeId, SegmentId, Writer};

/// Shards of the usage counters: transactions on different inodes rarely meet on one record.
pub const USAGE_SHARDS: u8 = 64;

/// The key of a record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(Bytes);

impl RecordKey {
    /// The bytes, as the engine and the record's binding see them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as a shared buffer.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// A key as an engine returned it.
    #[must_use]
    pub fn found(key: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(key))
    }

    /// `I` inode id: the inode.
    #[must_use]
    pub fn inode(inode: InodeId) -> Self {
        Self::of(b'I', |writer| writer.u64(inode.get()))
    }

    /// `D` parent, name hash: a dentry bucket.
    #[must_use]
    pub fn dentry(parent: InodeId, hash: u64) -> Self {
        Self::of(b'D', |writer| writer.u64(parent.get()).u64(hash))
    }

    /// `E` inode id, map index: an extent map.
    #[must_use]
    pub fn extent_map(inode: InodeId, index: u32) -> Self {
        Self::of(b'E', |writer| writer.u64(inode.get()).u32(index))
    }

    /// `S` segment id: accounting of a segment.
    #[must_use]
    pub fn segment(segment: SegmentId) -> Self {
        Self::of(b'S', |writer| writer.put(segment.as_bytes()))
    }

    /// `O` inode id: an orphan that waits for reclaim.
    #[must_use]
    pub fn orphan(inode: InodeId) -> Self {
        Self::of(b'O', |writer| writer.u64(inode.get()))
    }

    /// `X` inode id, property hash: a dead property.
    #[must_use]
    pub fn property(inode: InodeId, hash: u64) -> Self {
        Self::of(b'X', |writer| writer.u64(inode.get()).u64(hash))
    }

    /// `C` `u` shard: used bytes and inodes.
    #[must_use]
    pub fn usage(shard: u8) -> Self {
        Self::of(b'C', |writer| writer.u8(b'u').u8(shard % USAGE_SHARDS))
    }

    /// `C` `n`: the next inode id range.
    #[must_use]
    pub fn next_inode() -> Self {
        Self::of(b'C', |writer| writer.u8(b'n'))
    }

    /// `V`: which volume this is.
    #[must_use]
    pub fn volume_marker() -> Self {
        Self::of(b'V', |writer| writer)
    }

    fn of(table: u8, fill: impl FnOnce(&mut Writer) -> &mut Writer) -> Self {
        let mut writer = Writer::with_capacity(24);
        writer.u8(table);
        fill(&mut writer);
        Self(writer.into_bytes())
    }
}

impl std::fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let table = self.0.first().copied().map_or('?', char::from);
        write!(f, "record {table}")?;
        self.0.iter().skip(1).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// All dentry buckets of a directory.
#[must_use]
pub fn dentries_of(parent: InodeId) -> Bytes {
    RecordKey::of(b'D', |writer| writer.u64(parent.get())).0
}

/// All extent maps of a file.
#[must_use]
pub fn extent_maps_of(inode: InodeId) -> Bytes {
    RecordKey::of(b'E', |writer| writer.u64(inode.get())).0
}

/// All dead properties of an inode.
#[must_use]
pub fn properties_of(inode: InodeId) -> Bytes {
    RecordKey::of(b'X', |writer| writer.u64(inode.get())).0
}

/// All orphans.
#[must_use]
pub fn orphans() -> Bytes {
    Bytes::from_static(b"O")
}

/// All segments.
#[must_use]
pub fn segments() -> Bytes {
    Bytes::from_static(b"S")
}

/// The name hash in the key of a dentry bucket; `None` if it is not one.
#[must_use]
pub fn dentry_hash(key: &[u8]) -> Option<u64> {
    (key.len() == 17).then(|| key.get(9..)?.try_into().ok().map(u64::from_be_bytes)).flatten()
}

/// The map index in the key of an extent map; `None` if it is not one.
#[must_use]
pub fn extent_map_index(key: &[u8]) -> Option<u32> {
    (key.len() == 13).then(|| key.get(9..)?.try_into().ok().map(u32::from_be_bytes)).flatten()
}

/// The inode id in the key of an orphan; `None` if it is not one.
#[must_use]
pub fn orphan_inode(key: &[u8]) -> Option<InodeId> {
    let id = (key.len() == 9).then(|| key.get(1..)?.try_into().ok().map(u64::from_be_bytes));
    id.flatten().and_then(InodeId::new)
}

/// The segment id in the key of a segment's accounting; `None` if it is not one.
#[must_use]
pub fn segment_id(key: &[u8]) -> Option<SegmentId> {
    (key.len() == 17).then(|| key.get(1..)?.try_into().ok().map(SegmentId::from_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_numbers_do() {
        let dentry = |parent, hash| RecordKey::dentry(InodeId::new(parent).unwrap(), hash);
        assert!(dentry(1, u64::MAX) < dentry(2, 0));
        assert!(dentry(2, 0xff) < dentry(2, 0x100));
        assert!(dentry(2, 7).as_bytes().starts_with(&dentries_of(InodeId::new(2).unwrap())));
    }

    #[test]
    fn numbers_read_back_from_keys() {
        let inode = InodeId::new(0x0102_0304).unwrap();
        assert_eq!(dentry_hash(RecordKey::dentry(inode, 77).as_bytes()), Some(77));
        assert_eq!(extent_map_index(RecordKey::extent_map(inode, 9).as_bytes()), Some(9));
        assert_eq!(orphan_inode(RecordKey::orphan(inode).as_bytes()), Some(inode));
        let segment = SegmentId::from_bytes([7; 16]);
        assert_eq!(segment_id(RecordKey::segment(segment).as_bytes()), Some(segment));
        assert_eq!(dentry_hash(b"D"), None);
    }
}
