//! XAES-256-GCM: AES-256-GCM with a 192-bit nonce, long enough to draw at random for ever.
//!
//! A key of its own is derived for every nonce with CMAC-AES256 over the nonce's first half; the
//! second half is the nonce under that key.
//!
//! Source: C2SP XAES-256-GCM; NIST SP 800-108r1 (counter mode), SP 800-38B (CMAC).

use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
use std::fmt;
use zeroize::Zeroizing;

use super::{Aead, KEY_BYTES, NONCE_BYTES, OpenError, RustCryptoAead, TAG_BYTES};

/// Bytes of a nonce of XAES-256-GCM.
pub const XAES_NONCE_BYTES: usize = 24;

/// Bytes of a block of AES.
const BLOCK_BYTES: usize = 16;

/// XAES-256-GCM under one key. Safe for 2^80 random nonces.
pub struct Xaes256Gcm {
    /// The key-deriving cipher.
    cipher: Aes256,
    /// The first subkey of CMAC, which only depends on the key.
    subkey: Zeroizing<[u8; BLOCK_BYTES]>,
}

impl Xaes256Gcm {
    /// Prepares the cipher; the key schedule is wiped on drop.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let cipher = Aes256::new(key.into());
        let mut block = [0; BLOCK_BYTES].into();
        cipher.encrypt_block(&mut block);
        // Doubling in GF(2^128): shift left, and fold the bit that falls out. The fold is a
        // multiplication, not a branch, so its time says nothing about the key.
        let wide = u128::from_be_bytes(block.into());
        let doubled = (wide << 1) ^ ((wide >> 127) * 0x87);
        Self { cipher, subkey: Zeroizing::new(doubled.to_be_bytes()) }
    }

    /// Encrypts `buf` in place and returns the tag over it and `aad`.
    pub fn seal(
        &self,
        nonce: &[u8; XAES_NONCE_BYTES],
        aad: &[u8],
        buf: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let (cipher, nonce) = self.derive(nonce);
        cipher.seal(&nonce, aad, buf)
    }

    /// Decrypts `sealed` into `out`, which has the same length, if the tag is right.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        &self,
        nonce: &[u8; XAES_NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_BYTES],
        out: &mut [u8],
    ) -> Result<(), OpenError> {
        let (cipher, nonce) = self.derive(nonce);
        cipher.open(&nonce, aad, sealed, tag, out)
    }

    /// The cipher and nonce for one message: two blocks of AES and one key schedule.
    fn derive(&self, nonce: &[u8; XAES_NONCE_BYTES]) -> (RustCryptoAead, [u8; NONCE_BYTES]) {
        let [prefix, suffix] = halves(nonce);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        for (counter, out) in (1_u8..).zip(key.chunks_exact_mut(BLOCK_BYTES)) {
            // The message of CMAC is one whole block: counter be16, "X", zero, nonce prefix.
            let mut message = [0; BLOCK_BYTES];
            let label = [0, counter, b'X', 0];
            for (byte, part) in message.iter_mut().zip(label.iter().chain(&prefix)) {
                *byte = *part;
            }
            for (byte, mask) in message.iter_mut().zip(self.subkey.iter()) {
                *byte ^= mask;
            }
            let mut block = message.into();
            self.cipher.encrypt_block(&mut block);
            out.copy_from_slice(&block);
        }
        (RustCryptoAead::new(&key), suffix)
    }
}

impl fmt::Debug for Xaes256Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xaes256Gcm").finish_non_exhaustive()
    }
}

/// The two halves of a nonce.
fn halves(nonce: &[u8; XAES_NONCE_BYTES]) -> [[u8; NONCE_BYTES]; 2] {
    let (prefix, suffix) = nonce.split_first_chunk().expect("24 bytes hold 12");
    [*prefix, suffix.try_into().expect("12 of 24 bytes are left")]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &[u8; 24] = b"ABCDEFGHIJKLMNOPQRSTUVWX";

    fn seal_hex(key: u8, aad: &[u8]) -> String {
        let mut buf = b"XAES-256-GCM".to_vec();
        let tag = Xaes256Gcm::new(&[key; 32]).seal(NONCE, aad, &mut buf);
        buf.extend_from_slice(&tag);
        buf.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_published_vectors_hold() {
        // The first key has the top bit of its CMAC block clear, the second has it set.
        assert_eq!(seal_hex(1, b""), "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
        assert_eq!(
            seal_hex(3, b"c2sp.org/XAES-256-GCM"),
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"
        );
    }

    #[test]
    fn only_the_same_key_nonce_and_aad_open() {
        let cipher = Xaes256Gcm::new(&[7; 32]);
        let mut sealed = *b"some bytes";
        let tag = cipher.seal(NONCE, b"aad", &mut sealed);
        let mut out = [0; 10];
        assert_eq!(cipher.open(NONCE, b"aad", &sealed, &tag, &mut out), Ok(()));
        assert_eq!(&out, b"some bytes");
        let mut early = *NONCE;
        early[0] ^= 1;
        let mut late = *NONCE;
        late[23] ^= 1;
        assert!(cipher.open(&early, b"aad", &sealed, &tag, &mut out).is_err());
        assert!(cipher.open(&late, b"aad", &sealed, &tag, &mut out).is_err());
        assert!(cipher.open(NONCE, b"aae", &sealed, &tag, &mut out).is_err());
        let other = Xaes256Gcm::new(&[8; 32]);
        assert!(other.open(NONCE, b"aad", &sealed, &tag, &mut out).is_err());
    }
}
