//! WRITE: bytes go by reference into dirty extents.

use std::sync::Arc;

use bytes::Bytes;

use super::{Result, touch};
use crate::base::limits::FILE_BYTES_MAX;
use crate::base::{InodeId, to_u64};
use crate::format::FileKind;

use super::super::access::{check_write, mode_after_write};
use super::super::cell::{CellState, InodeCell, attr_of};
use super::super::{Error, Identity, PreAttr, Stability, Vfs, Wcc, Written};

impl Vfs {
    /// Writes `data` at `offset`; all of it or nothing. Grows the file if needed.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::TooLarge`], [`Error::IsDirectory`], [`Error::Invalid`] for
    /// anything else that has no content; [`Error::Unavailable`] if memory for dirty content stays
    /// full because the store does not take it.
    ///
    /// # Durability
    /// As `stability` asks: [`Stability::Unstable`] returns when the bytes are in memory, the
    /// others when bytes and metadata are durable.
    pub async fn write(
        &self,
        who: &Identity,
        inode: InodeId,
        offset: u64,
        data: Bytes,
        stability: Stability,
    ) -> Result<Written> {
        self.check_writable()?;
        let count = u32::try_from(data.len()).map_err(|_| Error::Invalid)?;
        let end = offset.checked_add(u64::from(count)).ok_or(Error::TooLarge)?;
        if end > FILE_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        let cell = self.cell(inode).await?;
        self.reserve(to_u64(data.len())).await?;
        let verifier = self.write_verifier();
        let wcc = match self.write_dirty(&cell, who, offset, &data).await {
            Ok(wcc) => wcc,
            Err(error) => {
                self.budget.give(to_u64(data.len()));
                return Err(error);
            }
        };
        if stability > Stability::Unstable {
            self.flusher.flush(Some(inode)).await?;
        }
        let stability =
            if stability == Stability::Unstable { stability } else { Stability::FileSync };
        Ok(Written { count, stability, wcc, verifier })
    }

    /// Takes memory for dirty content, waiting for flushes to give some back.
    async fn reserve(&self, bytes: u64) -> Result<()> {
        tokio::select! {
            biased;
            () = self.budget.take(bytes, || self.flusher.press()) => Ok(()),
            () = self.clock().sleep(self.options.wait_max) => Err(Error::Unavailable(
                "memory for dirty content is full and the store takes no more".to_owned(),
            )),
        }
    }

    async fn write_dirty(
        &self,
        cell: &Arc<InodeCell>,
        who: &Identity,
        offset: u64,
        data: &Bytes,
    ) -> Result<Wcc> {
        // Shared: writers of content go on side by side, changes of metadata wait for them.
        let _shared = cell.op.read().await;
        let mut state = cell.state().lock();
        check_writable_file(&state, cell, who)?;
        let before = PreAttr::from(&attr_of(cell.id, &state.record));
        if !data.is_empty() {
            let grown = state.dirty.write(offset, data, self.extent_bytes());
            // What lay below was counted when it was written.
            self.budget.give(to_u64(data.len()).saturating_sub_signed(grown));
            let mode = mode_after_write(&state.record, who);
            state.record.mode = mode;
            state.record.size = state.record.size.max(offset + to_u64(data.len()));
            touch(&mut state.record, self.now());
            state.attr_dirty = true;
            state.dirty_since.get_or_insert(self.clock().monotonic());
        }
        let after = attr_of(cell.id, &state.record);
        drop(state);
        self.flusher.note_dirty(cell);
        Ok(Wcc { before, after })
    }
}

fn check_writable_file(state: &CellState, cell: &InodeCell, who: &Identity) -> Result<()> {
    match state.record.kind {
        FileKind::File => {}
        FileKind::Directory => return Err(Error::IsDirectory),
        FileKind::Symlink
        | FileKind::CharDevice
        | FileKind::BlockDevice
        | FileKind::Fifo
        | FileKind::Socket => return Err(Error::Invalid),
    }
    if state.record.nlink == 0 && !cell.is_pinned() {
        return Err(Error::Stale);
    }
    check_write(&state.record, who)
}
