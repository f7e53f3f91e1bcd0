//! Names of directory entries: checked once at the edge, trusted inward.

use bytes::Bytes;
use std::fmt;

use super::limits::NAME_BYTES_MAX;

/// The name of one directory entry: 1 to 255 bytes, no NUL, no `/`, not `.` or `..`.
///
/// Bytes are kept as the client sent them. There is no `Display`, and `Debug` shows the length
/// only: names are content, and content is not logged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Bytes);

/// Why bytes are not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No bytes at all.
    #[error("the name is empty")]
    Empty,
    /// More than [`NAME_BYTES_MAX`] bytes.
    #[error("the name is longer than 255 bytes")]
    TooLong,
    /// A NUL or a slash.
    #[error("the name holds a NUL or a slash")]
    ForbiddenByte,
    /// `.` or `..`, which every directory already has.
    #[error("the name is `.` or `..`")]
    Dots,
}

impl FileName {
    /// Checks `bytes` and keeps them without a copy.
    ///
    /// # Errors
    /// [`NameError`] says which rule is broken.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, NameError> {
        let bytes = bytes.into();
        match &bytes[..] {
            [] => Err(NameError::Empty),
            b"." | b".." => Err(NameError::Dots),
            name if name.len() > NAME_BYTES_MAX => Err(NameError::TooLong),
            name if name.iter().any(|&b| b == 0 || b == b'/') => Err(NameError::ForbiddenByte),
            _ => Ok(Self(bytes)),
        }
    }

    /// The bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name as a shared buffer.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileName({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_at_the_edge() {
        assert!(FileName::new(&b"caf\xc3\xa9"[..]).is_ok());
        assert!(FileName::new(&b"\xff\xfe"[..]).is_ok(), "bytes, not text");
        assert_eq!(FileName::new(&b""[..]), Err(NameError::Empty));
        assert_eq!(FileName::new(&b".."[..]), Err(NameError::Dots));
        assert_eq!(FileName::new(&b"a/b"[..]), Err(NameError::ForbiddenByte));
        assert!(FileName::new(vec![b'x'; 255]).is_ok());
        assert_eq!(FileName::new(vec![b'x'; 256]), Err(NameError::TooLong));
    }

    #[test]
    fn debug_output_hides_the_name() {
        let name = FileName::new(&b"diary"[..]).unwrap();
        assert!(!format!("{name:?}").contains("diary"));
    }
}
