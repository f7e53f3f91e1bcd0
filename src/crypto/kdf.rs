//! The key tree: one volume key in, one key per purpose out.
//!
//! Owns: the labels, and which key does what. Guarantees: keys of different volumes, epochs and
//! purposes have nothing in common. Volume key and content root stay in locked memory; the state of
//! the ciphers made from them is on the heap, wiped on drop. With `--encryption none` the volume
//! key is 32 zero bytes, and the tree is the same; its keys are then no secrets.
//!
//! Source: RFC 5869 (HKDF), RFC 2104 (HMAC), both with SHA-256.

use crate::base::{FileName, InodeId, KeyEpoch, SegmentId, VolumeId};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::records::RecordCipher;
use super::secret::Secret;
use super::segments::SegmentCipher;

/// The `info` texts of HKDF. Those used with one key differ, and have no number at their end.
mod label {
    pub(super) const CONTENT_ROOT: &[u8] = b"sealgate v1 content root";
    pub(super) const RECORD_KEY: &[u8] = b"sealgate v1 record key";
    pub(super) const NAME_KEY: &[u8] = b"sealgate v1 name key";
    pub(super) const HANDLE_KEY: &[u8] = b"sealgate v1 handle key";
    pub(super) const HEADER_KEY: &[u8] = b"sealgate v1 header key";
    /// Under the content root, followed by the segment id.
    pub(super) const SEGMENT: &[u8] = b"sealgate v1 segment";
}

/// How content and records are sealed. Chosen when a volume is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherSuite {
    /// AES-256-GCM for frames, XAES-256-GCM for records.
    Aes256Gcm,
    /// Plaintext with an unkeyed 16-byte tag: damage and swaps are noticed, nothing is hidden.
    None,
}

/// All keys of one epoch of a volume.
pub struct KeyTree {
    suite: CipherSuite,
    volume: VolumeId,
    epoch: KeyEpoch,
    content_root: Secret<32>,
    records: RecordCipher,
    names: NameHasher,
    handles: HandleMac,
    header: HeaderMac,
}

impl KeyTree {
    /// Derives the keys of one epoch.
    #[must_use]
    pub fn new(
        suite: CipherSuite,
        volume: VolumeId,
        epoch: KeyEpoch,
        volume_key: &Secret<32>,
    ) -> Self {
        let root = Hkdf::<Sha256>::new(Some(volume.as_bytes()), volume_key.expose());
        let key = |label| expand(&root, &[label, &epoch.get().to_be_bytes()]);
        Self {
            suite,
            volume,
            epoch,
            content_root: Secret::init(|out| *out = *key(label::CONTENT_ROOT)),
            records: RecordCipher::new(suite, volume, epoch, &key(label::RECORD_KEY)),
            names: NameHasher(hmac(&key(label::NAME_KEY))),
            handles: HandleMac(hmac(&key(label::HANDLE_KEY))),
            header: HeaderMac(hmac(&key(label::HEADER_KEY))),
        }
    }

    /// The epoch of these keys.
    #[must_use]
    pub const fn epoch(&self) -> KeyEpoch {
        self.epoch
    }

    /// Derives the cipher of one segment. Derive it once and keep it while the segment is used.
    ///
    /// # Cost
    /// Six compressions of SHA-256 and one key schedule: about half a microsecond.
    #[must_use]
    pub fn segment(&self, id: SegmentId) -> SegmentCipher {
        let root = Hkdf::<Sha256>::new(Some(self.volume.as_bytes()), self.content_root.expose());
        SegmentCipher::new(self.suite, &expand(&root, &[label::SEGMENT, id.as_bytes()]))
    }

    /// What seals and opens metadata records.
    #[must_use]
    pub const fn records(&self) -> &RecordCipher {
        &self.records
    }

    /// What places names in their directory.
    #[must_use]
    pub const fn names(&self) -> &NameHasher {
        &self.names
    }

    /// What makes file handles unforgeable.
    #[must_use]
    pub const fn handles(&self) -> &HandleMac {
        &self.handles
    }

    /// What authenticates the volume header.
    #[must_use]
    pub const fn header(&self) -> &HeaderMac {
        &self.header
    }
}

/// The epochs of a volume that are still alive: the newest seals, any opens.
pub struct KeyRing {
    current: KeyTree,
    old: Vec<KeyTree>,
}

impl KeyRing {
    /// A ring with one epoch.
    #[must_use]
    pub const fn new(current: KeyTree) -> Self {
        Self { current, old: Vec::new() }
    }

    /// Adds an epoch that only opens.
    #[must_use]
    pub fn with_old(mut self, old: KeyTree) -> Self {
        self.old.push(old);
        self
    }

    /// The epoch that seals.
    #[must_use]
    pub const fn current(&self) -> &KeyTree {
        &self.current
    }

    /// The keys of epoch `e`, if it is still alive.
    #[must_use]
    pub fn epoch(&self, e: KeyEpoch) -> Option<&KeyTree> {
        std::iter::once(&self.current).chain(&self.old).find(|tree| tree.epoch == e)
    }

    /// The volume of these keys.
    #[must_use]
    pub const fn volume(&self) -> VolumeId {
        self.current.volume
    }

    /// How the volume is sealed.
    #[must_use]
    pub const fn suite(&self) -> CipherSuite {
        self.current.suite
    }
}

/// A keyed hash of names: where in its directory a name lies, and its READDIR cookie.
pub struct NameHasher(Hmac<Sha256>);

