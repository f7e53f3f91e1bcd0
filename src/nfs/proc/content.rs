//! READ, WRITE, COMMIT: RFC 1813 sections 3.3.6, 3.3.7, 3.3.21.

use bytes::Bytes;
use nfsserve::nfs::nfsstat3;

use crate::base::to_u32;
use crate::nfs::attr;
use crate::nfs::context::{Refused, Request, Target};
use crate::nfs::metrics;
use crate::nfs::reply::{ReplyBuilder, bounded};
use crate::nfs::status::nfs_status;
use crate::vfs::{Stability, Written};

/// What a WRITE carries beside its file.
pub(super) struct Write {
    pub(super) offset: u64,
    pub(super) stability: Stability,
    /// A slice of the record it came in.
    pub(super) data: Bytes,
}

/// Section 3.3.6. A count above the maximum is answered in part, which the RFC allows.
pub(super) async fn read(
    request: Request<'_>,
    file: &Bytes,
    offset: u64,
    count: u32,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let target = match request.resolve(file) {
        Ok(target) => target,
        Err(status) => return request.fail_post_op((status, None), reply).await,
    };
    let count = count.min(request.context.options.io_bytes_max);
    match request.vfs().read(&request.identity(target), target.inode, offset, count).await {
        Ok(data) => {
            let len = data.len();
            metrics::read_bytes(len);
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::post_op(target.export, &data.attr));
            reply.u32(to_u32(len)).bool(data.eof).opaque_slices(data.slices);
            nfsstat3::NFS3_OK
        }
        Err(error) => request.fail_post_op((nfs_status(&error), Some(target)), reply).await,
    }
}

/// Section 3.3.7. The reply says how stable the bytes are, never more than the vfs promised.
pub(super) async fn write(
    request: Request<'_>,
    file: &Bytes,
    write: Write,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    match try_write(request, file, write).await {
        Ok((target, written)) => {
            metrics::write_bytes(written.count);
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::wcc(target.export, &written.wcc));
            reply.u32(written.count).u32(stable_how(written.stability)).fixed(&written.verifier);
            nfsstat3::NFS3_OK
        }
        Err(refused) => request.fail_wcc(refused, reply).await,
    }
}

async fn try_write<'a>(
    request: Request<'a>,
    file: &Bytes,
    write: Write,
) -> Result<(Target<'a>, Written), Refused<'a>> {
    let target = request.resolve_writable(file)?;
    let Write { offset, stability, data } = write;
    // More than the maximum is taken in part; the client sends the rest again.
    let len = bounded(to_u32(data.len()), request.context.options.io_bytes_max);
    let who = request.identity(target);
    let written =
        request.vfs().write(&who, target.inode, offset, data.slice(..len), stability).await;
    let written = written.map_err(|error| (nfs_status(&error), Some(target)))?;
    Ok((target, written))
}

/// Section 3.3.21.
pub(super) async fn commit(
    request: Request<'_>,
    file: &Bytes,
    offset: u64,
    count: u32,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let target = match request.resolve(file) {
        Ok(target) => target,
        Err(status) => return request.fail_wcc((status, None), reply).await,
    };
    match request.vfs().commit(target.inode, offset, count).await {
        Ok(committed) => {
            reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::wcc(target.export, &committed.wcc));
            reply.fixed(&committed.verifier);
            nfsstat3::NFS3_OK
        }
        Err(error) => request.fail_wcc((nfs_status(&error), Some(target)), reply).await,
    }
}

const fn stable_how(stability: Stability) -> u32 {
    match stability {
        Stability::Unstable => 0,
        Stability::DataSync => 1,
        Stability::FileSync => 2,
    }
}
