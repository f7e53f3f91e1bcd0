//! SETATTR: attributes and size, in one transaction.

use std::sync::Arc;

use super::{Result, locked_record, touch};
use crate::base::limits::{EXTENTS_PER_MAP, FILE_BYTES_MAX};
use crate::base::{InodeId, Timestamp, to_usize};
use crate::format::{ExtentMap, FileKind, FrameRef, InodeRecord};
use crate::meta::keys;

use super::super::access::{SET_GID, access_of, check_write, mode_without_privilege};
use super::super::cell::{InodeCell, attr_of, lock_all};
use super::super::change::{Change, signed};
use super::super::{Error, Identity, PreAttr, SetAttr, SetTime, Vfs, Wcc};

/// Extent maps removed in one transaction of a truncation.
const MAPS_PER_STEP: usize = 64;
/// Keys of extent maps read in one step.
const MAPS_PER_PAGE: usize = 1_024;

impl Vfs {
    /// Changes attributes. With `guard`, only if the inode's ctime is `guard`.
    ///
    /// # Errors
    /// [`Error::GuardMismatch`], [`Error::NotPermitted`] for what only the owner or a privileged
    /// identity may change, [`Error::Denied`] for a size or a current time without write
    /// permission, [`Error::IsDirectory`] and [`Error::Invalid`] for the size of anything else than
    /// a file, [`Error::TooLarge`].
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says.
    ///
    /// # Cost
    /// One transaction; shrinking a file removes its extent maps beyond the new size, 64 at a time.
    pub async fn setattr(
        &self,
        who: &Identity,
        inode: InodeId,
        set: SetAttr,
        guard: Option<Timestamp>,
    ) -> Result<Wcc> {
        self.check_writable()?;
        let cell = self.cell(inode).await?;
        let wcc = {
            let _held = lock_all(&[&cell]).await;
            self.setattr_locked(who, &cell, set, guard).await?
        };
        self.settle().await?;
        Ok(wcc)
    }

    async fn setattr_locked(
        &self,
        who: &Identity,
        cell: &Arc<InodeCell>,
        set: SetAttr,
        guard: Option<Timestamp>,
    ) -> Result<Wcc> {
        let stored = locked_record(cell)?;
        let current = cell.state().lock().record.clone();
        let before = PreAttr::from(&attr_of(cell.id, &current));
        if guard.is_some_and(|guard| guard != current.ctime) {
            return Err(Error::GuardMismatch);
        }
        let now = self.now();
        let mut next = current.clone();
        check_and_set(&mut next, who, &set, now)?;
        let mut change = Change::begin(self).await?;
        if let Some(size) = set.size {
            let grown = self.truncate_maps(&mut change, cell, &stored, size).await?;
            next.used_bytes = next.used_bytes.saturating_add_signed(grown);
            next.size = size;
        }
        next.ctime = now;
        // Without an explicit size the stored record must not claim bytes that are still dirty.
        let size_to_store = if set.size.is_some() { next.size } else { stored.size };
        change.put_inode(cell.id, &InodeRecord { size: size_to_store, ..next.clone() });
        change.commit().await?;
        let mut state = cell.state().lock();
        if let Some(size) = set.size {
            let dropped = state.dirty.truncate(size, self.extent_bytes());
            self.budget.give(dropped);
            state.stored_size = size;
        }
        state.record = next;
        Ok(Wcc { before, after: attr_of(cell.id, &state.record) })
    }

    /// Cuts the stored content at `size`: maps beyond go, the frame at the cut keeps fewer valid
    /// bytes. Returns by how many bytes (0 or less) the content grew.
    async fn truncate_maps(
        &self,
        change: &mut Change<'_>,
        cell: &Arc<InodeCell>,
        stored: &InodeRecord,
        size: u64,
    ) -> Result<i64> {
        let map_bytes = u64::from(self.extent_bytes()) * EXTENTS_PER_MAP;
        let boundary = u32::try_from(size / map_bytes).map_err(|_| Error::TooLarge)?;
        let mut grown = 0;
        if size < stored.size {
            let mut beyond = self.maps_from(cell.id, boundary).await?;
            // From the end, in steps that each leave a shorter, whole file: a crash in between
            // never leaves content beyond the size, which a later growth would bring back.
            while beyond.len() > MAPS_PER_STEP {
                let step = beyond.split_off(beyond.len() - MAPS_PER_STEP);
                grown += self.remove_maps_step(cell, &step).await?;
            }
            for index in beyond {
                let old = self.extent_map_locked(cell.id, index).await?;
                let new = if index == boundary {
                    cut_map(&old, size - u64::from(boundary) * map_bytes, self.extent_bytes())
                } else {
                    ExtentMap::default()
                };
                grown += signed(new.used_bytes()) - signed(old.used_bytes());
                change.put_map(cell.id, index, &old, new);
            }
        }
        Ok(grown)
    }

