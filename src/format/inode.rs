//! Inode records (docs/format.md §6.1).

use bytes::Bytes;

use crate::base::limits::SYMLINK_BYTES_MAX;
use crate::base::{CodecError, InodeId, Reader, Timestamp, Writer};

const VERSION: u8 = 1;

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
}

impl FileKind {
    /// The byte that stands for the kind in records.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::File => 1,
            Self::Directory => 2,
            Self::Symlink => 3,
            Self::CharDevice => 4,
            Self::BlockDevice => 5,
            Self::Fifo => 6,
            Self::Socket => 7,
        }
    }

    /// Reads the byte of a record.
    ///
    /// # Errors
    /// [`CodecError::Range`] for a kind that does not exist.
    pub const fn from_code(code: u8) -> Result<Self, CodecError> {
        match code {
            1 => Ok(Self::File),
            2 => Ok(Self::Directory),
            3 => Ok(Self::Symlink),
            4 => Ok(Self::CharDevice),
            5 => Ok(Self::BlockDevice),
            6 => Ok(Self::Fifo),
            7 => Ok(Self::Socket),
            _ => Err(CodecError::Range { field: "kind" }),
        }
    }
}

/// Everything an inode is but its content and its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InodeRecord {
    /// File, directory, symlink or special.
    pub kind: FileKind,
    /// Permission, set-id and sticky bits: the low 12 bits.
    pub mode: u16,
    /// Hard links; for a directory 2 plus its subdirectories; 0 for an orphan.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Owning group.
    pub gid: u32,
    /// Length in bytes of a file or of a symlink's target.
    pub size: u64,
    /// Bytes of stored content; holes not counted.
    pub used_bytes: u64,
    /// Device numbers of a special file.
    pub rdev: (u32, u32),
    /// Last access.
    pub atime: Timestamp,
    /// Last change of content.
    pub mtime: Timestamp,
    /// Last change of anything.
    pub ctime: Timestamp,
    /// Grows with every change of content.
    pub version: u64,
    /// Of a directory: the directory that holds it (the root holds itself).
    pub parent: Option<InodeId>,
    /// Of a directory: how many entries it has.
    pub entries: u64,
    /// The verifier of an exclusive CREATE, so that its repetition finds the file.
    pub verifier: Option<[u8; 8]>,
    /// Of a symlink: its target.
    pub target: Bytes,
}

impl InodeRecord {
    /// The root directory of a new volume: open to all to read, to its owner (uid, gid) to write.
    #[must_use]
    pub const fn root(now: Timestamp, (uid, gid): (u32, u32)) -> Self {
        Self {
            kind: FileKind::Directory,
            mode: 0o755,
            nlink: 2,
            uid,
            gid,
            size: 0,
            used_bytes: 0,
            rdev: (0, 0),
            atime: now,
            mtime: now,
            ctime: now,
            version: 1,
            parent: Some(InodeId::ROOT),
            entries: 0,
            verifier: None,
            target: Bytes::new(),
        }
    }

    /// Encodes the record; 103 bytes, plus 8 with a verifier, plus the target.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(128 + self.target.len());
        writer.u8(VERSION).u8(self.kind.code()).u16(self.mode).u32(self.nlink);
        writer.u32(self.uid).u32(self.gid).u64(self.size).u64(self.used_bytes);
        writer.u32(self.rdev.0).u32(self.rdev.1);
        for time in [self.atime, self.mtime, self.ctime] {
            writer.i64(time.seconds).u32(time.nanos);
        }
        writer.u64(self.version).u64(self.parent.map_or(0, InodeId::get)).u64(self.entries);
        match &self.verifier {
            None => writer.u8(0),
            Some(verifier) => writer.u8(1).put(verifier),
        };
        writer.string(&self.target);
        writer.into_vec()
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// [`CodecError`] for anything `encode` would not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        reader.version("inode", VERSION)?;
        let kind = FileKind::from_code(reader.u8()?)?;
        let mode = reader.u16()?;
        if mode > 0o7777 {
            return Err(CodecError::Range { field: "mode" });
        }
        let record = Self {
            kind,
            mode,
            nlink: reader.u32()?,
            uid: reader.u32()?,
            gid: reader.u32()?,
            size: reader.u64()?,
            used_bytes: reader.u64()?,
            rdev: (reader.u32()?, reader.u32()?),
            atime: timestamp(&mut reader)?,
            mtime: timestamp(&mut reader)?,
            ctime: timestamp(&mut reader)?,
            version: reader.u64()?,
            parent: InodeId::new(reader.u64()?),
            entries: reader.u64()?,
            verifier: match reader.u8()? {
                0 => None,
                1 => Some(reader.array()?),
                _ => return Err(CodecError::Range { field: "verifier" }),
            },
            target: Bytes::copy_from_slice(reader.string("target", SYMLINK_BYTES_MAX)?),
        };
        reader.finish()?;
        Ok(record)
    }
}

fn timestamp(reader: &mut Reader<'_>) -> Result<Timestamp, CodecError> {
    let (seconds, nanos) = (reader.i64()?, reader.u32()?);
    if nanos > 999_999_999 {
        return Err(CodecError::Range { field: "nanoseconds" });
    }
    Ok(Timestamp { seconds, nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> InodeRecord {
        InodeRecord {
            kind: FileKind::Symlink,
            mode: 0o4755,
            nlink: 2,
            uid: 1_000,
            gid: 100,
            size: 6,
            used_bytes: 0,
            rdev: (0, 0),
            atime: Timestamp { seconds: -1, nanos: 5 },
            mtime: Timestamp { seconds: 1, nanos: 999_999_999 },
            ctime: Timestamp { seconds: i64::MAX, nanos: 0 },
            version: 9,
            parent: InodeId::new(7),
            entries: 3,
            verifier: Some(*b"verifier"),
            target: Bytes::from_static(b"target"),
        }
    }

    #[test]
    fn an_inode_record_reads_back() {
        let bytes = record().encode();
        assert_eq!(InodeRecord::decode(&bytes), Ok(record()));
        assert_eq!(bytes.len(), 103 + 8 + 6);
    }

    #[test]
    fn every_truncation_of_an_inode_record_is_refused() {
        let bytes = record().encode();
        for len in 0..bytes.len() {
            assert!(InodeRecord::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(InodeRecord::decode(&longer), Err(CodecError::Excess { left: 1 }));
    }
}
