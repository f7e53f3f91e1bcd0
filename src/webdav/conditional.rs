//! Whether a request may go on: conditional headers (RFC 9110 §13, RFC 4918 §10.4) and locks.

use http::HeaderMap;
use http::StatusCode;
use http::header;

use super::call::Call;
use super::call::Verb;
use super::dates::parse_http_date;
use super::if_header::IfCondition;
use super::if_header::IfState;
use super::path::DavPath;
use super::reply::Refusal;
use super::resolve::resolve;
use super::session::etag;
use crate::vfs::Attr;
use crate::vfs::Error;

/// Checks every condition the client named, for a request on `target` (`None` if absent).
///
/// # Errors
/// 412 if one does not hold.
pub(super) async fn check(call: &Call, target: Option<&Attr>) -> Result<(), Refusal> {
    if !if_holds(call).await? {
        return Err(StatusCode::PRECONDITION_FAILED.into());
    }
    // For GET and HEAD the conditions of HTTP choose between 200, 206, 304 and 412; `dav-server`
    // does that.
    if matches!(call.verb, Verb::Get | Verb::Head) || http_holds(&call.headers, target) {
        Ok(())
    } else {
        Err(StatusCode::PRECONDITION_FAILED.into())
    }
}

/// Checks that the client holds every lock on `path`, and with `tree` on everything below it.
///
/// # Errors
/// 423 with the locked resource (RFC 4918 §16: `lock-token-submitted`).
pub(super) fn check_locks(call: &Call, path: &DavPath, tree: bool) -> Result<(), Refusal> {
    let session = &call.session;
    let locks = &session.shared.locks;
    locks.check(session.now(), path, tree, &session.principal, &call.tokens()).map_err(|lock| {
        let href = lock.root.href(lock.collection);
        Refusal::with_href(StatusCode::LOCKED, "lock-token-submitted", &href)
    })
}

/// As [`check_locks`], for an operation that adds or removes `path` as a member of its collection:
/// a lock on the collection protects its list of members (RFC 4918 §7.4).
///
/// # Errors
/// As [`check_locks`].
pub(super) fn check_member_locks(call: &Call, path: &DavPath, tree: bool) -> Result<(), Refusal> {
    check_locks(call, path, tree)?;
    match path.split_last() {
        Some((above, _)) => check_locks(call, &above, false),
        None => Ok(()),
    }
}

/// Whether the `If` header holds: one of its lists, all conditions of it.
async fn if_holds(call: &Call) -> Result<bool, Refusal> {
    let Some(header) = &call.if_header else { return Ok(true) };
    for list in &header.lists {
        let path = match &list.resource {
            None => Some(call.path.clone()),
            Some(text) => call.tagged_path(text),
        };
        let Some(path) = path else { continue };
        let mut all = true;
        for condition in &list.conditions {
            all = all && condition_holds(call, &path, condition).await?;
        }
        if all {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn condition_holds(
    call: &Call,
    path: &DavPath,
    condition: &IfCondition,
) -> Result<bool, Refusal> {
    let session = &call.session;
    let matches = match &condition.state {
        // A state token that is no lock on the resource matches nothing, `DAV:no-lock` included.
        IfState::Token(token) => {
            let covering = session.shared.locks.covering(session.now(), path);
            covering.iter().any(|lock| &lock.token == token)
        }
        IfState::ETag(tag) => match resolve(session, path, true).await {
            Ok(found) => *tag == etag(&found.attr),
            Err(Error::NotFound | Error::NotDirectory) => false,
            Err(error) => return Err(error.into()),
        },
    };
    Ok(matches != condition.negated)
}

/// RFC 9110 §13.2.2, for methods that change something.
fn http_holds(headers: &HeaderMap, target: Option<&Attr>) -> bool {
    let tag = target.map(etag);
    if headers.contains_key(header::IF_MATCH) {
        if !any_tag(headers, &header::IF_MATCH, |listed| match &tag {
            // Strong comparison: a weak tag matches nothing.
            Some(tag) => listed == "*" || listed == tag,
            None => false,
        }) {
            return false;
        }
    } else if let Some(limit) = date(headers, &header::IF_UNMODIFIED_SINCE)
        && target.is_none_or(|attr| attr.mtime.seconds > limit)
    {
        return false;
    }
    !any_tag(headers, &header::IF_NONE_MATCH, |listed| match &tag {
        Some(tag) => listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag,
        None => false,
    })
}

/// Whether `accept` takes any of the listed tags. Our own tags hold no comma, so splitting there
/// cannot make a foreign tag match.
fn any_tag(headers: &HeaderMap, name: &header::HeaderName, accept: impl Fn(&str) -> bool) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|text| text.split(',')).any(|listed| accept(listed.trim()))
}

fn date(headers: &HeaderMap, name: &header::HeaderName) -> Option<i64> {
    parse_http_date(headers.get(name)?.to_str().ok()?).map(|time| time.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::InodeId;
    use crate::base::Timestamp;
    use crate::vfs::FileKind;

    fn attr() -> Attr {
        let time = Timestamp::new(784_111_777, 500);
        Attr {
            inode: InodeId::new(18).unwrap(),
            kind: FileKind::File,
            mode: 0o644,
            nlink: 1,
            uid: 0,
            gid: 0,
            size: 0,
            used_bytes: 0,
            rdev: (0, 0),
            atime: time,
            mtime: time,
            ctime: time,
            version: 3,
        }
    }

    fn holds(name: &'static str, value: &'static str, exists: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        http_holds(&headers, exists.then(attr).as_ref())
    }

    #[test]
    fn if_match_takes_the_strong_tag_or_a_star_of_what_exists() {
        assert!(holds("if-match", "\"12-3\"", true));
        assert!(holds("if-match", "\"x\", \"12-3\"", true));
        assert!(holds("if-match", "*", true));
        assert!(!holds("if-match", "*", false));
        assert!(!holds("if-match", "\"12-4\"", true));
        assert!(!holds("if-match", "W/\"12-3\"", true));
    }

    #[test]
    fn if_none_match_takes_what_is_absent_or_another() {
        assert!(holds("if-none-match", "*", false));
        assert!(!holds("if-none-match", "*", true));
        assert!(!holds("if-none-match", "W/\"12-3\"", true));
        assert!(holds("if-none-match", "\"12-4\"", true));
    }

    #[test]
    fn if_unmodified_since_counts_whole_seconds() {
        assert!(holds("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", true));
        assert!(!holds("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT", true));
        assert!(!holds("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", false));
        assert!(holds("if-unmodified-since", "no date", true));
    }
}