impl NameHasher {
    /// The place of `name` in `parent`: below 2^63, the low four bits clear, at least 16.
    ///
    /// The low bits number the entries that share a place; the numbers below 16 stay free for `.`
    /// and `..`; and cookies stay positive for clients that treat them as signed.
    ///
    /// # Panics
    /// Never: HMAC-SHA256 gives 32 bytes.
    #[must_use]
    pub fn hash(&self, parent: InodeId, name: &FileName) -> u64 {
        let mut mac = self.0.clone();
        mac.update(&parent.get().to_be_bytes());
        mac.update(name.as_bytes());
        let mac = finish(mac);
        let first = u64::from_be_bytes(*mac.first_chunk().expect("8 of 32 bytes"));
        ((first >> 1) & !0xF).max(0x10)
    }
}

/// The MAC of NFS file handles.
pub struct HandleMac(Hmac<Sha256>);

impl HandleMac {
    /// The first 16 bytes of HMAC-SHA256 over `bytes`.
    ///
    /// # Panics
    /// Never: HMAC-SHA256 gives 32 bytes.
    #[must_use]
    pub fn mac(&self, bytes: &[u8]) -> [u8; 16] {
        let mut mac = self.0.clone();
        mac.update(bytes);
        *finish(mac).first_chunk().expect("16 of 32 bytes")
    }

    /// Whether `mac` belongs to `bytes`, in constant time.
    #[must_use]
    pub fn verify(&self, bytes: &[u8], mac: &[u8]) -> bool {
        self.mac(bytes).as_slice().ct_eq(mac).into()
    }
}

/// The MAC of the volume header.
pub struct HeaderMac(Hmac<Sha256>);

impl HeaderMac {
    /// HMAC-SHA256 over `bytes`.
    #[must_use]
    pub fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(bytes);
        finish(mac)
    }

    /// Whether `mac` belongs to `bytes`, in constant time.
    #[must_use]
    pub fn verify(&self, bytes: &[u8], mac: &[u8]) -> bool {
        self.mac(bytes).as_slice().ct_eq(mac).into()
    }
}

macro_rules! debug_without_content {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
debug_without_content!(KeyTree, KeyRing, NameHasher, HandleMac, HeaderMac);

/// A subkey on its way into a cipher. It stays on the stack for that moment and is wiped: a locked
/// page costs six system calls, and the cipher's own state is on the heap anyway.
fn expand(root: &Hkdf<Sha256>, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    root.expand_multi_info(info, &mut *key).expect("32 bytes are within HKDF's limit");
    key
}

fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn finish(mac: Hmac<Sha256>) -> [u8; 32] {
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(volume: u8, epoch: u32, key: u8) -> KeyTree {
        KeyTree::new(
            CipherSuite::Aes256Gcm,
            VolumeId::from_bytes([volume; 16]),
            KeyEpoch::new(epoch),
            &Secret::init(|out| out.fill(key)),
        )
    }

    #[test]
    fn volume_epoch_key_and_purpose_each_change_the_keys() {
        let mac = |tree: KeyTree| tree.header().mac(b"x");
        let one = mac(tree(1, 1, 1));
        assert_eq!(one, mac(tree(1, 1, 1)));
        assert_ne!(one, mac(tree(2, 1, 1)));
        assert_ne!(one, mac(tree(1, 2, 1)));
        assert_ne!(one, mac(tree(1, 1, 2)));
        assert!(!one.starts_with(&tree(1, 1, 1).handles().mac(b"x")));
    }

    #[test]
    fn name_hashes_are_cookies_that_depend_on_the_parent() {
        let tree = tree(1, 1, 1);
        let name = FileName::new(&b"name"[..]).unwrap();
        let other = FileName::new(&b"nama"[..]).unwrap();
        let parent = InodeId::new(2).unwrap();
        let hash = tree.names().hash(InodeId::ROOT, &name);
        assert_eq!(hash, tree.names().hash(InodeId::ROOT, &name));
        assert_ne!(hash, tree.names().hash(parent, &name));
        assert_ne!(hash, tree.names().hash(InodeId::ROOT, &other));
        assert!((0x10..1 << 63).contains(&hash) && hash.is_multiple_of(16));
    }

    #[test]
    fn macs_verify_only_whole_and_unaltered() {
        let tree = tree(1, 1, 1);
        let mac = tree.handles().mac(b"bytes");
        assert!(tree.handles().verify(b"bytes", &mac));
        assert!(!tree.handles().verify(b"bytez", &mac));
        assert!(!tree.handles().verify(b"bytes", &mac[..15]));
        assert!(!tree.handles().verify(b"bytes", b""));
        let mac = tree.header().mac(b"bytes");
        assert!(tree.header().verify(b"bytes", &mac));
        assert!(!tree.header().verify(b"bytes", &mac[..16]));
    }

    #[test]
    fn a_ring_seals_with_the_newest_and_opens_with_any() {
        let ring = KeyRing::new(tree(1, 2, 2)).with_old(tree(1, 1, 1));
        assert_eq!(ring.current().epoch(), KeyEpoch::new(2));
        assert_eq!(ring.epoch(KeyEpoch::new(1)).map(KeyTree::epoch), Some(KeyEpoch::new(1)));
        assert!(ring.epoch(KeyEpoch::new(3)).is_none());
    }

    #[test]
    fn no_key_is_shown_by_debug() {
        let ring = KeyRing::new(tree(1, 1, 1));
        assert_eq!(format!("{ring:?}"), "KeyRing { .. }");
    }
}
