//! What every call of one server shares, and what one call knows about itself.

use std::sync::Arc;

use bytes::Bytes;
use nfsserve::nfs::{nfsstat3, post_op_attr};

use crate::base::{FileName, InodeId};
use crate::nfs::args::Place;
use crate::nfs::attr;
use crate::nfs::auth::Caller;
use crate::nfs::file_handle::FileHandle;
use crate::nfs::mount::MountTable;
use crate::nfs::options::{Export, NfsOptions};
use crate::nfs::reply::ReplyBuilder;
use crate::nfs::reply_cache::ReplyCache;
use crate::nfs::status::{NameUse, name_status};
use crate::vfs::{Identity, Vfs};

/// The state of one NFS server: the volume, the options, the replies given, the mounts made.
#[derive(Debug)]
pub struct Context {
    pub(super) vfs: Arc<Vfs>,
    pub(super) options: NfsOptions,
    pub(super) replies: ReplyCache,
    pub(super) mounts: MountTable,
}

impl Context {
    /// The state of a server that has seen nobody yet.
    #[must_use]
    pub fn new(vfs: Arc<Vfs>, options: NfsOptions) -> Self {
        let replies = ReplyCache::new(options.reply_cache_age, options.reply_cache_bytes_max);
        Self { vfs, options, replies, mounts: MountTable::default() }
    }
}

/// One NFS call under way.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) context: &'a Context,
    pub(super) caller: &'a Caller,
}

/// An inode that a client named with a good handle, and the export it came through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) export: &'a Export,
    pub(super) inode: InodeId,
}

/// A name in a directory that may be changed.
pub(super) struct Entry<'a> {
    pub(super) dir: Target<'a>,
    pub(super) name: FileName,
}

/// A status, and the inode whose attributes go with it if its handle was good.
pub(super) type Refused<'a> = (nfsstat3, Option<Target<'a>>);

impl<'a> Request<'a> {
    /// The volume.
    pub(super) fn vfs(&self) -> &'a Vfs {
        &self.context.vfs
    }

    /// Opens a handle. A handle of an export that is no longer offered is stale: access to the
    /// file it names was taken away (RFC 1813 section 2.6, `NFS3ERR_STALE`).
    pub(super) fn resolve(&self, handle: &Bytes) -> Result<Target<'a>, nfsstat3> {
        let handle = FileHandle::open(handle, self.vfs().handle_mac())
            .map_err(|_| nfsstat3::NFS3ERR_BADHANDLE)?;
        let export = self.context.options.export(handle.export);
        let export = export.ok_or(nfsstat3::NFS3ERR_STALE)?;
        Ok(Target { export, inode: handle.inode })
    }

    /// Opens a handle of something that is to be changed.
    pub(super) fn resolve_writable(&self, handle: &Bytes) -> Result<Target<'a>, Refused<'a>> {
        let target = self.resolve(handle).map_err(|status| (status, None))?;
        if target.export.read_only || self.vfs().is_read_only() {
            return Err((nfsstat3::NFS3ERR_ROFS, Some(target)));
        }
        Ok(target)
    }

    /// Checks the directory and the name of something that is to be made, moved or removed.
    pub(super) fn entry(&self, at: &Place, usage: NameUse) -> Result<Entry<'a>, Refused<'a>> {
        let dir = self.resolve_writable(&at.dir)?;
        let name = FileName::new(at.name.clone())
            .map_err(|error| (name_status(error, usage), Some(dir)))?;
        Ok(Entry { dir, name })
    }

    /// Who asks, as the export of `target` sees it.
    pub(super) fn identity(&self, target: Target<'_>) -> Identity {
        self.caller.identity(target.export)
    }

    /// The handle of another inode of the same export.
    pub(super) fn handle_of(&self, export: &Export, inode: InodeId) -> Bytes {
        FileHandle { export: export.id, inode }.seal(self.vfs().handle_mac())
    }

    /// The attributes that go with a failure; none if even they cannot be had.
    pub(super) async fn post_op(&self, target: Option<Target<'a>>) -> post_op_attr {
        let Some(target) = target else { return post_op_attr::Void };
        match self.vfs().getattr(target.inode).await {
            Ok(attr) => attr::post_op(target.export, &attr),
            Err(_) => post_op_attr::Void,
        }
    }

    /// A failure whose reply carries the attributes of an inode.
    pub(super) async fn fail_post_op(
        &self,
        (status, target): Refused<'a>,
        reply: &mut ReplyBuilder,
    ) -> nfsstat3 {
        reply.xdr(&status).xdr(&self.post_op(target).await);
        status
    }

    /// A failure whose reply carries wcc data of an inode.
    pub(super) async fn fail_wcc(
        &self,
        (status, target): Refused<'a>,
        reply: &mut ReplyBuilder,
    ) -> nfsstat3 {
        let after = self.post_op(target).await;
        reply.xdr(&status).xdr(&attr::wcc_failed(after));
        status
    }
}
