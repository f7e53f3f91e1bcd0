//! Everything that can keep a gateway from starting or from stopping cleanly.

use std::io;
use std::net::SocketAddr;

use crate::daemon::address::{AddressError, Service};
use crate::daemon::config::ConfigError;
use crate::daemon::secret::SecretError;
use crate::daemon::secret_file::SecretFileError;
use crate::store::StoreError;
use crate::telemetry::RecorderError;
use crate::vfs;
use crate::volume::VolumeError;

/// Why a gateway does not run. Each message says what happened, to what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The config file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The volume secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The store's credentials or its customer key.
    #[error("the store's credentials are refused: {0}")]
    Credentials(#[from] SecretFileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The volume.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The file system of the volume.
    #[error("the volume opened but its file system did not start: {0}")]
    Vfs(#[from] vfs::Error),
    /// An address that must not be served.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Somebody else listens there.
    #[error(
        "the {service} address {addr} is in use by another process; stop that process, or give \
         another address with --{service} (port 0 picks a free one, none switches {service} off)"
    )]
    AddressInUse {
        /// Which listener.
        service: Service,
        /// Where.
        addr: SocketAddr,
    },
    /// The operating system refuses the address.
    #[error("the {service} address {addr} cannot be listened on: {source}")]
    Bind {
        /// Which listener.
        service: Service,
        /// Where.
        addr: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// A secret was given for a volume that has no encryption.
    #[error(
        "a secret was given, but the volume at {store} is not encrypted: its header says \
         encryption none; if it should be encrypted, somebody replaced the header, so do not write \
         to it; if not, start without a secret"
    )]
    NotEncrypted {
        /// Which store.
        store: String,
    },
    /// Nothing to read yet.
    #[error(
        "the volume has no secret yet, so there is nothing to read; start once without --ro to \
         choose one"
    )]
    ReadOnlyWithoutSecret,
    /// Signals cannot be received.
    #[error("signals cannot be handled: {0}")]
    Signals(#[source] io::Error),
    /// Metrics cannot be recorded.
    #[error(transparent)]
    Metrics(#[from] RecorderError),
    /// What was written could not be stored before the end.
    #[error(
        "the last flush failed and {dirty_bytes} bytes that clients wrote are not in the store \
         ({reason}); nothing that was acknowledged as stable is lost, clients that are still \
         mounted send the rest again when the gateway is back"
    )]
    FlushFailed {
        /// Bytes that were written and not stored.
        dirty_bytes: u64,
        /// Why.
        reason: vfs::Error,
    },
}
