//! DELETE (RFC 4918 §9.6): a file or a whole collection, in one transaction.

use http::StatusCode;

use super::super::call::Call;
use super::super::call::Depth;
use super::super::conditional;
use super::super::reply::Answer;
use super::super::reply::empty;
use super::super::resolve::resolve;

/// Answers a DELETE. A link is removed itself, not what it leads to.
///
/// # Errors
/// 403 for the root, 404, 412, 423 if anything in the tree is locked, 400 for a depth other than
/// infinity on a collection.
pub(in super::super) async fn remove(call: &Call) -> Answer {
    let session = &call.session;
    let found = resolve(session, &call.path, false).await?;
    let Some(place) = &found.place else { return Err(StatusCode::FORBIDDEN.into()) };
    let collection = found.attr.kind == crate::vfs::FileKind::Directory;
    if collection && !matches!(call.depth, None | Some(Depth::Infinity)) {
        return Err(StatusCode::BAD_REQUEST.into());
    }
    conditional::check(call, Some(&found.attr)).await?;
    conditional::check_member_locks(call, &call.path, true)?;
    session.hold(|| session.vfs().remove_tree(&session.who, place.dir.inode, &place.name)).await?;
    session.shared.locks.forget_tree(&call.path);
    Ok(empty(StatusCode::NO_CONTENT))
}
