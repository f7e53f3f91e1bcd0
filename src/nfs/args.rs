//! Arguments of the 22 procedures, decoded from a record without copying.
//!
//! Owns: the `*3args` of RFC 1813 section 3.3. Guarantees: what comes out was all there, and
//! nothing followed it. Leaves to others: whether handles and names are any good (`proc`).
//!
//! The types have no `Debug`: they hold names and content.

use bytes::Bytes;

use crate::base::limits::NFS_RECORD_BYTES_MAX;
use crate::base::{Timestamp, to_u64};
use crate::nfs::procedure::Procedure;
use crate::nfs::reply::bounded;
use crate::nfs::sattr::{self, Special};
use crate::nfs::xdr::{XdrDecoder, XdrError};
use crate::vfs::{CreateMode, SetAttr, Stability};

/// Longest file handle of the protocol (`NFS3_FHSIZE`).
const HANDLE_BYTES_MAX: usize = 64;
/// Names, targets and content have no maximum in the RFC. The record bounds them, taking a slice
/// allocates nothing, and procedures answer NAMETOOLONG where a name is too long.
const STRING_BYTES_MAX: usize = NFS_RECORD_BYTES_MAX;
/// What a reply takes besides content: header, attributes, handles.
const REPLY_HEAD_BYTES: usize = 512;
/// What a reply with a symlink target may take.
const READLINK_REPLY_BYTES: usize = 5_120;

/// A name in a directory (`diropargs3`), both unchecked.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The directory's handle.
    pub(super) dir: Bytes,
    /// The name.
    pub(super) name: Bytes,
}

/// One call with its arguments. Handles are bytes that nobody has checked yet.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Call {
    Null,
    GetAttr { object: Bytes },
    SetAttr { object: Bytes, set: SetAttr, guard: Option<Timestamp> },
    Lookup { at: Place },
    Access { object: Bytes, wanted: u32 },
    ReadLink { object: Bytes },
    Read { file: Bytes, offset: u64, count: u32 },
    Write { file: Bytes, offset: u64, stability: Stability, data: Bytes },
    Create { at: Place, mode: CreateMode },
    MkDir { at: Place, set: SetAttr },
    Symlink { at: Place, set: SetAttr, target: Bytes },
    MkNod { at: Place, special: Special },
    Remove { at: Place },
    RmDir { at: Place },
    Rename { from: Place, to: Place },
    Link { file: Bytes, at: Place },
    ReadDir { dir: Bytes, cookie: u64, count: u32 },
    ReadDirPlus { dir: Bytes, cookie: u64, dir_count: u32, max_count: u32 },
    FsStat { object: Bytes },
    FsInfo { object: Bytes },
    PathConf { object: Bytes },
    Commit { file: Bytes, offset: u64, count: u32 },
}

impl Call {
    /// Decodes the arguments of `procedure`, all of them.
    pub(super) fn decode(procedure: Procedure, decoder: &mut XdrDecoder) -> Result<Self, XdrError> {
        let call = match procedure {
            Procedure::Null => Self::Null,
            Procedure::GetAttr => Self::GetAttr { object: handle(decoder)? },
            Procedure::Lookup => Self::Lookup { at: place(decoder)? },
            Procedure::Access => Self::Access { object: handle(decoder)?, wanted: decoder.u32()? },
            Procedure::ReadLink => Self::ReadLink { object: handle(decoder)? },
            Procedure::FsStat => Self::FsStat { object: handle(decoder)? },
            Procedure::FsInfo => Self::FsInfo { object: handle(decoder)? },
            Procedure::PathConf => Self::PathConf { object: handle(decoder)? },
            Procedure::Read => {
                let (file, offset, count) = range(decoder)?;
                Self::Read { file, offset, count }
            }
            Procedure::Write => write(decoder)?,
            Procedure::Commit => {
                let (file, offset, count) = range(decoder)?;
                Self::Commit { file, offset, count }
            }
            Procedure::ReadDir => {
                let (dir, cookie) = position(decoder)?;
                Self::ReadDir { dir, cookie, count: decoder.u32()? }
            }
            Procedure::ReadDirPlus => {
                let (dir, cookie) = position(decoder)?;
                let (dir_count, max_count) = (decoder.u32()?, decoder.u32()?);
                Self::ReadDirPlus { dir, cookie, dir_count, max_count }
            }
            Procedure::SetAttr => Self::SetAttr {
                object: handle(decoder)?,
                set: sattr::set_attr(decoder)?,
                guard: sattr::optional(decoder, sattr::time)?,
            },
            Procedure::Create => {
                Self::Create { at: place(decoder)?, mode: sattr::create_how(decoder)? }
            }
            Procedure::MkDir => Self::MkDir { at: place(decoder)?, set: sattr::set_attr(decoder)? },
            Procedure::Symlink => Self::Symlink {
                at: place(decoder)?,
                set: sattr::set_attr(decoder)?,
                target: decoder.opaque(STRING_BYTES_MAX)?,
            },
            Procedure::MkNod => {
                Self::MkNod { at: place(decoder)?, special: sattr::special(decoder)? }
            }
            Procedure::Remove => Self::Remove { at: place(decoder)? },
            Procedure::RmDir => Self::RmDir { at: place(decoder)? },
            Procedure::Rename => Self::Rename { from: place(decoder)?, to: place(decoder)? },
            Procedure::Link => Self::Link { file: handle(decoder)?, at: place(decoder)? },
        };
        decoder.finish()?;
        Ok(call)
    }

