//! MOUNT, versions 1 and 3: how a client gets its first file handle.
//!
//! Owns: RFC 1813 section 5 (version 3) and RFC 1094 appendix A (version 1), and the list of who
//! mounted what, which is for people to look at and grants nothing. Leaves to others: who may
//! connect at all (`server`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::base::{FileName, NameError};
use crate::nfs::auth::{AUTH_SYS, Caller};
use crate::nfs::context::Context;
use crate::nfs::file_handle::{FILE_HANDLE_V1_BYTES, FileHandle};
use crate::nfs::options::Export;
use crate::nfs::reply::ReplyBuilder;
use crate::nfs::status::{MountStatus, mount_status};
use crate::nfs::xdr::{XdrDecoder, XdrError};
use crate::vfs::FileKind;

/// Longest path of the protocol (`MNTPATHLEN`).
const PATH_BYTES_MAX: usize = 1_024;
/// Mounts remembered. More are served all the same.
const MOUNTS_MAX: usize = 256;
/// What a DUMP of that many mounts takes; every other reply is smaller.
pub(super) const REPLY_BYTES_MAX: usize = MOUNTS_MAX * (PATH_BYTES_MAX + 64);
/// A flavor that means: no credentials needed.
const AUTH_NONE: u32 = 0;

/// One MOUNT call with its arguments.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum MountCall {
    Null,
    Mount(Bytes),
    Dump,
    Unmount(Bytes),
    UnmountAll,
    Export,
}

impl MountCall {
    /// Decodes the arguments of procedure `number`; `None` if there is no such procedure.
    pub(super) fn decode(number: u32, decoder: &mut XdrDecoder) -> Option<Result<Self, XdrError>> {
        let call = match number {
            0 => Ok(Self::Null),
            1 => decoder.opaque(PATH_BYTES_MAX).map(Self::Mount),
            2 => Ok(Self::Dump),
            3 => decoder.opaque(PATH_BYTES_MAX).map(Self::Unmount),
            4 => Ok(Self::UnmountAll),
            5 => Ok(Self::Export),
            _ => return None,
        };
        Some(call.and_then(|call| decoder.finish().map(|()| call)))
    }

    /// Its name in the RFC.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Mount(_) => "MNT",
            Self::Dump => "DUMP",
            Self::Unmount(_) => "UMNT",
            Self::UnmountAll => "UMNTALL",
            Self::Export => "EXPORT",
        }
    }
}

/// Who mounted what, as DUMP lists it.
#[derive(Default)]
pub(super) struct MountTable(Mutex<BTreeSet<(IpAddr, Bytes)>>);

/// Shows how many there are: paths are content.
impl std::fmt::Debug for MountTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MountTable({} mounts)", self.0.lock().len())
    }
}

/// Where a MOUNT call comes from and what it speaks.
#[derive(Clone, Copy)]
pub(super) struct MountRequest<'a> {
    pub(super) context: &'a Context,
    pub(super) caller: &'a Caller,
    pub(super) client: IpAddr,
    /// 1 or 3.
    pub(super) version: u32,
}

/// Runs one call and writes its result. Answers a name for the counters.
pub(super) async fn run(
    request: MountRequest<'_>,
    call: MountCall,
    reply: &mut ReplyBuilder,
) -> &'static str {
    let mounts = &request.context.mounts;
    match call {
        MountCall::Null => {}
        MountCall::Mount(path) => return mount(request, path, reply).await,
        MountCall::Dump => mounts.write(reply),
        MountCall::Unmount(path) => mounts.remove(request.client, &path),
        MountCall::UnmountAll => mounts.remove_client(request.client),
        MountCall::Export => exports(request.context, reply),
    }
    "OK"
}

async fn mount(request: MountRequest<'_>, path: Bytes, reply: &mut ReplyBuilder) -> &'static str {
    match resolve(request, &path).await {
        Ok(handle) => {
            request.context.mounts.add(request.client, path);
            let mut bytes = handle.seal(request.context.vfs.handle_mac()).to_vec();
            reply.u32(MountStatus::Ok.code());
            if request.version == 1 {
                // Version 1 handles have one size and no length.
                bytes.resize(FILE_HANDLE_V1_BYTES, 0);
                reply.fixed(&bytes);
            } else {
                reply.opaque(&bytes).u32(2).u32(AUTH_SYS).u32(AUTH_NONE);
            }
            "OK"
        }
        Err(status) => {
            reply.u32(status.code());
            "REFUSED"
        }
    }
}

/// Walks from the export that the path starts with to the directory it ends with.
async fn resolve(request: MountRequest<'_>, path: &Bytes) -> Result<FileHandle, MountStatus> {
    let parts = components(path);
    let (export, depth) =
        longest_export(&request.context.options.exports, &parts).ok_or(MountStatus::NoEntry)?;
    let who = request.caller.identity(export);
    let vfs = &request.context.vfs;
    let mut attr = vfs.getattr(export.root).await.map_err(|error| mount_status(&error))?;
    for part in parts.into_iter().skip(depth) {
        let name = FileName::new(part).map_err(name_status)?;
        attr = vfs.lookup(&who, attr.inode, &name).await.map_err(|error| mount_status(&error))?;
    }
    if attr.kind != FileKind::Directory {
        return Err(MountStatus::NotDirectory);
    }
    Ok(FileHandle { export: export.id, inode: attr.inode })
}

/// The parts of a path; repeated slashes and `.` say nothing.
fn components(path: &Bytes) -> Vec<Bytes> {
    let parts = path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.map(|part| path.slice_ref(part)).collect()
}

/// The export whose path is the longest start of `parts`, and how many parts that is.
fn longest_export<'a>(exports: &'a [Export], parts: &[Bytes]) -> Option<(&'a Export, usize)> {
    let matching = exports.iter().filter_map(|export| {
        let name = components(&Bytes::copy_from_slice(export.name.as_bytes()));
        parts.starts_with(&name).then_some((export, name.len()))
    });
    matching.max_by_key(|(_, depth)| *depth)
}

