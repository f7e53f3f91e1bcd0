//! Names: making, linking, moving and removing them, and names that cannot be.

use nfs3_client::Nfs3Client;
use nfs3_client::tokio::TokioIo;
use nfs3_types::nfs3::{
    CREATE3args, FSINFO3args, FSSTAT3args, LINK3args, MKDIR3args, MKNOD3args, Nfs3Option,
    Nfs3Result, PATHCONF3args, REMOVE3args, RENAME3args, RMDIR3args, SETATTR3args, SYMLINK3args,
    WRITE3args, createhow3, devicedata3, ftype3, mknoddata3, nfspath3, nfsstat3, specdata3,
    stable_how, symlinkdata3,
};
use nfs3_types::xdr_codec::Opaque;
use sealgate::nfs::{Export, ExportId, NfsOptions, Squash};

use crate::support::{Client, Server, at, mode, status};

#[tokio::test]
async fn rename_moves_a_name_and_reports_both_directories() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("a").await;
    let dir = client.mkdir("d").await;
    let args = RENAME3args { from: client.at("a"), to: at(&dir, "b") };
    let moved = client.nfs.rename(&args).await.unwrap().unwrap();
    assert!(moved.fromdir_wcc.before.is_some() && moved.fromdir_wcc.after.is_some());
    assert!(moved.todir_wcc.before.is_some() && moved.todir_wcc.after.is_some());
    assert_eq!(client.lookup("a").await.unwrap_err(), nfsstat3::NFS3ERR_NOENT);
    let again = client.nfs.rename(&args).await.unwrap();
    let Nfs3Result::Err((nfsstat3::NFS3ERR_NOENT, failed)) = again else { panic!("{again:?}") };
    assert!(failed.fromdir_wcc.after.is_some() && failed.todir_wcc.after.is_some());
    client.root = dir;
    assert_eq!(client.lookup("b").await.unwrap().data, file.data, "handles survive a rename");
}

#[tokio::test]
async fn a_link_is_another_name_of_the_same_file() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("a").await;
    let args = LINK3args { file: file.clone(), link: client.at("b") };
    let linked = client.nfs.link(&args).await.unwrap().unwrap();
    assert_eq!(linked.file_attributes.unwrap().nlink, 2);
    assert_eq!(client.lookup("b").await.unwrap().data, file.data);
    let again = client.nfs.link(&args).await.unwrap();
    let Nfs3Result::Err((nfsstat3::NFS3ERR_EXIST, failed)) = again else { panic!("{again:?}") };
    assert!(failed.file_attributes.is_some() && failed.linkdir_wcc.after.is_some());
}

#[tokio::test]
async fn remove_is_not_rmdir_and_a_removed_file_is_stale() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    let dir = client.mkdir("d").await;
    let (remove, rmdir) = (
        |client: &Client, name| REMOVE3args { object: client.at(name) },
        |client: &Client, name| RMDIR3args { object: client.at(name) },
    );
    let args = remove(&client, "d");
    assert_eq!(status(&client.nfs.remove(&args).await.unwrap()), nfsstat3::NFS3ERR_ISDIR);
    let args = rmdir(&client, "f");
    assert_eq!(status(&client.nfs.rmdir(&args).await.unwrap()), nfsstat3::NFS3ERR_NOTDIR);
    let inner = CREATE3args { where_: at(&dir, "x"), how: createhow3::GUARDED(mode(0o644)) };
    client.nfs.create(&inner).await.unwrap().unwrap();
    let args = rmdir(&client, "d");
    assert_eq!(status(&client.nfs.rmdir(&args).await.unwrap()), nfsstat3::NFS3ERR_NOTEMPTY);
    let args = remove(&client, "f");
    let removed = client.nfs.remove(&args).await.unwrap().unwrap();
    assert!(removed.dir_wcc.before.is_some());
    assert_eq!(client.getattr(&file).await.unwrap_err(), nfsstat3::NFS3ERR_STALE);
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_as_the_rfc_says() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    client.create("f").await;
    let long = "x".repeat(256);
    let very_long = "x".repeat(9_000);
    for (name, lookup, create, remove, rmdir, rename) in [
        ("", "ACCES", "ACCES", "ACCES", "ACCES", "ACCES"),
        (".", "OK", "EXIST", "ACCES", "INVAL", "INVAL"),
        ("..", "OK", "EXIST", "ACCES", "EXIST", "INVAL"),
        ("a/b", "ACCES", "ACCES", "ACCES", "ACCES", "ACCES"),
        ("a\0b", "ACCES", "ACCES", "ACCES", "ACCES", "ACCES"),
        (&long, "NAMETOOLONG", "NAMETOOLONG", "NAMETOOLONG", "NAMETOOLONG", "NAMETOOLONG"),
        (&very_long, "NAMETOOLONG", "NAMETOOLONG", "NAMETOOLONG", "NAMETOOLONG", "NAMETOOLONG"),
    ] {
        let expect = |status: nfsstat3, expected: &str, procedure: &str| {
            let seen = format!("{status:?}");
            let seen = seen.trim_start_matches("NFS3ERR_").trim_start_matches("NFS3_");
            assert_eq!(seen, expected, "{procedure} of a name of {} bytes", name.len());
        };
        let found = client.lookup(name).await;
        expect(found.err().unwrap_or(nfsstat3::NFS3_OK), lookup, "LOOKUP");
        let args = MKDIR3args { where_: client.at(name), attributes: mode(0o755) };
        expect(status(&client.nfs.mkdir(&args).await.unwrap()), create, "MKDIR");
        let args = REMOVE3args { object: client.at(name) };
        expect(status(&client.nfs.remove(&args).await.unwrap()), remove, "REMOVE");
        let args = RMDIR3args { object: client.at(name) };
        expect(status(&client.nfs.rmdir(&args).await.unwrap()), rmdir, "RMDIR");
        let args = RENAME3args { from: client.at("f"), to: client.at(name) };
        expect(status(&client.nfs.rename(&args).await.unwrap()), rename, "RENAME");
    }
}

