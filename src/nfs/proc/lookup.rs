//! LOOKUP, READLINK: RFC 1813 sections 3.3.3, 3.3.5.

use bytes::Bytes;
use nfsserve::nfs::nfsstat3;

use crate::base::{FileName, NameError};
use crate::nfs::args::Place;
use crate::nfs::attr;
use crate::nfs::context::{Refused, Request, Target};
use crate::nfs::reply::ReplyBuilder;
use crate::nfs::status::{NameUse, name_status, nfs_status};
use crate::vfs::{Attr, Error, FileKind};

/// Section 3.3.3. `.` and `..` are answered as section 3.2 asks.
pub(super) async fn lookup(request: Request<'_>, at: &Place, reply: &mut ReplyBuilder) -> nfsstat3 {
    match try_lookup(request, at).await {
        Ok((dir, attr)) => {
            let handle = request.handle_of(dir.export, attr.inode);
            let dir_attr = request.post_op(Some(dir)).await;
            reply.xdr(&nfsstat3::NFS3_OK).opaque(&handle);
            reply.xdr(&attr::post_op(dir.export, &attr)).xdr(&dir_attr);
            nfsstat3::NFS3_OK
        }
        Err(refused) => request.fail_post_op(refused, reply).await,
    }
}

async fn try_lookup<'a>(
    request: Request<'a>,
    at: &Place,
) -> Result<(Target<'a>, Attr), Refused<'a>> {
    let dir = request.resolve(&at.dir).map_err(|status| (status, None))?;
    let who = request.identity(dir);
    // The parent of an export's root is the root: nobody climbs out of an export.
    let stays = at.name == "." || dir.inode == dir.export.root;
    let found = match FileName::new(at.name.clone()) {
        Ok(name) => request.vfs().lookup(&who, dir.inode, &name).await,
        Err(NameError::Dots) if stays => current(request, dir).await,
        Err(NameError::Dots) => request.vfs().parent(&who, dir.inode).await,
        Err(error) => return Err((name_status(error, NameUse::Create), Some(dir))),
    };
    let attr = found.map_err(|error| (nfs_status(&error), Some(dir)))?;
    Ok((dir, attr))
}

/// What `.` names, if the caller may pass through it.
async fn current(request: Request<'_>, dir: Target<'_>) -> Result<Attr, Error> {
    let (access, attr) = request.vfs().access(&request.identity(dir), dir.inode).await?;
    match (attr.kind, access.execute) {
        (FileKind::Directory, true) => Ok(attr),
        (FileKind::Directory, false) => Err(Error::Denied),
        _ => Err(Error::NotDirectory),
    }
}

/// Section 3.3.5.
pub(super) async fn readlink(
    request: Request<'_>,
    object: &Bytes,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let target = match request.resolve(object) {
        Ok(target) => target,
        Err(status) => return request.fail_post_op((status, None), reply).await,
    };
    match request.vfs().readlink(&request.identity(target), target.inode).await {
        Ok((text, attr)) => {
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::post_op(target.export, &attr)).opaque(&text);
            nfsstat3::NFS3_OK
        }
        Err(error) => request.fail_post_op((nfs_status(&error), Some(target)), reply).await,
    }
}
