//! Counts a volume from its records alone and compares: every counter and every reference that
//! operations keep step by step must be what a fresh count finds.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::base::{InodeId, SegmentId};
use crate::format::{
    DentryBucket, ExtentMap, FileKind, InodeRecord, SegmentRecord, Usage, decode_next_inode,
};
use crate::meta::{RecordKey, keys};
use crate::volume::Volume;

/// Records read at once.
const PAGE: usize = 500;

/// What the records say.
#[derive(Default)]
struct Counted {
    inodes: BTreeMap<InodeId, InodeRecord>,
    names: BTreeMap<InodeId, u32>,
    entries: BTreeMap<InodeId, u64>,
    subdirectories: BTreeMap<InodeId, u32>,
    parents: BTreeMap<InodeId, InodeId>,
    used: BTreeMap<InodeId, u64>,
    live: BTreeMap<SegmentId, (u64, u64)>,
    orphans: BTreeSet<InodeId>,
    faults: Vec<String>,
}

/// Checks all records of a volume against each other and against the store. Returns what is wrong.
///
/// Checked: every entry's inode exists and is of the kind the entry says; link counts; entry
/// counts; parents; used bytes of every file; every inode without a name is an orphan; every
/// segment that is referred to has a record and an object of its size; its live frames and bytes;
/// usage counters; the next inode id.
///
/// # Panics
/// If the records cannot be read.
pub async fn recount(volume: &Volume) -> Vec<String> {
    let mut counted = Counted::default();
    counted.read_inodes(volume).await;
    counted.read_entries(volume).await;
    counted.read_content(volume).await;
    for (key, _) in scan(volume, &keys::orphans()).await {
        counted.orphans.extend(keys::orphan_inode(&key));
    }
    counted.check_inodes();
    counted.check_segments(volume).await;
    counted.check_counters(volume).await;
    counted.faults
}

async fn scan(volume: &Volume, prefix: &[u8]) -> Vec<(Bytes, Vec<u8>)> {
    let mut found: Vec<(Bytes, Vec<u8>)> = Vec::new();
    loop {
        let after = found.last().map(|(key, _)| key.clone());
        let page = volume.records().scan(prefix, after.as_deref(), PAGE).await;
        let page = page.expect("records are read");
        let is_last = page.len() < PAGE;
        found.extend(page);
        if is_last {
            return found;
        }
    }
}

/// The inode id that follows the table byte of a key.
fn owner(key: &[u8]) -> InodeId {
    let id = key.get(1..9).and_then(|id| id.try_into().ok()).map(u64::from_be_bytes);
    id.and_then(InodeId::new).expect("the key holds an inode id")
}

impl Counted {
    async fn read_inodes(&mut self, volume: &Volume) {
        for (key, bytes) in scan(volume, b"I").await {
            let record = InodeRecord::decode(&bytes).expect("inodes decode");
            self.inodes.insert(owner(&key), record);
        }
    }

