//! RENAME: one transaction that moves a name and replaces what was there.

use std::sync::Arc;

use super::remove::LOCK_ATTEMPTS;
use super::{DirChange, Result, find, locked_record};
use crate::base::{FileName, InodeId};
use crate::format::{FileKind, InodeRecord};

use super::super::access::{access_of, check_change_entries, check_sticky};
use super::super::cell::{InodeCell, lock_all};
use super::super::change::Change;
use super::super::{Error, Identity, Renamed, Vfs};

/// Deepest path that a rename walks up to see whether a directory would move into itself.
const DEPTH_MAX: usize = 100_000;

/// A name in a directory.
struct Place<'n> {
    dir: Arc<InodeCell>,
    name: &'n FileName,
    hash: u64,
}

/// Everything a rename touches, locked and checked.
struct Move<'n> {
    from: Place<'n>,
    to: Place<'n>,
    source: Arc<InodeCell>,
    target: Option<Arc<InodeCell>>,
}

/// The records of a move that is allowed.
struct Checked {
    from_dir: InodeRecord,
    to_dir: InodeRecord,
    moved: InodeRecord,
    replaced: Option<InodeRecord>,
}

impl Vfs {
    /// Moves a name. A file of the new name is replaced, an empty directory by a directory; in one
    /// transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotEmpty`], [`Error::IsDirectory`], [`Error::NotDirectory`],
    /// [`Error::Invalid`] if a directory would move into itself, [`Error::Denied`],
    /// [`Error::NotPermitted`] in a sticky directory.
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says.
    pub async fn rename(
        &self,
        who: &Identity,
        from: InodeId,
        from_name: &FileName,
        to: InodeId,
        to_name: &FileName,
    ) -> Result<Renamed> {
        self.rename_any(who, (from, from_name), (to, to_name), false).await
    }

    /// As [`Self::rename`], but whatever has the new name is replaced, a whole tree too.
    ///
    /// # Errors
    /// As [`Self::rename`], without those about what is replaced; [`Error::Invalid`] also if the
    /// tree to replace holds what is moved.
    ///
    /// # Durability
    /// As [`Self::rename`].
    pub async fn rename_replacing_tree(
        &self,
        who: &Identity,
        from: InodeId,
        from_name: &FileName,
        to: InodeId,
        to_name: &FileName,
    ) -> Result<Renamed> {
        self.rename_any(who, (from, from_name), (to, to_name), true).await
    }

    async fn rename_any(
        &self,
        who: &Identity,
        from: (InodeId, &FileName),
        to: (InodeId, &FileName),
        replace_tree: bool,
    ) -> Result<Renamed> {
        self.check_writable()?;
        // Moves between directories are one at a time: two of them could otherwise make a circle
        // that neither sees.
        let _tree = if from.0 == to.0 { None } else { Some(self.tree_lock.lock().await) };
        for _ in 0..LOCK_ATTEMPTS {
            let found = self.find_move(who, from, to).await?;
            let mut cells = vec![&found.from.dir, &found.to.dir, &found.source];
            cells.extend(&found.target);
            let held = lock_all(&cells).await;
            if !self.is_still(&found).await? {
                continue;
            }
            let renamed = self.rename_locked(who, found, replace_tree).await?;
            drop(held);
            self.settle().await?;
            return Ok(renamed);
        }
        Err(Error::Unavailable("the names keep changing".to_owned()))
    }

    async fn find_move<'n>(
        &self,
        who: &Identity,
        from: (InodeId, &'n FileName),
        to: (InodeId, &'n FileName),
    ) -> Result<Move<'n>> {
        let place = async |(dir, name): (InodeId, &'n FileName)| {
            let cell = self.cell(dir).await?;
            check_change_entries(&cell.state().lock().record, who)?;
            Ok::<_, Error>(Place { dir: cell, name, hash: self.name_hash(dir, name) })
        };
        let (from, to) = (place(from).await?, place(to).await?);
        let bucket = self.bucket(&from.dir, from.hash).await?;
        let source = self.cell(find(&bucket, from.name)?.inode).await?;
        let bucket = self.bucket(&to.dir, to.hash).await?;
        let target = match bucket.find(to.name) {
            Some(entry) => Some(self.cell(entry.inode).await?),
            None => None,
        };
        Ok(Move { from, to, source, target })
    }

    /// Whether the names still name what they did before the locks were taken.
    async fn is_still(&self, found: &Move<'_>) -> Result<bool> {
        let from = self.bucket_locked(found.from.dir.id, found.from.hash).await?;
        let to = self.bucket_locked(found.to.dir.id, found.to.hash).await?;
        let source = from.find(found.from.name).map(|entry| entry.inode);
        let target = to.find(found.to.name).map(|entry| entry.inode);
        Ok(source == Some(found.source.id) && target == found.target.as_ref().map(|cell| cell.id))
    }

