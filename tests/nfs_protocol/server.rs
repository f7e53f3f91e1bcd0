//! Connections: many requests at once, limits, slow and rude clients, stopping.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nfs3_types::nfs3::{GETATTR3args, READ3args, stable_how};
use sealgate::nfs::NfsOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{NFS, Server, call, credential, pack, world};

#[tokio::test]
async fn five_hundred_requests_sent_in_one_go_are_all_answered() {
    let server = Server::start().await;
    let client = server.client(0).await;
    let args = pack(&GETATTR3args { object: client.root.clone() });
    let mut raw = server.raw().await;
    let mut bytes = Vec::new();
    for xid in 0..500 {
        let request = call(xid, (NFS, 3, 1), credential(0), &args);
        bytes.extend_from_slice(&sealgate::nfs::record::mark(request.len()));
        bytes.extend_from_slice(&request);
    }
    raw.0.write_all(&bytes).await.unwrap();
    let mut answered = BTreeSet::new();
    for _ in 0..500 {
        let reply = raw.reply().await.unwrap();
        answered.insert(u32::from_be_bytes(reply[..4].try_into().unwrap()));
    }
    assert_eq!(answered, (0..500).collect());
}

#[tokio::test]
async fn handles_survive_a_restart_and_the_write_verifier_does_not() {
    let world = world();
    let vfs = world.started().await;
    let server = Server::start_on(Arc::clone(&vfs), NfsOptions::default());
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    let written = client.write(&file, 0, b"kept", stable_how::FILE_SYNC).await;
    drop(server);
    vfs.shutdown().await.unwrap();
    let server = Server::start_on(world.start().await, NfsOptions::default());
    let mut client = server.client(0).await;
    assert_eq!(client.lookup("f").await.unwrap().data, file.data);
    assert_eq!(client.read(&file, 0, 10).await, (b"kept".to_vec(), true));
    let again = client.write(&file, 0, b"more", stable_how::UNSTABLE).await;
    assert_ne!(again.verf.0, written.verf.0, "clients see that memory was lost");
}

#[tokio::test]
async fn a_small_budget_of_memory_loses_no_request_and_clients_that_wait_stop_nobody() {
    let options = NfsOptions { inflight_bytes_max: 4 << 20, ..NfsOptions::default() };
    let server = Server::start_with(options).await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    client.write(&file, 0, &vec![7; 1 << 20], stable_how::UNSTABLE).await;
    let args = pack(&READ3args { file, offset: 0, count: 1 << 20 });
    let mut connections = [server.raw().await, server.raw().await, server.raw().await];
    for raw in &mut connections {
        for xid in 0..10 {
            raw.send(&call(xid, (NFS, 3, 6), credential(0), &args)).await;
        }
    }
    for raw in &mut connections {
        let mut answered = BTreeSet::new();
        for _ in 0..10 {
            let reply = raw.reply().await.unwrap();
            assert_eq!(reply.len(), 24 + 4 + 88 + 12 + (1 << 20));
            answered.insert(reply[..4].to_vec());
        }
        assert_eq!(answered.len(), 10);
    }
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_closed_and_a_freed_place_is_given_again() {
    let options = NfsOptions { connections_max: 2, ..NfsOptions::default() };
    let server = Server::start_with(options).await;
    let null = call(1, (NFS, 3, 0), credential(0), &[]);
    let (mut first, mut second) = (server.raw().await, server.raw().await);
    assert!(first.exchange(&null).await.is_some());
    assert!(second.exchange(&null).await.is_some());
    let mut third = server.raw().await;
    let read = third.0.read(&mut [0; 1]).await;
    assert!(!matches!(read, Ok(1..)), "it is closed");
    drop(first);
    for attempt in 0..100 {
        let mut next = server.raw().await;
        let _ = next.0.write_all(&sealgate::nfs::record::mark(null.len())).await;
        let _ = next.0.write_all(&null).await;
        if next.reply().await.is_some() {
            return;
        }
        assert!(attempt < 99, "the place was never given again");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_oversized_or_endless_record_closes_the_connection() {
    let server = Server::start().await;
    let mut raw = server.raw().await;
    raw.0.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    assert!(raw.reply().await.is_none());
    let mut raw = server.raw().await;
    let bomb = [0; 4 * 200];
    let _ = raw.0.write_all(&bomb).await;
    assert!(raw.reply().await.is_none());
    let mut raw = server.raw().await;
    assert!(raw.exchange(b"GET / HTTP/1.1\r\n\r\n").await.is_none(), "garbage is no call");
}

#[tokio::test]
async fn silent_and_half_sent_connections_are_let_go() {
    let options = NfsOptions {
        idle_timeout: Duration::from_millis(50),
        record_timeout: Duration::from_millis(50),
        ..NfsOptions::default()
    };
    let server = Server::start_with(options).await;
    let mut silent = server.raw().await;
    assert!(silent.reply().await.is_none());
    let mut half = server.raw().await;
    half.0.write_all(&[0x80, 0, 1, 0, 1, 2, 3]).await.unwrap();
    assert!(half.reply().await.is_none());
}

#[tokio::test]
async fn a_client_that_reads_no_replies_is_let_go_and_others_are_served() {
    let options = NfsOptions { write_timeout: Duration::from_millis(200), ..NfsOptions::default() };
    let server = Server::start_with(options).await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    client.write(&file, 0, &vec![7; 1 << 20], stable_how::UNSTABLE).await;
    let args = pack(&READ3args { file: file.clone(), offset: 0, count: 1 << 20 });
    let request = call(1, (NFS, 3, 6), credential(0), &args);
    let mut slow = server.raw().await;
    for _ in 0..64 {
        let mark = sealgate::nfs::record::mark(request.len());
        if slow.0.write_all(&[&mark[..], &request].concat()).await.is_err() {
            break;
        }
    }
    let began = std::time::Duration::from_secs(20);
    let closed = async {
        // The kernel's buffers are full of replies; a write fails once the server has closed.
        while slow.0.write_all(&[0; 4]).await.is_ok() {
            client.getattr(&file).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(began, closed).await.expect("the slow client is let go");
}

#[tokio::test]
async fn stopping_cuts_no_reply_short_and_then_closes() {
    let mut server = Server::start().await;
    let mut client = server.client(0).await;
    let file = client.create("f").await;
    client.write(&file, 0, &vec![7; 1 << 20], stable_how::UNSTABLE).await;
    let args = pack(&READ3args { file, offset: 0, count: 1 << 20 });
    let mut raw = server.raw().await;
    for xid in 0..20 {
        raw.send(&call(xid, (NFS, 3, 6), credential(0), &args)).await;
    }
    // Replies have begun to come, and more than the kernel's buffers hold are waiting.
    raw.0.readable().await.unwrap();
    server.stop.cancel();
    let mut replies = 0;
    while let Some(reply) = raw.reply().await {
        assert_eq!(reply.len(), 24 + 4 + 88 + 12 + (1 << 20), "a whole reply");
        replies += 1;
    }
    assert!(replies >= 1);
    assert_eq!(raw.0.read(&mut [0; 1]).await.unwrap(), 0, "closed in order, after a whole reply");
    let served = server.served.take().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), served).await;
    assert!(ended.is_ok_and(|joined| joined.is_ok()), "the server ends by itself");
    assert!(tokio::net::TcpStream::connect(server.addr).await.is_err());
}
