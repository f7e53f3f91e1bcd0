//! LOCK and UNLOCK (RFC 4918 §9.10 and §9.11).

use http::HeaderValue;
use http::StatusCode;

use super::super::call::Call;
use super::super::call::Depth;
use super::super::conditional;
use super::super::fs::FILE_MODE;
use super::super::locks::Lock;
use super::super::locks::LockRefused;
use super::super::locks::LockRequest;
use super::super::locks::UnlockRefused;
use super::super::props::write_active_lock;
use super::super::reply::Answer;
use super::super::reply::Refusal;
use super::super::reply::empty;
use super::super::reply::with_body;
use super::super::resolve::resolve;
use super::super::resolve::resolve_place;
use super::super::xml;
use super::super::xml::Element;
use crate::vfs::Attr;
use crate::vfs::CreateMode;
use crate::vfs::Error;
use crate::vfs::FileKind;
use crate::vfs::SetAttr;

/// Longest `owner` element: it is kept in memory as long as the lock lives.
const OWNER_BYTES_MAX: usize = 2_048;

/// Answers a LOCK. Without a body it refreshes; on a path where nothing is, it makes an empty
/// file (RFC 4918 §7.3).
///
/// # Errors
/// 400 for a broken body, 403 on a read-only volume, 409 without a collection for a new file, 412
/// for a refresh of no lock, 423 with the lock in the way, 507 if there are too many locks.
pub(in super::super) async fn lock(call: &Call, body: &[u8]) -> Answer {
    if call.session.vfs().is_read_only() {
        return Err(StatusCode::FORBIDDEN.into());
    }
    if body.is_empty() {
        return refresh(call).await;
    }
    let deep = match call.depth {
        None | Some(Depth::Infinity) => true,
        Some(Depth::Zero) => false,
        Some(Depth::One) => return Err(StatusCode::BAD_REQUEST.into()),
    };
    let (shared, owner_xml) = parse(body)?;
    let target = match resolve(&call.session, &call.path, true).await {
        Ok(found) => Some(found.attr),
        Err(Error::NotFound) => None,
        Err(Error::NotDirectory) => return Err(StatusCode::CONFLICT.into()),
        Err(error) => return Err(error.into()),
    };
    conditional::check(call, target.as_ref()).await?;
    if let (None, Some((above, _))) = (target, call.path.split_last()) {
        // A new member changes the collection.
        conditional::check_locks(call, &above, false)?;
    }
    let request = LockRequest {
        root: call.path.clone(),
        collection: target.is_some_and(|attr| attr.kind == FileKind::Directory),
        principal: call.session.principal.clone(),
        owner_xml,
        timeout: call.timeout(),
        shared,
        deep,
    };
    let lock = take(call, request)?;
    let created = match create_if_absent(call, target.as_ref()).await {
        Ok(created) => created,
        Err(refusal) => {
            let session = &call.session;
            let locks = &session.shared.locks;
            // It is ours and a moment old: it can only be gone already.
            let _ = locks.unlock(session.now(), &call.path, &session.principal, &lock.token);
            return Err(refusal);
        }
    };
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = granted(status, &lock);
    if let Ok(value) = HeaderValue::from_str(&format!("<{}>", lock.token)) {
        response.headers_mut().insert("lock-token", value);
    }
    Ok(response)
}

/// Answers an UNLOCK.
///
/// # Errors
/// 400 without a token, 403 for somebody else's lock, 409 if no such lock covers the path.
pub(in super::super) async fn unlock(call: &Call) -> Answer {
    let header = call.headers.get("lock-token").and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|text| text.trim().strip_prefix('<')?.strip_suffix('>'))
        .ok_or(StatusCode::BAD_REQUEST)?;
    let target = resolve(&call.session, &call.path, true).await.ok();
    conditional::check(call, target.as_ref().map(|found| &found.attr)).await?;
    let session = &call.session;
    let locks = &session.shared.locks;
    match locks.unlock(session.now(), &call.path, &session.principal, token) {
        Ok(()) => Ok(empty(StatusCode::NO_CONTENT)),
        Err(UnlockRefused::NotOwner) => Err(StatusCode::FORBIDDEN.into()),
        Err(UnlockRefused::NoSuchLock) => {
            let condition = "lock-token-matches-request-uri";
            Err(Refusal::with_condition(StatusCode::CONFLICT, condition))
        }
    }
}

/// Starts the time of a lock anew (RFC 4918 §9.10.2): the one whose token the `If` header names.
async fn refresh(call: &Call) -> Answer {
    if call.if_header.is_none() {
        return Err(StatusCode::BAD_REQUEST.into());
    }
    let target = resolve(&call.session, &call.path, true).await.ok();
    conditional::check(call, target.as_ref().map(|found| &found.attr)).await?;
    let session = &call.session;
    let locks = &session.shared.locks;
    let (now, timeout) = (session.now(), call.timeout());
    let lock = call
        .tokens()
        .iter()
        .find_map(|token| locks.refresh(now, &call.path, &session.principal, token, timeout));
    match lock {
        Some(lock) => Ok(granted(StatusCode::OK, &lock)),
        None => {
            let condition = "lock-token-matches-request-uri";
            Err(Refusal::with_condition(StatusCode::PRECONDITION_FAILED, condition))
        }
    }
}

