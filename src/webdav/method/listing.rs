//! GET and HEAD on a collection: a plain page for a person with a browser. No scripts.

use http::HeaderValue;
use http::StatusCode;
use http::header;

use super::super::call::Call;
use super::super::dates::iso_date;
use super::super::path::DavPath;
use super::super::reply::Answer;
use super::super::reply::with_body;
use super::super::xml::escape;
use crate::base::FileName;
use crate::vfs::Attr;
use crate::vfs::DirEntry;
use crate::vfs::FileKind;

/// Entries of one page; the next is behind a link.
const PAGE_ENTRIES: usize = 1_000;

/// Nothing but the page's own style; not to be framed, no forms.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Answers a GET or HEAD on the collection `dir`.
///
/// # Errors
/// 400 for a page that no listing named, 403 if it may not be listed.
pub(in super::super) async fn listing(call: &Call, dir: &Attr) -> Answer {
    let session = &call.session;
    let after = match &call.query {
        None => 0,
        Some(query) => {
            let cookie = query.strip_prefix("after=").and_then(|text| text.parse().ok());
            cookie.ok_or(StatusCode::BAD_REQUEST)?
        }
    };
    let page = session
        .hold(|| session.vfs().readdir(&session.who, dir.inode, after, PAGE_ENTRIES, true))
        .await?;
    let next = if page.eof { None } else { page.entries.last().map(|entry| entry.cookie) };
    let body = render(&call.path, page.entries, next);
    let mut response = with_body(StatusCode::OK, "text/html; charset=utf-8", body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(location) = HeaderValue::from_str(&call.path.href(true)) {
        // A missing slash is not worth a redirect: many clients do not follow one.
        headers.insert(header::CONTENT_LOCATION, location);
    }
    Ok(response)
}

fn render(path: &DavPath, mut entries: Vec<DirEntry>, next: Option<u64>) -> String {
    entries.sort_by(|a, b| {
        let files_last = |entry: &DirEntry| entry.kind != FileKind::Directory;
        files_last(a).cmp(&files_last(b)).then_with(|| a.name.cmp(&b.name))
    });
    let title = match path.names().last() {
        None => "/".to_owned(),
        Some(name) => text(name),
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>body{{font-family:system-ui,sans-serif;margin:2em;color-scheme:light dark}}\
         td{{padding:.2em 1em .2em 0}}td+td{{text-align:right;white-space:nowrap}}</style>\
         </head><body><h1>{title}</h1>\n<table>\n"
    );
    if let Some((above, _)) = path.split_last() {
        out.push_str(&format!("<tr><td><a href=\"{}\">../</a></td></tr>\n", above.href(true)));
    }
    for entry in &entries {
        row(path, entry, &mut out);
    }
    out.push_str("</table>\n");
    if let Some(cookie) = next {
        let href = path.href(true);
        out.push_str(&format!("<p><a href=\"{href}?after={cookie}\">More</a></p>\n"));
    }
    out.push_str("</body></html>\n");
    out
}

fn row(path: &DavPath, entry: &DirEntry, out: &mut String) {
    let collection = match entry.kind {
        FileKind::Directory => true,
        FileKind::File | FileKind::Symlink => false,
        FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo | FileKind::Socket => return,
    };
    let href = path.child(&entry.name).href(collection);
    let slash = if collection { "/" } else { "" };
    let name = text(&entry.name);
    let size = match &entry.attr {
        Some(attr) if entry.kind == FileKind::File => attr.size.to_string(),
        _ => String::new(),
    };
    let time = entry.attr.map(|attr| iso_date(attr.mtime)).unwrap_or_default();
    out.push_str(&format!(
        "<tr><td><a href=\"{href}\">{name}{slash}</a></td><td>{size}</td><td>{time}</td></tr>\n"
    ));
}

/// A name as HTML. What is no UTF-8 is shown with replacement characters; its link still works.
fn text(name: &FileName) -> String {
    let mut out = String::new();
    escape(&mut out, &String::from_utf8_lossy(name.as_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::InodeId;

    fn entry(name: &'static [u8], kind: FileKind) -> DirEntry {
        let name = FileName::new(name).unwrap();
        DirEntry { name, inode: InodeId::ROOT, kind, cookie: 16, attr: None }
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let entries = vec![
            entry(b"<script>alert(1)<!--", FileKind::File),
            entry(b"\" onclick=\"x", FileKind::File),
        ];
        let page = render(&DavPath::parse("/%3Cb%3E").unwrap(), entries, None);
        assert!(!page.contains("<script") && !page.contains("\" onclick"), "{page}");
        assert!(!page.contains("<b>") && page.contains("&lt;b&gt;"), "{page}");
        assert!(page.contains("%3Cscript%3E"), "{page}");
    }

    #[test]
    fn collections_come_first_and_the_next_page_is_linked() {
        let entries = vec![entry(b"a", FileKind::File), entry(b"b", FileKind::Directory)];
        let page = render(&DavPath::default(), entries, Some(77));
        assert!(page.find("b/</a>").unwrap() < page.find("a</a>").unwrap());
        assert!(page.contains("href=\"/?after=77\""), "{page}");
    }
}
