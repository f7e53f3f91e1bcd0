//! Files: content, stability, attributes, exclusive creation.

use nfs3_types::nfs3::{
    ACCESS3args, COMMIT3args, CREATE3args, Nfs3Option, Nfs3Result, READLINK3args, SETATTR3args,
    SYMLINK3args, WRITE3args, createhow3, createverf3, nfspath3, nfsstat3, nfstime3, sattr3,
    set_mtime, stable_how, symlinkdata3,
};
use nfs3_types::xdr_codec::Opaque;

use crate::support::{Server, mode, pack, status};

#[tokio::test]
async fn what_was_written_is_read_and_committed_under_one_verifier() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    let written = client.write(&file, 3, b"hello", stable_how::UNSTABLE).await;
    assert_eq!(written.count, 5);
    assert_eq!(client.read(&file, 0, 100).await, (b"\0\0\0hello".to_vec(), true));
    assert_eq!(client.read(&file, 3, 4).await, (b"hell".to_vec(), false));
    assert_eq!(client.read(&file, 8, 4).await, (vec![], true));
    let args = COMMIT3args { file: file.clone(), offset: 0, count: 0 };
    let committed = client.nfs.commit(&args).await.unwrap().unwrap();
    assert_eq!(committed.verf.0, written.verf.0, "nothing was lost in between");
    assert_eq!(committed.verf.0, server.vfs.write_verifier());
    for stable in [stable_how::DATA_SYNC, stable_how::FILE_SYNC] {
        let written = client.write(&file, 0, b"x", stable).await;
        assert!(pack(&written.committed) >= pack(&stable), "never less stable than asked for");
    }
}

#[tokio::test]
async fn a_mebibyte_goes_both_ways_and_more_is_answered_in_part() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("big").await;
    let data: Vec<u8> =
        (0..(1_u32 << 20) + 2_048).flat_map(|i| [(i % 251).to_be_bytes()[3]]).collect();
    let written = client.write(&file, 0, &data, stable_how::UNSTABLE).await;
    assert_eq!(written.count, 1 << 20, "the maximum, and the client sends the rest");
    let (read, eof) = client.read(&file, 0, 1 << 30).await;
    assert!(read == data[..1 << 20]);
    assert!(eof);
}

#[tokio::test]
async fn wcc_data_shows_what_was_before_and_after() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    client.write(&file, 0, b"12345", stable_how::UNSTABLE).await;
    let before = client.getattr(&file).await.unwrap();
    let written = client.write(&file, 5, b"678", stable_how::UNSTABLE).await;
    let wcc = written.file_wcc;
    let seen = wcc.before.unwrap();
    assert_eq!((seen.size, seen.mtime, seen.ctime), (5, before.mtime, before.ctime));
    let after = client.getattr(&file).await.unwrap();
    let seen = wcc.after.unwrap();
    assert_eq!((seen.size, seen.mtime, seen.ctime), (8, after.mtime, after.ctime));
    assert_eq!(seen.fileid, after.fileid);
}

#[tokio::test]
async fn an_exclusive_create_sent_again_finds_the_file_it_made() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let mut made = Vec::new();
    for (verifier, expected) in
        [(1, nfsstat3::NFS3_OK), (1, nfsstat3::NFS3_OK), (2, nfsstat3::NFS3ERR_EXIST)]
    {
        let how = createhow3::EXCLUSIVE(createverf3([verifier; 8]));
        let args = CREATE3args { where_: client.at("only"), how };
        let result = client.nfs.create(&args).await.unwrap();
        assert_eq!(status(&result), expected);
        if let Nfs3Result::Ok(created) = result {
            made.push(created.obj.unwrap().data.to_vec());
        }
    }
    assert_eq!(made[0], made[1]);
}

#[tokio::test]
async fn create_guarded_refuses_and_unchecked_truncates_what_exists() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    client.write(&file, 0, b"content", stable_how::UNSTABLE).await;
    let how = createhow3::GUARDED(mode(0o600));
    let args = CREATE3args { where_: client.at("f"), how };
    let refused = client.nfs.create(&args).await.unwrap();
    assert_eq!(status(&refused), nfsstat3::NFS3ERR_EXIST);
    let Nfs3Result::Err((_, refused)) = refused else { panic!("it was refused") };
    assert!(refused.dir_wcc.after.is_some(), "failures carry the directory's attributes");
    assert!(refused.dir_wcc.before.is_none());
    let set = sattr3 { size: Nfs3Option::Some(0), ..mode(0o600) };
    let args = CREATE3args { where_: client.at("f"), how: createhow3::UNCHECKED(set) };
    let same = client.nfs.create(&args).await.unwrap().unwrap();
    assert_eq!(same.obj.unwrap().data, file.data);
    assert_eq!(client.getattr(&file).await.unwrap().size, 0);
}

