//! Stopping: no new requests, finish those under way, store everything, close.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::Clock;
use crate::daemon::error::DaemonError;
use crate::vfs::Vfs;

/// Waits until every protocol server finished its requests, at most [`DRAIN_MAX`].
pub(crate) async fn drain(servers: &TaskTracker, clock: &dyn Clock) {
    servers.close();
    tokio::select! {
        () = servers.wait() => {}
        () = clock.sleep(DRAIN_MAX) => tracing::warn!(
            seconds = DRAIN_MAX.as_secs(),
            "requests under way did not finish in time and are dropped; clients send them again"
        ),
    }
}

/// Stores everything and closes the volume. Says every few seconds how much is left, because a
/// slow store may take its time and cutting it short would lose what clients believe written.
///
/// # Errors
/// [`DaemonError::FlushFailed`] with the bytes that are not stored.
pub(crate) async fn flush_and_close(
    vfs: &Arc<Vfs>,
    clock: &Arc<dyn Clock>,
) -> Result<(), DaemonError> {
    let done = CancellationToken::new();
    let progress = tokio::spawn(report_progress(Arc::clone(vfs), Arc::clone(clock), done.clone()));
    let closed = vfs.shutdown().await;
    done.cancel();
    // The task only logs: if it panicked there is nothing to undo.
    let _ = progress.await;
    closed.map_err(|reason| DaemonError::FlushFailed { dirty_bytes: vfs.dirty_bytes(), reason })
}

async fn report_progress(vfs: Arc<Vfs>, clock: Arc<dyn Clock>, done: CancellationToken) {
    loop {
        tokio::select! {
            () = done.cancelled() => return,
            () = clock.sleep(PROGRESS_INTERVAL) => {
                tracing::info!(dirty_bytes = vfs.dirty_bytes(), "storing what clients wrote");
            }
        }
    }
}

/// Longest wait for requests under way. Orchestrators commonly kill after 30 s to 90 s, and the
/// flush comes after it.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(30);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
