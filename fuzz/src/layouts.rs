//! The layouts of docs/format.md: whatever decodes is exactly what would be encoded again.

use sealgate::base::{InodeId, SegmentId};
use sealgate::format::{
    DentryBucket, ExtentMap, InodeRecord, PropertyRecord, SegmentFooter, SegmentRecord, Usage,
    VolumeMarker, decode_directory, decode_next_inode, encode_directory, encode_next_inode,
};
use sealgate::meta::{RecordKey, keys};

pub fn inode(data: &[u8]) {
    if let Ok(record) = InodeRecord::decode(data) {
        assert_eq!(record.encode(), data);
    }
}

pub fn dentry_bucket(data: &[u8]) {
    let Ok(bucket) = DentryBucket::decode(data) else { return };
    assert_eq!(bucket.encode(), data);
    for entry in bucket.entries() {
        assert_eq!(bucket.find(&entry.name), Some(entry), "every entry is found by its name");
        let mut without = bucket.clone();
        without.remove(&entry.name);
        assert_eq!(without.entries().len() + 1, bucket.entries().len());
        // An empty bucket is deleted, not stored.
        let again = DentryBucket::decode(&without.encode());
        assert!(without.is_empty() || again.is_ok_and(|again| again == without));
    }
}

pub fn extent_map(data: &[u8]) {
    let Ok(map) = ExtentMap::decode(data) else { return };
    assert_eq!(map.encode(), data);
    let frames = (0..64).filter(|position| map.frame(*position).is_some()).count();
    assert!(map.frame(64).is_none(), "64 extents per map");
    assert!(frames == 0 || !map.is_empty());
}

pub fn segment_footer(data: &[u8]) {
    if let Ok(footer) = SegmentFooter::decode(data) {
        assert_eq!(footer.encode(), data);
    }
}

pub fn segment_directory(data: &[u8]) {
    if let Ok(entries) = decode_directory(data) {
        assert_eq!(encode_directory(&entries), data);
    }
}

pub fn counters(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let again = match which % 4 {
        0 => SegmentRecord::decode(data).map(|record| record.encode()),
        1 => Usage::decode(data).map(|usage| usage.encode()),
        2 => decode_next_inode(data).map(encode_next_inode),
        _ => VolumeMarker::decode(data).map(|marker| marker.encode()),
    };
    if let Ok(again) = again {
        assert_eq!(again, data);
    }
}

pub fn property(data: &[u8]) {
    if let Ok(record) = PropertyRecord::decode(data) {
        assert_eq!(record.encode(), data);
    }
}

/// Keys come from scans, so the parts that are read back are those of a key that was made; no
/// other bytes do harm.
pub fn record_key(data: &[u8]) {
    let _ = (keys::orphan_inode(data), keys::segment_id(data));
    let _ = (keys::dentry_hash(data), keys::extent_map_index(data));
    let Some((&[ref id @ .., a, b, c, d], rest)) = data.split_first_chunk::<12>() else { return };
    let id = <[u8; 8]>::try_from(id.as_slice()).map(u64::from_be_bytes);
    let Some(inode) = id.ok().and_then(InodeId::new) else { return };
    let index = u32::from_be_bytes([a, b, c, d]);
    let hash = u64::from(index) << 32 | rest.len() as u64;
    assert_eq!(keys::orphan_inode(RecordKey::orphan(inode).as_bytes()), Some(inode));
    assert_eq!(keys::dentry_hash(RecordKey::dentry(inode, hash).as_bytes()), Some(hash));
    let map = RecordKey::extent_map(inode, index);
    assert_eq!(keys::extent_map_index(map.as_bytes()), Some(index));
    assert!(map.as_bytes().starts_with(&keys::extent_maps_of(inode)));
    if let Some(id) = data.first_chunk::<16>().copied().map(SegmentId::from_bytes) {
        assert_eq!(keys::segment_id(RecordKey::segment(id).as_bytes()), Some(id));
    }
}