#[tokio::test]
async fn mknod_makes_devices_pipes_and_sockets() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let device = || devicedata3 {
        dev_attributes: mode(0o600),
        spec: specdata3 { specdata1: 8, specdata2: 17 },
    };
    for (name, what, kind, rdev) in [
        ("b", mknoddata3::NF3BLK(device()), ftype3::NF3BLK, (8, 17)),
        ("c", mknoddata3::NF3CHR(device()), ftype3::NF3CHR, (8, 17)),
        ("s", mknoddata3::NF3SOCK(mode(0o600)), ftype3::NF3SOCK, (0, 0)),
        ("p", mknoddata3::NF3FIFO(mode(0o600)), ftype3::NF3FIFO, (0, 0)),
    ] {
        let args = MKNOD3args { where_: client.at(name), what };
        let made = client.nfs.mknod(&args).await.unwrap().unwrap().obj_attributes.unwrap();
        assert_eq!(made.type_, kind);
        assert_eq!((made.rdev.specdata1, made.rdev.specdata2), rdev);
    }
}

#[tokio::test]
async fn a_read_only_export_refuses_every_change_and_promises_none() {
    let export = Export { read_only: true, id: ExportId::new(7), ..Export::whole_volume() };
    let writable = Server::start().await;
    let mut maker = writable.client(0).await;
    maker.create("f").await;
    maker.mkdir("d").await;
    let options = NfsOptions { exports: vec![export], ..NfsOptions::default() };
    let server = Server::start_on(writable.vfs.clone(), options);
    let mut client = server.client(0).await;
    let file = client.lookup("f").await.unwrap();
    let rofs = nfsstat3::NFS3ERR_ROFS;
    let nfs = &mut client.nfs;
    let place = |name| at(&client.root, name);
    let args =
        SETATTR3args { object: file.clone(), new_attributes: mode(0), guard: Nfs3Option::None };
    assert_eq!(status(&nfs.setattr(&args).await.unwrap()), rofs);
    let (data, stable) = (Opaque::borrowed(b"x"), stable_how::UNSTABLE);
    let args = WRITE3args { file: file.clone(), offset: 0, count: 1, stable, data };
    assert_eq!(status(&nfs.write(&args).await.unwrap()), rofs);
    let args = CREATE3args { where_: place("n"), how: createhow3::UNCHECKED(mode(0)) };
    assert_eq!(status(&nfs.create(&args).await.unwrap()), rofs);
    let args = MKDIR3args { where_: place("n"), attributes: mode(0) };
    assert_eq!(status(&nfs.mkdir(&args).await.unwrap()), rofs);
    let symlink = symlinkdata3 {
        symlink_attributes: mode(0),
        symlink_data: nfspath3(Opaque::borrowed(b"x")),
    };
    let args = SYMLINK3args { where_: place("n"), symlink };
    assert_eq!(status(&nfs.symlink(&args).await.unwrap()), rofs);
    let args = MKNOD3args { where_: place("n"), what: mknoddata3::NF3FIFO(mode(0)) };
    assert_eq!(status(&nfs.mknod(&args).await.unwrap()), rofs);
    let args = REMOVE3args { object: place("f") };
    assert_eq!(status(&nfs.remove(&args).await.unwrap()), rofs);
    let args = RMDIR3args { object: place("d") };
    assert_eq!(status(&nfs.rmdir(&args).await.unwrap()), rofs);
    let args = RENAME3args { from: place("f"), to: place("g") };
    assert_eq!(status(&nfs.rename(&args).await.unwrap()), rofs);
    let args = LINK3args { file: file.clone(), link: place("g") };
    assert_eq!(status(&nfs.link(&args).await.unwrap()), rofs);
    let args = nfs3_types::nfs3::ACCESS3args { object: file, access: 0x3f };
    assert_eq!(nfs.access(&args).await.unwrap().unwrap().access, 0x01);
}

