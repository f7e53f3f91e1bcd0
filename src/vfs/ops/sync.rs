//! COMMIT, sync, and the state of the volume's space.

use std::sync::atomic::Ordering;

use super::Result;
use crate::base::InodeId;

use super::super::{Committed, PreAttr, StatFs, Vfs, Wcc};

/// What an unbounded store is shown as: 1 PiB and 2^40 inodes.
const UNBOUNDED_BYTES: u64 = 1 << 50;
const UNBOUNDED_INODES: u64 = 1 << 40;

impl Vfs {
    /// Makes the content of a file, and everything needed to find it, durable. The whole file is
    /// flushed whatever range is asked for: RFC 1813 section 3.3.21 allows more than was asked.
    ///
    /// # Errors
    /// Whatever kept earlier unstable writes, or this flush, from being stored.
    ///
    /// # Durability
    /// Everything written to the file before the call is durable on return. Callers that wait at
    /// the same time share segments and one metadata flush.
    pub async fn commit(&self, inode: InodeId, offset: u64, count: u32) -> Result<Committed> {
        let cell = self.cell(inode).await?;
        tracing::trace!(inode = inode.get(), offset, count, "commit");
        let before = PreAttr::from(&cell.attr());
        if !self.options.read_only {
            self.flusher.flush(Some(inode)).await?;
        }
        if let Some(error) = cell.state().lock().write_error.take() {
            return Err(error);
        }
        let wcc = Wcc { before, after: cell.attr() };
        Ok(Committed { wcc, verifier: self.write_verifier() })
    }

    /// Makes everything durable that was answered before the call.
    ///
    /// # Errors
    /// Whatever kept it from being stored.
    pub async fn sync(&self) -> Result<()> {
        if self.options.read_only {
            return Ok(());
        }
        self.flusher.flush(None).await
    }

    /// Space and inodes of the volume.
    ///
    /// # Errors
    /// None at present; a quota engine may have to ask the store.
    #[expect(clippy::unused_async, reason = "the interface protocols call is asynchronous")]
    pub async fn statfs(&self) -> Result<StatFs> {
        let used_bytes = u64::try_from(self.used_bytes.load(Ordering::Relaxed)).unwrap_or(0);
        let used_inodes = u64::try_from(self.used_inodes.load(Ordering::Relaxed)).unwrap_or(0);
        Ok(StatFs {
            total_bytes: UNBOUNDED_BYTES.max(used_bytes),
            free_bytes: UNBOUNDED_BYTES.saturating_sub(used_bytes),
            total_inodes: UNBOUNDED_INODES.max(used_inodes),
            free_inodes: UNBOUNDED_INODES.saturating_sub(used_inodes),
        })
    }
}
