//! Objects in a local directory, created so that they are whole, exclusive and durable.
//!
//! A write goes to a file of its own in `.aside/`, is synced, and is then put in its place in one
//! step: with link(2), which fails if the name is taken, for a create; with rename(2) for an
//! overwrite. Then the directory is synced, and every directory made on the way. So a reader never
//! sees half an object, of many creators exactly one wins, and what was acknowledged survives a
//! power cut. What a crash leaves in `.aside/` is never listed and is removed later.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opendal::raw::{ServiceInfo, Timestamp as StoreTime};
use opendal::{Buffer, BytesRange, Error, ErrorKind, Metadata, MetadataBuilder, Result};
use parking_lot::Mutex;

use crate::base::{Clock, Random, to_u64, to_usize};
use crate::store::plain::{Objects, ReadRule, WriteRule};

/// The directory for files that are not objects yet.
pub(super) const ASIDE: &str = ".aside";

/// A directory of objects; a key is a path below it.
pub(super) struct DirectoryObjects {
    root: PathBuf,
    random: Arc<dyn Random>,
    /// Directories whose own entry this process has synced; they need it only once.
    durable_dirs: Mutex<HashSet<PathBuf>>,
}

impl DirectoryObjects {
    /// Takes `root`, which need not exist before the first write, and removes what a crash left
    /// aside more than an hour ago.
    pub(super) fn open(root: PathBuf, clock: &dyn Clock, random: Arc<dyn Random>) -> Self {
        let objects = Self { root, random, durable_dirs: Mutex::default() };
        objects.remove_leftovers(clock);
        objects
    }

    /// Best effort: a leftover costs space and nothing else, and a read-only directory has none
    /// of ours to remove.
    fn remove_leftovers(&self, clock: &dyn Clock) {
        let now = u64::try_from(clock.now().seconds).unwrap_or_default();
        let Ok(entries) = fs::read_dir(self.root.join(ASIDE)) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name() != LOCK_NAME) {
            let modified = entry.metadata().and_then(|meta| meta.modified());
            let age = modified.ok().and_then(|at| {
                let at = at.duration_since(std::time::UNIX_EPOCH).ok()?;
                Duration::from_secs(now).checked_sub(at)
            });
            if age.is_some_and(|age| age > LEFTOVER_AGE) {
                drop(fs::remove_file(entry.path()));
            }
        }
    }

    /// The file of `key`. Keys are relative and cannot climb out or reach into `.aside`.
    fn path(&self, key: &str) -> Result<PathBuf> {
        let plain = key.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let aside = key.split('/').next() == Some(ASIDE);
        if !plain || aside || key.contains('\0') {
            return Err(Error::new(
                ErrorKind::ConfigInvalid,
                "the key is not lawful in a directory",
            ));
        }
        Ok(self.root.join(key))
    }

    /// Writes `body` into a new file aside and syncs it.
    fn write_aside(&self, body: &Buffer) -> io::Result<PathBuf> {
        let dir = self.root.join(ASIDE);
        let name: String = self.random.bytes16().iter().map(|b| format!("{b:02x}")).collect();
        let path = dir.join(name);
        let open = || OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = match open() {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&dir)?;
                open()?
            }
            opened => opened?,
        };
        let written = body.clone().try_for_each(|part| file.write_all(&part));
        let written = written.and_then(|()| file.sync_all());
        if let Err(err) = written {
            drop(fs::remove_file(&path));
            return Err(err);
        }
        Ok(path)
    }

    /// Puts the synced file at `aside` in the place of `target` under `rule`. Consumes `aside`.
    fn publish(&self, aside: &Path, target: &Path, rule: &WriteRule) -> io::Result<bool> {
        let parent = target.parent().unwrap_or(&self.root);
        for attempt in 0.. {
            if let Err(err) = self.ensure_dir(parent) {
                // A directory that vanishes while it is made looks as if it were in the way.
                let vanished =
                    matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists);
                if vanished && attempt < PLACE_ATTEMPTS {
                    continue;
                }
                return Err(err);
            }
            let placed = match rule {
                WriteRule::Always => fs::rename(aside, target).map(|()| true),
                WriteRule::IfAbsent => match fs::hard_link(aside, target) {
                    Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                    Err(err) if err.raw_os_error() == Some(EPERM) => {
                        Err(io::Error::from(io::ErrorKind::Unsupported))
                    }
                    linked => linked.map(|()| true),
                },
                WriteRule::IfMatch(etag) => self.rename_if_match(aside, target, etag),
            };
            match placed {
                // Somebody removed the empty directory between the two calls.
                Err(err) if err.kind() == io::ErrorKind::NotFound && attempt < PLACE_ATTEMPTS => {
                    self.durable_dirs.lock().remove(parent);
                }
                Err(err) => return Err(err),
                Ok(placed) => {
                    // Also when the name was taken: who reads the winner's object next may rely
                    // on it, so it must be durable before this call tells of it.
                    sync_dir(parent)?;
                    return Ok(placed);
                }
            }
        }
        Ok(false)
    }

    /// Compares and renames under a lock that all processes of this host share.
    fn rename_if_match(&self, aside: &Path, target: &Path, etag: &str) -> io::Result<bool> {
        let lock = self.root.join(ASIDE).join(LOCK_NAME);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(lock)?;
        lock.lock()?;
        let matches = match fs::metadata(target) {
            Ok(meta) => etag_of(&meta) == etag,
            Err(err) if err.kind() == io::ErrorKind::NotFound => false,
            Err(err) => return Err(err),
        };
        if matches {
            fs::rename(aside, target)?;
        }
        Ok(matches)
    }

    /// Makes `dir` and its parents, and makes their entries durable once.
    fn ensure_dir(&self, dir: &Path) -> io::Result<()> {
        if self.durable_dirs.lock().contains(dir) {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        for part in dir.ancestors().take_while(|part| part.starts_with(&self.root)) {
            sync_dir(part)?;
        }
        // The root may be new too; where its parent cannot be opened, it is not ours to make.
        drop(self.root.parent().map(sync_dir));
        let mut durable = self.durable_dirs.lock();
        if durable.len() >= DURABLE_DIRS_MAX {
            durable.clear();
        }
        durable.insert(dir.to_owned());
        Ok(())
    }

    /// Removes directories that became empty, up to the root.
    fn remove_empty(&self, mut dir: &Path) {
        while dir != self.root && dir.starts_with(&self.root) {
            self.durable_dirs.lock().remove(dir);
            if fs::remove_dir(dir).is_err() {
                return;
            }
            let Some(parent) = dir.parent() else { return };
            dir = parent;
        }
    }
}