    /// An upper bound of the reply's bytes, to be reserved before the call runs.
    pub(super) fn reply_bytes_max(&self, io_bytes_max: u32) -> usize {
        match self {
            Self::Read { count, .. }
            | Self::ReadDir { count, .. }
            | Self::ReadDirPlus { max_count: count, .. } => {
                REPLY_HEAD_BYTES + bounded(*count, io_bytes_max)
            }
            Self::ReadLink { .. } => READLINK_REPLY_BYTES,
            Self::Null
            | Self::GetAttr { .. }
            | Self::SetAttr { .. }
            | Self::Lookup { .. }
            | Self::Access { .. }
            | Self::Write { .. }
            | Self::Create { .. }
            | Self::MkDir { .. }
            | Self::Symlink { .. }
            | Self::MkNod { .. }
            | Self::Remove { .. }
            | Self::RmDir { .. }
            | Self::Rename { .. }
            | Self::Link { .. }
            | Self::FsStat { .. }
            | Self::FsInfo { .. }
            | Self::PathConf { .. }
            | Self::Commit { .. } => REPLY_HEAD_BYTES,
        }
    }
}

/// What READ, WRITE and COMMIT start with (sections 3.3.6, 3.3.7, 3.3.21).
fn range(decoder: &mut XdrDecoder) -> Result<(Bytes, u64, u32), XdrError> {
    Ok((handle(decoder)?, decoder.u64()?, decoder.u32()?))
}

/// WRITE (section 3.3.7).
fn write(decoder: &mut XdrDecoder) -> Result<Call, XdrError> {
    let (file, offset, count) = range(decoder)?;
    let stability = match decoder.u32()? {
        0 => Stability::Unstable,
        1 => Stability::DataSync,
        2 => Stability::FileSync,
        found => return Err(XdrError::Range { field: "stable_how", found }),
    };
    let data = decoder.opaque(STRING_BYTES_MAX)?;
    // Two lengths for one thing must agree, or one side writes what the other did not mean.
    if to_u64(data.len()) != u64::from(count) {
        return Err(XdrError::Range { field: "count", found: count });
    }
    Ok(Call::Write { file, offset, stability, data })
}

/// What READDIR and READDIRPLUS start with (sections 3.3.16, 3.3.17). The cookie verifier is
/// read and let go: a cookie means the same place at all times, so no verifier is ever too old.
fn position(decoder: &mut XdrDecoder) -> Result<(Bytes, u64), XdrError> {
    let (dir, cookie) = (handle(decoder)?, decoder.u64()?);
    let _verifier = decoder.array::<8>()?;
    Ok((dir, cookie))
}

fn handle(decoder: &mut XdrDecoder) -> Result<Bytes, XdrError> {
    decoder.opaque(HANDLE_BYTES_MAX)
}

fn place(decoder: &mut XdrDecoder) -> Result<Place, XdrError> {
    Ok(Place { dir: handle(decoder)?, name: decoder.opaque(STRING_BYTES_MAX)? })
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
