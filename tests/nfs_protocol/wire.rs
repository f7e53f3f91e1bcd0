//! What is below the procedures: programs, versions, credentials, repetitions, bent bytes.

use std::net::SocketAddr;

use bytes::Bytes;
use nfs3_client::MountClient;
use nfs3_client::tokio::TokioIo;
use nfs3_types::mount::dirpath;
use nfs3_types::nfs3::{GETATTR3args, MKDIR3args, REMOVE3args, nfs_fh3, nfsstat3};
use nfs3_types::rpc::opaque_auth;
use nfs3_types::xdr_codec::Opaque;
use sealgate::nfs::{Context, NfsOptions, dispatch};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{MOUNT, NFS, Server, call, credential, mode, new_vfs, pack};

#[tokio::test]
async fn unknown_programs_versions_and_procedures_are_answered_as_the_rfc_says() {
    let server = Server::start().await;
    let mut raw = server.raw().await;
    let none = opaque_auth::default;
    for (target, expected) in [
        ((NFS, 3, 0), vec![0, 0, 0, 0]),
        ((MOUNT, 1, 0), vec![0, 0, 0, 0]),
        ((MOUNT, 3, 0), vec![0, 0, 0, 0]),
        ((100_227, 3, 0), vec![0, 0, 0, 1]),
        ((NFS, 4, 0), vec![0, 0, 0, 2, 3, 3]),
        ((NFS, 2, 0), vec![0, 0, 0, 2, 3, 3]),
        ((MOUNT, 2, 0), vec![0, 0, 0, 2, 1, 3]),
        ((NFS, 3, 22), vec![0, 0, 0, 3]),
        ((MOUNT, 3, 6), vec![0, 0, 0, 3]),
        ((NFS, 3, 1), vec![0, 0, 0, 4]),
    ] {
        assert_eq!(raw.words(&call(1, target, none(), &[])).await, expected, "{target:?}");
    }
}

#[tokio::test]
async fn credentials_of_other_flavors_are_rejected_and_the_connection_stays() {
    let server = Server::start().await;
    let mut raw = server.raw().await;
    let mut gss = call(1, (NFS, 3, 0), opaque_auth::default(), &[]);
    gss[24..28].copy_from_slice(&6_u32.to_be_bytes());
    assert_eq!(raw.words(&gss).await, [1, 1, 2]);
    let mut groups = call(1, (NFS, 3, 0), credential(1), &[]);
    let count = groups.len() - 12;
    groups[count..count + 4].copy_from_slice(&17_u32.to_be_bytes());
    assert_eq!(raw.words(&groups).await, [1, 1, 1]);
    let null = call(1, (NFS, 3, 0), credential(1), &[]);
    assert_eq!(raw.words(&null).await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_forged_handle_is_bad_and_never_stale() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    for bit in [0, 40, 95, 100, 223] {
        let mut data = client.root.data.to_vec();
        data[bit / 8] ^= 1 << (bit % 8);
        let forged = nfs_fh3 { data: Opaque::owned(data) };
        let refused = client.getattr(&forged).await.unwrap_err();
        assert_eq!(refused, nfsstat3::NFS3ERR_BADHANDLE, "bit {bit}");
    }
    let empty = nfs_fh3 { data: Opaque::owned(vec![]) };
    assert_eq!(client.getattr(&empty).await.unwrap_err(), nfsstat3::NFS3ERR_BADHANDLE);
}

#[tokio::test]
async fn a_request_sent_again_gets_the_first_answer_on_any_connection() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    client.create("f").await;
    let remove = pack(&REMOVE3args { object: client.at("f") });
    let request = call(77, (NFS, 3, 12), credential(0), &remove);
    let first = server.raw().await.exchange(&request).await.unwrap();
    assert_eq!(first[24..28], [0, 0, 0, 0], "the file was removed");
    let again = server.raw().await.exchange(&request).await.unwrap();
    assert_eq!(again, first, "not NOENT");
    let other = call(78, (NFS, 3, 12), credential(0), &remove);
    let second = server.raw().await.exchange(&other).await.unwrap();
    assert_eq!(second[24..28], [0, 0, 0, 2], "another request finds nothing to remove");
}

#[tokio::test]
async fn the_same_request_from_many_connections_at_once_runs_once() {
    let server = Server::start().await;
    let client = server.client(0).await;
    let args = pack(&MKDIR3args { where_: client.at("d"), attributes: mode(0o755) });
    let request = call(5, (NFS, 3, 9), credential(0), &args);
    let mut connections = Vec::new();
    for _ in 0..16 {
        connections.push(server.raw().await);
    }
    for connection in &mut connections {
        connection.send(&request).await;
    }
    for connection in &mut connections {
        let reply = connection.reply().await.unwrap();
        assert_eq!(reply[24..28], [0, 0, 0, 0], "every one got the success");
    }
}