impl std::fmt::Debug for DirectoryObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectoryObjects").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Objects for DirectoryObjects {
    const BLOCKING: bool = true;

    fn info(&self) -> ServiceInfo {
        ServiceInfo::new("fs", self.root.to_string_lossy(), "")
    }

    fn keeps_user_metadata(&self) -> bool {
        false
    }

    fn stat(&self, key: &str) -> Result<Metadata> {
        let meta = fs::metadata(self.path(key)?).map_err(failed)?;
        metadata_of(&meta)
    }

    fn read(&self, key: &str, range: BytesRange, rule: &ReadRule) -> Result<(Metadata, Buffer)> {
        let file = File::open(self.path(key)?).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        let metadata = metadata_of(&meta)?;
        rule.check(metadata.etag())?;
        let wanted = range.to_content_range(to_usize(meta.len()))?;
        let mut body = vec![0; wanted.len()];
        file.read_exact_at(&mut body, to_u64(wanted.start)).map_err(failed)?;
        Ok((metadata, Buffer::from(body)))
    }

    fn write(
        &self,
        key: &str,
        body: Buffer,
        rule: &WriteRule,
        _: Vec<(String, String)>,
    ) -> Result<Metadata> {
        let target = self.path(key)?;
        if *rule == WriteRule::IfAbsent && target.exists() {
            // The common case of a lost race, found before the bytes are written twice.
            sync_dir(target.parent().unwrap_or(&self.root)).map_err(failed)?;
            return Err(taken());
        }
        let aside = self.write_aside(&body).map_err(failed)?;
        let meta = fs::metadata(&aside).map_err(failed);
        let placed = self.publish(&aside, &target, rule);
        // After a rename there is nothing left to remove; after a link there is.
        drop(fs::remove_file(&aside));
        if placed.map_err(cannot_place)? { metadata_of(&meta?) } else { Err(taken()) }
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        let mut parents = HashSet::new();
        for key in keys {
            let path = self.path(key)?;
            match fs::remove_file(&path) {
                Ok(()) => {
                    parents.extend(path.parent().map(Path::to_owned));
                }
                Err(err) if is_missing(&err) => {}
                Err(err) => return Err(failed(err)),
            }
        }
        for parent in parents {
            match sync_dir(&parent) {
                Err(err) if !is_missing(&err) => return Err(failed(err)),
                _ => self.remove_empty(&parent),
            }
        }
        Ok(())
    }

    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Metadata)>> {
        let dir = prefix.rsplit_once('/').map_or("", |(dir, _)| dir);
        let mut walk = Walk { root: &self.root, prefix, after, limit, found: Vec::new() };
        if !dir.split('/').any(|part| matches!(part, "." | "..")) {
            walk.dir(dir).map_err(failed)?;
        }
        Ok(walk.found)
    }
}

