//! Attributes of the vfs in the vocabulary of RFC 1813 section 2.5.
//!
//! Owns: how kinds, times and wcc data look on the wire. Leaves to others: taking them at the
//! right moment (`vfs`).

use nfsserve::nfs::{
    fattr3, ftype3, nfstime3, post_op_attr, pre_op_attr, specdata3, wcc_attr, wcc_data,
};

use crate::base::Timestamp;
use crate::nfs::options::Export;
use crate::vfs::{Attr, FileKind, PreAttr, Wcc};

/// Bytes of a `post_op_attr` that has attributes.
pub(super) const POST_OP_ATTR_BYTES: usize = 4 + 84;

/// The attributes of an inode as an export shows them.
pub(super) fn fattr(export: &Export, attr: &Attr) -> fattr3 {
    fattr3 {
        ftype: ftype(attr.kind),
        mode: attr.mode & 0o7777,
        nlink: attr.nlink,
        uid: attr.uid,
        gid: attr.gid,
        size: attr.size,
        used: attr.used_bytes,
        rdev: specdata3 { specdata1: attr.rdev.0, specdata2: attr.rdev.1 },
        fsid: export.fsid(),
        fileid: attr.inode.get(),
        atime: nfstime(attr.atime),
        mtime: nfstime(attr.mtime),
        ctime: nfstime(attr.ctime),
    }
}

/// Attributes after an operation.
pub(super) fn post_op(export: &Export, attr: &Attr) -> post_op_attr {
    post_op_attr::attributes(fattr(export, attr))
}

/// Attributes before and after an operation that happened.
pub(super) fn wcc(export: &Export, wcc: &Wcc) -> wcc_data {
    wcc_data {
        before: pre_op_attr::attributes(pre_op(&wcc.before)),
        after: post_op(export, &wcc.after),
    }
}

/// Attributes after an operation that did not happen; what was before is not claimed.
pub(super) const fn wcc_failed(after: post_op_attr) -> wcc_data {
    wcc_data { before: pre_op_attr::Void, after }
}

/// A time on the wire: 32 unsigned bits of seconds, so that times before 1970 and after 2106
/// are shown as the nearest time that fits.
pub(super) fn nfstime(time: Timestamp) -> nfstime3 {
    match u32::try_from(time.seconds) {
        Ok(seconds) => nfstime3 { seconds, nseconds: time.nanos },
        Err(_) if time.seconds < 0 => nfstime3 { seconds: 0, nseconds: 0 },
        Err(_) => nfstime3 { seconds: u32::MAX, nseconds: 999_999_999 },
    }
}

fn pre_op(before: &PreAttr) -> wcc_attr {
    wcc_attr { size: before.size, mtime: nfstime(before.mtime), ctime: nfstime(before.ctime) }
}

const fn ftype(kind: FileKind) -> ftype3 {
    match kind {
        FileKind::File => ftype3::NF3REG,
        FileKind::Directory => ftype3::NF3DIR,
        FileKind::BlockDevice => ftype3::NF3BLK,
        FileKind::CharDevice => ftype3::NF3CHR,
        FileKind::Symlink => ftype3::NF3LNK,
        FileKind::Socket => ftype3::NF3SOCK,
        FileKind::Fifo => ftype3::NF3FIFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::InodeId;
    use crate::nfs::reply::ReplyBuilder;
    use nfs3_types::nfs3 as oracle;
    use nfs3_types::xdr_codec::Unpack;

    fn attr(kind: FileKind) -> Attr {
        Attr {
            inode: InodeId::new(77).unwrap(),
            kind,
            mode: 0o104_755,
            nlink: 2,
            uid: 3,
            gid: 4,
            size: 5 << 32,
            used_bytes: 6,
            rdev: (7, 8),
            atime: Timestamp::new(9, 10),
            mtime: Timestamp::new(-1, 500),
            ctime: Timestamp::new(1 << 40, 12),
            version: 13,
        }
    }

    #[test]
    fn another_implementation_reads_the_same_attributes() {
        let export = Export::whole_volume();
        for (kind, expected) in [
            (FileKind::File, oracle::ftype3::NF3REG),
            (FileKind::Directory, oracle::ftype3::NF3DIR),
            (FileKind::BlockDevice, oracle::ftype3::NF3BLK),
            (FileKind::CharDevice, oracle::ftype3::NF3CHR),
            (FileKind::Symlink, oracle::ftype3::NF3LNK),
            (FileKind::Socket, oracle::ftype3::NF3SOCK),
            (FileKind::Fifo, oracle::ftype3::NF3FIFO),
        ] {
            let attr = attr(kind);
            let data = wcc(&export, &Wcc { before: PreAttr::from(&attr), after: attr });
            let mut reply = ReplyBuilder::new();
            reply.xdr(&data);
            let bytes = reply.finish().to_bytes();
            let (read, used) = oracle::wcc_data::unpack(&mut &bytes[..]).unwrap();
            assert_eq!(used, bytes.len());
            let oracle::Nfs3Option::Some(before) = read.before else { panic!("before is there") };
            assert_eq!(before.size, 5 << 32);
            let oracle::Nfs3Option::Some(after) = read.after else { panic!("after is there") };
            assert_eq!(after.type_, expected);
            assert_eq!((after.mode, after.nlink, after.uid, after.gid), (0o4755, 2, 3, 4));
            assert_eq!((after.size, after.used, after.fsid, after.fileid), (5 << 32, 6, 1, 77));
            assert_eq!((after.rdev.specdata1, after.rdev.specdata2), (7, 8));
            assert_eq!((after.atime.seconds, after.atime.nseconds), (9, 10));
            assert_eq!(after.mtime.seconds, 0, "before 1970 there is no number");
            assert_eq!(after.ctime.seconds, u32::MAX);
        }
    }

    #[test]
    fn present_attributes_take_the_bytes_that_listings_count() {
        let mut reply = ReplyBuilder::new();
        reply.xdr(&post_op(&Export::whole_volume(), &attr(FileKind::File)));
        assert_eq!(reply.len(), POST_OP_ATTR_BYTES);
    }
}
