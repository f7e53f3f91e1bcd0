//! Doors for fuzzing: what a client writes into a request, read without a volume behind it.

use crate::webdav::if_header::IfHeader;
use crate::webdav::path::DavPath;
use crate::webdav::xml::Element;

/// Reads `text` as the path of a request and gives it back as the server would write it.
#[must_use]
pub fn fuzz_path(text: &str) -> Option<String> {
    let path = DavPath::parse(text).ok()?;
    Some(path.href(path.has_slash()))
}

/// Reads `body` as the XML of a request. Gives it back as it would be stored as a property: a text
/// that stands for itself.
#[must_use]
pub fn fuzz_xml(body: &[u8]) -> Option<String> {
    let element = Element::parse(body).ok()?;
    let mut out = String::new();
    element.write(&mut out);
    Some(out)
}

/// Reads `text` as an `If` header. Gives the state tokens it submits.
#[must_use]
pub fn fuzz_if(text: &str) -> Option<Vec<String>> {
    IfHeader::parse(text).ok().map(|header| header.tokens())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_back() {
        assert_eq!(fuzz_path("/a%20b//c/").as_deref(), Some("/a%20b/c/"));
        assert_eq!(fuzz_path("a"), None);
        let xml = fuzz_xml(b"<a xmlns='u'><b c='d'>e</b></a>").unwrap();
        assert_eq!(fuzz_xml(xml.as_bytes()), Some(xml));
        assert_eq!(fuzz_if("(<urn:x> [\"y\"])"), Some(vec!["urn:x".to_owned()]));
        assert_eq!(fuzz_if("()"), None);
    }
}
