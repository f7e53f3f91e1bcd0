//! READDIR: one range scan per page; a cookie keeps its place whatever comes and goes.

use futures::stream::{self, StreamExt};

use super::Result;
use crate::base::InodeId;
use crate::format::DentryBucket;
use crate::meta::{RecordKey, keys};

use super::super::access::access_of;
use super::super::{DirEntry, DirPage, Error, FileKind, Identity, Vfs};

/// Most buckets read for one page.
const PAGE_BUCKETS_MAX: usize = 4_096;
/// Attributes fetched at once.
const ATTRS_AT_ONCE: usize = 16;

impl Vfs {
    /// At most `entries_max` entries after `cookie` (0: from the start), without `.` and `..`.
    /// `with_attr` adds attributes.
    ///
    /// # Errors
    /// [`Error::NotDirectory`], [`Error::Denied`] without read permission.
    ///
    /// # Cost
    /// One scan of as many records as entries; independent of the directory's size.
    pub async fn readdir(
        &self,
        who: &Identity,
        dir: InodeId,
        cookie: u64,
        entries_max: usize,
        with_attr: bool,
    ) -> Result<DirPage> {
        let cell = self.cell(dir).await?;
        let parent = {
            let state = cell.state().lock();
            if state.record.kind != FileKind::Directory {
                return Err(Error::NotDirectory);
            }
            if !access_of(&state.record, who).read {
                return Err(Error::Denied);
            }
            state.record.parent.unwrap_or(InodeId::ROOT)
        };
        self.touch_atime(&cell);
        let wanted = entries_max.clamp(1, PAGE_BUCKETS_MAX);
        // The scan starts just below the bucket of the cookie: other slots of it may follow.
        let below = (cookie & !0xf).checked_sub(1);
        let after = below.map(|hash| RecordKey::dentry(dir, hash));
        let after = after.as_ref().map(RecordKey::as_bytes);
        let prefix = keys::dentries_of(dir);
        // One more: the bucket of the cookie itself may hold nothing new.
        let found = self.noting(self.records().scan(&prefix, after, wanted + 1).await)?;
        let mut eof = found.len() <= wanted;
        let mut entries = Vec::new();
        for (key, bytes) in found {
            let key = RecordKey::found(&key);
            let bucket = DentryBucket::decode(&bytes).map_err(|e| Error::layout(&key, e))?;
            let hash = keys::dentry_hash(key.as_bytes()).ok_or(Error::Invalid)?;
            for entry in bucket.entries() {
                let at = hash | u64::from(entry.slot);
                if at > cookie {
                    entries.push(DirEntry {
                        name: entry.name.clone(),
                        inode: entry.inode,
                        kind: entry.kind,
                        cookie: at,
                        attr: None,
                    });
                }
            }
        }
        if entries.len() > wanted {
            entries.truncate(wanted);
            eof = false;
        }
        if with_attr {
            self.add_attrs(&mut entries).await;
        }
        Ok(DirPage { entries, eof, attr: cell.attr(), parent })
    }

    async fn add_attrs(&self, entries: &mut [DirEntry]) {
        let inodes: Vec<InodeId> = entries.iter().map(|entry| entry.inode).collect();
        let attrs: Vec<_> = stream::iter(inodes)
            .map(|inode| self.getattr(inode))
            .buffered(ATTRS_AT_ONCE)
            .collect()
            .await;
        for (entry, attr) in entries.iter_mut().zip(attrs) {
            entry.attr = attr.ok();
        }
    }
}
