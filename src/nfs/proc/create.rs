//! CREATE, MKDIR, SYMLINK, MKNOD: RFC 1813 sections 3.3.8 to 3.3.11.

use bytes::Bytes;
use nfsserve::nfs::nfsstat3;

use crate::base::limits::SYMLINK_BYTES_MAX;
use crate::nfs::args::Place;
use crate::nfs::attr;
use crate::nfs::context::{Entry, Refused, Request};
use crate::nfs::reply::ReplyBuilder;
use crate::nfs::sattr::Special;
use crate::nfs::status::{NameUse, nfs_status};
use crate::vfs::{CreateMode, Created, Error, SetAttr};

/// Section 3.3.8. The verifier of an exclusive create is the vfs's to keep and to compare.
pub(super) async fn create(
    request: Request<'_>,
    at: &Place,
    mode: CreateMode,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let entry = match request.entry(at, NameUse::Create) {
        Ok(entry) => entry,
        Err(refused) => return request.fail_wcc(refused, reply).await,
    };
    let who = request.identity(entry.dir);
    let made = request.vfs().create(&who, entry.dir.inode, &entry.name, mode).await;
    answer(request, &entry, made, reply).await
}

/// Section 3.3.9.
pub(super) async fn mkdir(
    request: Request<'_>,
    at: &Place,
    set: SetAttr,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let entry = match request.entry(at, NameUse::Create) {
        Ok(entry) => entry,
        Err(refused) => return request.fail_wcc(refused, reply).await,
    };
    let who = request.identity(entry.dir);
    let made = request.vfs().mkdir(&who, entry.dir.inode, &entry.name, set).await;
    answer(request, &entry, made, reply).await
}

/// Section 3.3.10. Any mode is taken: macOS sends 0755.
pub(super) async fn symlink(
    request: Request<'_>,
    at: &Place,
    set: SetAttr,
    target: Bytes,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let entry = match check_target(request.entry(at, NameUse::Create), &target) {
        Ok(entry) => entry,
        Err(refused) => return request.fail_wcc(refused, reply).await,
    };
    let who = request.identity(entry.dir);
    let made = request.vfs().symlink(&who, entry.dir.inode, &entry.name, target, set).await;
    answer(request, &entry, made, reply).await
}

/// A target is 1 to [`SYMLINK_BYTES_MAX`] bytes without NUL: what a path can be.
fn check_target<'a>(
    entry: Result<Entry<'a>, Refused<'a>>,
    target: &[u8],
) -> Result<Entry<'a>, Refused<'a>> {
    let entry = entry?;
    if target.len() > SYMLINK_BYTES_MAX {
        return Err((nfsstat3::NFS3ERR_NAMETOOLONG, Some(entry.dir)));
    }
    if target.is_empty() || target.contains(&0) {
        return Err((nfsstat3::NFS3ERR_INVAL, Some(entry.dir)));
    }
    Ok(entry)
}

/// Section 3.3.11.
pub(super) async fn mknod(
    request: Request<'_>,
    at: &Place,
    special: Special,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let entry = match request.entry(at, NameUse::Create) {
        Ok(entry) => entry,
        Err(refused) => return request.fail_wcc(refused, reply).await,
    };
    let Special::Node { kind, set, rdev } = special else {
        return request.fail_wcc((nfsstat3::NFS3ERR_BADTYPE, Some(entry.dir)), reply).await;
    };
    let who = request.identity(entry.dir);
    let made = request.vfs().mknod(&who, entry.dir.inode, &entry.name, kind, rdev, set).await;
    answer(request, &entry, made, reply).await
}

/// The one form that the replies of the four procedures have.
async fn answer(
    request: Request<'_>,
    entry: &Entry<'_>,
    made: Result<Created, Error>,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let export = entry.dir.export;
    match made {
        Ok(Created { attr, dir }) => {
            let handle = request.handle_of(export, attr.inode);
            reply.xdr(&nfsstat3::NFS3_OK).bool(true).opaque(&handle);
            reply.xdr(&attr::post_op(export, &attr)).xdr(&attr::wcc(export, &dir));
            nfsstat3::NFS3_OK
        }
        Err(error) => {
            let status = nfs_status(&error);
            let after = request.post_op(Some(entry.dir)).await;
            reply.xdr(&status).xdr(&attr::wcc_failed(after));
            status
        }
    }
}
