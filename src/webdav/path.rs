//! Request paths: decoded once, checked once, then a list of names.

use std::fmt;

use bytes::Bytes;

use crate::base::FileName;
use crate::base::NameError;

/// Deepest path: what a path of `PATH_MAX` (4,096) bytes can hold.
const DEPTH_MAX: usize = 2_048;

/// A place in the volume: the names from the root down.
///
/// `Debug` shows the number of names only, for the same reason as [`FileName`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct DavPath {
    names: Vec<FileName>,
    slash: bool,
}

/// Why the text of a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    /// It does not begin with a slash.
    #[error("the path must begin with a slash")]
    NotAbsolute,
    /// A percent sign without two hexadecimal digits.
    #[error("the path holds a broken percent-encoding")]
    Encoding,
    /// An encoded NUL or slash, which no name can hold.
    #[error("the path holds an encoded NUL or slash")]
    ForbiddenByte,
    /// A `.` or `..` segment: clients resolve these before they send.
    #[error("the path holds a `.` or `..` segment")]
    Dots,
    /// A name of more than 255 bytes, or too many names.
    #[error("a name in the path is longer than 255 bytes, or the path is too deep")]
    TooLong,
    /// A fragment, which is not part of a request (RFC 9110 §4.2.4).
    #[error("the path holds a fragment")]
    Fragment,
}

impl DavPath {
    /// Takes the path of a URI: percent-decodes every segment, merges repeated slashes.
    ///
    /// # Errors
    /// [`PathError`] says which rule is broken.
    pub(super) fn parse(text: &str) -> Result<Self, PathError> {
        if text.contains('#') {
            return Err(PathError::Fragment);
        }
        let text = text.split('?').next().unwrap_or_default();
        let Some(rest) = text.strip_prefix('/') else { return Err(PathError::NotAbsolute) };
        let mut names = Vec::new();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            if names.len() == DEPTH_MAX {
                return Err(PathError::TooLong);
            }
            names.push(FileName::new(decode(segment)?).map_err(|error| match error {
                NameError::TooLong => PathError::TooLong,
                NameError::Dots | NameError::Empty => PathError::Dots,
                NameError::ForbiddenByte => PathError::ForbiddenByte,
            })?);
        }
        Ok(Self { names, slash: text.ends_with('/') })
    }

    /// The names from the root down; empty for the root itself.
    pub(super) fn names(&self) -> &[FileName] {
        &self.names
    }

    /// Whether this is the root of the export.
    pub(super) fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the client wrote it with a slash at the end, which names a collection.
    pub(super) fn has_slash(&self) -> bool {
        self.slash
    }

    /// The collection above and the last name; `None` for the root.
    pub(super) fn split_last(&self) -> Option<(Self, &FileName)> {
        let (last, above) = self.names.split_last()?;
        Some((Self { names: above.to_vec(), slash: true }, last))
    }

    /// This path with one more name.
    pub(super) fn child(&self, name: &FileName) -> Self {
        let mut names = self.names.clone();
        names.push(name.clone());
        Self { names, slash: false }
    }

    /// The path as a URI reference: everything but unreserved characters encoded (RFC 3986 §2.3),
    /// with a slash at the end for a collection.
    pub(super) fn href(&self, collection: bool) -> String {
        let mut out = String::new();
        for name in &self.names {
            out.push('/');
            encode_into(name.as_bytes(), &mut out);
        }
        if collection || self.names.is_empty() {
            out.push('/');
        }
        out
    }
}

impl fmt::Debug for DavPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DavPath({} names)", self.names.len())
    }
}

/// Appends `bytes` with everything but unreserved characters percent-encoded.
pub(super) fn encode_into(bytes: &[u8], out: &mut String) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Percent-decodes one segment.
fn decode(segment: &str) -> Result<Bytes, PathError> {
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = bytes.next().and_then(hex).ok_or(PathError::Encoding)?;
            let low = bytes.next().and_then(hex).ok_or(PathError::Encoding)?;
            out.push(high << 4 | low);
        } else {
            out.push(byte);
        }
    }
    Ok(Bytes::from(out))
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_into_names_and_encoded_back() {
        let path = DavPath::parse("/caf%C3%A9/a%20b//c&d/").unwrap();
        let names: Vec<&[u8]> = path.names().iter().map(FileName::as_bytes).collect();
        assert_eq!(names, [&b"caf\xc3\xa9"[..], b"a b", b"c&d"]);
        assert!(path.has_slash());
        assert_eq!(path.href(true), "/caf%C3%A9/a%20b/c%26d/");
        assert_eq!(DavPath::parse(&path.href(true)), Ok(path));
    }

    #[test]
    fn every_byte_a_name_may_hold_survives_the_round_trip() {
        let name: Vec<u8> = (1..=255_u8).filter(|&byte| byte != b'/').collect();
        let path = DavPath::default().child(&FileName::new(name).unwrap());
        assert_eq!(DavPath::parse(&path.href(false)), Ok(path));
    }

    #[test]
    fn what_could_leave_the_volume_is_refused() {
        for text in ["/..", "/a/../b", "/%2e%2e/x", "/a/%2E", "/."] {
            assert_eq!(DavPath::parse(text), Err(PathError::Dots), "{text}");
        }
        for text in ["/a%2fb", "/a%2Fb", "/%00", "/x%00y"] {
            assert_eq!(DavPath::parse(text), Err(PathError::ForbiddenByte), "{text}");
        }
        for text in ["/%", "/%4", "/%zz", "/a%+1"] {
            assert_eq!(DavPath::parse(text), Err(PathError::Encoding), "{text}");
        }
        assert_eq!(DavPath::parse("a"), Err(PathError::NotAbsolute));
        assert_eq!(DavPath::parse("*"), Err(PathError::NotAbsolute));
        assert_eq!(DavPath::parse("/a#b"), Err(PathError::Fragment));
    }

    #[test]
    fn a_name_may_have_255_bytes_and_no_more() {
        assert!(DavPath::parse(&format!("/{}", "x".repeat(255))).is_ok());
        assert_eq!(DavPath::parse(&format!("/{}", "x".repeat(256))), Err(PathError::TooLong));
        assert!(DavPath::parse(&"/x".repeat(DEPTH_MAX)).is_ok());
        assert_eq!(DavPath::parse(&"/x".repeat(DEPTH_MAX + 1)), Err(PathError::TooLong));
    }

    #[test]
    fn debug_output_hides_the_names() {
        assert!(!format!("{:?}", DavPath::parse("/diary").unwrap()).contains("diary"));
    }
}