const fn name_status(error: NameError) -> MountStatus {
    match error {
        NameError::TooLong => MountStatus::NameTooLong,
        // `..` has no business in the path of a mount.
        NameError::Empty | NameError::ForbiddenByte | NameError::Dots => MountStatus::Denied,
    }
}

/// The exports and the networks they are offered to (section 5.2.5).
fn exports(context: &Context, reply: &mut ReplyBuilder) {
    let networks = context.options.allowed_networks();
    for export in &context.options.exports {
        reply.bool(true).opaque(export.name.as_bytes());
        for network in &networks {
            reply.bool(true).opaque(network.as_bytes());
        }
        reply.bool(false);
    }
    reply.bool(false);
}

impl MountTable {
    fn add(&self, client: IpAddr, path: Bytes) {
        let mut mounts = self.0.lock();
        if mounts.len() < MOUNTS_MAX {
            // A copy, so that the record it came in need not be kept.
            mounts.insert((client.to_canonical(), Bytes::copy_from_slice(&path)));
        }
    }

    fn remove(&self, client: IpAddr, path: &Bytes) {
        self.0.lock().remove(&(client.to_canonical(), path.clone()));
    }

    fn remove_client(&self, client: IpAddr) {
        let client = client.to_canonical();
        self.0.lock().retain(|(other, _)| *other != client);
    }

    /// Section 5.2.2.
    fn write(&self, reply: &mut ReplyBuilder) {
        for (client, path) in self.0.lock().iter() {
            reply.bool(true).opaque(client.to_string().as_bytes()).opaque(path);
        }
        reply.bool(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nfs::options::ExportId;
    use nfs3_types::mount as oracle;
    use nfs3_types::xdr_codec::Unpack;
    use std::net::Ipv4Addr;

    fn export(id: u16, name: &str) -> Export {
        Export { id: ExportId::new(id), name: name.to_owned(), ..Export::whole_volume() }
    }

    #[test]
    fn the_longest_export_takes_a_path_and_only_at_a_slash() {
        let exports = [export(0, "/"), export(1, "/data"), export(2, "/data/ann")];
        let found = |path: &'static str| {
            let parts = components(&Bytes::from_static(path.as_bytes()));
            longest_export(&exports, &parts).map(|(export, depth)| (export.id.get(), depth))
        };
        assert_eq!(found("/"), Some((0, 0)));
        assert_eq!(found(""), Some((0, 0)));
        assert_eq!(found("//data/./ann//x/"), Some((2, 2)));
        assert_eq!(found("/datastead"), Some((0, 0)));
        assert_eq!(found("/data"), Some((1, 1)));
        let parts = components(&Bytes::from_static(b"/other"));
        assert!(longest_export(&exports[1..], &parts).is_none());
    }

    #[test]
    fn dump_lists_mounts_until_they_are_undone_and_is_bounded() {
        let table = MountTable::default();
        let client = IpAddr::from(Ipv4Addr::LOCALHOST);
        let listed = || {
            let mut reply = ReplyBuilder::new();
            table.write(&mut reply);
            let bytes = reply.finish().to_bytes();
            let (list, used) = oracle::mountlist::unpack(&mut &bytes[..]).unwrap();
            assert_eq!(used, bytes.len());
            list.into_inner().len()
        };
        table.add(client, Bytes::from_static(b"/a"));
        table.add(client, Bytes::from_static(b"/a"));
        table.add(client, Bytes::from_static(b"/b"));
        assert_eq!(listed(), 2);
        table.remove(client, &Bytes::from_static(b"/a"));
        assert_eq!(listed(), 1);
        for index in 0..2 * MOUNTS_MAX {
            table.add(client, index.to_string().into());
        }
        assert_eq!(listed(), MOUNTS_MAX);
        table.remove_client(IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped()));
        assert_eq!(listed(), 0);
    }

    #[test]
    fn mount_arguments_are_bounded_and_complete() {
        let decode = |number, bytes: &[u8]| {
            MountCall::decode(number, &mut XdrDecoder::new(Bytes::copy_from_slice(bytes)))
        };
        let long = [&1_025_u32.to_be_bytes()[..], &[b'x'; 1_028]].concat();
        assert!(decode(1, &long).unwrap().is_err());
        assert!(decode(1, b"\0\0\0\x01/\0\0\0").unwrap().is_ok());
        assert!(decode(1, b"\0\0\0\x01/\0\0\0\0\0\0\0").unwrap().is_err());
        assert!(decode(0, b"\0\0\0\0").unwrap().is_err());
        assert!(decode(6, b"").is_none());
    }
}
