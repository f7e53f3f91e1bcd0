//! The layouts of docs/format.md: whatever decodes is exactly what would be encoded again.

use sealgate::base::InodeId;
use sealgate::format::{
    DentryBucket, ExtentMap, InodeRecord, PropertyRecord, SegmentFooter, SegmentRecord, Usage,
    VolumeMarker, decode_directory, decode_next_inode, encode_directory, encode_next_inode,
};
use sealgate::meta::keys;

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
        assert!(DentryBucket::decode(&without.encode()).is_ok_and(|again| again == without));
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

pub fn record_key(data: &[u8]) {
    if let Some(inode) = keys::orphan_inode(data) {
        assert_eq!(keys::RecordKey::orphan(inode).as_bytes(), data);
    }
    if let Some(segment) = keys::segment_id(data) {
        assert_eq!(keys::RecordKey::segment(segment).as_bytes(), data);
    }
    let inode = data.get(1..9).and_then(|id| id.try_into().ok()).map(u64::from_be_bytes);
    let Some(inode) = inode.and_then(InodeId::new) else { return };
    if let Some(hash) = keys::dentry_hash(data).filter(|_| data.first() == Some(&b'D')) {
        assert_eq!(keys::RecordKey::dentry(inode, hash).as_bytes(), data);
    }
    if let Some(index) = keys::extent_map_index(data).filter(|_| data.first() == Some(&b'E')) {
        assert_eq!(keys::RecordKey::extent_map(inode, index).as_bytes(), data);
    }
}
