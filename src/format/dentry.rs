//! Dentry buckets: the entries of one directory whose names share a hash (docs/format.md §6.2).

use crate::base::limits::{BUCKET_ENTRIES_MAX, NAME_BYTES_MAX};
use crate::base::{CodecError, FileName, InodeId, Reader, Writer};

use super::FileKind;

const VERSION: u8 = 1;

/// One directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dentry {
    /// Its place in the bucket, 0 to 15: the low bits of its cookie. Kept for its whole life.
    pub slot: u8,
    /// What the inode is.
    pub kind: FileKind,
    /// The inode.
    pub inode: InodeId,
    /// The name.
    pub name: FileName,
}

/// The entries whose names share a hash, by slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DentryBucket {
    entries: Vec<Dentry>,
}

impl DentryBucket {
    /// The entries, by slot.
    #[must_use]
    pub fn entries(&self) -> &[Dentry] {
        &self.entries
    }

    /// Whether no entry is left: the record is deleted then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of a name.
    #[must_use]
    pub fn find(&self, name: &FileName) -> Option<&Dentry> {
        self.entries.iter().find(|entry| entry.name == *name)
    }

    /// Adds or replaces the entry of a name. A replaced entry keeps its slot, so its cookie.
    /// Returns false if all 16 slots are taken by other names.
    #[must_use]
    pub fn set(&mut self, name: &FileName, inode: InodeId, kind: FileKind) -> bool {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == *name) {
            entry.inode = inode;
            entry.kind = kind;
            return true;
        }
        let used = |slot: u8| self.entries.iter().any(|entry| entry.slot == slot);
        let Some(slot) = (0..16).find(|&slot| !used(slot)) else { return false };
        let at = self.entries.partition_point(|entry| entry.slot < slot);
        self.entries.insert(at, Dentry { slot, kind, inode, name: name.clone() });
        true
    }

    /// Removes the entry of a name.
    pub fn remove(&mut self, name: &FileName) {
        self.entries.retain(|entry| entry.name != *name);
    }

    /// Encodes the bucket.
    ///
    /// # Panics
    /// Never: a bucket has 16 slots.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(2 + self.entries.len() * 32);
        let count = u8::try_from(self.entries.len()).expect("a bucket has 16 slots");
        writer.u8(VERSION).u8(count);
        for entry in &self.entries {
            writer.u8(entry.slot).u8(entry.kind.code()).u64(entry.inode.get());
            writer.string(entry.name.as_bytes());
        }
        writer.into_vec()
    }

    /// Decodes a bucket.
    ///
    /// # Errors
    /// [`CodecError`] for anything `encode` would not write: no entries, slots out of order, a name
    /// twice or no name at all.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        reader.version("dentry bucket", VERSION)?;
        let count = usize::from(reader.u8()?);
        if count == 0 || count > BUCKET_ENTRIES_MAX {
            return Err(CodecError::Range { field: "entries" });
        }
        let mut bucket = Self { entries: Vec::with_capacity(count) };
        for _ in 0..count {
            let slot = reader.u8()?;
            let kind = FileKind::from_code(reader.u8()?)?;
            let inode = InodeId::new(reader.u64()?).ok_or(CodecError::Range { field: "inode" })?;
            let name = reader.string("name", NAME_BYTES_MAX)?.to_vec();
            let name = FileName::new(name).map_err(|_| CodecError::Range { field: "name" })?;
            let in_order = bucket.entries.last().is_none_or(|last| last.slot < slot);
            if slot > 15 || !in_order || bucket.find(&name).is_some() {
                return Err(CodecError::Range { field: "slot" });
            }
            bucket.entries.push(Dentry { slot, kind, inode, name });
        }
        reader.finish()?;
        Ok(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FileName {
        FileName::new(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn an_entry_keeps_its_slot_while_others_come_and_go() {
        let mut bucket = DentryBucket::default();
        let inode = |n| InodeId::new(n).unwrap();
        assert!(bucket.set(&name("a"), inode(2), FileKind::File));
        assert!(bucket.set(&name("b"), inode(3), FileKind::Directory));
        bucket.remove(&name("a"));
        assert_eq!(bucket.find(&name("b")).unwrap().slot, 1);
        assert!(bucket.set(&name("c"), inode(4), FileKind::File));
        assert_eq!(bucket.find(&name("c")).unwrap().slot, 0, "a free slot is used again");
        assert!(bucket.set(&name("b"), inode(5), FileKind::File));
        assert_eq!(bucket.find(&name("b")).unwrap().slot, 1, "replacing keeps the slot");
        assert_eq!(DentryBucket::decode(&bucket.encode()), Ok(bucket));
    }

    #[test]
    fn the_seventeenth_name_of_one_hash_is_refused() {
        let mut bucket = DentryBucket::default();
        for n in 0..16 {
            assert!(bucket.set(&name(&n.to_string()), InodeId::ROOT, FileKind::File));
        }
        assert!(!bucket.set(&name("16"), InodeId::ROOT, FileKind::File));
        assert_eq!(DentryBucket::decode(&bucket.encode()), Ok(bucket));
    }

    #[test]
    fn broken_buckets_are_refused() {
        let mut bucket = DentryBucket::default();
        assert!(bucket.set(&name("a"), InodeId::ROOT, FileKind::File));
        let bytes = bucket.encode();
        for len in 0..bytes.len() {
            assert!(DentryBucket::decode(&bytes[..len]).is_err());
        }
        assert!(DentryBucket::decode(&DentryBucket::default().encode()).is_err(), "no entries");
    }
}
