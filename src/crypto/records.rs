//! Seals metadata records: version 1 ‖ epoch 4 ‖ nonce 24 ‖ ciphertext ‖ tag 16.
//!
//! Owns: the layout of a sealed record. Guarantees: a record opens only under the key it was stored
//! under. Nonces are random; 192 bits make a repetition impossible in practice.

use crate::base::{KeyEpoch, Random, VolumeId};
use bytes::Bytes;
use std::fmt;

use super::aead::{
    KEY_BYTES, OpenError, RECORD_OVERHEAD_BYTES, TAG_BYTES, UnkeyedTag, XAES_NONCE_BYTES,
    Xaes256Gcm,
};
use super::binding::{Binding, RecordBinding};
use super::kdf::CipherSuite;

/// The only version of the layout.
const RECORD_VERSION: u8 = 1;

/// The cipher of all metadata records of one key epoch.
pub struct RecordCipher {
    volume: VolumeId,
    epoch: KeyEpoch,
    sealer: Sealer,
}

enum Sealer {
    // Boxed, because the round keys would be most of the enum.
    Xaes(Box<Xaes256Gcm>),
    Unkeyed,
}

/// A sealed record taken apart; nothing of it is verified.
struct Sealed<'a> {
    epoch: KeyEpoch,
    nonce: &'a [u8; XAES_NONCE_BYTES],
    body: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl RecordCipher {
    /// Prepares the cipher of one epoch.
    pub(super) fn new(
        suite: CipherSuite,
        volume: VolumeId,
        epoch: KeyEpoch,
        key: &[u8; KEY_BYTES],
    ) -> Self {
        let sealer = match suite {
            CipherSuite::Aes256Gcm => Sealer::Xaes(Box::new(Xaes256Gcm::new(key))),
            CipherSuite::None => Sealer::Unkeyed,
        };
        Self { volume, epoch, sealer }
    }

    /// Seals `plain` as the value stored under `key`.
    ///
    /// Returns `plain.len()` + [`RECORD_OVERHEAD_BYTES`] bytes in one allocation.
    #[must_use]
    pub fn seal(&self, key: &[u8], plain: &[u8], random: &dyn Random) -> Bytes {
        let aad = self.binding(key).encode();
        let mut nonce = [0; XAES_NONCE_BYTES];
        random.fill(&mut nonce);
        let mut out = Vec::with_capacity(plain.len() + RECORD_OVERHEAD_BYTES);
        out.push(RECORD_VERSION);
        out.extend_from_slice(&self.epoch.get().to_be_bytes());
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(plain);
        let (_, body) = out.split_at_mut(start);
        let tag = match &self.sealer {
            Sealer::Xaes(cipher) => cipher.seal(&nonce, &aad, body),
            Sealer::Unkeyed => UnkeyedTag::seal_any(&nonce, &aad, body),
        };
        out.extend_from_slice(&tag);
        out.into()
    }

    /// Opens the value that was found under `key`.
    ///
    /// # Errors
    /// [`OpenError`] if it was sealed for another key, volume or epoch, or is not whole.
    pub fn open(&self, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let Sealed { epoch, nonce, body, tag } = Sealed::split(sealed)?;
        if epoch != self.epoch {
            return Err(OpenError);
        }
        let aad = self.binding(key).encode();
        let mut out = vec![0; body.len()];
        match &self.sealer {
            Sealer::Xaes(cipher) => cipher.open(nonce, &aad, body, tag, &mut out)?,
            Sealer::Unkeyed => UnkeyedTag::open_any(nonce, &aad, body, tag, &mut out)?,
        }
        Ok(out)
    }

    /// The epoch that a sealed record claims, unverified: it only picks the key to try.
    ///
    /// # Errors
    /// [`OpenError`] if it is too short for a record or of an unknown version.
    pub fn epoch_of(sealed: &[u8]) -> Result<KeyEpoch, OpenError> {
        Sealed::split(sealed).map(|parts| parts.epoch)
    }

    const fn binding<'a>(&self, key: &'a [u8]) -> RecordBinding<'a> {
        RecordBinding { volume: self.volume, epoch: self.epoch, key }
    }
}

impl fmt::Debug for RecordCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordCipher").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl<'a> Sealed<'a> {
    fn split(sealed: &'a [u8]) -> Result<Self, OpenError> {
        let (&version, rest) = sealed.split_first().ok_or(OpenError)?;
        if version != RECORD_VERSION {
            return Err(OpenError);
        }
        let (epoch, rest) = rest.split_first_chunk().ok_or(OpenError)?;
        let (nonce, rest) = rest.split_first_chunk().ok_or(OpenError)?;
        let (body, tag) = rest.split_last_chunk().ok_or(OpenError)?;
        Ok(Self { epoch: KeyEpoch::new(u32::from_be_bytes(*epoch)), nonce, body, tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::OsRandom;

    const SUITES: [CipherSuite; 2] = [CipherSuite::Aes256Gcm, CipherSuite::None];

    fn cipher(suite: CipherSuite, volume: u8, epoch: u32) -> RecordCipher {
        let volume = VolumeId::from_bytes([volume; 16]);
        RecordCipher::new(suite, volume, KeyEpoch::new(epoch), &[9; 32])
    }

    #[test]
    fn a_record_opens_only_under_its_own_key_volume_and_epoch() {
        for suite in SUITES {
            let mine = cipher(suite, 1, 1);
            let sealed = mine.seal(b"I1", b"value", &OsRandom);
            assert_eq!(sealed.len(), 5 + RECORD_OVERHEAD_BYTES);
            assert_eq!(mine.open(b"I1", &sealed).unwrap(), b"value");
            assert_eq!(RecordCipher::epoch_of(&sealed), Ok(KeyEpoch::new(1)));
            assert_eq!(mine.open(b"I2", &sealed), Err(OpenError));
            assert_eq!(cipher(suite, 2, 1).open(b"I1", &sealed), Err(OpenError));
            assert_eq!(cipher(suite, 1, 2).open(b"I1", &sealed), Err(OpenError));
        }
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unnoticed() {
        for suite in SUITES {
            let mine = cipher(suite, 1, 1);
            let sealed = mine.seal(b"I1", b"value", &OsRandom).to_vec();
            for bit in 0..sealed.len() * 8 {
                let mut bad = sealed.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(mine.open(b"I1", &bad), Err(OpenError), "bit {bit}");
            }
            for len in 0..sealed.len() {
                assert_eq!(mine.open(b"I1", &sealed[..len]), Err(OpenError), "{len} bytes");
            }
        }
    }

    #[test]
    fn the_same_value_is_sealed_differently_each_time() {
        let mine = cipher(CipherSuite::Aes256Gcm, 1, 1);
        assert_ne!(mine.seal(b"I1", b"v", &OsRandom), mine.seal(b"I1", b"v", &OsRandom));
    }

    #[test]
    fn an_empty_value_is_sealed_too() {
        let mine = cipher(CipherSuite::Aes256Gcm, 1, 1);
        let sealed = mine.seal(b"C", b"", &OsRandom);
        assert_eq!(mine.open(b"C", &sealed).unwrap(), b"");
    }
}
