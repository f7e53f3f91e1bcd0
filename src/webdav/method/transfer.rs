//! What COPY and MOVE have in common: from where to where, and whether that is allowed.

use http::StatusCode;

use super::super::call::Call;
use super::super::conditional;
use super::super::path::DavPath;
use super::super::reply::Refusal;
use super::super::resolve::Found;
use super::super::resolve::Place;
use super::super::resolve::resolve;
use super::super::resolve::resolve_place;
use crate::vfs::Attr;
use crate::vfs::Error;
use crate::vfs::FileKind;

/// A COPY or MOVE that may go on.
#[derive(Debug)]
pub(super) struct Transfer {
    /// What is copied or moved.
    pub(super) source: Found,
    /// Where it goes.
    pub(super) place: Place,
    /// What has the name now.
    pub(super) replaces: Option<Attr>,
    /// The path of `place`, for locks.
    pub(super) destination: DavPath,
}

/// Resolves both ends and checks conditions, overlap and `Overwrite`; locks are the caller's, as
/// they differ. `follow`: a link as source means what it leads to.
///
/// # Errors
/// 403 onto itself, into itself, onto one of its ancestors, or for the root; 404 without a source;
/// 409 without a collection to put it in; 412 for `Overwrite: F` on something that exists.
pub(super) async fn prepare(call: &Call, follow: bool) -> Result<Transfer, Refusal> {
    let session = &call.session;
    // What a link leads to must be there in any case: a link to nowhere is shown as absent.
    let shown = resolve(session, &call.path, true).await?;
    let source = if follow { shown } else { resolve(session, &call.path, false).await? };
    conditional::check(call, Some(&source.attr)).await?;
    let destination = call.destination.clone().ok_or(StatusCode::BAD_REQUEST)?;
    if destination.is_root() || source.place.is_none() {
        return Err(StatusCode::FORBIDDEN.into());
    }
    let place = match resolve_place(session, &destination).await {
        Ok(Some(place)) => place,
        Ok(None) => return Err(StatusCode::FORBIDDEN.into()),
        Err(Error::NotFound | Error::NotDirectory) => return Err(StatusCode::CONFLICT.into()),
        Err(error) => return Err(error.into()),
    };
    let (dir, name) = (place.dir.inode, &place.name);
    let replaces = match session.hold(|| session.vfs().lookup(&session.who, dir, name)).await {
        Ok(attr) => Some(attr),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    if overlaps(&source, &place, replaces.as_ref()) {
        return Err(StatusCode::FORBIDDEN.into());
    }
    if replaces.is_some() && !call.overwrite {
        return Err(StatusCode::PRECONDITION_FAILED.into());
    }
    Ok(Transfer { source, place, replaces, destination })
}

/// Whether source and destination are one, or one holds the other. By inode, so that a detour
/// through a link is seen too: replacing an ancestor would delete the source.
fn overlaps(source: &Found, place: &Place, replaces: Option<&Attr>) -> bool {
    let onto_itself = replaces.is_some_and(|attr| attr.inode == source.attr.inode);
    let into_itself =
        source.attr.kind == FileKind::Directory && place.ancestors.contains(&source.attr.inode);
    let onto_ancestor = match (&source.place, replaces) {
        (Some(from), Some(attr)) => from.ancestors.contains(&attr.inode),
        _ => false,
    };
    onto_itself || into_itself || onto_ancestor
}

/// Checks the locks on the destination: its own and those below it, and those of the collection
/// if that gets a new member.
///
/// # Errors
/// 423.
pub(super) fn check_destination_locks(call: &Call, transfer: &Transfer) -> Result<(), Refusal> {
    if transfer.replaces.is_some() {
        conditional::check_locks(call, &transfer.destination, true)
    } else {
        conditional::check_member_locks(call, &transfer.destination, true)
    }
}

/// 201 for something new, 204 where something was replaced (RFC 4918 §9.8.5, §9.9.4).
pub(super) fn status(transfer: &Transfer) -> StatusCode {
    match transfer.replaces {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::CREATED,
    }
}
