//! Write locks (RFC 4918 §6 and §7): a bounded table in memory, with expiry.
//!
//! Time is an argument of every call. Locks are found by path: those on a resource itself, those
//! with depth infinity on a collection above it, and, for operations on a whole tree, those below.
//! The table is this process's own; it is lost with it, so clients must lock again after a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::path::DavPath;
use crate::base::FileName;
use crate::base::Random;

/// Shared locks on one resource; more would be a client that forgets what it holds.
const SHARED_MAX: usize = 64;

/// A lock that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    /// `opaquelocktoken:` and a UUID, 122 random bits.
    pub(super) token: String,
    /// What was locked: `lockroot`.
    pub(super) root: DavPath,
    /// Whether `root` was a collection when it was locked; decides its href.
    pub(super) collection: bool,
    /// Who locked it; nobody else may use the token.
    pub(super) principal: String,
    /// The client's `owner` element, as XML that stands for itself.
    pub(super) owner_xml: Option<String>,
    /// What was granted; counts from the last refresh.
    pub(super) timeout: Duration,
    /// Monotonic time at which it ends.
    expires: Duration,
    /// Shared instead of exclusive.
    pub(super) shared: bool,
    /// Depth infinity: holds for everything below as well.
    pub(super) deep: bool,
}

impl Lock {
    /// Time left at `now`.
    pub(super) fn remaining(&self, now: Duration) -> Duration {
        self.expires.saturating_sub(now)
    }
}

/// What a client asks to lock.
#[derive(Clone, Debug)]
pub(super) struct LockRequest {
    /// What to lock.
    pub(super) root: DavPath,
    /// Whether it is a collection.
    pub(super) collection: bool,
    /// Who asks.
    pub(super) principal: String,
    /// The `owner` element.
    pub(super) owner_xml: Option<String>,
    /// The time asked for; `None` leaves it to us.
    pub(super) timeout: Option<Duration>,
    /// Shared instead of exclusive.
    pub(super) shared: bool,
    /// Depth infinity.
    pub(super) deep: bool,
}

/// Why a lock is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LockRefused {
    /// This one stands in the way.
    Conflict(Box<Lock>),
    /// The table is full.
    TooMany,
}

/// Why an UNLOCK is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnlockRefused {
    /// No such lock covers the path.
    NoSuchLock,
    /// It is somebody else's.
    NotOwner,
}

/// The locks of one export.
pub(super) struct Locks {
    table: Mutex<Table>,
    timeout_max: Duration,
    locks_max: usize,
}

#[derive(Default)]
struct Table {
    /// By the names from the root down, so that a tree is one range.
    by_root: BTreeMap<Vec<FileName>, Vec<Lock>>,
    count: usize,
}

/// What a client gets that does not say how long it needs the lock.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(600);

impl Locks {
    /// An empty table: at most `locks_max` locks, none living longer than `timeout_max` without a
    /// refresh.
    pub(super) fn new(timeout_max: Duration, locks_max: usize) -> Self {
        Self { table: Mutex::default(), timeout_max, locks_max }
    }

    /// Grants a lock unless another stands in the way.
    ///
    /// # Errors
    /// [`LockRefused`]; nothing changed.
    pub(super) fn lock(
        &self,
        now: Duration,
        request: LockRequest,
        random: &dyn Random,
    ) -> Result<Lock, LockRefused> {
        let timeout = self.bounded(request.timeout);
        let mut table = self.table.lock();
        if table.count >= self.locks_max {
            table.purge(now);
            if table.count >= self.locks_max {
                return Err(LockRefused::TooMany);
            }
        }
        let conflicting = |lock: &&Lock| !(lock.shared && request.shared);
        let above = table.covering(now, &request.root).find(conflicting);
        let below = || table.below(now, &request.root).find(conflicting);
        let conflict = above.or_else(|| if request.deep { below() } else { None });
        if let Some(lock) = conflict {
            return Err(LockRefused::Conflict(Box::new(lock.clone())));
        }
        let lock = Lock {
            token: new_token(random),
            root: request.root,
            collection: request.collection,
            principal: request.principal,
            owner_xml: request.owner_xml,
            timeout,
            expires: now.saturating_add(timeout),
            shared: request.shared,
            deep: request.deep,
        };
        let on_root = table.by_root.entry(lock.root.names().to_vec()).or_default();
        let before = on_root.len();
        on_root.retain(|old| old.expires > now);
        let (kept, full) = (on_root.len(), on_root.len() >= SHARED_MAX);
        if !full {
            on_root.push(lock.clone());
        }
        table.count = table.count + usize::from(!full) + kept - before;
        if full { Err(LockRefused::TooMany) } else { Ok(lock) }
    }

    /// Starts the time of a lock that covers `path` anew.
    pub(super) fn refresh(
        &self,
        now: Duration,
        path: &DavPath,
        principal: &str,
        token: &str,
        timeout: Option<Duration>,
    ) -> Option<Lock> {
        let timeout = self.bounded(timeout);
        let mut table = self.table.lock();
        let root = table.find(now, path, token)?.root;
        let locks = table.by_root.get_mut(root.names())?;
        let lock = locks.iter_mut().find(|lock| lock.token == token)?;
        if lock.principal != principal {
            return None;
        }
        lock.timeout = timeout;
        lock.expires = now.saturating_add(timeout);
        Some(lock.clone())
    }