/// Visits objects in byte order of their keys.
struct Walk<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: Option<&'a str>,
    limit: usize,
    found: Vec<(String, Metadata)>,
}

impl Walk<'_> {
    /// Visits the directory of `dir`, a key without a slash at its end. The depth is that of the
    /// directory tree, whose paths the operating system bounds.
    fn dir(&mut self, dir: &str) -> Result<(), io::Error> {
        let entries = match fs::read_dir(self.root.join(dir)) {
            Ok(entries) => entries,
            Err(err) if is_missing(&err) => return Ok(()),
            Err(err) => return Err(err),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let entry = entry?;
            // Names that are not UTF-8 and symbolic links are nobody's objects.
            let (Ok(name), kind) = (entry.file_name().into_string(), entry.file_type()?) else {
                continue;
            };
            let key = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            match (kind.is_dir(), kind.is_file()) {
                (true, _) if key != ASIDE => keys.push(format!("{key}/")),
                (_, true) => keys.push(key),
                _ => {}
            }
        }
        keys.sort_unstable();
        for key in keys {
            if self.found.len() >= self.limit {
                return Ok(());
            }
            match key.strip_suffix('/') {
                Some(below) if self.may_hold(&key) => self.dir(below)?,
                Some(_) => {}
                None if key.starts_with(self.prefix) && self.is_after(&key) => self.object(key)?,
                None => {}
            }
        }
        Ok(())
    }

    fn object(&mut self, key: String) -> Result<(), io::Error> {
        match fs::metadata(self.root.join(&key)) {
            Ok(meta) => {
                self.found.push((key, metadata_of(&meta).map_err(io::Error::other)?));
                Ok(())
            }
            // Removed while we looked.
            Err(err) if is_missing(&err) => Ok(()),
            Err(err) => Err(err),
        }
    }

    fn is_after(&self, key: &str) -> bool {
        self.after.is_none_or(|after| key > after)
    }

    /// Whether keys that start with `dir/` can match.
    fn may_hold(&self, dir: &str) -> bool {
        (dir.starts_with(self.prefix) || self.prefix.starts_with(dir))
            && self.after.is_none_or(|after| after.starts_with(dir) || after < dir)
    }
}

fn metadata_of(meta: &fs::Metadata) -> Result<Metadata> {
    if !meta.is_file() {
        return Err(Error::new(ErrorKind::NotFound, "there is no such object"));
    }
    let mut metadata = MetadataBuilder::file(meta.len());
    metadata.last_modified(StoreTime::try_from(meta.modified().map_err(failed)?)?);
    metadata.etag(etag_of(meta));
    Ok(metadata.build())
}

/// Every write makes a new file, so inode and time together name one version of an object.
fn etag_of(meta: &fs::Metadata) -> String {
    format!("\"{:x}-{:x}.{:x}-{:x}\"", meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len())
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn is_missing(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn taken() -> Error {
    Error::new(ErrorKind::ConditionNotMatch, "the condition does not hold")
}

fn failed(err: io::Error) -> Error {
    let denied = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
    let kind = if is_missing(&err) {
        ErrorKind::NotFound
    } else if denied.contains(&err.kind()) {
        ErrorKind::PermissionDenied
    } else {
        ErrorKind::Unexpected
    };
    Error::new(kind, "the file system refused").set_source(err)
}

/// A file system without hard links (FAT, some network shares) cannot create exclusively.
fn cannot_place(err: io::Error) -> Error {
    if err.kind() != io::ErrorKind::Unsupported {
        return failed(err);
    }
    Error::new(
        ErrorKind::Unsupported,
        "this file system has no hard links, so two gateways could not be kept apart: choose a \
         directory on another one",
    )
    .set_source(err)
}

/// What link(2) answers where there are no hard links.
const EPERM: i32 = 1;
/// A file aside is abandoned after this long; no write takes an hour.
const LEFTOVER_AGE: Duration = Duration::from_secs(3_600);
/// The file that compare-and-swap locks.
const LOCK_NAME: &str = "lock";
/// How often a directory may vanish under a write before it fails.
const PLACE_ATTEMPTS: u32 = 16;
/// Directories remembered as durable; forgetting one costs one sync.
const DURABLE_DIRS_MAX: usize = 10_000;
