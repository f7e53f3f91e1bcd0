//! A bounded reader and a writer for binary layouts. Integers are big-endian, so keys sort.

use bytes::Bytes;

/// Why bytes do not decode. Carries positions and sizes, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
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
    /// The value ends before the bytes do.
    #[error("{left} bytes after the end of the value")]
    Excess {
        /// How many are too many.
        left: usize,
    },
    /// A version this program does not know.
    #[error("layout version {found} of {layout} is not known to this version of sealgate")]
    Version {
        /// Which layout.
        layout: &'static str,
        /// The version found.
        found: u8,
    },
    /// A field has a value outside its range.
    #[error("field `{field}` is out of range")]
    Range {
        /// Which field.
        field: &'static str,
    },
}

/// Reads a value from a byte slice; never reads past its end.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// How many bytes have been read.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`CodecError::Short`].
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let short = CodecError::Short { offset: self.offset, wanted: len, left: self.left() };
        let end = self.offset.checked_add(len).ok_or(short)?;
        let out = self.bytes.get(self.offset..end).ok_or(short)?;
        self.offset = end;
        Ok(out)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`CodecError::Short`].
    ///
    /// # Panics
    /// Never: `take` returns as many bytes as it was asked for.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("take returned exactly N bytes"))
    }

    /// One byte.
    ///
    /// # Errors
    /// [`CodecError::Short`].
    pub fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// [`CodecError::Short`].
    pub fn u16(&mut self) -> Result<u16, CodecError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// [`CodecError::Short`].
    pub fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes, big-endian.
    ///
    /// # Errors
    /// [`CodecError::Short`].
    pub fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Eight bytes, big-endian, two's complement.
    ///
    /// # Errors
    /// [`CodecError::Short`].
    pub fn i64(&mut self) -> Result<i64, CodecError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// The version byte that starts a layout.
    ///
    /// # Errors
    /// [`CodecError::Version`] if it is not `known`, [`CodecError::Short`] if there is none.
    pub fn version(&mut self, layout: &'static str, known: u8) -> Result<(), CodecError> {
        match self.u8()? {
            found if found == known => Ok(()),
            found => Err(CodecError::Version { layout, found }),
        }
    }

    /// A byte string: its length in two bytes, then its bytes, at most `len_max` of them.
    ///
    /// # Errors
    /// [`CodecError::Range`] if it is longer, [`CodecError::Short`] if bytes are missing.
    pub fn string(&mut self, field: &'static str, len_max: usize) -> Result<&'a [u8], CodecError> {
        let len = usize::from(self.u16()?);
        if len > len_max {
            return Err(CodecError::Range { field });
        }
        self.take(len)
    }

    /// Ends the value.
    ///
    /// # Errors
    /// [`CodecError::Excess`] if bytes are left.
    pub fn finish(self) -> Result<(), CodecError> {
        match self.left() {
            0 => Ok(()),
            left => Err(CodecError::Excess { left }),
        }
    }
}

/// Builds a value byte by byte.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty value with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// Appends bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.put(&[value])
    }

    /// Appends two bytes, big-endian.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    /// Appends four bytes, big-endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    /// Appends eight bytes, big-endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    /// Appends eight bytes, big-endian, two's complement.
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    /// Appends a byte string: its length in two bytes, then its bytes.
    ///
    /// # Panics
    /// If it is longer than 65,535 bytes: the caller did not apply its limit.
    pub fn string(&mut self, bytes: &[u8]) -> &mut Self {
        let len = u16::try_from(bytes.len()).expect("strings are bounded by base::limits");
        self.u16(len).put(bytes)
    }

    /// How many bytes there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The finished value.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes.into()
    }

    /// The finished value as a vector, for sealing in place.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back() {
        let mut writer = Writer::default();
        writer.u8(1).u16(2).u32(3).u64(4).i64(-5).string(b"six");
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.version("test", 1), Ok(()));
        assert_eq!(reader.u16(), Ok(2));
        assert_eq!(reader.u32(), Ok(3));
        assert_eq!(reader.u64(), Ok(4));
        assert_eq!(reader.i64(), Ok(-5));
        assert_eq!(reader.string("name", 3), Ok(&b"six"[..]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn short_and_excess_bytes_are_refused() {
        let mut reader = Reader::new(&[0, 0, 0]);
        assert_eq!(reader.u32(), Err(CodecError::Short { offset: 0, wanted: 4, left: 3 }));
        assert_eq!(reader.u16(), Ok(0), "a refused read takes nothing");
        assert_eq!(reader.finish(), Err(CodecError::Excess { left: 1 }));
        assert!(Reader::new(&[]).take(usize::MAX).is_err());
        assert_eq!(
            Reader::new(&[9]).version("test", 1),
            Err(CodecError::Version { layout: "test", found: 9 })
        );
        assert_eq!(
            Reader::new(&[0, 4, 1, 2, 3, 4]).string("name", 3),
            Err(CodecError::Range { field: "name" })
        );
    }
}
