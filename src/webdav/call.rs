//! One request, its headers checked before any method sees it.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;
use http::Method;
use http::StatusCode;
use http::Uri;
use http::header;

use super::host;
use super::if_header::IfHeader;
use super::options::WebDavOptions;
use super::path::DavPath;
use super::path::PathError;
use super::reply::Refusal;
use super::session::Session;

/// The methods we answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Options,
    Get,
    Head,
    Put,
    Patch,
    MkCol,
    PropFind,
    PropPatch,
    Copy,
    Move,
    Delete,
    Lock,
    Unlock,
}

impl Verb {
    /// The verb of a method; `None` for one that we do not know.
    pub(super) fn of(method: &Method) -> Option<Self> {
        Some(match method.as_str() {
            "OPTIONS" => Self::Options,
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "MKCOL" => Self::MkCol,
            "PROPFIND" => Self::PropFind,
            "PROPPATCH" => Self::PropPatch,
            "COPY" => Self::Copy,
            "MOVE" => Self::Move,
            "DELETE" => Self::Delete,
            "LOCK" => Self::Lock,
            "UNLOCK" => Self::Unlock,
            _ => return None,
        })
    }

    /// The method's name, as a label of metrics and logs.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::MkCol => "MKCOL",
            Self::PropFind => "PROPFIND",
            Self::PropPatch => "PROPPATCH",
            Self::Copy => "COPY",
            Self::Move => "MOVE",
            Self::Delete => "DELETE",
            Self::Lock => "LOCK",
            Self::Unlock => "UNLOCK",
        }
    }
}

/// The `Depth` header (RFC 4918 §10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Zero,
    One,
    Infinity,
}

/// A request with everything that was checked.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) session: Session,
    pub(super) verb: Verb,
    pub(super) path: DavPath,
    /// What stands behind `?` in the request target.
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    /// `None` if the client sent none; every method has its own default.
    pub(super) depth: Option<Depth>,
    /// `Overwrite`, true unless the client sent `F` (RFC 4918 §10.6).
    pub(super) overwrite: bool,
    /// Target of a COPY or MOVE.
    pub(super) destination: Option<DavPath>,
    pub(super) if_header: Option<IfHeader>,
    /// `host:port` of this request, for tagged lists of the `If` header.
    pub(super) authority: String,
}

/// Checks the head of a request.
///
/// # Errors
/// 400 for what is broken, 414 for long names, 421 for another host, 502 for a destination on
/// another server.
pub(super) fn check(
    session: Session,
    verb: Verb,
    uri: &Uri,
    headers: HeaderMap,
    bound: SocketAddr,
) -> Result<Call, Refusal> {
    let options = &session.shared.options;
    let authority = authority(uri, &headers)?;
    if !host::is_ours(&authority, bound, options) {
        return Err(StatusCode::MISDIRECTED_REQUEST.into());
    }
    let path = request_path(verb, uri)?;
    let depth = match one(&headers, "depth")? {
        None => None,
        Some("0") => Some(Depth::Zero),
        Some("1") => Some(Depth::One),
        Some(text) if text.eq_ignore_ascii_case("infinity") => Some(Depth::Infinity),
        Some(_) => return Err(StatusCode::BAD_REQUEST.into()),
    };
    let overwrite = match one(&headers, "overwrite")? {
        None => true,
        Some(text) if text.eq_ignore_ascii_case("t") => true,
        Some(text) if text.eq_ignore_ascii_case("f") => false,
        Some(_) => return Err(StatusCode::BAD_REQUEST.into()),
    };
    let destination = match (verb, one(&headers, "destination")?) {
        (Verb::Copy | Verb::Move, Some(text)) => {
            Some(destination(text, &authority, bound, options)?)
        }
        (Verb::Copy | Verb::Move, None) => return Err(StatusCode::BAD_REQUEST.into()),
        _ => None,
    };
    let if_header = match one(&headers, "if")? {
        None => None,
        Some(text) => Some(IfHeader::parse(text).map_err(|_| StatusCode::BAD_REQUEST)?),
    };
    Ok(Call {
        session,
        verb,
        path,
        query: uri.query().map(ToOwned::to_owned),
        headers,
        depth,
        overwrite,
        destination,
        if_header,
        authority,
    })
}

/// `host:port` of a request: the one in an absolute request target counts before the header
/// (RFC 9112 §3.2.2).
fn authority(uri: &Uri, headers: &HeaderMap) -> Result<String, Refusal> {
    let hosts = headers.get_all(header::HOST).iter().count();
    let host = headers.get(header::HOST).map(|value| value.to_str());
    match (uri.authority(), host) {
        _ if hosts > 1 => Err(StatusCode::BAD_REQUEST.into()),
        (Some(authority), _) => Ok(authority.as_str().to_owned()),
        (None, Some(Ok(host))) => Ok(host.trim().to_owned()),
        (None, _) => Err(StatusCode::BAD_REQUEST.into()),
    }
}

