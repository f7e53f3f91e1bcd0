//! READDIR, READDIRPLUS: RFC 1813 sections 3.3.16, 3.3.17.
//!
//! `.` and `..` are made here, with the cookies 1 and 2; the vfs knows neither, and its own
//! cookies start at 16. A cookie means the same place for ever, so the cookie verifier is a
//! constant and not compared: a listing goes on across removals and restarts.

use bytes::Bytes;
use nfsserve::nfs::{nfsstat3, post_op_attr};

use crate::base::InodeId;
use crate::nfs::attr::{self, POST_OP_ATTR_BYTES};
use crate::nfs::context::{Refused, Request, Target};
use crate::nfs::file_handle::FILE_HANDLE_BYTES;
use crate::nfs::options::Export;
use crate::nfs::reply::{ReplyBuilder, bounded, opaque_len};
use crate::nfs::status::nfs_status;
use crate::vfs::{Attr, DirPage};

/// Not zero, because some clients take zeros for a verifier they have not got yet.
const COOKIE_VERIFIER: [u8; 8] = *b"sealgate";
const SELF_COOKIE: u64 = 1;
const PARENT_COOKIE: u64 = 2;
const VFS_COOKIE_MIN: u64 = 16;

/// Attributes of the directory and the verifier.
const HEAD_BYTES: usize = POST_OP_ATTR_BYTES + 8;
/// The end of the list and whether it is the end of the directory.
const TAIL_BYTES: usize = 8;
/// Most entries asked of the vfs at once: a bound on what one listing holds in memory.
const PAGE_ENTRIES_MAX: usize = 1_024;

/// What an entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Name and number.
    Plain,
    /// Attributes and handle as well.
    Plus,
}

/// One entry to write.
struct Item<'a> {
    inode: InodeId,
    name: &'a [u8],
    cookie: u64,
    attr: Option<&'a Attr>,
}

/// Writes entries until one does not fit.
struct Lister<'a> {
    export: &'a Export,
    style: Style,
    /// Bytes left of what the client takes as a whole.
    left: usize,
    /// Bytes left for names, numbers and cookies: a wish, which never prevents the first entry.
    dir_left: usize,
    count: usize,
}

/// Section 3.3.16. `count` bounds the bytes of `READDIR3resok`.
pub(super) async fn readdir(
    request: Request<'_>,
    dir: &Bytes,
    cookie: u64,
    count: u32,
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    list(request, dir, cookie, (Style::Plain, count, count), reply).await
}

/// Section 3.3.17. `dircount` is a wish, `maxcount` bounds the bytes of `READDIRPLUS3resok`.
pub(super) async fn readdirplus(
    request: Request<'_>,
    dir: &Bytes,
    cookie: u64,
    (dir_count, max_count): (u32, u32),
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    list(request, dir, cookie, (Style::Plus, dir_count, max_count), reply).await
}

async fn list(
    request: Request<'_>,
    dir: &Bytes,
    cookie: u64,
    (style, dir_count, max_count): (Style, u32, u32),
    reply: &mut ReplyBuilder,
) -> nfsstat3 {
    let io_bytes_max = request.context.options.io_bytes_max;
    let target = match request.resolve(dir) {
        Ok(target) => target,
        Err(status) => return request.fail_post_op((status, None), reply).await,
    };
    let mut lister = Lister {
        export: target.export,
        style,
        left: bounded(max_count, io_bytes_max),
        dir_left: bounded(dir_count, io_bytes_max),
        count: 0,
    };
    let mark = reply.len();
    match lister.run(request, target, cookie, reply).await {
        Ok(()) => nfsstat3::NFS3_OK,
        Err(refused) => {
            reply.rewind(mark);
            request.fail_post_op(refused, reply).await
        }
    }
}

