//! The listener: accepts, bounds, and drains connections. The only file with sockets.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::locks::Locks;
use super::metrics;
use super::options::WebDavOptions;
use super::request_line::RequestLine;
use super::request_line::Watched;
use super::service::Service;
use super::session::Shared;
use crate::vfs::Vfs;

/// Size of a request's head: a path of `PATH_MAX` bytes, fully encoded, and room for headers.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Headers of one request.
const HEADERS_MAX: usize = 100;
/// Bytes read from a connection at once; a large body comes in pieces of this size.
const READ_BYTES_MAX: usize = 512 << 10;
/// Pause after a failed accept: most likely the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound WebDAV front, not serving yet.
pub struct WebDavServer {
    listener: TcpListener,
    shared: Arc<Shared>,
    service: Arc<Service>,
    local_addr: SocketAddr,
}

impl WebDavServer {
    /// Binds `addr` and answers nothing yet; port 0 picks a free one. Must be called within a
    /// Tokio runtime. Whether the address may be bound at all is the caller's question to
    /// [`WebDavOptions::check_address`].
    ///
    /// # Errors
    /// What the operating system says, `AddrInUse` above all.
    pub fn bind(addr: SocketAddr, vfs: Arc<Vfs>, options: WebDavOptions) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let local_addr = listener.local_addr()?;
        let locks = Locks::new(options.lock_timeout_max, options.locks_max);
        let shared = Arc::new(Shared { vfs, options, locks });
        let service = Arc::new(Service::new(Arc::clone(&shared), local_addr));
        Ok(Self { listener, shared, service, local_addr })
    }

    /// The address that was bound, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `stop` is cancelled, then takes no more connections, lets requests under way
    /// finish for at most `drain_timeout`, and returns.
    pub async fn serve(self, stop: CancellationToken) {
        let options = &self.shared.options;
        let slots = Arc::new(Semaphore::new(options.connections_max));
        let connections = TaskTracker::new();
        let abort = CancellationToken::new();
        while let Some(stream) = self.accept(&slots, &stop).await {
            let (stream, slot) = match stream {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a WebDAV connection could not be accepted");
                    options.clock.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let service = Arc::clone(&self.service);
            let (stop, abort) = (stop.clone(), abort.clone());
            let header_timeout = options.header_timeout;
            connections.spawn(async move {
                ::metrics::gauge!(metrics::CONNECTIONS).increment(1.0);
                tokio::select! {
                    () = connection(stream, service, header_timeout, stop) => {}
                    () = abort.cancelled() => {}
                }
                ::metrics::gauge!(metrics::CONNECTIONS).decrement(1.0);
                drop(slot);
            });
        }
        connections.close();
        tokio::select! {
            () = connections.wait() => return,
            () = options.clock.sleep(options.drain_timeout) => abort.cancel(),
        }
        connections.wait().await;
    }

    /// The next connection of a peer that may connect, with its slot; `None` once stopped.
    async fn accept(
        &self,
        slots: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Option<io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)>> {
        loop {
            let slot = tokio::select! {
                slot = Arc::clone(slots).acquire_owned() => slot.ok()?,
                () = stop.cancelled() => return None,
            };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return None,
            };
            match accepted {
                Ok((stream, peer)) if may_connect(peer.ip(), &self.shared.options) => {
                    return Some(Ok((stream, slot)));
                }
                Ok(_) => ::metrics::counter!(metrics::PEERS_REFUSED).increment(1),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Whether a peer is within the allow list; without one, whether it is this machine.
fn may_connect(peer: IpAddr, options: &WebDavOptions) -> bool {
    let peer = peer.to_canonical();
    if options.allow.is_empty() {
        return peer.is_loopback();
    }
    options.allow.iter().any(|network| network.contains(&peer))
}

/// Serves one connection to its end. After `stop`, the request under way is the last one.
async fn connection(
    stream: TcpStream,
    service: Arc<Service>,
    header_timeout: Duration,
    stop: CancellationToken,
) {
    // Answers are written whole; waiting for more to send only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let line = Arc::new(RequestLine::default());
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&line)));
    let service = service_fn(move |request| {
        let (service, line) = (Arc::clone(&service), Arc::clone(&line));
        async move { Ok::<_, Infallible>(service.serve(request, line).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(READ_BYTES_MAX)
        .serve_connection(io, service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        // Clients break connections all the time; hyper's words hold nothing of the request.
        tracing::debug!(%error, "a WebDAV connection ended early");
    }
}

impl fmt::Debug for WebDavServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebDavServer").field("addr", &self.local_addr).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::Identity;

    #[test]
    fn without_an_allow_list_only_this_machine_may_connect() {
        let options = WebDavOptions::new(Identity::ROOT);
        assert!(may_connect("127.0.0.1".parse().unwrap(), &options));
        assert!(may_connect("::ffff:127.0.0.1".parse().unwrap(), &options));
        assert!(!may_connect("10.0.0.1".parse().unwrap(), &options));
    }

    #[test]
    fn the_allow_list_decides_alone() {
        let mut options = WebDavOptions::new(Identity::ROOT);
        options.allow = vec!["10.0.0.0/8".parse().unwrap()];
        assert!(may_connect("10.1.2.3".parse().unwrap(), &options));
        assert!(may_connect("::ffff:10.1.2.3".parse().unwrap(), &options));
        assert!(!may_connect("127.0.0.1".parse().unwrap(), &options));
    }
}