fn take(call: &Call, request: LockRequest) -> Result<Lock, Refusal> {
    let session = &call.session;
    let shared = &session.shared;
    let result = shared.locks.lock(session.now(), request, &*shared.options.random);
    result.map_err(|refused| match refused {
        LockRefused::Conflict(lock) => {
            let href = lock.root.href(lock.collection);
            Refusal::with_href(StatusCode::LOCKED, "no-conflicting-lock", &href)
        }
        LockRefused::TooMany => StatusCode::INSUFFICIENT_STORAGE.into(),
    })
}

/// Makes the empty file that a lock on nothing stands for. Whether it did.
async fn create_if_absent(call: &Call, target: Option<&Attr>) -> Result<bool, Refusal> {
    if target.is_some() {
        return Ok(false);
    }
    let session = &call.session;
    let place = match resolve_place(session, &call.path).await {
        Ok(Some(place)) => place,
        Ok(None) => return Ok(false),
        Err(Error::NotFound | Error::NotDirectory) => return Err(StatusCode::CONFLICT.into()),
        Err(error) => return Err(error.into()),
    };
    let mode = CreateMode::Guarded(SetAttr { mode: Some(FILE_MODE), ..SetAttr::default() });
    let create = || session.vfs().create(&session.who, place.dir.inode, &place.name, mode);
    match session.hold(create).await {
        Ok(_) => Ok(true),
        // Somebody was faster; the lock is on what they made.
        Err(Error::Exists) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The answer to a lock granted or refreshed (RFC 4918 §9.10.1).
fn granted(status: StatusCode, lock: &Lock) -> http::Response<super::super::reply::Body> {
    let mut body = format!("{}<D:prop xmlns:D=\"DAV:\"><D:lockdiscovery>", xml::DECLARATION);
    write_active_lock(lock, lock.timeout.as_secs(), &mut body);
    body.push_str("</D:lockdiscovery></D:prop>\n");
    with_body(status, "application/xml; charset=utf-8", body)
}

/// Scope and owner of a `lockinfo` body.
fn parse(body: &[u8]) -> Result<(bool, Option<String>), Refusal> {
    let bad = || Refusal::new(StatusCode::BAD_REQUEST);
    let root = Element::parse(body).map_err(|_| bad())?;
    let kind = root.dav_child("locktype").and_then(|kind| kind.dav_child("write"));
    if !root.is_dav("lockinfo") || kind.is_none() {
        return Err(bad());
    }
    let scope = root.dav_child("lockscope").ok_or_else(bad)?;
    let shared = match (scope.dav_child("exclusive"), scope.dav_child("shared")) {
        (Some(_), None) => false,
        (None, Some(_)) => true,
        _ => return Err(bad()),
    };
    let owner = root.dav_child("owner").map(|owner| {
        let mut out = String::new();
        owner.write(&mut out);
        out
    });
    if owner.as_ref().is_some_and(|owner| owner.len() > OWNER_BYTES_MAX) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into());
    }
    Ok((shared, owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(scope: &str, rest: &str) -> Result<(bool, Option<String>), Refusal> {
        let body = format!(
            "<D:lockinfo xmlns:D='DAV:'><D:lockscope>{scope}</D:lockscope>\
             <D:locktype><D:write/></D:locktype>{rest}</D:lockinfo>"
        );
        parse(body.as_bytes())
    }

    #[test]
    fn the_owner_is_kept_as_it_was_written() {
        let (shared, owner) =
            info("<D:exclusive/>", "<D:owner><D:href>http://x/</D:href></D:owner>").unwrap();
        assert!(!shared);
        let expected = "<D:owner xmlns:D=\"DAV:\"><D:href>http://x/</D:href></D:owner>";
        assert_eq!(owner.as_deref(), Some(expected));
        assert_eq!(info("<D:shared/>", "").unwrap(), (true, None));
    }

    #[test]
    fn a_body_that_is_no_lock_is_refused() {
        assert!(info("", "").is_err());
        assert!(info("<D:exclusive/><D:shared/>", "").is_err());
        assert!(parse(b"<lockinfo/>").is_err());
        assert!(parse(b"<lockinfo").is_err());
    }

    #[test]
    fn the_owner_is_bounded() {
        let owner = |len| format!("<D:owner>{}</D:owner>", "x".repeat(len));
        assert!(info("<D:shared/>", &owner(OWNER_BYTES_MAX - 100)).is_ok());
        let refusal = info("<D:shared/>", &owner(OWNER_BYTES_MAX)).unwrap_err();
        assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