#[tokio::test]
async fn a_handle_of_one_export_does_not_reach_into_another() {
    let second = Export {
        id: ExportId::new(1),
        name: "/all".to_owned(),
        squash: Squash::All,
        ..Export::whole_volume()
    };
    let writable = Server::start().await;
    let mut first = writable.client(0).await;
    let file = first.create("f").await;
    let exports = vec![second];
    let options = NfsOptions { exports, ..NfsOptions::default() };
    let server = Server::start_on(writable.vfs.clone(), options);
    let nobody = server.raw().await;
    let mut client = Client { nfs: Nfs3Client::new(TokioIo::new(nobody.0)), root: file.clone() };
    assert_eq!(client.getattr(&file).await.unwrap_err(), nfsstat3::NFS3ERR_STALE);
}

#[tokio::test]
async fn the_volume_describes_itself_honestly() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let root = client.root.clone();
    let info = client.nfs.fsinfo(&FSINFO3args { fsroot: root.clone() }).await.unwrap().unwrap();
    assert_eq!(
        (info.rtmax, info.wtmax, info.rtpref, info.wtpref),
        (1 << 20, 1 << 20, 1 << 20, 1 << 20)
    );
    assert_eq!((info.dtpref, info.maxfilesize), (64 << 10, 1 << 51));
    assert_eq!((info.time_delta.seconds, info.time_delta.nseconds), (0, 1));
    assert_eq!(info.properties, 0x1b);
    let conf = client.nfs.pathconf(&PATHCONF3args { object: root.clone() }).await.unwrap().unwrap();
    assert_eq!((conf.linkmax, conf.name_max), (65_000, 255));
    assert!(conf.no_trunc && conf.chown_restricted && conf.case_preserving);
    assert!(!conf.case_insensitive);
    let stat = client.nfs.fsstat(&FSSTAT3args { fsroot: root }).await.unwrap().unwrap();
    assert!(stat.tbytes >= stat.fbytes && stat.fbytes >= stat.abytes && stat.abytes > 0);
    assert!(stat.tfiles >= stat.ffiles && stat.ffiles > 0);
}

#[tokio::test]
async fn identities_and_squashing_reach_the_permission_checks() {
    let mkdir = |client: &Client| MKDIR3args { where_: client.at("n"), attributes: mode(0o755) };
    for (squash, root, user) in [
        (Squash::None, nfsstat3::NFS3_OK, nfsstat3::NFS3ERR_ACCES),
        (Squash::Root, nfsstat3::NFS3ERR_ACCES, nfsstat3::NFS3ERR_ACCES),
        (Squash::All, nfsstat3::NFS3ERR_ACCES, nfsstat3::NFS3ERR_ACCES),
    ] {
        let exports = vec![Export { squash, ..Export::whole_volume() }];
        let options = NfsOptions { exports, ..NfsOptions::default() };
        let server = Server::start_with(options).await;
        for (uid, expected) in [(1_000, user), (0, root)] {
            let mut client = server.client(uid).await;
            let made = client.nfs.mkdir(&mkdir(&client)).await.unwrap();
            assert_eq!(status(&made), expected, "{squash:?}, uid {uid}");
        }
        let mut client = server.client(0).await;
        client.nfs = Nfs3Client::new(TokioIo::new(server.raw().await.0));
        let made = client.nfs.mkdir(&mkdir(&client)).await.unwrap();
        assert_ne!(status(&made), nfsstat3::NFS3_OK, "AUTH_NONE is nobody");
    }
}
