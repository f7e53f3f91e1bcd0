//! Around `dav-server`: what is checked before it gets a request, what of the request it sees, and
//! what is made of its answer.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;

use super::call::Call;
use super::call::Verb;
use super::conditional;
use super::reply::Answer;
use super::reply::Body;
use super::reply::Refusal;
use super::resolve::resolve;
use super::session::Fault;
use crate::base::limits::FILE_BYTES_MAX;
use crate::vfs::Attr;
use crate::vfs::Error;
use crate::vfs::FileKind;

/// Checks a PUT or PATCH before a byte of its body is read.
///
/// # Errors
/// 403 on a read-only volume, 405 on a collection, 409 without a collection to put it in, 412,
/// 413, 415 for an encoded body, 423, 507.
pub(super) async fn check(call: &Call) -> Result<(), Refusal> {
    let session = &call.session;
    if session.vfs().is_read_only() {
        return Err(StatusCode::FORBIDDEN.into());
    }
    if call.path.is_root() || call.path.has_slash() {
        return Err(StatusCode::METHOD_NOT_ALLOWED.into());
    }
    let encoding = call.headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into());
    }
    let target = target(call).await?;
    match target.map(|attr| attr.kind) {
        None | Some(FileKind::File) => {}
        Some(FileKind::Directory) => return Err(StatusCode::METHOD_NOT_ALLOWED.into()),
        Some(_) => return Err(StatusCode::FORBIDDEN.into()),
    }
    conditional::check(call, target.as_ref()).await?;
    check_locks(call, target.as_ref())?;
    let length = announced(&call.headers);
    if length > FILE_BYTES_MAX {
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into());
    }
    // Said now, the client is spared the upload.
    let space = session.hold(|| session.vfs().statfs()).await?;
    if length > space.free_bytes {
        return Err(StatusCode::INSUFFICIENT_STORAGE.into());
    }
    Ok(())
}

/// Checks a MKCOL.
///
/// # Errors
/// 403 on a read-only volume, 405 if something is there, 409 without a collection to put it in,
/// 412, 423.
pub(super) async fn check_new_collection(call: &Call) -> Result<(), Refusal> {
    if call.session.vfs().is_read_only() {
        return Err(StatusCode::FORBIDDEN.into());
    }
    let target = target(call).await?;
    conditional::check(call, target.as_ref()).await?;
    if target.is_some() {
        return Err(StatusCode::METHOD_NOT_ALLOWED.into());
    }
    check_locks(call, None)
}

/// What is there; `None` if nothing is, but something could be.
async fn target(call: &Call) -> Result<Option<Attr>, Refusal> {
    match resolve(&call.session, &call.path, true).await {
        Ok(found) => Ok(Some(found.attr)),
        Err(Error::NotFound) => Ok(None),
        Err(Error::NotDirectory) => Err(StatusCode::CONFLICT.into()),
        Err(error) => Err(error.into()),
    }
}

fn check_locks(call: &Call, target: Option<&Attr>) -> Result<(), Refusal> {
    match target {
        Some(_) => conditional::check_locks(call, &call.path, false),
        None => conditional::check_member_locks(call, &call.path, false),
    }
}

/// The length the client announced; 0 if it did not.
fn announced(headers: &HeaderMap) -> u64 {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    number("content-length").or_else(|| number("x-expected-entity-length")).unwrap_or(0)
}

/// The headers `dav-server` may act on. Not `If`, `Depth`, `Destination` and `Overwrite`, which are
/// dealt with before, and nothing that it would treat in a special way (`X-Litmus`).
pub(super) fn passed_on(call: &Call) -> HeaderMap {
    const READ: [HeaderName; 5] = [
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
        header::IF_RANGE,
    ];
    const WRITE: [&str; 7] = [
        "if-match",
        "if-none-match",
        "content-length",
        "x-expected-entity-length",
        "content-range",
        "content-type",
        "x-update-range",
    ];
    let mut headers = HeaderMap::new();
    let mut pass = |name: HeaderName| {
        for value in call.headers.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    };
    if matches!(call.verb, Verb::Get | Verb::Head) {
        READ.into_iter().for_each(&mut pass);
        if call.headers.get(header::RANGE).is_some_and(is_single_range) {
            pass(header::RANGE);
        }
    } else if matches!(call.verb, Verb::Put | Verb::Patch) {
        WRITE.into_iter().map(HeaderName::from_static).for_each(pass);
    }
    headers
}

/// Whether a `Range` header asks for one range that makes sense. Others are ignored, which RFC 9110
/// §14.2 allows: the answer is the whole file. (`dav-server` sends several ranges with line ends
/// that multipart parsers refuse, and takes any number of them.)
fn is_single_range(value: &HeaderValue) -> bool {
    let Some(spec) = value.to_str().ok().and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return false;
    };
    let Some((first, last)) = spec.split_once('-') else { return false };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse::<u64>().ok() } else { None }
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) => first <= last,
        (Some(_), None) => last.is_empty(),
        (None, Some(last)) => first.is_empty() && last > 0,
        (None, None) => false,
    }
}

/// Makes our answer of the one `dav-server` gave.
pub(super) fn judge(call: &Call, mut response: Response<Body>) -> Answer {
    match call.session.fault() {
        Some(Fault::Vfs(Error::NotFound | Error::NotDirectory)) | None => {}
        Some(Fault::Vfs(error)) => return Err(error.into()),
        Some(Fault::Length) => return Err(StatusCode::BAD_REQUEST.into()),
        Some(Fault::Stalled) => return Err(StatusCode::REQUEST_TIMEOUT.into()),
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let mut refusal = Refusal::new(status).answer();
        for name in [header::CONTENT_RANGE, header::CONNECTION, header::ETAG] {
            if let Some(value) = response.headers_mut().remove(&name) {
                refusal.headers_mut().insert(name, value);
            }
        }
        return Ok(refusal);
    }
    if call.verb == Verb::Put && status.is_success() && call.session.upload_mtime.is_some() {
        let accepted = HeaderValue::from_static("accepted");
        response.headers_mut().insert("x-oc-mtime", accepted);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_passed_on_and_anything_odd_is_not() {
        let passed = |text: &str| is_single_range(&HeaderValue::from_str(text).unwrap());
        for text in ["bytes=0-0", "bytes=5-", "bytes=-5", "bytes=0-99999999999"] {
            assert!(passed(text), "{text}");
        }
        for text in [
            "bytes=0-1,3-4",
            "bytes=5-2",
            "bytes=-",
            "bytes=-0",
            "bytes=a-b",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=99999999999999999999-",
            "",
        ] {
            assert!(!passed(text), "{text}");
        }
    }
}
