//! MOVE (RFC 4918 §9.9): one rename, which replaces what was there in the same transaction.

use http::StatusCode;

use super::super::call::Call;
use super::super::call::Depth;
use super::super::conditional;
use super::super::reply::Answer;
use super::super::reply::empty;
use super::transfer;

/// Answers a MOVE. Whoever looks sees the whole old state or the whole new one.
///
/// # Errors
/// As `transfer::prepare`; 423 for a locked source, destination, or collection of either; 400 for
/// a depth other than infinity.
pub(in super::super) async fn relocate(call: &Call) -> Answer {
    if !matches!(call.depth, None | Some(Depth::Infinity)) {
        return Err(StatusCode::BAD_REQUEST.into());
    }
    let transfer = transfer::prepare(call, false).await?;
    conditional::check_member_locks(call, &call.path, true)?;
    transfer::check_destination_locks(call, &transfer)?;
    let Some(from) = &transfer.source.place else { return Err(StatusCode::FORBIDDEN.into()) };
    let to = &transfer.place;
    let session = &call.session;
    session
        .hold(|| {
            let (from_dir, to_dir) = (from.dir.inode, to.dir.inode);
            let vfs = session.vfs();
            vfs.rename_replacing_tree(&session.who, from_dir, &from.name, to_dir, &to.name)
        })
        .await?;
    // Locks stay where they were taken; they do not move (RFC 4918 §7.6).
    session.shared.locks.forget_tree(&call.path);
    session.shared.locks.forget_below(&transfer.destination);
    Ok(empty(transfer::status(&transfer)))
}
