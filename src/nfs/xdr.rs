//! A decoder for XDR that never allocates: byte strings come out as slices of the record.
//!
//! Owns: the reading side of RFC 4506. Guarantees: no length is believed before the bytes behind
//! it are there. Leaves to others: what the values mean (`rpc`, `args`, `mount`).

use std::fmt;

use bytes::Bytes;

use crate::base::to_usize;

/// Why bytes are not the XDR value that was expected. Carries positions and sizes, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XdrError {
    /// The bytes end before the value does.
    #[error("{wanted} more bytes wanted at offset {offset}, {left} left")]
    Short {
        /// Where the value starts.
        offset: usize,
        /// How many bytes it needs.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// A variable-length field claims more than it may have.
    #[error("a field of {len} bytes or items where {max} are allowed")]
    TooLong {
        /// The length claimed.
        len: usize,
        /// The largest length allowed.
        max: usize,
    },
    /// A boolean, enumeration or discriminant has a value the protocol does not know.
    #[error("{found} is no value of {field}")]
    Range {
        /// Which type.
        field: &'static str,
        /// The value found.
        found: u32,
    },
    /// Bytes follow the end of the value.
    #[error("{left} bytes after the end of the value")]
    Excess {
        /// How many.
        left: usize,
    },
}

/// Reads XDR values from the bytes of one record, front to back.
///
/// Cloning and slicing share the record; a byte string taken from it keeps the record alive.
#[derive(Clone)]
pub struct XdrDecoder {
    bytes: Bytes,
    offset: usize,
}

impl XdrDecoder {
    /// Starts at the beginning of `bytes`.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self { bytes, offset: 0 }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// The bytes that are left, without taking them.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// An unsigned 32-bit integer (RFC 4506 section 4.2).
    ///
    /// # Errors
    /// [`XdrError::Short`].
    pub fn u32(&mut self) -> Result<u32, XdrError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// An unsigned 64-bit integer (RFC 4506 section 4.5).
    ///
    /// # Errors
    /// [`XdrError::Short`].
    pub fn u64(&mut self) -> Result<u64, XdrError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A boolean: 0 or 1 and nothing else (RFC 4506 section 4.4).
    ///
    /// # Errors
    /// [`XdrError::Short`], [`XdrError::Range`].
    pub fn bool(&mut self) -> Result<bool, XdrError> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(XdrError::Range { field: "bool", found }),
        }
    }

    /// Exactly `N` bytes; `N` must be a multiple of four, so that there is no padding.
    ///
    /// # Errors
    /// [`XdrError::Short`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], XdrError> {
        const { assert!(N.is_multiple_of(4), "fixed opaques of this protocol have no padding") };
        let end = self.end_of(N)?;
        let bytes = self.bytes.get(self.offset..end).unwrap_or_default();
        let short = XdrError::Short { offset: self.offset, wanted: N, left: self.left() };
        let out = bytes.try_into().map_err(|_| short)?;
        self.offset = end;
        Ok(out)
    }

    /// A variable-length byte string of at most `max` bytes, as a slice of the record
    /// (RFC 4506 section 4.10). Padding must be there; what it holds is not looked at, because
    /// some clients leave old bytes in it.
    ///
    /// # Errors
    /// [`XdrError::Short`], [`XdrError::TooLong`].
    pub fn opaque(&mut self, max: usize) -> Result<Bytes, XdrError> {
        let len = to_usize(u64::from(self.u32()?));
        if len > max {
            return Err(XdrError::TooLong { len, max });
        }
        let padded_end = self.end_of(len.next_multiple_of(4))?;
        let out = self.bytes.slice(self.offset..self.offset + len);
        self.offset = padded_end;
        Ok(out)
    }

    /// An array of at most `max` unsigned 32-bit integers (RFC 4506 section 4.13).
    ///
    /// # Errors
    /// [`XdrError::Short`], [`XdrError::TooLong`].
    pub fn u32_array(&mut self, max: usize) -> Result<Vec<u32>, XdrError> {
        let len = to_usize(u64::from(self.u32()?));
        if len > max {
            return Err(XdrError::TooLong { len, max });
        }
        self.end_of(len * 4)?;
        (0..len).map(|_| self.u32()).collect()
    }

    /// Ends the value.
    ///
    /// # Errors
    /// [`XdrError::Excess`] if bytes are left.
    pub fn finish(&self) -> Result<(), XdrError> {
        match self.left() {
            0 => Ok(()),
            left => Err(XdrError::Excess { left }),
        }
    }

    /// Where a value of `len` bytes ends, if it is all there.
    fn end_of(&self, len: usize) -> Result<usize, XdrError> {
        let short = XdrError::Short { offset: self.offset, wanted: len, left: self.left() };
        if len > self.left() { Err(short) } else { Ok(self.offset + len) }
    }
}

/// Shows positions only: the bytes hold names and content.
impl fmt::Debug for XdrDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "XdrDecoder(at {} of {} bytes)", self.offset, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(bytes: &[u8]) -> XdrDecoder {
        XdrDecoder::new(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_byte_string_is_a_slice_of_the_record() {
        let record = Bytes::from_static(b"\0\0\0\x05hello\xaa\xaa\xaa\0\0\0\x01");
        let mut decoder = XdrDecoder::new(record.clone());
        let text = decoder.opaque(5).unwrap();
        assert_eq!(text, "hello");
        assert_eq!(text.as_ptr(), record.slice(4..).as_ptr(), "no copy was made");
        assert_eq!(decoder.bool(), Ok(true), "padding is skipped whatever it holds");
        assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn a_claimed_length_is_checked_before_anything_is_taken() {
        let huge = b"\xff\xff\xff\xff\0\0\0\0";
        let max = to_usize(u64::from(u32::MAX));
        assert_eq!(decoder(huge).opaque(64), Err(XdrError::TooLong { len: max, max: 64 }));
        assert!(matches!(decoder(huge).opaque(usize::MAX), Err(XdrError::Short { .. })));
        assert_eq!(decoder(huge).u32_array(16), Err(XdrError::TooLong { len: max, max: 16 }));
        assert!(matches!(decoder(huge).u32_array(usize::MAX), Err(XdrError::Short { .. })));
        assert!(matches!(decoder(b"\0\0\0\x05hello").opaque(9), Err(XdrError::Short { .. })));
    }

    #[test]
    fn integers_and_booleans_are_exact() {
        let mut decoder = decoder(&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2, 9]);
        assert_eq!(decoder.u64(), Ok(0x1_0000_0002));
        assert_eq!(decoder.array::<4>(), Ok([0, 0, 0, 3]));
        assert_eq!(decoder.bool(), Err(XdrError::Range { field: "bool", found: 2 }));
        assert_eq!(decoder.finish(), Err(XdrError::Excess { left: 1 }));
        assert_eq!(decoder.u32(), Err(XdrError::Short { offset: 16, wanted: 4, left: 1 }));
    }
}