    /// Ends a lock. `path` must be something the lock covers (RFC 4918 §9.11).
    ///
    /// # Errors
    /// [`UnlockRefused`]; nothing changed.
    pub(super) fn unlock(
        &self,
        now: Duration,
        path: &DavPath,
        principal: &str,
        token: &str,
    ) -> Result<(), UnlockRefused> {
        let mut table = self.table.lock();
        let lock = table.find(now, path, token).ok_or(UnlockRefused::NoSuchLock)?;
        if lock.principal != principal {
            return Err(UnlockRefused::NotOwner);
        }
        table.retain(lock.root.names(), |lock| lock.token != token);
        Ok(())
    }

    /// Whether `principal`, having submitted `tokens`, may change `path`; with `tree`, everything
    /// below it too. Gives a lock whose token is missing.
    ///
    /// # Errors
    /// The lock that forbids it.
    pub(super) fn check(
        &self,
        now: Duration,
        path: &DavPath,
        tree: bool,
        principal: &str,
        tokens: &[String],
    ) -> Result<(), Box<Lock>> {
        let table = self.table.lock();
        let holds = |lock: &Lock| lock.principal == principal && tokens.contains(&lock.token);
        blocking(table.covering(now, path), holds)?;
        if tree {
            // Each locked resource below needs a token of its own.
            let range = table.by_root.range(path.names().to_vec()..);
            for (_, locks) in range.take_while(|(root, _)| root.starts_with(path.names())) {
                blocking(locks.iter().filter(|lock| lock.expires > now), holds)?;
            }
        }
        Ok(())
    }

    /// The locks that cover `path`: `lockdiscovery`.
    pub(super) fn covering(&self, now: Duration, path: &DavPath) -> Vec<Lock> {
        self.table.lock().covering(now, path).cloned().collect()
    }

    /// Forgets the locks on `path` and below: it was deleted or moved away (RFC 4918 §7.5, §9.6).
    pub(super) fn forget_tree(&self, path: &DavPath) {
        self.table.lock().forget(path, true);
    }

    /// Forgets the locks below `path`, but not its own: another tree took its place.
    pub(super) fn forget_below(&self, path: &DavPath) {
        self.table.lock().forget(path, false);
    }

    /// Locks held, expired ones not yet swept included.
    pub(super) fn count(&self) -> usize {
        self.table.lock().count
    }

    fn bounded(&self, timeout: Option<Duration>) -> Duration {
        let least = Duration::from_secs(1);
        timeout.unwrap_or(TIMEOUT_DEFAULT).clamp(least, self.timeout_max.max(least))
    }
}

impl Table {
    /// Locks on `path` and deep locks above it.
    fn covering<'a>(
        &'a self,
        now: Duration,
        path: &'a DavPath,
    ) -> impl Iterator<Item = &'a Lock> + 'a {
        let depth = path.names().len();
        let levels = (0..=depth).filter_map(move |level| {
            self.by_root.get(path.names().get(..level)?).map(|locks| (level, locks))
        });
        levels.flat_map(move |(level, locks)| {
            locks.iter().filter(move |lock| lock.expires > now && (lock.deep || level == depth))
        })
    }

    /// Locks on `path` and on everything below it.
    fn below<'a>(&'a self, now: Duration, path: &'a DavPath) -> impl Iterator<Item = &'a Lock> {
        self.by_root
            .range(path.names().to_vec()..)
            .take_while(|(root, _)| root.starts_with(path.names()))
            .flat_map(|(_, locks)| locks)
            .filter(move |lock| lock.expires > now)
    }

    fn find(&self, now: Duration, path: &DavPath, token: &str) -> Option<Lock> {
        self.covering(now, path).find(|lock| lock.token == token).cloned()
    }

    fn retain(&mut self, root: &[FileName], keep: impl Fn(&Lock) -> bool) {
        if let Some(locks) = self.by_root.get_mut(root) {
            let before = locks.len();
            locks.retain(keep);
            self.count -= before - locks.len();
            if locks.is_empty() {
                self.by_root.remove(root);
            }
        }
    }

    fn purge(&mut self, now: Duration) {
        self.by_root.retain(|_, locks| {
            locks.retain(|lock| lock.expires > now);
            !locks.is_empty()
        });
        self.count = self.by_root.values().map(Vec::len).sum();
    }

    fn forget(&mut self, path: &DavPath, itself: bool) {
        let range = self.by_root.range(path.names().to_vec()..);
        let roots: Vec<Vec<FileName>> = range
            .map(|(root, _)| root)
            .take_while(|root| root.starts_with(path.names()))
            .filter(|root| itself || root.len() > path.names().len())
            .cloned()
            .collect();
        for root in roots {
            let gone = self.by_root.remove(&root).map_or(0, |locks| locks.len());
            self.count -= gone;
        }
    }
}

/// An exclusive lock needs its own token; of shared locks, any one token is enough.
fn blocking<'a>(
    locks: impl Iterator<Item = &'a Lock>,
    holds: impl Fn(&Lock) -> bool,
) -> Result<(), Box<Lock>> {
    let mut shared = None;
    let mut holds_shared = false;
    for lock in locks {
        match (lock.shared, holds(lock)) {
            (false, false) => return Err(Box::new(lock.clone())),
            (false, true) => {}
            (true, true) => holds_shared = true,
            (true, false) => shared = shared.or(Some(lock)),
        }
    }
    match shared {
        Some(lock) if !holds_shared => Err(Box::new(lock.clone())),
        _ => Ok(()),
    }
}

/// A version 4 UUID (RFC 9562 §5.4) in the scheme that old clients look for (RFC 4918 §6.5,
/// appendix C): unique for ever.
fn new_token(random: &dyn Random) -> String {
    let bytes = u128::from_be_bytes(random.bytes16());
    let bytes = bytes & !(0xf << 76) | 4 << 76;
    let bytes = bytes & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bytes:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "opaquelocktoken:{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

#[cfg(test)]
#[path = "locks_tests.rs"]
mod tests;
