//! File handles: the 28 bytes by which a client names an inode.
//!
//! Owns: their layout. Guarantees: a handle that this volume did not mint does not open, and one
//! that it minted opens after a restart and on another host, because the key comes from the volume
//! key. Leaves to others: whether the inode still exists (`vfs` answers stale).
//!
//! ```text
//! | version 1 | reserved 1 | export 2 | inode 8 | MAC over the first 12: 16 |
//! ```

use bytes::Bytes;

use crate::base::{InodeId, Reader, Writer};
use crate::crypto::HandleMac;
use crate::nfs::options::ExportId;

/// Bytes of a handle on the wire (RFC 1813 allows up to 64).
pub(super) const FILE_HANDLE_BYTES: usize = 28;
/// Bytes of a handle in MOUNT version 1, which has no length: padded with zeros.
pub(super) const FILE_HANDLE_V1_BYTES: usize = 32;
const VERSION: u8 = 1;
const CLAIM_BYTES: usize = 12;

/// A handle that is known to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHandle {
    /// The export it was given out for.
    pub(super) export: ExportId,
    /// The inode it names.
    pub(super) inode: InodeId,
}

/// Bytes that are not a handle of this volume: `NFS3ERR_BADHANDLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadHandle;

impl FileHandle {
    /// The bytes that a client keeps.
    pub(super) fn seal(self, mac: &HandleMac) -> Bytes {
        let mut claim = Writer::with_capacity(FILE_HANDLE_BYTES);
        claim.u8(VERSION).u8(0).u16(self.export.get()).u64(self.inode.get());
        let mut bytes = claim.into_vec();
        let tag = mac.mac(&bytes);
        bytes.extend_from_slice(&tag);
        bytes.into()
    }

    /// Opens bytes that a client sent. Nothing in them is believed before the MAC is checked.
    pub(super) fn open(bytes: &[u8], mac: &HandleMac) -> Result<Self, BadHandle> {
        let (claim, tail) = bytes.split_at_checked(CLAIM_BYTES).ok_or(BadHandle)?;
        let (tag, padding) =
            tail.split_at_checked(FILE_HANDLE_BYTES - CLAIM_BYTES).ok_or(BadHandle)?;
        // A client that mounted with MOUNT version 1 brings the padding back.
        if !(padding.is_empty() || padding == [0; FILE_HANDLE_V1_BYTES - FILE_HANDLE_BYTES]) {
            return Err(BadHandle);
        }
        if !mac.verify(claim, tag) {
            return Err(BadHandle);
        }
        Self::decode(claim).ok_or(BadHandle)
    }

    fn decode(claim: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(claim);
        reader.version("file handle", VERSION).ok()?;
        let reserved = reader.u8().ok()?;
        let export = ExportId::new(reader.u16().ok()?);
        let inode = InodeId::new(reader.u64().ok()?)?;
        (reserved == 0).then_some(Self { export, inode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{KeyEpoch, VolumeId};
    use crate::crypto::{CipherSuite, KeyTree, Secret};

    fn keys(byte: u8) -> KeyTree {
        let key = Secret::from_slice(&[byte; 32]).unwrap();
        KeyTree::new(CipherSuite::Aes256Gcm, VolumeId::from_bytes([7; 16]), KeyEpoch::FIRST, &key)
    }

    fn handle() -> FileHandle {
        FileHandle { export: ExportId::new(0x0102), inode: InodeId::new(0x0304_0506).unwrap() }
    }

    #[test]
    fn a_handle_opens_in_every_process_that_has_the_volume_key() {
        let bytes = handle().seal(keys(1).handles());
        assert_eq!(bytes.len(), FILE_HANDLE_BYTES);
        assert_eq!(bytes[..12], [1, 0, 1, 2, 0, 0, 0, 0, 3, 4, 5, 6]);
        assert_eq!(FileHandle::open(&bytes, keys(1).handles()), Ok(handle()));
        assert_eq!(FileHandle::open(&bytes, keys(2).handles()), Err(BadHandle));
    }

    #[test]
    fn a_handle_with_any_bit_changed_does_not_open() {
        let keys = keys(1);
        let bytes = handle().seal(keys.handles());
        for bit in 0..bytes.len() * 8 {
            let mut bent = bytes.to_vec();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FileHandle::open(&bent, keys.handles()), Err(BadHandle), "bit {bit}");
        }
    }

    #[test]
    fn a_handle_of_another_length_does_not_open_but_one_padded_for_version_1_does() {
        let keys = keys(1);
        let bytes = handle().seal(keys.handles());
        for len in 0..=64 {
            let mut resized = bytes.to_vec();
            resized.resize(len, 0);
            let fits = len == FILE_HANDLE_BYTES || len == FILE_HANDLE_V1_BYTES;
            assert_eq!(FileHandle::open(&resized, keys.handles()).is_ok(), fits, "{len} bytes");
        }
        let mut padded = bytes.to_vec();
        padded.extend_from_slice(&[0, 0, 0, 1]);
        assert_eq!(FileHandle::open(&padded, keys.handles()), Err(BadHandle));
    }

    #[test]
    fn what_the_mac_covers_is_still_checked() {
        let keys = keys(1);
        // Version 2; a reserved byte; inode 0.
        for (version, reserved, inode) in [(2, 0, 9), (1, 1, 9), (1, 0, 0)] {
            let claim = [version, reserved, 0, 0, 0, 0, 0, 0, 0, 0, 0, inode];
            let bytes = [&claim[..], &keys.handles().mac(&claim)].concat();
            assert_eq!(FileHandle::open(&bytes, keys.handles()), Err(BadHandle), "{claim:?}");
        }
    }
}
