//! Authenticated encryption: one small interface, its providers, and the wrapping of volume keys.
//!
//! Owns: the primitives and their overheads. Guarantees: the providers of AES-256-GCM give the same
//! bytes (a test holds them together), and bytes open only under the key, nonce and binding that
//! sealed them.
//!
//! Source: NIST SP 800-38D (GCM); C2SP XAES-256-GCM.

mod xaes;

pub use xaes::{XAES_NONCE_BYTES, Xaes256Gcm};

use crate::base::{Random, to_u64};
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use aws_lc_rs::aead as lc;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

use super::binding::{Binding, SlotBinding};
use super::secret::Secret;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce of AES-256-GCM.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// What sealing adds to a frame: the tag. Its nonce is its index, which is not stored.
pub const FRAME_OVERHEAD_BYTES: usize = TAG_BYTES;
/// What sealing adds to a record: version 1, epoch 4, nonce 24, tag 16.
pub const RECORD_OVERHEAD_BYTES: usize = 1 + 4 + XAES_NONCE_BYTES + TAG_BYTES;
/// Bytes of a wrapped volume key: nonce 12, key 32, tag 16.
pub const WRAPPED_KEY_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// The bytes are not what was sealed: another key, another binding, or damage.
///
/// It says no more on purpose: which of these it was is not known, and must not be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes do not open under this key and binding")]
pub struct OpenError;

/// An authenticated cipher under one key, with a 96-bit nonce that the caller never uses twice.
pub trait Aead: Send + Sync {
    /// Encrypts `buf` in place and returns the tag over it and `aad`.
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buf: &mut [u8]) -> [u8; TAG_BYTES];

    /// Decrypts `sealed` into `out`, which has the same length, if the tag is right.
    ///
    /// `out` must not be looked at after an error.
    ///
    /// # Errors
    /// [`OpenError`].
    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_BYTES],
        out: &mut [u8],
    ) -> Result<(), OpenError>;
}

/// AES-256-GCM of aws-lc-rs: four times faster on long buffers, so it seals frames.
pub struct AwsLcAead(lc::LessSafeKey);

impl AwsLcAead {
    /// Prepares the cipher; the key schedule is wiped on drop.
    ///
    /// # Panics
    /// Never: every 32 bytes are a key of AES-256.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let key = lc::UnboundKey::new(&lc::AES_256_GCM, key).expect("32 bytes are an AES-256 key");
        Self(lc::LessSafeKey::new(key))
    }
}

impl Aead for AwsLcAead {
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buf: &mut [u8]) -> [u8; TAG_BYTES] {
        let nonce = lc::Nonce::assume_unique_for_key(*nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, lc::Aad::from(aad), buf)
            .expect("no buffer of this program reaches the 64 GiB limit of GCM");
        tag.as_ref().try_into().expect("the tag of GCM has 16 bytes")
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_BYTES],
        out: &mut [u8],
    ) -> Result<(), OpenError> {
        let nonce = lc::Nonce::assume_unique_for_key(*nonce);
        self.0
            .open_separate_gather(nonce, lc::Aad::from(aad), sealed, tag, out)
            .map_err(|_| OpenError)
    }
}

/// AES-256-GCM of RustCrypto: cheap to key, so it wraps keys and seals records.
pub struct RustCryptoAead(Aes256Gcm);

impl RustCryptoAead {
    /// Prepares the cipher; the key schedule is wiped on drop.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }
}

impl Aead for RustCryptoAead {
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buf: &mut [u8]) -> [u8; TAG_BYTES] {
        self.0
            .encrypt_inout_detached(nonce.into(), aad, buf.into())
            .expect("no buffer of this program reaches the 64 GiB limit of GCM")
            .into()
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_BYTES],
        out: &mut [u8],
    ) -> Result<(), OpenError> {
        let inout = InOutBuf::new(sealed, out).map_err(|_| OpenError)?;
        self.0.decrypt_inout_detached(nonce.into(), aad, inout, tag.into()).map_err(|_| OpenError)
    }
}

/// No encryption: a tag that anyone can compute, so that damage and swaps are still noticed.
///
/// For volumes made with `--encryption none`. It protects against accidents, not against people.
pub struct UnkeyedTag;

impl UnkeyedTag {
    /// SHA-256 over domain, nonce, binding and bytes, cut to 16 bytes.
    fn tag(nonce: &[u8], aad: &[u8], bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut hash = Sha256::new();
        hash.update(b"sealgate unkeyed tag");
        for part in [nonce, aad, bytes] {
            hash.update(to_u64(part.len()).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        *hash.first_chunk().expect("16 of 32 bytes")
    }

    /// Tags `buf`, which stays as it is.
    #[must_use]
    pub(super) fn seal_any(nonce: &[u8], aad: &[u8], buf: &[u8]) -> [u8; TAG_BYTES] {
        Self::tag(nonce, aad, buf)
    }

    /// Copies `sealed` into `out` if the tag is right.
    pub(super) fn open_any(
        nonce: &[u8],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_BYTES],
        out: &mut [u8],
    ) -> Result<(), OpenError> {
        let right: bool = Self::tag(nonce, aad, sealed).ct_eq(tag).into();
        if !right || sealed.len() != out.len() {
            return Err(OpenError);
        }
        out.copy_from_slice(sealed);
        Ok(())
    }
}

impl Aead for UnkeyedTag {
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buf: &mut [u8]) -> [u8; TAG_BYTES] {
        Self::seal_any(nonce, aad, buf)
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_BYTES],
        out: &mut [u8],
    ) -> Result<(), OpenError> {
        Self::open_any(nonce, aad, sealed, tag, out)
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
debug_without_content!(AwsLcAead, RustCryptoAead, UnkeyedTag);

/// Wraps a volume key under a key-encryption key: nonce 12 ‖ encrypted key 32 ‖ tag 16.
///
/// The nonce is random: a key-encryption key wraps a handful of keys in its life.
///
/// # Panics
/// Never: the parts have fixed sizes.
#[must_use]
pub fn wrap_key(
    kek: &Secret<KEY_BYTES>,
    at: &SlotBinding,
    key: &Secret<KEY_BYTES>,
    random: &dyn Random,
) -> [u8; WRAPPED_KEY_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    let mut sealed = *key.expose();
    let tag = RustCryptoAead::new(kek.expose()).seal(&nonce, &at.encode(), &mut sealed);
    let parts = [&nonce[..], &sealed, &tag].concat();
    parts.try_into().expect("12 and 32 and 16 bytes are 60")
}

/// Unwraps a volume key straight into locked memory.
///
/// # Errors
/// [`OpenError`] if the key-encryption key is another one, the slot was altered or moved, or
/// `wrapped` does not have 60 bytes.
pub fn unwrap_key(
    kek: &Secret<KEY_BYTES>,
    at: &SlotBinding,
    wrapped: &[u8],
) -> Result<Secret<KEY_BYTES>, OpenError> {
    let (nonce, rest) = wrapped.split_first_chunk().ok_or(OpenError)?;
    let (sealed, tag) = rest.split_last_chunk().ok_or(OpenError)?;
    if sealed.len() != KEY_BYTES {
        return Err(OpenError);
    }
    let cipher = RustCryptoAead::new(kek.expose());
    let mut opened = Ok(());
    let key = Secret::init(|out| opened = cipher.open(nonce, &at.encode(), sealed, tag, out));
    opened.map(|()| key)
}

#[cfg(test)]
mod tests;
