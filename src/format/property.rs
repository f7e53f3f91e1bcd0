//! Dead properties of an inode (docs/format.md §6.8).

use bytes::Bytes;

use crate::base::{CodecError, Reader, Writer, to_u32, to_usize};

const VERSION: u8 = 1;

/// Longest name of a property, its namespace included, in bytes.
pub const PROPERTY_NAME_BYTES_MAX: usize = 1_024;
/// Longest value of a property in bytes.
pub const PROPERTY_VALUE_BYTES_MAX: usize = 64 << 10;

/// A name and a value that mean something to a client and nothing to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyRecord {
    /// The name.
    pub name: Bytes,
    /// The value.
    pub value: Bytes,
}

impl PropertyRecord {
    /// Encodes the record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(16 + self.name.len() + self.value.len());
        writer.u8(VERSION).string(&self.name).u32(to_u32(self.value.len())).put(&self.value);
        writer.into_vec()
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// [`CodecError`] for anything `encode` would not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        reader.version("property", VERSION)?;
        let name = Bytes::copy_from_slice(reader.string("property", PROPERTY_NAME_BYTES_MAX)?);
        let len = to_usize(u64::from(reader.u32()?));
        if len > PROPERTY_VALUE_BYTES_MAX {
            return Err(CodecError::Range { field: "property value" });
        }
        let value = Bytes::copy_from_slice(reader.take(len)?);
        reader.finish()?;
        Ok(Self { name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_reads_back_and_its_truncations_do_not() {
        let record = PropertyRecord { name: "DAV:x".into(), value: "<x/>".into() };
        let bytes = record.encode();
        assert_eq!(PropertyRecord::decode(&bytes), Ok(record));
        for len in 0..bytes.len() {
            assert!(PropertyRecord::decode(&bytes[..len]).is_err());
        }
    }
}
