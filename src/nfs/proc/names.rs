//! REMOVE, RMDIR, RENAME, LINK: RFC 1813 sections 3.3.12 to 3.3.15.

use bytes::Bytes;
use nfsserve::nfs::nfsstat3;

use crate::nfs::args::Place;
use crate::nfs::attr;
use crate::nfs::context::{Entry, Refused, Request, Target};
use crate::nfs::reply::ReplyBuilder;
use crate::nfs::status::{NameUse, nfs_status};
use crate::vfs::{Error, Linked, Renamed, Wcc};

/// Section 3.3.12. Not for directories, whatever some servers do.
pub(super) async fn remove(request: Request<'_>, at: &Place, reply: &mut ReplyBuilder) -> nfsstat3 {
    let entry = match request.entry(at, NameUse::Remove) {
        Ok(entry) => entry,
        Err(refused) => return request.fail_wcc(refused, reply).await,
    };
    let who = request.identity(entry.dir);
    let removed = request.vfs().remove(&who, entry.dir.inode, &entry.name).await;
    removed_answer(request, entry.dir, removed, reply).await
}

/// Section 3.3.13.
pub(super) async fn rmdir(request: Request<'_>, at: &Place, reply: &mut ReplyBuilder) -> nfsstat3 {
    let usage = if at.name == "." { NameUse::RemoveDirSelf } else { NameUse::RemoveDirParent };
    let entry = match request.entry(at, usage) {
        Ok(entry) => entry,
        Err(refused) => return request.fail_wcc(refused, reply).await,
    };
    let who = request.identity(entry.dir);
    let removed = request.vfs().rmdir(&who, entry.dir.inode, &entry.name).await;
    removed_answer(request, entry.dir, removed, reply).await
}

async fn removed_answer<'a>(
    request: Request<'a>,
    dir: Target<'a>,
    removed: Result<Wcc, Error>,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    match removed {
        Ok(wcc) => {
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::wcc(dir.export, &wcc));
            nfsstat3::NFS3_OK
        }
        Err(error) => request.fail_wcc((nfs_status(&error), Some(dir)), reply).await,
    }
}

/// Section 3.3.14. Every reply, failures too, carries wcc data of both directories.
pub(super) async fn rename(
    request: Request<'_>,
    from: &Place,
    to: &Place,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let status = match try_rename(request, from, to).await {
        Ok((from, to, renamed)) => {
            reply.xdr(&nfsstat3::NFS3_OK);
            reply.xdr(&attr::wcc(from.dir.export, &renamed.from));
            reply.xdr(&attr::wcc(to.dir.export, &renamed.to));
            return nfsstat3::NFS3_OK;
        }
        Err(status) => status,
    };
    reply.xdr(&status);
    for place in [from, to] {
        let after = request.post_op(request.resolve(&place.dir).ok()).await;
        reply.xdr(&attr::wcc_failed(after));
    }
    status
}

async fn try_rename<'a>(
    request: Request<'a>,
    from: &Place,
    to: &Place,
) -> Result<(Entry<'a>, Entry<'a>, Renamed), nfsstat3> {
    let status_of = |(status, _): Refused<'a>| status;
    let from = request.entry(from, NameUse::Rename).map_err(status_of)?;
    let to = request.entry(to, NameUse::Rename).map_err(status_of)?;
    if from.dir.export.id != to.dir.export.id {
        return Err(nfsstat3::NFS3ERR_XDEV);
    }
    let who = request.identity(from.dir);
    let renamed =
        request.vfs().rename(&who, from.dir.inode, &from.name, to.dir.inode, &to.name).await;
    let renamed = renamed.map_err(|error| nfs_status(&error))?;
    Ok((from, to, renamed))
}

/// Section 3.3.15. Every reply carries the file's attributes and wcc data of the directory.
pub(super) async fn link(
    request: Request<'_>,
    file: &Bytes,
    at: &Place,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let status = match try_link(request, file, at).await {
        Ok((dir, linked)) => {
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::post_op(dir.export, &linked.attr));
            reply.xdr(&attr::wcc(dir.export, &linked.dir));
            return nfsstat3::NFS3_OK;
        }
        Err(status) => status,
    };
    let file = request.post_op(request.resolve(file).ok()).await;
    let dir = request.post_op(request.resolve(&at.dir).ok()).await;
    reply.xdr(&status).xdr(&file).xdr(&attr::wcc_failed(dir));
    status
}

async fn try_link<'a>(
    request: Request<'a>,
    file: &Bytes,
    at: &Place,
) -> Result<(Target<'a>, Linked), nfsstat3> {
    let file = request.resolve(file)?;
    let entry = request.entry(at, NameUse::Create).map_err(|(status, _)| status)?;
    if file.export.id != entry.dir.export.id {
        return Err(nfsstat3::NFS3ERR_XDEV);
    }
    let who = request.identity(entry.dir);
    let linked = request.vfs().link(&who, file.inode, entry.dir.inode, &entry.name).await;
    let linked = linked.map_err(|error| nfs_status(&error))?;
    Ok((entry.dir, linked))
}