    async fn rename_locked(
        &self,
        who: &Identity,
        found: Move<'_>,
        replace_tree: bool,
    ) -> Result<Renamed> {
        let checked = self.check_move(who, &found, replace_tree).await?;
        let Move { from, to, source, target } = found;
        // Two names of one inode: nothing to do, and both stay (POSIX rename).
        if target.as_ref().is_some_and(|target| target.id == source.id) {
            return Ok(Renamed {
                from: DirChange::new(&from.dir, checked.from_dir).unchanged(),
                to: DirChange::new(&to.dir, checked.to_dir).unchanged(),
            });
        }
        let now = self.now();
        let mut moved = checked.moved;
        moved.ctime = now;
        if moved.kind == FileKind::Directory {
            moved.parent = Some(to.dir.id);
        }
        let mut from_dir = DirChange::new(&from.dir, checked.from_dir);
        let mut to_dir = DirChange::new(&to.dir, checked.to_dir);
        let same_dir = from.dir.id == to.dir.id;
        count_move(&mut from_dir, &mut to_dir, &moved, checked.replaced.as_ref());
        from_dir.touch(now);
        to_dir.touch(now);
        if same_dir {
            from_dir.record = to_dir.record.clone();
        }
        let mut change = Change::begin(self).await?;
        self.move_entry(&mut change, &from, &to, &source, moved.kind).await?;
        change.put_inode(source.id, &moved);
        change.put_inode(from.dir.id, &from_dir.record);
        change.put_inode(to.dir.id, &to_dir.record);
        let left = match &target {
            Some(target) => Some(self.unlink_in(&mut change, target).await?),
            None => None,
        };
        change.commit().await?;
        if let (Some(target), Some(left)) = (&target, left) {
            self.after_unlink(target, left.as_ref());
        }
        {
            let mut state = source.state().lock();
            state.record.parent = moved.parent;
            state.record.ctime = now;
        }
        Ok(Renamed { from: from_dir.done(), to: to_dir.done() })
    }

    /// Whether `who` may make this move, and the records it starts from.
    async fn check_move(
        &self,
        who: &Identity,
        found: &Move<'_>,
        replace_tree: bool,
    ) -> Result<Checked> {
        let from_dir = locked_record(&found.from.dir)?;
        let to_dir = locked_record(&found.to.dir)?;
        check_change_entries(&from_dir, who)?;
        check_change_entries(&to_dir, who)?;
        let moved = locked_record(&found.source)?;
        check_sticky(&from_dir, &moved, who)?;
        let same_inode = found.target.as_ref().is_some_and(|target| target.id == found.source.id);
        if moved.kind == FileKind::Directory && found.from.dir.id != found.to.dir.id {
            self.check_not_inside(&found.to.dir, found.source.id).await?;
            // Its `..` changes, so the directory itself must be writable.
            if !access_of(&moved, who).write {
                return Err(Error::Denied);
            }
        }
        let replaced = match &found.target {
            Some(target) if !same_inode => {
                let record = locked_record(target)?;
                check_sticky(&to_dir, &record, who)?;
                if replace_tree {
                    self.check_not_inside(&found.from.dir, target.id).await?;
                } else {
                    check_replace(&moved, &record)?;
                }
                Some(record)
            }
            Some(_) | None => None,
        };
        Ok(Checked { from_dir, to_dir, moved, replaced })
    }

    /// Takes the entry out of one bucket and puts it into the other, which may be the same.
    async fn move_entry(
        &self,
        change: &mut Change<'_>,
        from: &Place<'_>,
        to: &Place<'_>,
        source: &InodeCell,
        kind: FileKind,
    ) -> Result<()> {
        let mut old = (*self.bucket_locked(from.dir.id, from.hash).await?).clone();
        old.remove(from.name);
        let same = from.dir.id == to.dir.id && from.hash == to.hash;
        let mut new = if same {
            old.clone()
        } else {
            (*self.bucket_locked(to.dir.id, to.hash).await?).clone()
        };
        if !new.set(to.name, source.id, kind) {
            return Err(Error::NoSpace);
        }
        if !same {
            change.put_bucket(from.dir.id, from.hash, old);
        }
        change.put_bucket(to.dir.id, to.hash, new);
        Ok(())
    }

    /// Refuses if `inside` is `outer` or lies below it.
    async fn check_not_inside(&self, inside: &Arc<InodeCell>, outer: InodeId) -> Result<()> {
        let mut at = inside.id;
        for _ in 0..DEPTH_MAX {
            if at == outer {
                return Err(Error::Invalid);
            }
            if at == InodeId::ROOT {
                return Ok(());
            }
            let parent = self.any_cell(at).await?.state().lock().record.parent;
            at = parent.ok_or(Error::Stale)?;
        }
        Err(Error::Damaged("the directory tree has a circle".to_owned()))
    }
}

/// What a file may replace, and a directory.
fn check_replace(moved: &InodeRecord, replaced: &InodeRecord) -> Result<()> {
    let is_directory = |record: &InodeRecord| record.kind == FileKind::Directory;
    match (is_directory(moved), is_directory(replaced)) {
        (true, false) => Err(Error::NotDirectory),
        (false, true) => Err(Error::IsDirectory),
        (true, true) if replaced.entries > 0 => Err(Error::NotEmpty),
        _ => Ok(()),
    }
}

/// Counts the entries and subdirectories of both directories, which may be one.
fn count_move(
    from: &mut DirChange,
    to: &mut DirChange,
    moved: &InodeRecord,
    replaced: Option<&InodeRecord>,
) {
    leave(&mut from.record, moved);
    if from.cell.id == to.cell.id {
        to.record = from.record.clone();
    }
    if let Some(replaced) = replaced {
        leave(&mut to.record, replaced);
    }
    to.record.entries += 1;
    if moved.kind == FileKind::Directory {
        to.record.nlink += 1;
    }
}

/// An entry leaves its directory.
fn leave(dir: &mut InodeRecord, entry: &InodeRecord) {
    dir.entries = dir.entries.saturating_sub(1);
    if entry.kind == FileKind::Directory {
        dir.nlink = dir.nlink.saturating_sub(1);
    }
}
