//! Inode ids: never reused, reserved in ranges so that creating a file costs no extra record.

use tokio::sync::Mutex;

use crate::base::InodeId;
use crate::format::{decode_next_inode, encode_next_inode};
use crate::meta::{Durability, RecordKey};

use super::{Error, Vfs};

/// Ids reserved at once: a wait for the store once in so many creations. A crash wastes at most
/// this many of 2^64.
const RANGE: u64 = 16_384;

/// The ids that this gateway reserved and has not given out: next and end.
#[derive(Debug, Default)]
pub(super) struct InodeIds(Mutex<(u64, u64)>);

impl Vfs {
    /// A new inode id.
    pub(super) async fn new_inode_id(&self) -> Result<InodeId, Error> {
        let mut range = self.inode_ids.0.lock().await;
        if range.0 == range.1 {
            let key = RecordKey::next_inode();
            let mut txn = self.noting(self.records().begin().await)?;
            let next = match txn.get(&key).await? {
                Some(bytes) => decode_next_inode(&bytes).map_err(|e| Error::layout(&key, e))?,
                None => InodeId::ROOT.get() + 1,
            };
            let end = next.checked_add(RANGE).ok_or(Error::NoSpace)?;
            txn.put(&key, &encode_next_inode(end));
            // Durable before an id is seen: a client keeps the handle of a file whose creation a
            // crash undid, and the handle must never lead to the file that is created next.
            self.noting(txn.commit(Durability::Durable).await)?;
            *range = (next, end);
        }
        let id = InodeId::new(range.0).ok_or(Error::NoSpace)?;
        range.0 += 1;
        Ok(id)
    }
}
