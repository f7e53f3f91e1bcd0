//! FSSTAT, FSINFO, PATHCONF: RFC 1813 sections 3.3.18 to 3.3.20.

use std::io::{Read, Write};

use bytes::Bytes;
use nfsserve::nfs::{
    FSF_CANSETTIME, FSF_HOMOGENEOUS, FSF_LINK, FSF_SYMLINK, fsinfo3, nfsstat3, nfstime3,
    post_op_attr,
};
use nfsserve::xdr::XDR;
use nfsserve::xdr_struct;

use crate::base::limits::{FILE_BYTES_MAX, LINKS_MAX, NAME_BYTES_MAX};
use crate::base::to_u32;
use crate::nfs::attr;
use crate::nfs::context::{Refused, Request};
use crate::nfs::reply::ReplyBuilder;
use crate::nfs::status::nfs_status;
use crate::vfs::StatFs;

/// What a listing is best asked for at a time.
const LISTING_BYTES_PREFERRED: u32 = 64 << 10;

/// `FSSTAT3resok`.
struct Fsstat3resok {
    obj_attributes: post_op_attr,
    tbytes: u64,
    fbytes: u64,
    abytes: u64,
    tfiles: u64,
    ffiles: u64,
    afiles: u64,
    invarsec: u32,
}
xdr_struct!(Fsstat3resok, obj_attributes, tbytes, fbytes, abytes, tfiles, ffiles, afiles, invarsec);

/// `PATHCONF3resok`.
struct Pathconf3resok {
    obj_attributes: post_op_attr,
    linkmax: u32,
    name_max: u32,
    no_trunc: bool,
    chown_restricted: bool,
    case_insensitive: bool,
    case_preserving: bool,
}
xdr_struct!(
    Pathconf3resok,
    obj_attributes,
    linkmax,
    name_max,
    no_trunc,
    chown_restricted,
    case_insensitive,
    case_preserving
);

/// Section 3.3.18.
pub(super) async fn fsstat(
    request: Request<'_>,
    object: &Bytes,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let found = match attributes(request, object).await {
        Ok(found) => found,
        Err(refused) => return request.fail_post_op(refused, reply).await,
    };
    match request.vfs().statfs().await {
        Ok(stat) => {
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&fsstat_result(found, stat));
            nfsstat3::NFS3_OK
        }
        Err(error) => {
            let status = nfs_status(&error);
            reply.xdr(&status).xdr(&found);
            status
        }
    }
}

/// Nothing is set aside for the privileged, so free and available are the same; and it may
/// change at any moment (`invarsec` 0).
const fn fsstat_result(obj_attributes: post_op_attr, stat: StatFs) -> Fsstat3resok {
    Fsstat3resok {
        obj_attributes,
        tbytes: stat.total_bytes,
        fbytes: stat.free_bytes,
        abytes: stat.free_bytes,
        tfiles: stat.total_inodes,
        ffiles: stat.free_inodes,
        afiles: stat.free_inodes,
        invarsec: 0,
    }
}

/// Section 3.3.19.
pub(super) async fn fsinfo(
    request: Request<'_>,
    object: &Bytes,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let obj_attributes = match attributes(request, object).await {
        Ok(found) => found,
        Err(refused) => return request.fail_post_op(refused, reply).await,
    };
    let io_bytes_max = request.context.options.io_bytes_max;
    let info = fsinfo3 {
        obj_attributes,
        rtmax: io_bytes_max,
        rtpref: io_bytes_max,
        rtmult: 4_096,
        wtmax: io_bytes_max,
        wtpref: io_bytes_max,
        wtmult: 4_096,
        dtpref: LISTING_BYTES_PREFERRED.min(io_bytes_max),
        maxfilesize: FILE_BYTES_MAX,
        time_delta: nfstime3 { seconds: 0, nseconds: 1 },
        properties: FSF_LINK | FSF_SYMLINK | FSF_HOMOGENEOUS | FSF_CANSETTIME,
    };
    reply.xdr(&nfsstat3::NFS3_OK).xdr(&info);
    nfsstat3::NFS3_OK
}

/// Section 3.3.20.
pub(super) async fn pathconf(
    request: Request<'_>,
    object: &Bytes,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let obj_attributes = match attributes(request, object).await {
        Ok(found) => found,
        Err(refused) => return request.fail_post_op(refused, reply).await,
    };
    let conf = Pathconf3resok {
        obj_attributes,
        linkmax: LINKS_MAX,
        name_max: to_u32(NAME_BYTES_MAX),
        no_trunc: true,
        chown_restricted: true,
        case_insensitive: false,
        case_preserving: true,
    };
    reply.xdr(&nfsstat3::NFS3_OK).xdr(&conf);
    nfsstat3::NFS3_OK
}

async fn attributes<'a>(request: Request<'a>, object: &Bytes) -> Result<post_op_attr, Refused<'a>> {
    let target = request.resolve(object).map_err(|status| (status, None))?;
    match request.vfs().getattr(target.inode).await {
        Ok(attr) => Ok(attr::post_op(target.export, &attr)),
        Err(error) => Err((nfs_status(&error), None)),
    }
}