#[tokio::test]
async fn setattr_with_a_stale_guard_changes_nothing() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    let before = client.getattr(&file).await.unwrap();
    let set = |guard| SETATTR3args { object: file.clone(), new_attributes: mode(0o600), guard };
    let wrong = nfstime3 { seconds: 1, nseconds: 1 };
    let refused = client.nfs.setattr(&set(Nfs3Option::Some(wrong))).await.unwrap();
    assert_eq!(status(&refused), nfsstat3::NFS3ERR_NOT_SYNC);
    assert_eq!(client.getattr(&file).await.unwrap().mode, before.mode);
    let done = client.nfs.setattr(&set(Nfs3Option::Some(before.ctime))).await.unwrap();
    assert_eq!(status(&done), nfsstat3::NFS3_OK);
    assert_eq!(client.getattr(&file).await.unwrap().mode, 0o600);
}

#[tokio::test]
async fn times_are_set_to_the_nanosecond() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    let time = nfstime3 { seconds: 1_234_567_890, nseconds: 123_456_789 };
    let new_attributes = sattr3 { mtime: set_mtime::SET_TO_CLIENT_TIME(time), ..sattr3::default() };
    let args = SETATTR3args { object: file.clone(), new_attributes, guard: Nfs3Option::None };
    assert_eq!(status(&client.nfs.setattr(&args).await.unwrap()), nfsstat3::NFS3_OK);
    assert_eq!(client.getattr(&file).await.unwrap().mtime, time);
}

#[tokio::test]
async fn a_symlink_of_any_mode_keeps_its_target_byte_for_byte() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let make = |name: &str, target: Vec<u8>| SYMLINK3args {
        where_: client.at(name),
        symlink: symlinkdata3 {
            symlink_attributes: mode(0o755),
            symlink_data: nfspath3(Opaque::owned(target)),
        },
    };
    let good = make("l", b"../\xff/x".to_vec());
    let bad = [
        (make("e", vec![]), nfsstat3::NFS3ERR_INVAL),
        (make("n", b"a\0b".to_vec()), nfsstat3::NFS3ERR_INVAL),
        (make("t", vec![b'x'; 4_097]), nfsstat3::NFS3ERR_NAMETOOLONG),
    ];
    let link = client.nfs.symlink(&good).await.unwrap().unwrap().obj.unwrap();
    let args = READLINK3args { symlink: link };
    let read = client.nfs.readlink(&args).await.unwrap().unwrap();
    assert_eq!(&read.data.0[..], b"../\xff/x");
    for (args, expected) in bad {
        assert_eq!(status(&client.nfs.symlink(&args).await.unwrap()), expected);
    }
    let file = client.create("f").await;
    let refused = client.nfs.readlink(&READLINK3args { symlink: file }).await.unwrap();
    assert_eq!(status(&refused), nfsstat3::NFS3ERR_INVAL);
}

#[tokio::test]
async fn access_tells_the_truth_and_answers_only_what_was_asked() {
    let server = Server::start().await;
    let mut root = server.client(0).await;
    let mut user = server.client(1_000).await;
    let file = root.create("f").await;
    let dir = root.mkdir("d").await;
    let ask = |object: &_, access| ACCESS3args { object: Clone::clone(object), access };
    let root_file = root.nfs.access(&ask(&file, 0x3f)).await.unwrap().unwrap().access;
    assert_eq!(root_file, 0x01 | 0x04 | 0x08, "nobody executes a file without an x bit");
    let user_file = user.nfs.access(&ask(&file, 0x3f)).await.unwrap().unwrap().access;
    assert_eq!(user_file, 0x01);
    let root_dir = root.nfs.access(&ask(&dir, 0x3f)).await.unwrap().unwrap().access;
    assert_eq!(root_dir, 0x1f);
    let user_dir = user.nfs.access(&ask(&dir, 0x3f)).await.unwrap().unwrap().access;
    assert_eq!(user_dir, 0x03);
    let asked = user.nfs.access(&ask(&dir, 0x02)).await.unwrap().unwrap().access;
    assert_eq!(asked, 0x02);
}

#[tokio::test]
async fn a_failed_write_carries_the_attributes_of_the_file() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let dir = client.mkdir("d").await;
    let data = Opaque::borrowed(b"x");
    let stable = stable_how::UNSTABLE;
    let args = WRITE3args { file: dir, offset: 1 << 62, count: 1, stable, data };
    let Nfs3Result::Err((status, failed)) = client.nfs.write(&args).await.unwrap() else {
        panic!("a directory is not written to");
    };
    assert!(matches!(
        status,
        nfsstat3::NFS3ERR_ISDIR | nfsstat3::NFS3ERR_INVAL | nfsstat3::NFS3ERR_FBIG
    ));
    assert!(failed.file_wcc.after.is_some());
    assert!(failed.file_wcc.before.is_none());
}
