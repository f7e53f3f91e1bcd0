//! What each vfs answer is called in NFSv3 and MOUNT.
//!
//! Owns: the tables from [`Error`] and [`NameError`] to `nfsstat3` and `mountstat3`. Leaves to
//! others: which attributes a failure carries (`proc`).

use nfsserve::nfs::nfsstat3;

use crate::base::NameError;
use crate::vfs::Error;

/// Maps every answer of the vfs. RFC 1813 section 2.6.
pub(super) fn nfs_status(error: &Error) -> nfsstat3 {
    match error {
        Error::NotPermitted => nfsstat3::NFS3ERR_PERM,
        Error::NotFound => nfsstat3::NFS3ERR_NOENT,
        // A fenced gateway answers IO and not ROFS: ROFS is no legal answer to READ and COMMIT
        // (sections 3.3.6, 3.3.21), and a client that holds uncommitted data has to report a
        // loss, not a property of the export.
        Error::Damaged(_) | Error::Io(_) | Error::Fenced => nfsstat3::NFS3ERR_IO,
        Error::Denied => nfsstat3::NFS3ERR_ACCES,
        Error::Exists => nfsstat3::NFS3ERR_EXIST,
        Error::NotDirectory => nfsstat3::NFS3ERR_NOTDIR,
        Error::IsDirectory => nfsstat3::NFS3ERR_ISDIR,
        Error::Invalid => nfsstat3::NFS3ERR_INVAL,
        Error::TooLarge => nfsstat3::NFS3ERR_FBIG,
        Error::NoSpace => nfsstat3::NFS3ERR_NOSPC,
        Error::ReadOnly => nfsstat3::NFS3ERR_ROFS,
        Error::TooManyLinks => nfsstat3::NFS3ERR_MLINK,
        Error::NameTooLong => nfsstat3::NFS3ERR_NAMETOOLONG,
        Error::NotEmpty => nfsstat3::NFS3ERR_NOTEMPTY,
        Error::Quota => nfsstat3::NFS3ERR_DQUOT,
        Error::Stale => nfsstat3::NFS3ERR_STALE,
        Error::GuardMismatch => nfsstat3::NFS3ERR_NOT_SYNC,
        Error::BadCookie => nfsstat3::NFS3ERR_BAD_COOKIE,
        Error::NotSupported => nfsstat3::NFS3ERR_NOTSUPP,
        Error::Unavailable(_) => nfsstat3::NFS3ERR_JUKEBOX,
    }
}

/// What a procedure does with a name, because RFC 1813 refuses `.` and `..` differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameUse {
    /// CREATE, MKDIR, SYMLINK, MKNOD, LINK: both names exist already.
    Create,
    /// REMOVE: the procedure has no status for directories it may not name.
    Remove,
    /// RMDIR of `.` (section 3.3.13).
    RemoveDirSelf,
    /// RMDIR of `..` (section 3.3.13).
    RemoveDirParent,
    /// RENAME, from or to (section 3.3.14).
    Rename,
}

/// Maps names that no directory can hold. RFC 1813 section 3.2, which gives ACCES to names the
/// server cannot take, and NAMETOOLONG because PATHCONF says `no_trunc`.
pub(super) const fn name_status(error: NameError, usage: NameUse) -> nfsstat3 {
    match (error, usage) {
        (NameError::TooLong, _) => nfsstat3::NFS3ERR_NAMETOOLONG,
        (NameError::Empty | NameError::ForbiddenByte, _) | (NameError::Dots, NameUse::Remove) => {
            nfsstat3::NFS3ERR_ACCES
        }
        (NameError::Dots, NameUse::Create | NameUse::RemoveDirParent) => nfsstat3::NFS3ERR_EXIST,
        (NameError::Dots, NameUse::RemoveDirSelf | NameUse::Rename) => nfsstat3::NFS3ERR_INVAL,
    }
}

/// The status of a MNT call. RFC 1813 section 5.1.5 (`mountstat3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MountStatus {
    Ok,
    Io,
    NoEntry,
    Denied,
    NotDirectory,
    Invalid,
    NameTooLong,
    ServerFault,
}

impl MountStatus {
    /// Its number. Version 1 has the same numbers where they are below 256 (`fhstatus`).
    pub(super) const fn code(self) -> u32 {
        match self {
            Self::Ok => 0,
            Self::NoEntry => 2,
            Self::Io => 5,
            Self::Denied => 13,
            Self::NotDirectory => 20,
            Self::Invalid => 22,
            Self::NameTooLong => 63,
            Self::ServerFault => 10_006,
        }
    }
}