    /// The indexes of a file's extent maps from `first` on.
    async fn maps_from(&self, file: InodeId, first: u32) -> Result<Vec<u32>> {
        let prefix = keys::extent_maps_of(file);
        let mut after = first
            .checked_sub(1)
            .map(|before| crate::meta::RecordKey::extent_map(file, before).to_bytes());
        let mut indexes = Vec::new();
        loop {
            let page =
                self.noting(self.records().scan(&prefix, after.as_deref(), MAPS_PER_PAGE).await)?;
            indexes.extend(page.iter().filter_map(|(key, _)| keys::extent_map_index(key)));
            match page.last() {
                Some((last, _)) if page.len() == MAPS_PER_PAGE => after = Some(last.clone()),
                _ => return Ok(indexes),
            }
        }
    }

    async fn remove_maps_step(&self, cell: &Arc<InodeCell>, indexes: &[u32]) -> Result<i64> {
        let Some(&first) = indexes.first() else { return Ok(0) };
        let mut change = Change::begin(self).await?;
        let mut grown = 0;
        for &index in indexes {
            let old = self.extent_map_locked(cell.id, index).await?;
            grown -= signed(old.used_bytes());
            change.put_map(cell.id, index, &old, ExtentMap::default());
        }
        let map_bytes = u64::from(self.extent_bytes()) * EXTENTS_PER_MAP;
        let size = u64::from(first) * map_bytes;
        let mut record = cell.state().lock().record_to_store();
        record.size = record.size.min(size);
        record.used_bytes = record.used_bytes.saturating_add_signed(grown);
        change.put_inode(cell.id, &record);
        change.commit().await?;
        let mut state = cell.state().lock();
        state.stored_size = record.size;
        state.record.used_bytes = record.used_bytes;
        // The caller adds the sum of all steps to the record it started from.
        Ok(grown)
    }
}

/// Keeps the first `len` bytes of a map's content.
fn cut_map(map: &ExtentMap, len: u64, extent_bytes: u32) -> ExtentMap {
    match map {
        ExtentMap::Inline(bytes) => {
            ExtentMap::Inline(bytes.slice(..to_usize(len).min(bytes.len())))
        }
        ExtentMap::Frames(frames) => {
            let cut = |(position, frame): (u64, &Option<FrameRef>)| {
                let start = position * u64::from(extent_bytes);
                let frame = (*frame)?;
                let keep = u64::from(frame.valid_len).min(len.saturating_sub(start));
                let valid_len = u32::try_from(keep).unwrap_or(frame.valid_len);
                (valid_len > 0).then_some(FrameRef { valid_len, ..frame })
            };
            ExtentMap::Frames((0_u64..).zip(frames).map(cut).collect())
        }
    }
}

/// Checks permission for every attribute and sets it.
fn check_and_set(
    record: &mut InodeRecord,
    who: &Identity,
    set: &SetAttr,
    now: Timestamp,
) -> Result<()> {
    let owns = who.is_root() || who.uid == record.uid;
    if let Some(size) = set.size {
        check_size(record, who, size)?;
        if !who.is_root() {
            record.mode = mode_without_privilege(record);
        }
        touch(record, now);
    }
    let owner = (record.uid, record.gid);
    set_owner(record, who, set, owns)?;
    if let Some(mode) = set.mode {
        if !owns {
            return Err(Error::NotPermitted);
        }
        let mut mode = u16::try_from(mode & 0o7777).unwrap_or(0);
        let in_group = who.is_root() || who.in_group(record.gid);
        if !in_group && record.kind != FileKind::Directory {
            mode &= !SET_GID;
        }
        record.mode = mode;
    }
    if (set.uid.is_some() || set.gid.is_some())
        && (set.mode.is_none() || owner != (record.uid, record.gid))
    {
        record.mode = mode_without_privilege(record);
    }
    for (time, place) in [(set.atime, &mut record.atime), (set.mtime, &mut record.mtime)] {
        match time {
            None => {}
            Some(SetTime::At(_)) if !owns => return Err(Error::NotPermitted),
            Some(SetTime::At(time)) => *place = time,
            Some(SetTime::Now) => *place = now,
        }
    }
    let sets_now = [set.atime, set.mtime].contains(&Some(SetTime::Now));
    if sets_now && !owns && !access_of(record, who).write {
        return Err(Error::Denied);
    }
    Ok(())
}

fn check_size(record: &InodeRecord, who: &Identity, size: u64) -> Result<()> {
    match record.kind {
        FileKind::File => {}
        FileKind::Directory => return Err(Error::IsDirectory),
        FileKind::Symlink
        | FileKind::CharDevice
        | FileKind::BlockDevice
        | FileKind::Fifo
        | FileKind::Socket => return Err(Error::Invalid),
    }
    if size > FILE_BYTES_MAX {
        return Err(Error::TooLarge);
    }
    check_write(record, who)
}

fn set_owner(record: &mut InodeRecord, who: &Identity, set: &SetAttr, owns: bool) -> Result<()> {
    if let Some(uid) = set.uid {
        // The owner may name himself; only privilege gives a file away.
        if !(who.is_root() || (owns && uid == record.uid)) {
            return Err(Error::NotPermitted);
        }
        record.uid = uid;
    }
    if let Some(gid) = set.gid {
        let allowed = who.is_root() || (owns && (who.in_group(gid) || gid == record.gid));
        if !allowed {
            return Err(Error::NotPermitted);
        }
        record.gid = gid;
    }
    Ok(())
}
