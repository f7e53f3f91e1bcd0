//! Who may do what: POSIX permission checks on a record.

use crate::format::{FileKind, InodeRecord};

use super::{Access, Error, Identity};

pub(super) const SET_UID: u16 = 0o4000;
pub(super) const SET_GID: u16 = 0o2000;
pub(super) const STICKY: u16 = 0o1000;
const GROUP_EXECUTE: u16 = 0o010;
const ANY_EXECUTE: u16 = 0o111;

/// What the mode bits grant to `who`.
pub(super) fn access_of(record: &InodeRecord, who: &Identity) -> Access {
    if who.is_root() {
        let execute = record.kind == FileKind::Directory || record.mode & ANY_EXECUTE != 0;
        return Access { read: true, write: true, execute };
    }
    let bits = if who.uid == record.uid {
        record.mode >> 6
    } else if who.in_group(record.gid) {
        record.mode >> 3
    } else {
        record.mode
    };
    Access { read: bits & 4 != 0, write: bits & 2 != 0, execute: bits & 1 != 0 }
}

/// Whether names of a directory may be looked up.
pub(super) fn check_search(dir: &InodeRecord, who: &Identity) -> Result<(), Error> {
    if dir.kind != FileKind::Directory {
        return Err(Error::NotDirectory);
    }
    if access_of(dir, who).execute { Ok(()) } else { Err(Error::Denied) }
}

/// Whether entries of a directory may be added and removed.
pub(super) fn check_change_entries(dir: &InodeRecord, who: &Identity) -> Result<(), Error> {
    check_search(dir, who)?;
    if access_of(dir, who).write { Ok(()) } else { Err(Error::Denied) }
}

/// Whether an entry may go, given the directory's sticky bit.
pub(super) fn check_sticky(
    dir: &InodeRecord,
    victim: &InodeRecord,
    who: &Identity,
) -> Result<(), Error> {
    let owns = who.is_root() || who.uid == dir.uid || who.uid == victim.uid;
    if dir.mode & STICKY == 0 || owns { Ok(()) } else { Err(Error::NotPermitted) }
}

/// Whether content may be read. The owner always may: a file opened before a chmod stays readable,
/// and the protocol has no open.
pub(super) fn check_read(record: &InodeRecord, who: &Identity) -> Result<(), Error> {
    let access = access_of(record, who);
    // A program that may be executed must be read to be executed.
    if access.read || access.execute || who.uid == record.uid { Ok(()) } else { Err(Error::Denied) }
}

/// Whether content may be changed. The owner always may, as in [`check_read`].
pub(super) fn check_write(record: &InodeRecord, who: &Identity) -> Result<(), Error> {
    if access_of(record, who).write || who.uid == record.uid { Ok(()) } else { Err(Error::Denied) }
}

/// The mode left after somebody else than root changed the content.
pub(super) fn mode_after_write(record: &InodeRecord, who: &Identity) -> u16 {
    if who.is_root() { record.mode } else { mode_without_privilege(record) }
}

/// The mode left after a change of owner or group: set-id bits go, but a set-gid bit without group
/// execution, which means mandatory locking, stays.
pub(super) fn mode_without_privilege(record: &InodeRecord) -> u16 {
    if record.kind == FileKind::Directory {
        return record.mode;
    }
    let mut mode = record.mode & !SET_UID;
    if mode & GROUP_EXECUTE != 0 {
        mode &= !SET_GID;
    }
    mode
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    fn file(mode: u16) -> InodeRecord {
        InodeRecord {
            kind: FileKind::File,
            mode,
            nlink: 1,
            uid: 10,
            gid: 20,
            size: 0,
            used_bytes: 0,
            rdev: (0, 0),
            atime: Timestamp::default(),
            mtime: Timestamp::default(),
            ctime: Timestamp::default(),
            version: 0,
            parent: None,
            entries: 0,
            verifier: None,
            target: bytes::Bytes::new(),
        }
    }

    fn who(uid: u32, gid: u32, groups: &[u32]) -> Identity {
        Identity { uid, gid, groups: groups.to_vec() }
    }

    #[test]
    fn the_first_class_that_matches_decides() {
        let record = file(0o064);
        assert_eq!(access_of(&record, &who(10, 20, &[])), Access::default(), "the owner has none");
        let group = Access { read: true, write: true, execute: false };
        assert_eq!(access_of(&record, &who(11, 5, &[20])), group);
        let others = Access { read: true, write: false, execute: false };
        assert_eq!(access_of(&record, &who(11, 5, &[])), others);
    }

    #[test]
    fn root_executes_only_what_somebody_may_execute() {
        assert!(!access_of(&file(0o600), &Identity::ROOT).execute);
        assert!(access_of(&file(0o601), &Identity::ROOT).execute);
    }

    #[test]
    fn an_owner_reads_and_writes_whatever_the_mode() {
        assert_eq!(check_read(&file(0), &who(10, 1, &[])), Ok(()));
        assert_eq!(check_write(&file(0), &who(10, 1, &[])), Ok(()));
        assert_eq!(check_write(&file(0o400), &who(11, 20, &[])), Err(Error::Denied));
    }

    #[test]
    fn set_id_bits_go_with_a_change_of_owner() {
        assert_eq!(mode_without_privilege(&file(0o6755)), 0o755);
        assert_eq!(mode_without_privilege(&file(0o6745)), 0o2745);
    }
}
