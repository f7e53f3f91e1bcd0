//! Seals the frames and the directory of one segment.
//!
//! Owns: the nonces under a segment's key. Guarantees: a frame opens only at its own index of its
//! own segment. A segment id is used for exactly one byte sequence, so no nonce is used twice.

use crate::base::{SegmentId, VolumeId};
use std::fmt;

use super::aead::{Aead, AwsLcAead, KEY_BYTES, NONCE_BYTES, OpenError, TAG_BYTES, UnkeyedTag};
use super::binding::{Binding, DirectoryBinding, FrameBinding};
use super::kdf::CipherSuite;

/// The nonce of the directory. Frame nonces start with eight zero bytes, so none is like it.
const DIRECTORY_NONCE: [u8; NONCE_BYTES] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];

/// The cipher of one segment. Derived once, used for all its frames, from any thread.
pub struct SegmentCipher {
    aead: Box<dyn Aead>,
}

impl SegmentCipher {
    /// Prepares the cipher of the segment that `key` was derived for.
    pub(super) fn new(suite: CipherSuite, key: &[u8; KEY_BYTES]) -> Self {
        let aead: Box<dyn Aead> = match suite {
            CipherSuite::Aes256Gcm => Box::new(AwsLcAead::new(key)),
            CipherSuite::None => Box::new(UnkeyedTag),
        };
        Self { aead }
    }

    /// Seals the frame in `buf` in place and appends its 16-byte tag.
    ///
    /// Give `buf` room for [`super::aead::FRAME_OVERHEAD_BYTES`] more, or the tag moves it.
    pub fn seal(&self, at: &FrameBinding, buf: &mut Vec<u8>) {
        self.seal_under(&frame_nonce(at.frame), &at.encode(), buf);
    }

    /// Opens a frame (ciphertext ‖ tag) into a new buffer.
    ///
    /// # Errors
    /// [`OpenError`] if it is not the frame that `at` says, whole and unaltered.
    pub fn open(&self, at: &FrameBinding, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.open_under(&frame_nonce(at.frame), &at.encode(), sealed)
    }

    /// Seals the directory in `buf` in place and appends its tag. The clear footer is bound to it.
    pub fn seal_directory(
        &self,
        volume: VolumeId,
        segment: SegmentId,
        footer: &[u8],
        buf: &mut Vec<u8>,
    ) {
        let at = DirectoryBinding { volume, segment, footer };
        self.seal_under(&DIRECTORY_NONCE, &at.encode(), buf);
    }

    /// Opens a directory (ciphertext ‖ tag) into a new buffer.
    ///
    /// # Errors
    /// [`OpenError`] if directory and footer are not those of this segment, whole and unaltered.
    pub fn open_directory(
        &self,
        volume: VolumeId,
        segment: SegmentId,
        footer: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, OpenError> {
        let at = DirectoryBinding { volume, segment, footer };
        self.open_under(&DIRECTORY_NONCE, &at.encode(), sealed)
    }

    fn seal_under(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buf: &mut Vec<u8>) {
        let tag = self.aead.seal(nonce, aad, buf);
        buf.extend_from_slice(&tag);
    }

    fn open_under(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, OpenError> {
        let (sealed, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(OpenError)?;
        let mut out = vec![0; sealed.len()];
        self.aead.open(nonce, aad, sealed, tag, &mut out)?;
        Ok(out)
    }
}

impl fmt::Debug for SegmentCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentCipher").finish_non_exhaustive()
    }
}

/// The frame index as 96 bits, big-endian.
fn frame_nonce(frame: u32) -> [u8; NONCE_BYTES] {
    let [a, b, c, d] = frame.to_be_bytes();
    [0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: FrameBinding = FrameBinding {
        volume: VolumeId::from_bytes([1; 16]),
        segment: SegmentId::from_bytes([2; 16]),
        frame: 3,
        codec: 0,
        plain_len: 5,
    };
    const SUITES: [CipherSuite; 2] = [CipherSuite::Aes256Gcm, CipherSuite::None];

    fn cipher(suite: CipherSuite) -> SegmentCipher {
        SegmentCipher::new(suite, &[9; 32])
    }

    #[test]
    fn a_frame_opens_only_at_its_own_place() {
        for suite in SUITES {
            let cipher = cipher(suite);
            let mut buf = b"bytes".to_vec();
            cipher.seal(&AT, &mut buf);
            assert_eq!(buf.len(), 5 + TAG_BYTES);
            assert_eq!(cipher.open(&AT, &buf).unwrap(), b"bytes");
            for other in [
                FrameBinding { volume: VolumeId::from_bytes([9; 16]), ..AT },
                FrameBinding { segment: SegmentId::from_bytes([9; 16]), ..AT },
                FrameBinding { frame: 4, ..AT },
                FrameBinding { codec: 1, ..AT },
                FrameBinding { plain_len: 6, ..AT },
            ] {
                assert_eq!(cipher.open(&other, &buf), Err(OpenError));
            }
        }
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unnoticed() {
        for suite in SUITES {
            let cipher = cipher(suite);
            let mut buf = b"bytes".to_vec();
            cipher.seal(&AT, &mut buf);
            for bit in 0..buf.len() * 8 {
                let mut bad = buf.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(cipher.open(&AT, &bad), Err(OpenError), "bit {bit}");
            }
            for len in 0..buf.len() {
                assert_eq!(cipher.open(&AT, &buf[..len]), Err(OpenError), "{len} bytes");
            }
        }
    }

    #[test]
    fn a_directory_is_bound_to_its_footer_and_is_no_frame() {
        for suite in SUITES {
            let cipher = cipher(suite);
            let mut buf = b"directory".to_vec();
            cipher.seal_directory(AT.volume, AT.segment, b"footer", &mut buf);
            let open =
                |segment, footer: &[u8]| cipher.open_directory(AT.volume, segment, footer, &buf);
            assert_eq!(open(AT.segment, b"footer").unwrap(), b"directory");
            assert_eq!(open(AT.segment, b"footes"), Err(OpenError));
            assert_eq!(open(SegmentId::from_bytes([9; 16]), b"footer"), Err(OpenError));
            assert_eq!(cipher.open(&AT, &buf), Err(OpenError));
        }
    }

    #[test]
    fn encryption_hides_the_bytes_and_none_does_not() {
        let mut sealed = b"plain marker".to_vec();
        cipher(CipherSuite::Aes256Gcm).seal(&AT, &mut sealed);
        assert!(!sealed.starts_with(b"plain marker"));
        let mut tagged = b"plain marker".to_vec();
        cipher(CipherSuite::None).seal(&AT, &mut tagged);
        assert!(tagged.starts_with(b"plain marker"));
    }
}
