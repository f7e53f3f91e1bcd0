//! One request's view of the volume: who asks, and every vfs call held while the store is away.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::locks::Locks;
use super::metrics;
use super::options::WebDavOptions;
use crate::base::InodeId;
use crate::base::Timestamp;
use crate::vfs::Attr;
use crate::vfs::Error;
use crate::vfs::Identity;
use crate::vfs::Vfs;

/// What all requests of a server share.
pub(super) struct Shared {
    pub(super) vfs: Arc<Vfs>,
    pub(super) options: WebDavOptions,
    pub(super) locks: Locks,
}

/// Why an upload through `dav-server` failed, where its own error type cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The vfs said this.
    Vfs(Error),
    /// Fewer or more bytes came than were announced.
    Length,
    /// The client stopped sending.
    Stalled,
}

/// Who asks, and what the request's headers say about an upload. `dav-server` passes it through to
/// the file system adapter as its credentials.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) who: Identity,
    /// Owner of the locks this session takes.
    pub(super) principal: String,
    /// Modification time for the file that is uploaded (`X-OC-Mtime`).
    pub(super) upload_mtime: Option<Timestamp>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Session {
    /// A session of the identity that everything runs as.
    pub(super) fn new(shared: Arc<Shared>, upload_mtime: Option<Timestamp>) -> Self {
        let who = shared.options.identity.clone();
        let principal = format!("uid-{}", who.uid);
        Self { shared, who, principal, upload_mtime, fault: Arc::default() }
    }

    /// The volume.
    pub(super) fn vfs(&self) -> &Vfs {
        &self.shared.vfs
    }

    /// Monotonic time, as locks count it.
    pub(super) fn now(&self) -> Duration {
        self.shared.options.clock.monotonic()
    }

    /// Remembers the first fault, for the answer.
    pub(super) fn note(&self, fault: Fault) {
        self.fault.lock().get_or_insert(fault);
    }

    /// The fault noted, if any.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.lock().clone()
    }

    /// Runs `operation`, again and again while the store cannot be reached, for at most
    /// `hold_timeout`. Waits grow from 0.1 s to 5 s, each drawn from half to all of its length, so
    /// that held requests do not come back together.
    ///
    /// # Errors
    /// What the operation answered last.
    pub(super) async fn hold<T, F>(&self, operation: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let options = &self.shared.options;
        let deadline = options.clock.monotonic().saturating_add(options.hold_timeout);
        let mut wait = WAIT_MIN;
        loop {
            let result = operation().await;
            let Err(Error::Unavailable(_)) = result else { return result };
            let mut random = [0_u8; 1];
            options.random.fill(&mut random);
            let [draw] = random;
            let drawn = wait / 2 + wait / 2 * u32::from(draw) / 255;
            if options.clock.monotonic().saturating_add(drawn) > deadline {
                return result;
            }
            if wait == WAIT_MIN {
                ::metrics::counter!(metrics::HELD).increment(1);
            }
            options.clock.sleep(drawn).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    /// Attributes of an inode.
    ///
    /// # Errors
    /// As [`Vfs::getattr`].
    pub(super) async fn getattr(&self, inode: InodeId) -> Result<Attr, Error> {
        self.hold(|| self.vfs().getattr(inode)).await
    }
}

/// First wait for an unreachable store.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// Longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(5);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("uid", &self.who.uid).finish_non_exhaustive()
    }
}

/// The strong entity tag of an inode without quotes: every change of content gives another, and
/// inode numbers are never used again.
pub(super) fn bare_etag(attr: &Attr) -> String {
    format!("{:x}-{:x}", attr.inode.get(), attr.version)
}

/// The entity tag as headers and `getetag` carry it.
pub(super) fn etag(attr: &Attr) -> String {
    format!("\"{}\"", bare_etag(attr))
}
