//! Arguments as an independent implementation encodes them.

use super::*;
use crate::vfs::{FileKind, SetTime};
use nfs3_types::nfs3 as oracle;
use nfs3_types::nfs3::Nfs3Option;
use nfs3_types::xdr_codec::{Opaque, Pack};

fn fh(byte: u8) -> oracle::nfs_fh3 {
    oracle::nfs_fh3 { data: Opaque::owned(vec![byte; 28]) }
}

fn name(text: &'static str) -> oracle::filename3<'static> {
    oracle::filename3(Opaque::borrowed(text.as_bytes()))
}

fn at(byte: u8, text: &'static str) -> oracle::diropargs3<'static> {
    oracle::diropargs3 { dir: fh(byte), name: name(text) }
}

fn ours(byte: u8, text: &'static str) -> Place {
    Place { dir: vec![byte; 28].into(), name: Bytes::from_static(text.as_bytes()) }
}

fn pack(args: &impl Pack) -> Vec<u8> {
    let mut bytes = Vec::new();
    args.pack(&mut bytes).unwrap();
    bytes
}

fn oracle_set() -> oracle::sattr3 {
    oracle::sattr3 {
        mode: Nfs3Option::Some(0o100_640),
        uid: Nfs3Option::Some(1),
        gid: Nfs3Option::None,
        size: Nfs3Option::Some(9 << 33),
        atime: oracle::set_atime::SET_TO_SERVER_TIME,
        mtime: oracle::set_mtime::SET_TO_CLIENT_TIME(oracle::nfstime3 { seconds: 5, nseconds: 6 }),
    }
}

fn our_set() -> SetAttr {
    SetAttr {
        mode: Some(0o640),
        uid: Some(1),
        gid: None,
        size: Some(9 << 33),
        atime: Some(SetTime::Now),
        mtime: Some(SetTime::At(Timestamp::new(5, 6))),
    }
}

/// Every procedure but NULL, with arguments that set every field.
fn calls() -> Vec<(Procedure, Vec<u8>, Call)> {
    let object = || Bytes::from(vec![1; 28]);
    let verifier = oracle::cookieverf3([7; 8]);
    let mut calls = name_calls();
    let mut add = |procedure, bytes, call| calls.push((procedure, bytes, call));
    add(
        Procedure::GetAttr,
        pack(&oracle::GETATTR3args { object: fh(1) }),
        Call::GetAttr { object: object() },
    );
    let guard = Nfs3Option::Some(oracle::nfstime3 { seconds: 3, nseconds: 4 });
    add(
        Procedure::SetAttr,
        pack(&oracle::SETATTR3args { object: fh(1), new_attributes: oracle_set(), guard }),
        Call::SetAttr { object: object(), set: our_set(), guard: Some(Timestamp::new(3, 4)) },
    );
    add(
        Procedure::Access,
        pack(&oracle::ACCESS3args { object: fh(1), access: 0x3f }),
        Call::Access { object: object(), wanted: 0x3f },
    );
    add(
        Procedure::ReadLink,
        pack(&oracle::READLINK3args { symlink: fh(1) }),
        Call::ReadLink { object: object() },
    );
    add(
        Procedure::Read,
        pack(&oracle::READ3args { file: fh(1), offset: 1 << 40, count: 4_096 }),
        Call::Read { file: object(), offset: 1 << 40, count: 4_096 },
    );
    let args = oracle::WRITE3args {
        file: fh(1),
        offset: 2,
        count: 5,
        stable: oracle::stable_how::DATA_SYNC,
        data: Opaque::borrowed(b"hello"),
    };
    let data = Bytes::from_static(b"hello");
    let call = Call::Write { file: object(), offset: 2, stability: Stability::DataSync, data };
    add(Procedure::Write, pack(&args), call);
    let args = oracle::READDIR3args { dir: fh(1), cookie: 8, cookieverf: verifier, count: 9 };
    let call = Call::ReadDir { dir: object(), cookie: 8, count: 9 };
    add(Procedure::ReadDir, pack(&args), call);
    let args = oracle::READDIRPLUS3args {
        dir: fh(1),
        cookie: 8,
        cookieverf: verifier,
        dircount: 9,
        maxcount: 10,
    };
    let call = Call::ReadDirPlus { dir: object(), cookie: 8, dir_count: 9, max_count: 10 };
    add(Procedure::ReadDirPlus, pack(&args), call);
    let call = Call::FsStat { object: object() };
    add(Procedure::FsStat, pack(&oracle::FSSTAT3args { fsroot: fh(1) }), call);
    let call = Call::FsInfo { object: object() };
    add(Procedure::FsInfo, pack(&oracle::FSINFO3args { fsroot: fh(1) }), call);
    let call = Call::PathConf { object: object() };
    add(Procedure::PathConf, pack(&oracle::PATHCONF3args { object: fh(1) }), call);
    let args = oracle::COMMIT3args { file: fh(1), offset: 3, count: 4 };
    add(Procedure::Commit, pack(&args), Call::Commit { file: object(), offset: 3, count: 4 });
    calls
}

fn name_calls() -> Vec<(Procedure, Vec<u8>, Call)> {
    let mut calls = Vec::new();
    let mut add = |procedure, bytes, call| calls.push((procedure, bytes, call));
    add(
        Procedure::Lookup,
        pack(&oracle::LOOKUP3args { what: at(1, "abc") }),
        Call::Lookup { at: ours(1, "abc") },
    );
    for (how, mode) in [
        (oracle::createhow3::UNCHECKED(oracle_set()), CreateMode::Unchecked(our_set())),
        (oracle::createhow3::GUARDED(oracle_set()), CreateMode::Guarded(our_set())),
        (oracle::createhow3::EXCLUSIVE(oracle::createverf3([8; 8])), CreateMode::Exclusive([8; 8])),
    ] {
        let args = oracle::CREATE3args { where_: at(1, "f"), how };
        add(Procedure::Create, pack(&args), Call::Create { at: ours(1, "f"), mode });
    }
    add(
        Procedure::MkDir,
        pack(&oracle::MKDIR3args { where_: at(1, "d"), attributes: oracle_set() }),
        Call::MkDir { at: ours(1, "d"), set: our_set() },
    );
    let symlink = oracle::symlinkdata3 {
        symlink_attributes: oracle_set(),
        symlink_data: oracle::nfspath3(Opaque::borrowed(b"../x")),
    };
    let target = Bytes::from_static(b"../x");
    add(
        Procedure::Symlink,
        pack(&oracle::SYMLINK3args { where_: at(1, "l"), symlink }),
        Call::Symlink { at: ours(1, "l"), set: our_set(), target },
    );
    let device = || oracle::devicedata3 {
        dev_attributes: oracle_set(),
        spec: oracle::specdata3 { specdata1: 8, specdata2: 1 },
    };
    let node = |kind, rdev| Special::Node { kind, set: our_set(), rdev };
    for (what, special) in [
        (oracle::mknoddata3::NF3BLK(device()), node(FileKind::BlockDevice, (8, 1))),
        (oracle::mknoddata3::NF3CHR(device()), node(FileKind::CharDevice, (8, 1))),
        (oracle::mknoddata3::NF3SOCK(oracle_set()), node(FileKind::Socket, (0, 0))),
        (oracle::mknoddata3::NF3FIFO(oracle_set()), node(FileKind::Fifo, (0, 0))),
    ] {
        let args = oracle::MKNOD3args { where_: at(1, "n"), what };
        add(Procedure::MkNod, pack(&args), Call::MkNod { at: ours(1, "n"), special });
    }
    let args = oracle::REMOVE3args { object: at(1, "gone") };
    add(Procedure::Remove, pack(&args), Call::Remove { at: ours(1, "gone") });
    let args = oracle::RMDIR3args { object: at(1, "gone") };
    add(Procedure::RmDir, pack(&args), Call::RmDir { at: ours(1, "gone") });
    let args = oracle::RENAME3args { from: at(1, "a"), to: at(2, "b") };
    add(Procedure::Rename, pack(&args), Call::Rename { from: ours(1, "a"), to: ours(2, "b") });
    let args = oracle::LINK3args { file: fh(3), link: at(1, "again") };
    let call = Call::Link { file: vec![3; 28].into(), at: ours(1, "again") };
    add(Procedure::Link, pack(&args), call);
    calls
}

fn decode(procedure: Procedure, bytes: &[u8]) -> Result<Call, XdrError> {
    Call::decode(procedure, &mut XdrDecoder::new(Bytes::copy_from_slice(bytes)))
}

#[test]
fn every_procedure_decodes_what_another_implementation_encodes() {
    let calls = calls();
    for procedure in Procedure::ALL {
        let covered = calls.iter().any(|(covered, ..)| *covered == procedure);
        assert!(covered || procedure == Procedure::Null, "{}", procedure.name());
    }
    for (procedure, bytes, expected) in calls {
        assert!(decode(procedure, &bytes) == Ok(expected), "{}", procedure.name());
    }
    assert!(decode(Procedure::Null, &[]) == Ok(Call::Null));
}

#[test]
fn arguments_cut_anywhere_or_followed_by_anything_are_garbage() {
    for (procedure, bytes, _) in calls() {
        for len in 0..bytes.len() {
            assert!(decode(procedure, &bytes[..len]).is_err(), "{} at {len}", procedure.name());
        }
        let longer = [&bytes[..], &[0; 4]].concat();
        let excess = decode(procedure, &longer).err();
        assert_eq!(excess, Some(XdrError::Excess { left: 4 }), "{}", procedure.name());
    }
    assert!(decode(Procedure::Null, &[0; 4]).is_err());
}

#[test]
fn any_word_replaced_by_a_huge_one_neither_panics_nor_takes_memory() {
    for (procedure, bytes, _) in calls() {
        for start in (0..bytes.len()).step_by(4) {
            for word in [u32::MAX, 1 << 31, 0x7fff_ffff, 65, 0] {
                let mut bent = bytes.clone();
                bent[start..start + 4].copy_from_slice(&word.to_be_bytes());
                // A decoder that succeeds holds slices of `bent` and nothing else.
                if let Ok(call) = decode(procedure, &bent) {
                    assert!(call.reply_bytes_max(1 << 20) <= REPLY_HEAD_BYTES + (1 << 20));
                }
            }
        }
    }
}

#[test]
fn a_write_whose_two_lengths_differ_is_garbage() {
    let args = oracle::WRITE3args {
        file: fh(1),
        offset: 0,
        count: 6,
        stable: oracle::stable_how::UNSTABLE,
        data: Opaque::borrowed(b"hello"),
    };
    let refused = decode(Procedure::Write, &pack(&args)).err();
    assert_eq!(refused, Some(XdrError::Range { field: "count", found: 6 }));
}

#[test]
fn mknod_of_a_file_directory_or_link_is_a_bad_type_and_of_no_type_garbage() {
    for (number, expected) in [(1, true), (2, true), (5, true), (0, false), (8, false)] {
        let mut bytes = pack(&at(1, "n"));
        bytes.extend_from_slice(&u32::to_be_bytes(number));
        let call = decode(Procedure::MkNod, &bytes);
        let bad = Call::MkNod { at: ours(1, "n"), special: Special::BadType };
        assert!((call == Ok(bad)) == expected, "type {number}");
        assert_eq!(call.is_ok(), expected, "type {number}");
    }
}

#[test]
fn a_handle_of_more_than_64_bytes_is_garbage() {
    let object = |len| pack(&oracle::nfs_fh3 { data: Opaque::owned(vec![1; len]) });
    assert!(decode(Procedure::GetAttr, &object(64)).is_ok());
    assert!(decode(Procedure::GetAttr, &object(65)).is_err());
}

#[test]
fn a_time_with_too_many_nanoseconds_is_garbage() {
    let set = oracle::sattr3 {
        mtime: oracle::set_mtime::SET_TO_CLIENT_TIME(oracle::nfstime3 {
            seconds: 1,
            nseconds: 1_000_000_000,
        }),
        ..oracle_set()
    };
    let args = oracle::SETATTR3args { object: fh(1), new_attributes: set, guard: Nfs3Option::None };
    let refused = decode(Procedure::SetAttr, &pack(&args)).err();
    assert_eq!(refused, Some(XdrError::Range { field: "nseconds", found: 1_000_000_000 }));
}
