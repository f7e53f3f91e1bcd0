//! Identifiers: newtypes with private contents, so that no two of them can be confused.

use std::fmt;

/// The number of an inode. 1 is the root; 0 is never valid; numbers are never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(u64);

impl InodeId {
    /// The root directory of every volume.
    pub const ROOT: Self = Self(1);

    /// Takes a number from the wire or from a record; `None` for 0.
    #[must_use]
    pub const fn new(id: u64) -> Option<Self> {
        if id == 0 { None } else { Some(Self(id)) }
    }

    /// The number, as NFS `fileid` and as the key of records.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for InodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inode={}", self.0)
    }
}

impl fmt::Display for InodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The place of an extent in its file: byte offset divided by the volume's extent size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtentIndex(u64);

impl ExtentIndex {
    /// The extent at `index`, counted from the start of the file.
    #[must_use]
    pub const fn new(index: u64) -> Self {
        Self(index)
    }

    /// The index as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The generation of the volume key. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyEpoch(u32);

impl KeyEpoch {
    /// The epoch of a new volume.
    pub const FIRST: Self = Self(1);

    /// The epoch numbered `epoch`.
    #[must_use]
    pub const fn new(epoch: u32) -> Self {
        Self(epoch)
    }

    /// The epoch as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

macro_rules! id128 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes the 16 bytes as they are stored.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes as they are stored.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Reads 32 lower-case hexadecimal digits; `None` for anything else.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let mut bytes = [0_u8; 16];
                if text.len() != 32 {
                    return None;
                }
                for (out, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    let &[high, low] = pair else { return None };
                    *out = hex_digit(high)? << 4 | hex_digit(low)?;
                }
                Some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

id128! {
    /// The identity of a volume: 128 random bits, in the header and in every binding.
    VolumeId
}
id128! {
    /// The identity of a segment: 128 random bits that name exactly one byte sequence, ever.
    SegmentId
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_inode() {
        assert_eq!(InodeId::new(0), None);
        assert_eq!(InodeId::new(1), Some(InodeId::ROOT));
    }

    #[test]
    fn a_segment_id_reads_back_from_its_own_text() {
        let id = SegmentId::from_bytes(*b"0123456789abcdef");
        assert_eq!(SegmentId::parse(&id.to_string()), Some(id));
        assert_eq!(SegmentId::parse("0F"), None);
        assert_eq!(SegmentId::parse(&"G".repeat(32)), None);
    }
}
