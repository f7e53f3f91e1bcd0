//! Attributes to set, as clients send them: `sattr3` and what contains it.
//!
//! Owns: RFC 1813 sections 2.5 (`sattr3`), 3.3.8 (`createhow3`), 3.3.11 (`mknoddata3`).

use crate::base::Timestamp;
use crate::nfs::xdr::{XdrDecoder, XdrError};
use crate::vfs::{CreateMode, FileKind, SetAttr, SetTime};

/// The mode bits that exist; some clients send the file type above them.
const MODE_BITS: u32 = 0o7777;

/// What MKNOD is to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// A device, a pipe or a socket.
    Node { kind: FileKind, set: SetAttr, rdev: (u32, u32) },
    /// A type that other procedures make: `NFS3ERR_BADTYPE`.
    BadType,
}

/// `sattr3`.
pub(super) fn set_attr(decoder: &mut XdrDecoder) -> Result<SetAttr, XdrError> {
    Ok(SetAttr {
        mode: optional(decoder, XdrDecoder::u32)?.map(|mode| mode & MODE_BITS),
        uid: optional(decoder, XdrDecoder::u32)?,
        gid: optional(decoder, XdrDecoder::u32)?,
        size: optional(decoder, XdrDecoder::u64)?,
        atime: set_time(decoder)?,
        mtime: set_time(decoder)?,
    })
}

/// `nfstime3`. A second has no more than a billion nanoseconds; other values are garbage.
pub(super) fn time(decoder: &mut XdrDecoder) -> Result<Timestamp, XdrError> {
    let seconds = i64::from(decoder.u32()?);
    match decoder.u32()? {
        nanos @ 0..1_000_000_000 => Ok(Timestamp::new(seconds, nanos)),
        found => Err(XdrError::Range { field: "nseconds", found }),
    }
}

/// `createhow3`.
pub(super) fn create_how(decoder: &mut XdrDecoder) -> Result<CreateMode, XdrError> {
    match decoder.u32()? {
        0 => Ok(CreateMode::Unchecked(set_attr(decoder)?)),
        1 => Ok(CreateMode::Guarded(set_attr(decoder)?)),
        2 => Ok(CreateMode::Exclusive(decoder.array()?)),
        found => Err(XdrError::Range { field: "createmode3", found }),
    }
}

/// `mknoddata3`.
pub(super) fn special(decoder: &mut XdrDecoder) -> Result<Special, XdrError> {
    match decoder.u32()? {
        1 | 2 | 5 => Ok(Special::BadType),
        3 => device(decoder, FileKind::BlockDevice),
        4 => device(decoder, FileKind::CharDevice),
        6 => node(decoder, FileKind::Socket),
        7 => node(decoder, FileKind::Fifo),
        found => Err(XdrError::Range { field: "ftype3", found }),
    }
}

fn device(decoder: &mut XdrDecoder, kind: FileKind) -> Result<Special, XdrError> {
    let set = set_attr(decoder)?;
    let rdev = (decoder.u32()?, decoder.u32()?);
    Ok(Special::Node { kind, set, rdev })
}

fn node(decoder: &mut XdrDecoder, kind: FileKind) -> Result<Special, XdrError> {
    Ok(Special::Node { kind, set: set_attr(decoder)?, rdev: (0, 0) })
}

/// A value that a boolean announces.
pub(super) fn optional<T>(
    decoder: &mut XdrDecoder,
    value: impl FnOnce(&mut XdrDecoder) -> Result<T, XdrError>,
) -> Result<Option<T>, XdrError> {
    if decoder.bool()? { value(decoder).map(Some) } else { Ok(None) }
}

/// `set_atime`, `set_mtime`.
fn set_time(decoder: &mut XdrDecoder) -> Result<Option<SetTime>, XdrError> {
    match decoder.u32()? {
        0 => Ok(None),
        1 => Ok(Some(SetTime::Now)),
        2 => Ok(Some(SetTime::At(time(decoder)?))),
        found => Err(XdrError::Range { field: "time_how", found }),
    }
}
