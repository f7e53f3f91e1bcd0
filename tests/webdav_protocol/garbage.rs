//! What no client should send, and what the server says to it.

use std::time::Duration;

use sealgate::webdav::WebDavOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Bench, pause};

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_lead_elsewhere_are_refused() {
    let bench = Bench::new().await;
    bench.put("/f", b"x").await;
    for path in [
        "/../f",
        "/a/../../etc/passwd",
        "/%2e%2e/f",
        "/..%2ff",
        "/a%2Fb",
        "/f%00",
        "/%",
        "/%g0",
        "/.",
    ] {
        for method in ["GET", "PUT", "DELETE", "MKCOL", "PROPFIND", "LOCK"] {
            let reply = bench.send(method, path, &[("Depth", "0")], b"").await;
            assert_eq!(reply.status, 400, "{method} {path}");
        }
    }
    let long = format!("/{}", "n".repeat(256));
    assert_eq!(bench.put(&long, b"x").await.status, 414);
    assert_eq!(bench.put(&long[..256], b"x").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_ours_is_refused() {
    let bench = Bench::new().await;
    let get = async |host: &str| {
        let request = format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        bench.raw(request.as_bytes()).await.status
    };
    assert_eq!(get("Host: evil.example\r\n").await, 421);
    assert_eq!(get("Host: 127.0.0.1.evil.example\r\n").await, 421);
    assert_eq!(get("").await, 400);
    assert_eq!(get("Host: localhost\r\nHost: localhost\r\n").await, 400);
    assert_eq!(get("Host: localhost:1\r\n").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_too_large_or_broken_are_refused() {
    let bench = Bench::new().await;
    let large = "x".repeat(64 << 10);
    assert_eq!(bench.send("GET", "/", &[("X", &large)], b"").await.status, 431);
    let many: Vec<(&str, &str)> = vec![("X", "y"); 200];
    assert_eq!(bench.send("GET", "/", &many, b"").await.status, 431);
    for garbage in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"] {
        assert!(bench.raw(garbage).await.status >= 400);
    }
    assert_eq!(bench.get("/").await.status, 200, "the server is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_headers_that_make_no_sense_are_refused() {
    let bench = Bench::new().await;
    bench.put("/f", b"x").await;
    for (method, headers, expected) in [
        ("BREW", &[][..], 501),
        ("POST", &[], 501),
        ("PROPFIND", &[("Depth", "many")], 400),
        ("PROPFIND", &[("Depth", "0"), ("Depth", "1")], 400),
        ("COPY", &[("Destination", "/g"), ("Overwrite", "X")], 400),
        ("COPY", &[("Destination", "not a uri")], 400),
        ("UNLOCK", &[], 400),
        ("PATCH", &[("Content-Type", "text/plain")], 415),
    ] {
        let reply = bench.send(method, "/f", headers, b"").await;
        assert_eq!(reply.status, expected, "{method} {headers:?}");
        assert!(!reply.text().contains("/f"), "no path in an error body");
    }
    let body = bench.send("DELETE", "/f", &[], b"a body").await;
    assert_eq!(body.status, 415);
    assert_eq!(bench.get("/f").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dawdles_is_let_go() {
    let quick = |options: &mut WebDavOptions| {
        options.header_timeout = Duration::from_millis(200);
        options.body_timeout = Duration::from_millis(200);
    };
    let bench = Bench::with(quick).await;
    let mut slow = TcpStream::connect(bench.addr).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.unwrap();
    let mut answer = Vec::new();
    let read = slow.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("it is let go").unwrap();
    let stalled =
        format!("PUT /f HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\nhalf", bench.addr);
    assert_eq!(bench.raw(stalled.as_bytes()).await.status, 408);
    assert_eq!(bench.get("/f").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_outside_the_allow_list_get_nothing() {
    let elsewhere = |options: &mut WebDavOptions| {
        options.allow = vec!["192.0.2.0/24".parse().unwrap()];
    };
    let bench = Bench::with(elsewhere).await;
    let mut stream = TcpStream::connect(bench.addr).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
    assert!(read.is_err() || answer.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_a_request_under_way_finish() {
    let bench = Bench::new().await;
    let addr = bench.addr;
    let mut upload = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "PUT /f HTTP/1.1\r\nHost: {addr}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    upload.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let stopping = tokio::spawn(bench.stop());
    while TcpStream::connect(addr).await.is_ok() {
        pause(10).await;
    }
    upload.write_all(b"0123456789").await.unwrap();
    let mut answer = Vec::new();
    upload.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 201"), "{}", String::from_utf8_lossy(&answer));
    stopping.await.unwrap();
}
