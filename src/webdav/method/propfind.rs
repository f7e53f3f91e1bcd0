//! PROPFIND (RFC 4918 §9.1), streamed: one page of a collection is in memory at a time.

use std::io;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http::Response;
use http::StatusCode;
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::StreamBody;

use super::super::call::Call;
use super::super::call::Depth;
use super::super::conditional;
use super::super::path::DavPath;
use super::super::props;
use super::super::props::PropName;
use super::super::props::Resource;
use super::super::reply::Answer;
use super::super::reply::Body;
use super::super::reply::Refusal;
use super::super::reply::with_body;
use super::super::resolve::resolve;
use super::super::resolve::resolve_entry;
use super::super::xml;
use super::super::xml::Element;
use crate::base::FileName;
use crate::vfs::Attr;
use crate::vfs::DirEntry;
use crate::vfs::Error;
use crate::vfs::FileKind;
use crate::vfs::StatFs;

/// Entries of one page.
const PAGE_ENTRIES: usize = 256;
/// Properties one request may name.
const PROPS_MAX: usize = 1_024;

/// What the client wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    names: Vec<PropName>,
    /// Dead properties that were not named: with their values, by name only, or not at all.
    dead: Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dead {
    Values,
    Names,
    NotListed,
}

/// Answers a PROPFIND. `Depth: infinity`, which is also what no header means, is refused with the
/// precondition that RFC 4918 §9.1.1 names for that; for a file every depth is the same.
///
/// # Errors
/// 403 for infinite depth, 404 if absent, 400 for a body that asks nothing.
pub(in super::super) async fn propfind(call: Call, body: &[u8]) -> Answer {
    let wanted = parse(body, call.is_microsoft())?;
    let found = resolve(&call.session, &call.path, true).await?;
    conditional::check(&call, Some(&found.attr)).await?;
    let collection = match found.attr.kind {
        FileKind::Directory => true,
        FileKind::File => false,
        FileKind::Symlink
        | FileKind::CharDevice
        | FileKind::BlockDevice
        | FileKind::Fifo
        | FileKind::Socket => return Err(StatusCode::NOT_FOUND.into()),
    };
    let children = match call.depth {
        _ if !collection => false,
        Some(Depth::Zero) => false,
        Some(Depth::One) => true,
        Some(Depth::Infinity) | None => {
            let forbidden = StatusCode::FORBIDDEN;
            return Err(Refusal::with_condition(forbidden, "propfind-finite-depth"));
        }
    };
    let space = if props::needs_space(&wanted.names) {
        call.session.hold(|| call.session.vfs().statfs()).await.ok()
    } else {
        None
    };
    let mut start = format!("{}<D:multistatus xmlns:D=\"DAV:\">", xml::DECLARATION);
    let listing = Listing { call, wanted, space, dir: found.attr };
    listing.write(&listing.call.path, &found.attr, &mut start).await?;
    let status = StatusCode::MULTI_STATUS;
    if !children {
        start.push_str(END);
        return Ok(with_body(status, CONTENT_TYPE, start));
    }
    // The first page is read before the answer begins, so that a collection which cannot be
    // listed gives a proper error.
    let (first, next) = listing.page(0).await?;
    start.push_str(&first);
    let mut response = Response::new(stream_pages(listing, start, next));
    *response.status_mut() = status;
    let content_type = http::HeaderValue::from_static(CONTENT_TYPE);
    response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    Ok(response)
}

const CONTENT_TYPE: &str = "application/xml; charset=utf-8";
const END: &str = "</D:multistatus>\n";

/// A listing under way.
struct Listing {
    call: Call,
    wanted: Wanted,
    space: Option<StatFs>,
    dir: Attr,
}

/// Sends `start`, then page after page. An error in the middle breaks the connection: the client
/// must not take half a listing for a whole one.
fn stream_pages(listing: Listing, mut start: String, next: Option<u64>) -> Body {
    if next.is_none() {
        start.push_str(END);
    }
    let first = stream::iter([Ok::<_, io::Error>(Frame::data(Bytes::from(start)))]);
    let rest = stream::try_unfold((listing, next), |(listing, next)| async move {
        let Some(cookie) = next else { return Ok(None) };
        let (mut page, next) =
            listing.page(cookie).await.map_err(|_| io::Error::other("the listing broke off"))?;
        if next.is_none() {
            page.push_str(END);
        }
        Ok(Some((Frame::data(Bytes::from(page)), (listing, next))))
    });
    StreamBody::new(first.chain(rest)).boxed_unsync()
}

impl Listing {
    /// The members after `cookie`, and where to go on.
    async fn page(&self, cookie: u64) -> Result<(String, Option<u64>), Refusal> {
        let session = &self.call.session;
        let dir = self.dir.inode;
        let page = session
            .hold(|| session.vfs().readdir(&session.who, dir, cookie, PAGE_ENTRIES, true))
            .await?;
        let mut out = String::new();
        for entry in &page.entries {
            let path = self.call.path.child(&entry.name);
            if let Some(attr) = self.visible(&path, entry).await? {
                self.write(&path, &attr, &mut out).await?;
            }
        }
        let next = if page.eof { None } else { page.entries.last().map(|entry| entry.cookie) };
        Ok((out, next))
    }

