//! The procedures of NFSv3, one file per family: from checked arguments to an encoded result.
//!
//! Each answers a status and has written exactly one result of that status: the vfs is asked
//! first, then the reply is written, so a failure never follows half a success.

mod attributes;
mod content;
mod create;
mod listing;
mod lookup;
mod names;
mod volume;

use nfsserve::nfs::nfsstat3;

use crate::nfs::args::Call;
use crate::nfs::context::Request;
use crate::nfs::reply::ReplyBuilder;

/// Runs one call and writes its result.
pub(super) async fn run(request: Request<'_>, call: Call, reply: &mut ReplyBuilder) -> nfsstat3 {
    match call {
        Call::Null => nfsstat3::NFS3_OK,
        Call::GetAttr { object } => attributes::getattr(request, &object, reply).await,
        Call::SetAttr { object, set, guard } => {
            attributes::setattr(request, &object, set, guard, reply).await
        }
        Call::Lookup { at } => lookup::lookup(request, &at, reply).await,
        Call::Access { object, wanted } => {
            attributes::access(request, &object, wanted, reply).await
        }
        Call::ReadLink { object } => lookup::readlink(request, &object, reply).await,
        Call::Read { file, offset, count } => {
            content::read(request, &file, offset, count, reply).await
        }
        Call::Write { file, offset, stability, data } => {
            let write = content::Write { offset, stability, data };
            content::write(request, &file, write, reply).await
        }
        Call::Commit { file, offset, count } => {
            content::commit(request, &file, offset, count, reply).await
        }
        Call::Create { at, mode } => create::create(request, &at, mode, reply).await,
        Call::MkDir { at, set } => create::mkdir(request, &at, set, reply).await,
        Call::Symlink { at, set, target } => {
            create::symlink(request, &at, set, target, reply).await
        }
        Call::MkNod { at, special } => create::mknod(request, &at, special, reply).await,
        Call::Remove { at } => names::remove(request, &at, reply).await,
        Call::RmDir { at } => names::rmdir(request, &at, reply).await,
        Call::Rename { from, to } => names::rename(request, &from, &to, reply).await,
        Call::Link { file, at } => names::link(request, &file, &at, reply).await,
        Call::ReadDir { dir, cookie, count } => {
            listing::readdir(request, &dir, cookie, count, reply).await
        }
        Call::ReadDirPlus { dir, cookie, dir_count, max_count } => {
            listing::readdirplus(request, &dir, cookie, (dir_count, max_count), reply).await
        }
        Call::FsStat { object } => volume::fsstat(request, &object, reply).await,
        Call::FsInfo { object } => volume::fsinfo(request, &object, reply).await,
        Call::PathConf { object } => volume::pathconf(request, &object, reply).await,
    }
}
