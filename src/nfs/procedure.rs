//! The 22 procedures of NFSv3: numbers, names, and which of them must not run twice.

/// A procedure of NFSv3 (RFC 1813 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Procedure {
    Null,
    GetAttr,
    SetAttr,
    Lookup,
    Access,
    ReadLink,
    Read,
    Write,
    Create,
    MkDir,
    Symlink,
    MkNod,
    Remove,
    RmDir,
    Rename,
    Link,
    ReadDir,
    ReadDirPlus,
    FsStat,
    FsInfo,
    PathConf,
    Commit,
}

impl Procedure {
    /// All of them; the index is the procedure number.
    pub(super) const ALL: [Self; 22] = [
        Self::Null,
        Self::GetAttr,
        Self::SetAttr,
        Self::Lookup,
        Self::Access,
        Self::ReadLink,
        Self::Read,
        Self::Write,
        Self::Create,
        Self::MkDir,
        Self::Symlink,
        Self::MkNod,
        Self::Remove,
        Self::RmDir,
        Self::Rename,
        Self::Link,
        Self::ReadDir,
        Self::ReadDirPlus,
        Self::FsStat,
        Self::FsInfo,
        Self::PathConf,
        Self::Commit,
    ];

    /// The procedure with this number.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Its name in the RFC.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::GetAttr => "GETATTR",
            Self::SetAttr => "SETATTR",
            Self::Lookup => "LOOKUP",
            Self::Access => "ACCESS",
            Self::ReadLink => "READLINK",
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Create => "CREATE",
            Self::MkDir => "MKDIR",
            Self::Symlink => "SYMLINK",
            Self::MkNod => "MKNOD",
            Self::Remove => "REMOVE",
            Self::RmDir => "RMDIR",
            Self::Rename => "RENAME",
            Self::Link => "LINK",
            Self::ReadDir => "READDIR",
            Self::ReadDirPlus => "READDIRPLUS",
            Self::FsStat => "FSSTAT",
            Self::FsInfo => "FSINFO",
            Self::PathConf => "PATHCONF",
            Self::Commit => "COMMIT",
        }
    }

    /// Whether a repetition must get the first answer instead of a second run.
    ///
    /// SETATTR is among them because a late repetition of a truncation would cut what was
    /// written since. WRITE is not: it leaves the same bytes, and clients do not send another
    /// write of the same range before the first is answered.
    pub(super) const fn runs_once(self) -> bool {
        match self {
            Self::SetAttr
            | Self::Create
            | Self::MkDir
            | Self::Symlink
            | Self::MkNod
            | Self::Remove
            | Self::RmDir
            | Self::Rename
            | Self::Link => true,
            Self::Null
            | Self::GetAttr
            | Self::Lookup
            | Self::Access
            | Self::ReadLink
            | Self::Read
            | Self::Write
            | Self::ReadDir
            | Self::ReadDirPlus
            | Self::FsStat
            | Self::FsInfo
            | Self::PathConf
            | Self::Commit => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nfs3_types::nfs3::NFS_PROGRAM as Oracle;

    #[test]
    fn numbers_and_names_are_those_of_another_implementation() {
        for (index, procedure) in Procedure::ALL.into_iter().enumerate() {
            let number = u32::try_from(index).unwrap();
            assert_eq!(Procedure::from_number(number), Some(procedure));
            let oracle = Oracle::try_from(number).unwrap();
            assert_eq!(format!("{oracle:?}"), format!("NFSPROC3_{}", procedure.name()));
        }
        assert_eq!(Procedure::from_number(22), None);
    }
}