fn request_path(verb: Verb, uri: &Uri) -> Result<DavPath, Refusal> {
    // `OPTIONS *` asks about the server as a whole; the root stands for it.
    if uri.path() == "*" && verb == Verb::Options {
        return Ok(DavPath::default());
    }
    DavPath::parse(uri.path()).map_err(path_refusal)
}

/// The path of a `Destination`, which must be on this server (RFC 4918 §9.8.5: 502).
fn destination(
    text: &str,
    authority: &str,
    bound: SocketAddr,
    options: &WebDavOptions,
) -> Result<DavPath, Refusal> {
    if text.starts_with('/') && !text.starts_with("//") {
        return DavPath::parse(text).map_err(path_refusal);
    }
    match local_path(text, authority, bound, options) {
        Some(path) => path.map_err(path_refusal),
        None if text.contains("://") => Err(StatusCode::BAD_GATEWAY.into()),
        None => Err(StatusCode::BAD_REQUEST.into()),
    }
}

/// The path of an absolute URI if that is on this server, else `None`.
fn local_path(
    text: &str,
    authority: &str,
    bound: SocketAddr,
    options: &WebDavOptions,
) -> Option<Result<DavPath, PathError>> {
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let ours = host::is_ours(host, bound, options) && host::same_server(host, authority);
    ours.then(|| DavPath::parse(if path.is_empty() { "/" } else { path }))
}

impl Call {
    /// The path that a tagged list of the `If` header means; `None` if it is another server's or
    /// cannot be read.
    pub(super) fn tagged_path(&self, text: &str) -> Option<DavPath> {
        if text.starts_with('/') {
            return DavPath::parse(text).ok();
        }
        let (_, rest) = text.split_once("://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let ours = host::same_server(host, &self.authority);
        if ours { DavPath::parse(if path.is_empty() { "/" } else { path }).ok() } else { None }
    }

    /// The tokens the client submitted.
    pub(super) fn tokens(&self) -> Vec<String> {
        self.if_header.as_ref().map(IfHeader::tokens).unwrap_or_default()
    }

    /// The `Timeout` header: the first entry understood (RFC 4918 §10.7). `Infinite` asks for the
    /// longest there is.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let text = self.headers.get("timeout")?.to_str().ok()?;
        text.split(',').map(str::trim).find_map(|word| {
            if word.eq_ignore_ascii_case("infinite") {
                return Some(Duration::MAX);
            }
            let seconds = word.get(..7).filter(|start| start.eq_ignore_ascii_case("second-"));
            seconds.and_then(|_| word.get(7..)?.parse().ok()).map(Duration::from_secs)
        })
    }

    /// Whether the client is one of Microsoft's.
    pub(super) fn is_microsoft(&self) -> bool {
        let agent = self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        agent.is_some_and(|agent| agent.contains("Microsoft"))
    }
}

/// The value of a header that may be sent once only, trimmed.
fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(StatusCode::BAD_REQUEST.into());
    }
    let text = value.to_str().map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Some(text.trim()))
}

fn path_refusal(error: PathError) -> Refusal {
    match error {
        PathError::TooLong => StatusCode::URI_TOO_LONG.into(),
        PathError::NotAbsolute
        | PathError::Encoding
        | PathError::ForbiddenByte
        | PathError::Dots
        | PathError::Fragment => StatusCode::BAD_REQUEST.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::Identity;

    fn to(text: &str) -> Result<String, u16> {
        let options = WebDavOptions::new(Identity::ROOT);
        let bound = "127.0.0.1:8049".parse().unwrap();
        destination(text, "localhost:8049", bound, &options)
            .map(|path| path.href(false))
            .map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn a_destination_is_a_path_or_a_uri_of_this_server() {
        assert_eq!(to("/a%20b"), Ok("/a%20b".into()));
        assert_eq!(to("http://localhost:8049/a"), Ok("/a".into()));
        assert_eq!(to("http://127.0.0.1:8049/a"), Ok("/a".into()));
        assert_eq!(to("http://localhost:8049"), Ok("/".into()));
        assert_eq!(to("http://other.example/a"), Err(502));
        assert_eq!(to("http://localhost:9/a"), Err(502));
        assert_eq!(to("ftp://localhost:8049/a"), Err(502));
        assert_eq!(to("//localhost/a"), Err(400));
        assert_eq!(to("a"), Err(400));
        assert_eq!(to("/a/../b"), Err(400));
        assert_eq!(to("http://localhost:8049/a%2fb"), Err(400));
    }

    #[test]
    fn a_header_may_come_once() {
        let mut headers = HeaderMap::new();
        assert_eq!(one(&headers, "depth"), Ok(None));
        headers.append("depth", "0".parse().unwrap());
        assert_eq!(one(&headers, "depth"), Ok(Some("0")));
        headers.append("depth", "0".parse().unwrap());
        assert!(one(&headers, "depth").is_err());
    }
}
