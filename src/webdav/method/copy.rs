//! COPY (RFC 4918 §9.8): content by reference, built aside, put in place in one step.
//!
//! A collection is built under a name of its own beside the destination and then renamed over it,
//! so a copy that fails, or a gateway that dies half-way, never costs what was there. (Dying may
//! leave the half copy under that name, visible, for the user to delete.)

use http::StatusCode;

use super::super::call::Call;
use super::super::call::Depth;
use super::super::file::copy_props;
use super::super::reply::Answer;
use super::super::reply::empty;
use super::super::session::Session;
use super::transfer;
use super::transfer::Transfer;
use crate::base::FileName;
use crate::base::InodeId;
use crate::vfs::Attr;
use crate::vfs::DirEntry;
use crate::vfs::Error;
use crate::vfs::FileKind;
use crate::vfs::SetAttr;

/// Entries read at once.
const PAGE_ENTRIES: usize = 256;
/// Directories found and not copied yet: the frontier of the walk.
const PENDING_MAX: usize = 1 << 20;

/// Answers a COPY. Runs to its end even if the client goes away, so that nothing half-done stays.
///
/// # Errors
/// As `transfer::prepare`; 423 for a locked destination; 400 for depth 1.
pub(in super::super) async fn copy(call: Call) -> Answer {
    let deep = match call.depth {
        None | Some(Depth::Infinity) => true,
        Some(Depth::Zero) => false,
        Some(Depth::One) => return Err(StatusCode::BAD_REQUEST.into()),
    };
    let transfer = transfer::prepare(&call, true).await?;
    transfer::check_destination_locks(&call, &transfer)?;
    let status = transfer::status(&transfer);
    let task = tokio::spawn(async move { carry_out(&call, &transfer, deep).await });
    task.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)??;
    Ok(empty(status))
}

async fn carry_out(call: &Call, transfer: &Transfer, deep: bool) -> Result<(), Error> {
    let session = &call.session;
    let (source, place) = (&transfer.source.attr, &transfer.place);
    let replaces_directory = transfer.replaces.is_some_and(|attr| attr.kind == FileKind::Directory);
    if source.kind == FileKind::File && !replaces_directory {
        copy_file(session, source, place.dir.inode, &place.name).await?;
    } else {
        let aside = aside_name(session)?;
        let built = build(session, source, place.dir.inode, &aside, deep).await;
        let moved = match built {
            Ok(()) => {
                let dir = place.dir.inode;
                let vfs = session.vfs();
                let rename =
                    || vfs.rename_replacing_tree(&session.who, dir, &aside, dir, &place.name);
                session.hold(rename).await.map(|_| ())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = moved {
            let dir = place.dir.inode;
            // Its own failure would only hide the reason for the first one.
            let _ = session.hold(|| session.vfs().remove_tree(&session.who, dir, &aside)).await;
            return Err(error);
        }
    }
    session.shared.locks.forget_below(&transfer.destination);
    Ok(())
}

/// A name that nobody else uses.
fn aside_name(session: &Session) -> Result<FileName, Error> {
    let bytes = u128::from_be_bytes(session.shared.options.random.bytes16());
    FileName::new(format!(".sealgate-copy-{bytes:032x}")).map_err(|_| Error::Invalid)
}

/// Copies `source` to `name` in `dir`, where nothing is yet.
async fn build(
    session: &Session,
    source: &Attr,
    dir: InodeId,
    name: &FileName,
    deep: bool,
) -> Result<(), Error> {
    if source.kind != FileKind::Directory {
        return copy_file(session, source, dir, name).await;
    }
    let top = copy_directory(session, source, dir, name).await?;
    let mut pending = vec![(source.inode, top, 0_u64)];
    while deep && let Some((from, to, cookie)) = pending.pop() {
        let read = || session.vfs().readdir(&session.who, from, cookie, PAGE_ENTRIES, true);
        let page = session.hold(read).await?;
        if let Some(last) = page.entries.last().filter(|_| !page.eof) {
            pending.push((from, to, last.cookie));
        }
        for entry in &page.entries {
            if let Some(made) = copy_entry(session, entry, to).await? {
                pending.push((entry.inode, made, 0));
            }
        }
        if pending.len() > PENDING_MAX {
            return Err(Error::NoSpace);
        }
    }
    Ok(())
}

/// Copies one entry into `to`; gives the new directory if it is one. Links stay links; what
/// WebDAV does not show is left out.
async fn copy_entry(
    session: &Session,
    entry: &DirEntry,
    to: InodeId,
) -> Result<Option<InodeId>, Error> {
    let Some(attr) = &entry.attr else { return Ok(None) };
    match entry.kind {
        FileKind::Directory => copy_directory(session, attr, to, &entry.name).await.map(Some),
        FileKind::File => copy_file(session, attr, to, &entry.name).await.map(|()| None),
        FileKind::Symlink => {
            let read = || session.vfs().readlink(&session.who, attr.inode);
            let (target, _) = session.hold(read).await?;
            let set = SetAttr::default();
            let vfs = session.vfs();
            let link = || vfs.symlink(&session.who, to, &entry.name, target.clone(), set);
            session.hold(link).await.map(|_| None)
        }
        FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo | FileKind::Socket => {
            Ok(None)
        }
    }
}

async fn copy_directory(
    session: &Session,
    source: &Attr,
    dir: InodeId,
    name: &FileName,
) -> Result<InodeId, Error> {
    // The owner must be able to fill it, whatever the original says.
    let set = SetAttr { mode: Some(source.mode & 0o777 | 0o700), ..SetAttr::default() };
    let mkdir = || session.vfs().mkdir(&session.who, dir, name, set);
    let made = session.hold(mkdir).await?.attr.inode;
    copy_props(session, source.inode, made).await?;
    Ok(made)
}

/// Copies a file, replacing a file or link of that name in one transaction.
async fn copy_file(
    session: &Session,
    source: &Attr,
    dir: InodeId,
    name: &FileName,
) -> Result<(), Error> {
    let set = SetAttr { mode: Some(source.mode & 0o777), ..SetAttr::default() };
    let (made, _pin) = session.hold(|| session.vfs().create_unlinked(&session.who, set)).await?;
    let clone = || session.vfs().clone_content(&session.who, source.inode, made.inode);
    session.hold(clone).await?;
    copy_props(session, source.inode, made.inode).await?;
    session.hold(|| session.vfs().publish(&session.who, made.inode, dir, name)).await?;
    Ok(())
}