#[tokio::test]
async fn a_record_in_many_fragments_is_one_request() {
    let server = Server::start().await;
    let client = server.client(0).await;
    let args = pack(&GETATTR3args { object: client.root.clone() });
    let request = call(9, (NFS, 3, 1), credential(0), &args);
    let mut raw = server.raw().await;
    let pieces: Vec<&[u8]> = request.chunks(7).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let last = u32::from(index + 1 == pieces.len()) << 31;
        let mark = u32::try_from(piece.len()).unwrap() | last;
        raw.0.write_all(&mark.to_be_bytes()).await.unwrap();
        raw.0.write_all(piece).await.unwrap();
    }
    let reply = raw.reply().await.unwrap();
    assert_eq!(reply.len(), 24 + 4 + 84);
}

#[tokio::test]
async fn no_bent_request_stops_the_server() {
    let server = Server::start().await;
    let client = server.client(0).await;
    let args = pack(&MKDIR3args { where_: client.at("d"), attributes: mode(0o755) });
    let request = call(5, (NFS, 3, 9), credential(0), &args);
    for len in 0..request.len() {
        let answered = server.raw().await.exchange(&request[..len]).await;
        assert_eq!(answered.is_some(), len >= 8, "cut at {len}");
    }
    for start in (0..request.len()).step_by(4) {
        for word in [0, 1, 65, 0x7fff_ffff, u32::MAX] {
            let mut bent = request.clone();
            bent[start..start + 4].copy_from_slice(&word.to_be_bytes());
            let answered = server.raw().await.exchange(&bent).await;
            assert!(answered.is_some() || start == 4, "word {start} as {word}");
        }
    }
    let null = call(6, (NFS, 3, 0), credential(0), &[]);
    assert_eq!(server.raw().await.words(&null).await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn mount_version_3_walks_lists_and_forgets() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let dir = client.mkdir("d").await;
    client.create("f").await;
    let socket = TokioIo::new(TcpStream::connect(server.addr).await.unwrap());
    let mut mount = MountClient::new_with_auth(socket, credential(0), opaque_auth::default());
    mount.null().await.unwrap();
    mount.umntall().await.unwrap();
    let path = |path: &'static str| dirpath(Opaque::borrowed(path.as_bytes()));
    let mounted = mount.mnt(path("/d/")).await.unwrap();
    assert_eq!(mounted.fhandle.0, dir.data);
    assert!(mounted.auth_flavors.contains(&1));
    for (refused, why) in [("/none", "NOENT"), ("/f", "NOTDIR"), ("/d/..", "ACCES")] {
        let error = mount.mnt(path(refused)).await.unwrap_err();
        assert!(format!("{error:?}").contains(why), "{refused}: {error:?}");
    }
    let listed = mount.dump().await.unwrap().into_inner();
    assert_eq!(listed.len(), 1);
    mount.umnt(path("/d/")).await.unwrap();
    assert!(mount.dump().await.unwrap().into_inner().is_empty());
    let exports = mount.export().await.unwrap().into_inner();
    assert_eq!(exports.len(), 1);
    assert_eq!(&exports[0].ex_dir.0[..], b"/");
    assert!(!exports[0].ex_groups.0.is_empty());
}

#[tokio::test]
async fn a_handle_from_mount_version_1_works_with_its_padding() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let mut raw = server.raw().await;
    let request = call(1, (MOUNT, 1, 1), credential(0), &pack(&dirpath(Opaque::borrowed(b"/"))));
    let reply = raw.exchange(&request).await.unwrap();
    assert_eq!(reply[24..28], [0, 0, 0, 0]);
    assert_eq!(reply.len(), 28 + 32);
    let padded = nfs_fh3 { data: Opaque::owned(reply[28..].to_vec()) };
    let root = client.root.clone();
    let expected = client.getattr(&root).await.unwrap().fileid;
    assert_eq!(client.getattr(&padded).await.unwrap().fileid, expected);
}

#[tokio::test]
async fn dispatch_maps_a_call_to_its_reply_without_a_socket() {
    let context = Context::new(new_vfs().await, NfsOptions::default());
    let peer = SocketAddr::from(([127, 0, 0, 1], 1_023));
    let root = call(1, (MOUNT, 3, 1), credential(0), &pack(&dirpath(Opaque::borrowed(b"/"))));
    let mounted = dispatch(&context, peer, root.into()).await.unwrap().to_bytes();
    let handle = &mounted[28..28 + 4 + 28];
    let getattr = call(2, (NFS, 3, 1), credential(0), handle);
    let reply = dispatch(&context, peer, getattr.into()).await.unwrap();
    assert_eq!(reply.len(), 24 + 4 + 84);
    assert_eq!(reply.to_bytes()[24..32], [0, 0, 0, 0, 0, 0, 0, 2], "OK, a directory");
    assert!(dispatch(&context, peer, Bytes::from_static(b"no call")).await.is_none());
}
