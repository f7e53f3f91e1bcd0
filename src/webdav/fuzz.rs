//! Doors for fuzzing: every parser that sees client bytes, without a volume behind it.

use crate::webdav::if_header::IfHeader;
use crate::webdav::path::DavPath;
use crate::webdav::xml::Element;

/// Reads `text` as a request path. Gives the paths that are printed for it as a file and as a
/// collection, and whether each of them is read as the same place.
#[must_use]
pub fn fuzz_path(text: &str) -> Option<[(String, bool); 2]> {
    let path = DavPath::parse(text).ok()?;
    Some([false, true].map(|collection| {
        let href = path.href(collection);
        let again = DavPath::parse(&href);
        let same = again.is_ok_and(|again| again.names() == path.names());
        (href, same)
    }))
}

/// Reads `text` as an `If` header. Says how many lists and tokens it has.
#[must_use]
pub fn fuzz_if(text: &str) -> Option<(usize, usize)> {
    let header = IfHeader::parse(text).ok()?;
    Some((header.lists.len(), header.tokens().len()))
}

/// Reads `body` as XML, writes what was read, and reads that: gives the second text and what a
/// third reading of it writes, which is the same text unless the second reading failed.
#[must_use]
pub fn fuzz_xml(body: &[u8]) -> Option<(String, Option<String>)> {
    let written = |element: &Element| {
        let mut out = String::new();
        element.write(&mut out);
        out
    };
    let second = written(&Element::parse(body).ok()?);
    let third = Element::parse(second.as_bytes()).ok().map(|element| written(&element));
    Some((second, third))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doors_lead_to_the_parsers() {
        let printed = fuzz_path("/a%20b//c?query").unwrap();
        assert_eq!(printed.clone().map(|(href, _)| href), ["/a%20b/c", "/a%20b/c/"]);
        assert!(printed.iter().all(|(_, same)| *same));
        assert_eq!(fuzz_path("/../x"), None);
        assert_eq!(fuzz_if("(<a:b> Not [\"tag\"]) (<c:d>)"), Some((2, 2)));
        let (second, third) = fuzz_xml(b"<D:a xmlns:D='DAV:'><D:b/>&lt;</D:a>").unwrap();
        assert_eq!(third, Some(second));
    }
}
