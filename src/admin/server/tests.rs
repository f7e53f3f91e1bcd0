use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::admin::api::{
    DurabilityStatus, ListenerStatus, Readiness, Reason, ReasonCode, Status, VolumeStatus,
};
use crate::admin::routes::StatusSource;
use crate::base::SystemClock;

struct Fixed(Vec<Reason>);

#[async_trait]
impl StatusSource for Fixed {
    async fn readiness(&self) -> Readiness {
        Readiness::from_reasons(self.0.clone())
    }

    async fn status(&self) -> Status {
        Status {
            version: "0",
            uptime_seconds: 1,
            volume: VolumeStatus {
                name: Some("photos".to_owned()),
                id: "00".repeat(16),
                store: "memory".to_owned(),
                encryption: "aes-256-gcm".to_owned(),
                compression: "lz4".to_owned(),
                extent_bytes: 65_536,
                sse: "none".to_owned(),
                read_only: false,
            },
            durability: DurabilityStatus {
                tier: "store",
                metadata_sync: "interval".to_owned(),
                flush_interval_ms: 200,
            },
            dirty_bytes: 7,
            listeners: ListenerStatus::default(),
            readiness: self.readiness().await,
        }
    }

    fn metrics(&self) -> String {
        "sealgate_ready 1\n".to_owned()
    }
}

struct Running {
    addr: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn start(reasons: Vec<Reason>) -> Running {
    let state = AdminState::new(Arc::new(Fixed(reasons)));
    let addr = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = AdminServer::bind(addr, state, AdminOptions::default()).unwrap();
    let addr = server.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(server.serve(Arc::new(SystemClock::new()), stop.clone()));
    Running { addr, stop, task }
}

async fn ask(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    // A server that refuses a request may reset the connection after its answer.
    let _ = stream.read_to_end(&mut reply).await;
    String::from_utf8(reply).unwrap()
}

async fn get(addr: SocketAddr, path: &str) -> String {
    ask(addr, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn every_path_answers() {
    let running = start(Vec::new()).await;
    assert!(get(running.addr, "/healthz").await.starts_with("HTTP/1.1 200"));
    let ready = get(running.addr, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains(r#""ready":true"#), "{ready}");
    let metrics = get(running.addr, "/metrics").await;
    assert!(metrics.contains("text/plain; version=0.0.4") && metrics.contains("sealgate_ready 1"));
    let status = get(running.addr, "/v1/status").await;
    assert!(status.contains(r#""name":"photos""#) && status.contains(r#""tier":"store""#));
    assert!(get(running.addr, "/v2/status").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_gateway_with_a_reason_is_not_ready_but_alive() {
    let reason = Reason { code: ReasonCode::Fenced, message: "taken over".to_owned() };
    let running = start(vec![reason]).await;
    let ready = get(running.addr, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("taken over"), "{ready}");
    assert!(get(running.addr, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn bad_requests_get_an_error_and_leave_the_server_serving() {
    let running = start(Vec::new()).await;
    let post =
        "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(ask(running.addr, post).await.starts_with("HTTP/1.1 405"));
    assert!(ask(running.addr, "\x16\x03\x01 hello\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(20_000));
    assert!(ask(running.addr, &head).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(65));
    assert!(ask(running.addr, &many).await.starts_with("HTTP/1.1 431"));
    assert!(get(running.addr, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_the_server() {
    let running = start(Vec::new()).await;
    let mut idle = TcpStream::connect(running.addr).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0_u8; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    running.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(running.addr).await.is_err());
}

#[test]
fn only_loopback_and_named_networks_are_admitted() {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let none = AdminOptions::default();
    assert!(none.admits(at("127.0.0.1:5")) && none.admits(at("[::1]:5")));
    assert!(none.admits(at("[::ffff:127.0.0.1]:5")));
    assert!(!none.admits(at("10.1.2.3:5")));
    let some = AdminOptions { allow: vec!["10.1.0.0/16".parse().unwrap()] };
    assert!(some.admits(at("10.1.2.3:5")) && some.admits(at("[::ffff:10.1.2.3]:5")));
    assert!(!some.admits(at("10.2.2.3:5")));
}
