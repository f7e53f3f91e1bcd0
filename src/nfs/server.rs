//! The only file of this module with sockets: listening, accepting, refusing, draining.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::nfs::connection::{self, Closed, Shared};
use crate::nfs::context::Context;
use crate::nfs::metrics::{self, OpenConnection};
use crate::nfs::options::NfsOptions;
use crate::vfs::Vfs;

/// How long to wait after a failed accept, so that a lack of file descriptors is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An NFS server that listens and does not serve yet.
#[derive(Debug)]
pub struct NfsServer {
    listener: TcpListener,
    local_addr: SocketAddr,
    shared: Arc<Shared>,
}

impl NfsServer {
    /// Listens at `addr` (port 0: a free one) to offer `vfs`. Needs a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be had, or `options` are refused by [`NfsOptions::check`]
    /// (`InvalidInput`).
    pub fn bind(addr: SocketAddr, vfs: Arc<Vfs>, options: NfsOptions) -> io::Result<Self> {
        options.check().map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let local_addr = listener.local_addr()?;
        let shared = Arc::new(Shared::new(Context::new(vfs, options)));
        Ok(Self { listener, local_addr, shared })
    }

    /// The address that clients connect to, with the port that was found.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `stop` is cancelled; then takes no new connection and no new request,
    /// finishes and answers those that run, and returns when all is done or the drain timeout
    /// is over.
    ///
    /// # Cancel safety
    /// If the future is dropped, connections and requests go on by themselves; cancel `stop`.
    pub async fn serve(self, stop: CancellationToken) {
        let options = &self.shared.context.options;
        let connections = TaskTracker::new();
        let room = Arc::new(Semaphore::new(options.connections_max));
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => {
                    let Some(admitted) = self.admit(&room, peer) else { continue };
                    let connection =
                        serve_one(Arc::clone(&self.shared), socket, peer, stop.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(admitted);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    options.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        connections.close();
        self.shared.requests.close();
        tokio::select! {
            biased;
            ((), ()) = async { tokio::join!(connections.wait(), self.shared.requests.wait()) } => {}
            () = options.clock.sleep(options.drain_timeout) => {
                let running = self.shared.requests.len();
                tracing::warn!(running, "NFS requests did not finish in time");
            }
        }
    }

    /// Decides whether a connection may stay. Dropping the socket closes it.
    fn admit(
        &self,
        room: &Arc<Semaphore>,
        peer: SocketAddr,
    ) -> Option<tokio::sync::OwnedSemaphorePermit> {
        if !self.shared.context.options.allows(peer.ip()) {
            tracing::warn!(peer = %peer.ip(), "a connection from outside the allowed networks");
            metrics::connection_refused("address");
            return None;
        }
        let admitted = Arc::clone(room).try_acquire_owned().ok();
        if admitted.is_none() {
            tracing::warn!(peer = %peer.ip(), "too many connections");
            metrics::connection_refused("limit");
        }
        admitted
    }
}

async fn serve_one(
    shared: Arc<Shared>,
    socket: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
    let _open = OpenConnection::new();
    // Replies are written whole: waiting for more bytes would only delay them.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let closed = connection::serve(shared, peer, socket.into_split(), stop).await;
    metrics::connection_closed(closed.name());
    match closed {
        Closed::ByClient | Closed::Stopped | Closed::Idle => {
            tracing::debug!(peer = %peer.ip(), reason = %closed, "connection closed");
        }
        Closed::RecordTimeout
        | Closed::WriteTimeout
        | Closed::Record(_)
        | Closed::NoCall
        | Closed::Socket(_) => {
            tracing::info!(peer = %peer.ip(), reason = %closed, "connection closed");
        }
    }
}