/// Maps what the way to a mounted directory may answer. RFC 1813 section 5.1.5.
pub(super) fn mount_status(error: &Error) -> MountStatus {
    match error {
        Error::NotFound | Error::Stale => MountStatus::NoEntry,
        Error::NotPermitted | Error::Denied => MountStatus::Denied,
        Error::NotDirectory => MountStatus::NotDirectory,
        Error::NameTooLong => MountStatus::NameTooLong,
        Error::Invalid => MountStatus::Invalid,
        Error::Damaged(_) | Error::Io(_) | Error::Fenced | Error::Unavailable(_) => MountStatus::Io,
        Error::Exists
        | Error::IsDirectory
        | Error::TooLarge
        | Error::NoSpace
        | Error::Quota
        | Error::ReadOnly
        | Error::TooManyLinks
        | Error::NotEmpty
        | Error::BadCookie
        | Error::GuardMismatch
        | Error::NotSupported => MountStatus::ServerFault,
    }
}

/// The name of a status, as metrics label it.
pub(super) const fn status_name(status: nfsstat3) -> &'static str {
    match status {
        nfsstat3::NFS3_OK => "OK",
        nfsstat3::NFS3ERR_PERM => "PERM",
        nfsstat3::NFS3ERR_NOENT => "NOENT",
        nfsstat3::NFS3ERR_IO => "IO",
        nfsstat3::NFS3ERR_NXIO => "NXIO",
        nfsstat3::NFS3ERR_ACCES => "ACCES",
        nfsstat3::NFS3ERR_EXIST => "EXIST",
        nfsstat3::NFS3ERR_XDEV => "XDEV",
        nfsstat3::NFS3ERR_NODEV => "NODEV",
        nfsstat3::NFS3ERR_NOTDIR => "NOTDIR",
        nfsstat3::NFS3ERR_ISDIR => "ISDIR",
        nfsstat3::NFS3ERR_INVAL => "INVAL",
        nfsstat3::NFS3ERR_FBIG => "FBIG",
        nfsstat3::NFS3ERR_NOSPC => "NOSPC",
        nfsstat3::NFS3ERR_ROFS => "ROFS",
        nfsstat3::NFS3ERR_MLINK => "MLINK",
        nfsstat3::NFS3ERR_NAMETOOLONG => "NAMETOOLONG",
        nfsstat3::NFS3ERR_NOTEMPTY => "NOTEMPTY",
        nfsstat3::NFS3ERR_DQUOT => "DQUOT",
        nfsstat3::NFS3ERR_STALE => "STALE",
        nfsstat3::NFS3ERR_REMOTE => "REMOTE",
        nfsstat3::NFS3ERR_BADHANDLE => "BADHANDLE",
        nfsstat3::NFS3ERR_NOT_SYNC => "NOT_SYNC",
        nfsstat3::NFS3ERR_BAD_COOKIE => "BAD_COOKIE",
        nfsstat3::NFS3ERR_NOTSUPP => "NOTSUPP",
        nfsstat3::NFS3ERR_TOOSMALL => "TOOSMALL",
        nfsstat3::NFS3ERR_SERVERFAULT => "SERVERFAULT",
        nfsstat3::NFS3ERR_BADTYPE => "BADTYPE",
        nfsstat3::NFS3ERR_JUKEBOX => "JUKEBOX",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_never_called_an_answer() {
        let io = |error| matches!(nfs_status(&error), nfsstat3::NFS3ERR_IO);
        assert!(io(Error::Io(String::new())));
        assert!(io(Error::Fenced));
        let status = nfs_status(&Error::Unavailable(String::new()));
        assert!(matches!(status, nfsstat3::NFS3ERR_JUKEBOX), "the client is to try again");
    }

    #[test]
    fn dots_are_refused_as_each_procedure_says() {
        let dots = |usage| status_name(name_status(NameError::Dots, usage));
        assert_eq!(dots(NameUse::Create), "EXIST");
        assert_eq!(dots(NameUse::RemoveDirSelf), "INVAL");
        assert_eq!(dots(NameUse::RemoveDirParent), "EXIST");
        assert_eq!(dots(NameUse::Rename), "INVAL");
        assert_eq!(dots(NameUse::Remove), "ACCES");
        let long = name_status(NameError::TooLong, NameUse::Create);
        assert_eq!(status_name(long), "NAMETOOLONG");
    }
}
