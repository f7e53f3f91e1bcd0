//! GETATTR, SETATTR, ACCESS: RFC 1813 sections 3.3.1, 3.3.2, 3.3.4.

use bytes::Bytes;
use nfsserve::nfs::nfsstat3;

use crate::base::Timestamp;
use crate::nfs::attr;
use crate::nfs::context::{Refused, Request, Target};
use crate::nfs::reply::ReplyBuilder;
use crate::nfs::status::nfs_status;
use crate::vfs::{Access, Attr, FileKind, SetAttr, Wcc};

const ACCESS_READ: u32 = 0x01;
const ACCESS_LOOKUP: u32 = 0x02;
const ACCESS_MODIFY: u32 = 0x04;
const ACCESS_EXTEND: u32 = 0x08;
const ACCESS_DELETE: u32 = 0x10;
const ACCESS_EXECUTE: u32 = 0x20;
const ACCESS_CHANGES: u32 = ACCESS_MODIFY | ACCESS_EXTEND | ACCESS_DELETE;

/// Section 3.3.1.
pub(super) async fn getattr(
    request: Request<'_>,
    object: &Bytes,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let result = match request.resolve(object) {
        Ok(target) => match request.vfs().getattr(target.inode).await {
            Ok(attr) => Ok(attr::fattr(target.export, &attr)),
            Err(error) => Err(nfs_status(&error)),
        },
        Err(status) => Err(status),
    };
    match result {
        Ok(attr) => {
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr);
            nfsstat3::NFS3_OK
        }
        Err(status) => {
            reply.xdr(&status);
            status
        }
    }
}

/// Section 3.3.2.
pub(super) async fn setattr(
    request: Request<'_>,
    object: &Bytes,
    set: SetAttr,
    guard: Option<Timestamp>,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    match try_setattr(request, object, set, guard).await {
        Ok((target, wcc)) => {
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::wcc(target.export, &wcc));
            nfsstat3::NFS3_OK
        }
        Err(refused) => request.fail_wcc(refused, reply).await,
    }
}

async fn try_setattr<'a>(
    request: Request<'a>,
    object: &Bytes,
    set: SetAttr,
    guard: Option<Timestamp>,
) -> Result<(Target<'a>, Wcc), Refused<'a>> {
    let target = request.resolve_writable(object)?;
    let who = request.identity(target);
    let set = request.vfs().setattr(&who, target.inode, set, guard).await;
    let wcc = set.map_err(|error| (nfs_status(&error), Some(target)))?;
    Ok((target, wcc))
}

/// Section 3.3.4.
pub(super) async fn access(
    request: Request<'_>,
    object: &Bytes,
    wanted: u32,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let target = match request.resolve(object) {
        Ok(target) => target,
        Err(status) => return request.fail_post_op((status, None), reply).await,
    };
    match request.vfs().access(&request.identity(target), target.inode).await {
        Ok((access, attr)) => {
            let mut granted = granted(access, &attr) & wanted;
            if target.export.read_only || request.vfs().is_read_only() {
                granted &= !ACCESS_CHANGES;
            }
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::post_op(target.export, &attr)).u32(granted);
            nfsstat3::NFS3_OK
        }
        Err(error) => request.fail_post_op((nfs_status(&error), Some(target)), reply).await,
    }
}

/// What the mode bits come to. Changing the entries of a directory needs passing through it as
/// well; whether a file may be deleted is a question to its directory.
fn granted(access: Access, attr: &Attr) -> u32 {
    let bit = |granted: bool, bits: u32| if granted { bits } else { 0 };
    if attr.kind == FileKind::Directory {
        return bit(access.read, ACCESS_READ)
            | bit(access.execute, ACCESS_LOOKUP)
            | bit(access.write && access.execute, ACCESS_CHANGES);
    }
    bit(access.read, ACCESS_READ)
        | bit(access.write, ACCESS_MODIFY | ACCESS_EXTEND)
        | bit(access.execute, ACCESS_EXECUTE)
}