impl Lister<'_> {
    async fn run<'a>(
        &mut self,
        request: Request<'a>,
        target: Target<'a>,
        cookie: u64,
        reply: &mut ReplyBuilder,
    ) -> Result<(), Refused<'a>> {
        let refused = |status| (status, Some(target));
        // No listing ever gave a cookie in this gap.
        if (PARENT_COOKIE + 1..VFS_COOKIE_MIN).contains(&cookie) {
            return Err(refused(nfsstat3::NFS3ERR_BAD_COOKIE));
        }
        let too_small = refused(nfsstat3::NFS3ERR_TOOSMALL);
        self.left = self.left.checked_sub(HEAD_BYTES + TAIL_BYTES).ok_or(too_small)?;
        let mut after = if cookie < VFS_COOKIE_MIN { 0 } else { cookie };
        let mut page = self.page(request, target, after).await?;
        reply.xdr(&nfsstat3::NFS3_OK).xdr(&attr::post_op(target.export, &page.attr));
        reply.fixed(&COOKIE_VERIFIER);
        let mut full = !self.dots(request, target, &page, cookie, reply).await;
        while !full {
            for entry in &page.entries {
                let name = entry.name.as_bytes();
                let (inode, cookie, attr) = (entry.inode, entry.cookie, entry.attr.as_ref());
                if !self.push(request, &Item { inode, name, cookie, attr }, reply) {
                    full = true;
                    break;
                }
                after = entry.cookie;
            }
            if full || page.eof || page.entries.is_empty() {
                break;
            }
            page = match self.page(request, target, after).await {
                Ok(page) => page,
                // What is there is worth more than the error, which the next call will meet.
                Err(_) if self.count > 0 => break,
                Err(refused) => return Err(refused),
            };
        }
        let eof = !full && page.eof;
        if self.count == 0 && !eof {
            return Err(too_small);
        }
        reply.bool(false).bool(eof);
        Ok(())
    }

    /// The next entries of the vfs, about as many as fit.
    async fn page<'a>(
        &self,
        request: Request<'a>,
        target: Target<'a>,
        after: u64,
    ) -> Result<DirPage, Refused<'a>> {
        // A name of 16 bytes, with what goes with it.
        let name_bytes = 40;
        let fit = match self.style {
            Style::Plain => self.left / name_bytes,
            Style::Plus => (self.left / 164).min(self.dir_left / name_bytes),
        };
        let entries_max = fit.clamp(1, PAGE_ENTRIES_MAX);
        let with_attr = self.style == Style::Plus;
        let who = request.identity(target);
        let page = request.vfs().readdir(&who, target.inode, after, entries_max, with_attr).await;
        page.map_err(|error| (nfs_status(&error), Some(target)))
    }

    /// Writes `.` and `..` if the listing starts before them; `false` if one did not fit.
    async fn dots(
        &mut self,
        request: Request<'_>,
        target: Target<'_>,
        page: &DirPage,
        cookie: u64,
        reply: &mut ReplyBuilder,
    ) -> bool {
        let attr = Some(&page.attr);
        let itself = Item { inode: target.inode, name: b".", cookie: SELF_COOKIE, attr };
        if cookie < SELF_COOKIE && !self.push(request, &itself, reply) {
            return false;
        }
        if cookie >= PARENT_COOKIE {
            return true;
        }
        // The parent of an export's root is the root: nobody climbs out of an export.
        let is_root = target.inode == target.export.root;
        let inode = if is_root { target.inode } else { page.parent };
        let attr = match self.style {
            Style::Plain => None,
            Style::Plus => request.vfs().getattr(inode).await.ok(),
        };
        let parent = Item { inode, name: b"..", cookie: PARENT_COOKIE, attr: attr.as_ref() };
        self.push(request, &parent, reply)
    }

    /// Writes an entry if it fits. An inode that vanished meanwhile has neither attributes nor
    /// a handle; the client finds out when it asks.
    fn push(&mut self, request: Request<'_>, item: &Item<'_>, reply: &mut ReplyBuilder) -> bool {
        let dir_len = 8 + opaque_len(item.name.len()) + 8;
        let plus_len = match (self.style, item.attr) {
            (Style::Plain, _) => 0,
            (Style::Plus, Some(_)) => POST_OP_ATTR_BYTES + 4 + opaque_len(FILE_HANDLE_BYTES),
            (Style::Plus, None) => 8,
        };
        let wish_met = self.style == Style::Plus && self.count > 0 && dir_len > self.dir_left;
        let Some(left) = self.left.checked_sub(4 + dir_len + plus_len) else { return false };
        if wish_met {
            return false;
        }
        self.left = left;
        self.dir_left = self.dir_left.saturating_sub(dir_len);
        self.count += 1;
        reply.bool(true).u64(item.inode.get()).opaque(item.name).u64(item.cookie);
        match (self.style, item.attr) {
            (Style::Plain, _) => {}
            (Style::Plus, Some(attr)) => {
                reply.xdr(&attr::post_op(self.export, attr));
                reply.bool(true).opaque(&request.handle_of(self.export, item.inode));
            }
            (Style::Plus, None) => {
                reply.xdr(&post_op_attr::Void).bool(false);
            }
        }
        true
    }
}
