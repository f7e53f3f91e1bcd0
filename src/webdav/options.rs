//! What the daemon decides for the WebDAV front.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::base::Clock;
use crate::base::OsRandom;
use crate::base::Random;
use crate::base::SystemClock;
use crate::base::limits::HTTP_CONNECTIONS_MAX;
use crate::vfs::Identity;

/// Why the WebDAV front cannot be offered as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebDavError {
    /// Without authentication, whoever reaches the address has the volume.
    #[error(
        "the WebDAV address {0} can be reached from other machines, and WebDAV has no \
         authentication: use a loopback address such as 127.0.0.1:8049 (and an SSH tunnel or a \
         proxy that authenticates to reach it from elsewhere), or switch WebDAV off with \
         `--webdav none`"
    )]
    AddressNotLoopback(SocketAddr),
}

/// Settings and parts of a [`super::WebDavServer`].
#[derive(Clone)]
pub struct WebDavOptions {
    /// Everything runs as this user; by default that of the gateway process.
    pub identity: Identity,
    /// Networks whose peers may connect; empty admits loopback peers only.
    pub allow: Vec<IpNet>,
    /// Names, besides loopback names and the bound address, that a `Host` header may carry. Any
    /// other is refused, so that a web page cannot reach the gateway through a name of its own.
    pub host_names: Vec<String>,
    /// Connections at once; further ones wait in the listen queue. Default
    /// [`HTTP_CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// How long a client may take to send the head of a request, idle time between requests
    /// included. Default 60 s.
    pub header_timeout: Duration,
    /// How long a request body may stall before the upload is given up. Default 60 s.
    pub body_timeout: Duration,
    /// How long an operation is held while the store cannot be reached, before the answer is 503.
    /// Default 60 s: file managers take a 5xx for a missing file, so waiting is kinder.
    pub hold_timeout: Duration,
    /// How long requests under way may go on after the server was told to stop. Default 10 s.
    pub drain_timeout: Duration,
    /// Longest life of a lock without a refresh; a client that asks for more gets this. Default
    /// 1 h, which is what Windows asks for.
    pub lock_timeout_max: Duration,
    /// Locks at once. Default 10,000.
    pub locks_max: usize,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where lock tokens come from.
    pub random: Arc<dyn Random>,
}

impl WebDavOptions {
    /// The defaults, for requests that run as `identity`.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            allow: Vec::new(),
            host_names: Vec::new(),
            connections_max: HTTP_CONNECTIONS_MAX,
            header_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(60),
            hold_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(10),
            lock_timeout_max: Duration::from_secs(3_600),
            locks_max: 10_000,
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(OsRandom),
        }
    }

    /// Whether `addr` may be bound: only loopback while there is no authentication. Called by the
    /// daemon before [`super::WebDavServer::bind`].
    ///
    /// # Errors
    /// [`WebDavError::AddressNotLoopback`], a sentence that says what to do instead.
    pub fn check_address(addr: SocketAddr) -> Result<(), WebDavError> {
        if addr.ip().to_canonical().is_loopback() {
            Ok(())
        } else {
            Err(WebDavError::AddressNotLoopback(addr))
        }
    }
}

impl fmt::Debug for WebDavOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebDavOptions")
            .field("identity", &self.identity)
            .field("allow", &self.allow)
            .field("host_names", &self.host_names)
            .field("connections_max", &self.connections_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_may_be_bound() {
        for addr in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(WebDavOptions::check_address(addr.parse().unwrap()), Ok(()), "{addr}");
        }
        for addr in ["0.0.0.0:1", "[::]:1", "192.168.1.2:1", "[::ffff:10.0.0.1]:1"] {
            let error = WebDavOptions::check_address(addr.parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains("loopback address"), "{error}");
        }
    }
}
