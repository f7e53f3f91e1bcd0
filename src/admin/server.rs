//! The admin listener: the only sockets of this module.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::routes::{AdminState, router};
use crate::base::Clock;
use crate::base::limits::HTTP_CONNECTIONS_MAX;
use crate::telemetry::names;

/// Who may connect.
#[derive(Clone, Debug, Default)]
pub struct AdminOptions {
    /// Networks that may connect besides loopback. Empty: nobody else.
    pub allow: Vec<IpNet>,
}

impl AdminOptions {
    /// Whether a client at `peer` is answered.
    #[must_use]
    pub fn admits(&self, peer: SocketAddr) -> bool {
        let ip = peer.ip().to_canonical();
        ip.is_loopback() || self.allow.iter().any(|network| network.contains(&ip))
    }
}

/// A bound admin listener.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    state: AdminState,
    options: AdminOptions,
}

impl AdminServer {
    /// Takes a bound listener. Binding comes first and alone, because the state to answer from
    /// names every bound address, this one too.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(
        listener: std::net::TcpListener,
        state: AdminState,
        options: AdminOptions,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)?, state, options })
    }

    /// Binds `addr`. Connections wait in the kernel's queue until [`AdminServer::serve`].
    ///
    /// # Errors
    /// What the operating system says, among them `AddrInUse`.
    pub fn bind(addr: SocketAddr, state: AdminState, options: AdminOptions) -> io::Result<Self> {
        Self::new(std::net::TcpListener::bind(addr)?, state, options)
    }

    /// The bound address, with the port that was picked for port 0.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` is cancelled, then finishes the requests under way.
    ///
    /// A connection has [`HEADER_SECONDS_MAX`] for each request head and [`CONNECTION_SECONDS_MAX`]
    /// in all, so that a silent client cannot hold its place.
    pub async fn serve(self, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
        let tracker = TaskTracker::new();
        let shared = Arc::new((self.state, self.options));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                // Out of file descriptors, or the client is gone already: waiting a moment keeps
                // the loop from spinning on an error that repeats at once.
                clock.sleep(ACCEPT_PAUSE).await;
                continue;
            };
            if !shared.1.admits(peer) {
                refused("network");
                continue;
            }
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                refused("limit");
                continue;
            };
            let (state, clock, stop) = (shared.0.clone(), Arc::clone(&clock), stop.clone());
            tracker.spawn(async move {
                connection(stream, state, &*clock, &stop).await;
                drop(place);
            });
        }
        tracker.close();
        tracker.wait().await;
    }
}

/// Serves one connection to its end, its time limit, or the end of the request under way after
/// `stop`.
async fn connection(
    stream: TcpStream,
    state: AdminState,
    clock: &dyn Clock,
    stop: &CancellationToken,
) {
    metrics::gauge!(names::ADMIN_CONNECTIONS).increment(1.0);
    let service = TowerToHyperService::new(router(state));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEADER_SECONDS_MAX))
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let limit = clock.sleep(Duration::from_secs(CONNECTION_SECONDS_MAX));
    tokio::pin!(limit);
    let mut stopping = false;
    loop {
        tokio::select! {
            // A client's broken connection is its own affair: nothing to say or undo here.
            _ = serving.as_mut() => break,
            () = limit.as_mut() => break,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
    metrics::gauge!(names::ADMIN_CONNECTIONS).decrement(1.0);
}

fn refused(reason: &'static str) {
    metrics::counter!(names::ADMIN_CONNECTIONS_REFUSED, "reason" => reason).increment(1);
}

/// Time for one request head to arrive.
const HEADER_SECONDS_MAX: u64 = 10;
/// Longest life of one connection; scrapers reconnect.
const CONNECTION_SECONDS_MAX: u64 = 300;
/// Largest request head; hyper's own minimum is 8 KiB.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Most header fields of a request.
const HEADERS_MAX: usize = 64;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