    /// The attributes to show for an entry; `None` hides it.
    async fn visible(&self, path: &DavPath, entry: &DirEntry) -> Result<Option<Attr>, Refusal> {
        let found = match (entry.kind, entry.attr) {
            (FileKind::File | FileKind::Directory, attr) => return Ok(attr),
            (FileKind::Symlink, _) => resolve_entry(&self.call.session, path).await,
            _ => return Ok(None),
        };
        match found {
            Ok(found) if matches!(found.attr.kind, FileKind::File | FileKind::Directory) => {
                Ok(Some(found.attr))
            }
            Ok(_) | Err(Error::NotFound | Error::NotDirectory | Error::Denied) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Appends the `response` element of one resource.
    async fn write(&self, path: &DavPath, attr: &Attr, out: &mut String) -> Result<(), Refusal> {
        let session = &self.call.session;
        // A member removed meanwhile has no properties any more.
        let dead = match session.hold(|| session.vfs().props(attr.inode)).await {
            Ok(dead) => dead,
            Err(Error::NotFound | Error::Stale) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let now = session.now();
        let covering = session.shared.locks.covering(now, path);
        let locks: Vec<_> = covering
            .into_iter()
            .map(|lock| {
                let seconds = lock.remaining(now).as_secs();
                (lock, seconds)
            })
            .collect();
        let name: Option<&FileName> = path.names().last();
        let space = self.space.as_ref();
        let resource = Resource { attr, name, locks: &locks, space, dead: &dead };
        let href = path.href(attr.kind == FileKind::Directory);
        write_response(&href, &self.wanted, &resource, out);
        Ok(())
    }
}

/// Appends one `response`: what was found in a propstat with 200, what was not in one with 404.
fn write_response(href: &str, wanted: &Wanted, resource: &Resource<'_>, out: &mut String) {
    let mut found = String::new();
    let mut absent = String::new();
    for prop in &wanted.names {
        let mut value = String::new();
        match (props::write(prop, resource, &mut value), wanted.dead) {
            (true, Dead::Names) => prop.write_empty(&mut found),
            (true, Dead::Values | Dead::NotListed) => found.push_str(&value),
            (false, Dead::NotListed) => prop.write_empty(&mut absent),
            (false, Dead::Values | Dead::Names) => {}
        }
    }
    let listed = |key: &Bytes| PropName::from_key(key).filter(|prop| !wanted.names.contains(prop));
    for (key, value) in resource.dead {
        match (wanted.dead, listed(key)) {
            (Dead::Values, Some(_)) => found.push_str(&String::from_utf8_lossy(value)),
            (Dead::Names, Some(prop)) => prop.write_empty(&mut found),
            _ => {}
        }
    }
    out.push_str("<D:response>");
    xml::dav_text(out, "href", href);
    // A response needs at least one propstat.
    if !found.is_empty() || absent.is_empty() {
        propstat(out, &found, "200 OK");
    }
    if !absent.is_empty() {
        propstat(out, &absent, "404 Not Found");
    }
    out.push_str("</D:response>\n");
}

/// Appends a `propstat` element.
pub(super) fn propstat(out: &mut String, props: &str, status: &str) {
    out.push_str(&format!(
        "<D:propstat><D:prop>{props}</D:prop><D:status>HTTP/1.1 {status}</D:status></D:propstat>"
    ));
}

/// Reads the body; none means `allprop` (RFC 4918 §9.1).
fn parse(body: &[u8], microsoft: bool) -> Result<Wanted, Refusal> {
    let all = Wanted { names: props::allprop(microsoft), dead: Dead::Values };
    if body.is_empty() {
        return Ok(all);
    }
    let bad = || Refusal::new(StatusCode::BAD_REQUEST);
    let root = Element::parse(body).map_err(|_| bad())?;
    if !root.is_dav("propfind") {
        return Err(bad());
    }
    let kinds = ["prop", "allprop", "propname"].map(|kind| root.dav_child(kind));
    match kinds {
        [Some(prop), None, None] => {
            let names: Vec<_> = prop.elements().map(PropName::of).collect();
            if names.len() > PROPS_MAX {
                return Err(StatusCode::PAYLOAD_TOO_LARGE.into());
            }
            Ok(Wanted { names, dead: Dead::NotListed })
        }
        [None, Some(_), None] => {
            let mut wanted = all;
            let include = root.dav_child("include").into_iter().flat_map(Element::elements);
            for prop in include.map(PropName::of).take(PROPS_MAX) {
                if !wanted.names.contains(&prop) {
                    wanted.names.push(prop);
                }
            }
            Ok(wanted)
        }
        [None, None, Some(_)] => Ok(Wanted { names: props::propname(), dead: Dead::Names }),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_says_which_properties() {
        let named = parse(
            b"<propfind xmlns='DAV:'><prop><getetag/><a xmlns='urn:x'/></prop></propfind>",
            false,
        );
        let named = named.unwrap();
        assert_eq!(named.dead, Dead::NotListed);
        assert_eq!(named.names.len(), 2);
        assert_eq!(parse(b"", false).unwrap().dead, Dead::Values);
        let names = parse(b"<propfind xmlns='DAV:'><propname/></propfind>", false).unwrap();
        assert_eq!(names.dead, Dead::Names);
        let more = b"<propfind xmlns='DAV:'><allprop/><include><quota/></include></propfind>";
        assert_eq!(
            parse(more, false).unwrap().names.len(),
            parse(b"", false).unwrap().names.len() + 1
        );
    }

    #[test]
    fn a_body_that_asks_nothing_is_refused() {
        for body in [
            &b"<propfind xmlns='DAV:'/>"[..],
            b"<propfind/>",
            b"<x xmlns='DAV:'><allprop/></x>",
            b"<propfind xmlns='DAV:'><allprop/><propname/></propfind>",
            b"<propfind",
            b"<D:propfind xmlns:D='DAV:'><D:prop><bar:foo xmlns:bar=''/></D:prop></D:propfind>",
        ] {
            assert_eq!(parse(body, false).unwrap_err().status, StatusCode::BAD_REQUEST);
        }
    }
}