    async fn read_entries(&mut self, volume: &Volume) {
        for (key, bytes) in scan(volume, b"D").await {
            let dir = owner(&key);
            if self.inodes.get(&dir).is_none_or(|record| record.kind != FileKind::Directory) {
                self.faults.push(format!("entries of {dir}, which is not a directory"));
            }
            for entry in DentryBucket::decode(&bytes).expect("buckets decode").entries() {
                *self.names.entry(entry.inode).or_default() += 1;
                *self.entries.entry(dir).or_default() += 1;
                if entry.kind == FileKind::Directory {
                    *self.subdirectories.entry(dir).or_default() += 1;
                    self.parents.insert(entry.inode, dir);
                }
                match self.inodes.get(&entry.inode) {
                    None => self.faults.push(format!("{dir} names {}: no inode", entry.inode)),
                    Some(record) if record.kind != entry.kind => {
                        self.faults.push(format!("{dir} names {} by another kind", entry.inode));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    async fn read_content(&mut self, volume: &Volume) {
        for (key, bytes) in scan(volume, b"E").await {
            let file = owner(&key);
            if self.inodes.get(&file).is_none_or(|record| record.kind != FileKind::File) {
                self.faults.push(format!("content of {file}, which is not a file"));
            }
            let map = ExtentMap::decode(&bytes).expect("maps decode");
            *self.used.entry(file).or_default() += map.used_bytes();
            let ExtentMap::Frames(frames) = map else { continue };
            for frame in frames.into_iter().flatten() {
                let live = self.live.entry(frame.segment).or_default();
                live.0 += 1;
                live.1 += u64::from(frame.stored_len);
            }
        }
    }

    fn check_inodes(&mut self) {
        let mut faults = Vec::new();
        for (&inode, record) in &self.inodes {
            let mut same = |what: &str, says: u64, counted: u64| {
                if says != counted {
                    faults.push(format!("{inode}: {what} is {says}, counted {counted}"));
                }
            };
            let names = self.names.get(&inode).copied().unwrap_or(0);
            let is_orphan = record.nlink == 0;
            same("used bytes", record.used_bytes, self.used.get(&inode).copied().unwrap_or(0));
            let marked = self.orphans.contains(&inode);
            same("orphan mark", u64::from(marked), u64::from(is_orphan));
            if record.kind == FileKind::Directory {
                let subdirectories = self.subdirectories.get(&inode).copied().unwrap_or(0);
                let is_root = inode == InodeId::ROOT;
                same("names", u64::from(names), u64::from(!is_orphan && !is_root));
                if !is_orphan {
                    same("links", u64::from(record.nlink), u64::from(2 + subdirectories));
                    same("entries", record.entries, self.entries.get(&inode).copied().unwrap_or(0));
                    let parent = self.parents.get(&inode).copied().unwrap_or(InodeId::ROOT);
                    same("parent", record.parent.map_or(0, InodeId::get), parent.get());
                }
            } else {
                same("links", u64::from(record.nlink), u64::from(names));
            }
        }
        self.faults.extend(faults);
    }

    async fn check_segments(&mut self, volume: &Volume) {
        for (key, bytes) in scan(volume, &keys::segments()).await {
            let record = SegmentRecord::decode(&bytes).expect("segment records decode");
            let segment = keys::segment_id(&key).expect("the key holds a segment id");
            let (frames, bytes) = self.live.remove(&segment).unwrap_or_default();
            if (record.live_frames, record.live_bytes) != (frames, bytes) {
                let (live, size) = (record.live_frames, record.live_bytes);
                let text = format!("{segment}: {live} frames of {size} bytes live");
                self.faults.push(format!("{text}, counted {frames} of {bytes}"));
            }
            if frames == 0 {
                continue;
            }
            match volume.store().stat(&crate::block::segment_key(segment)).await {
                Ok(object) if object.size == u64::from(record.size) => {}
                Ok(_) => self.faults.push(format!("{segment}: the object has another size")),
                Err(error) => self.faults.push(format!("{segment}: {error}")),
            }
        }
        let unknown = std::mem::take(&mut self.live).into_keys();
        self.faults.extend(unknown.map(|segment| format!("{segment}: referred to, no record")));
    }

    async fn check_counters(&mut self, volume: &Volume) {
        let mut usage = Usage::default();
        for (_, bytes) in scan(volume, b"Cu").await {
            let shard = Usage::decode(&bytes).expect("usage decodes");
            usage.bytes += shard.bytes;
            usage.inodes += shard.inodes;
        }
        let bytes = i64::try_from(self.used.values().sum::<u64>()).unwrap_or(i64::MAX);
        // The root is not counted: every volume has it.
        let inodes = i64::try_from(self.inodes.len()).unwrap_or(i64::MAX) - 1;
        if (usage.bytes, usage.inodes) != (bytes, inodes) {
            let text = format!("usage is {usage:?}, counted {bytes} bytes in {inodes} inodes");
            self.faults.push(text);
        }
        let next = match volume.records().get(&RecordKey::next_inode()).await {
            Ok(Some(bytes)) => decode_next_inode(&bytes).expect("the next inode id decodes"),
            _ => InodeId::ROOT.get() + 1,
        };
        if let Some((last, _)) = self.inodes.last_key_value()
            && last.get() >= next
        {
            self.faults.push(format!("{last} is used, and the next new inode would be {next}"));
        }
    }
}
