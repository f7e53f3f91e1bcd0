//! The engine of tests: ordered versions in memory, with the conflicts and the durability of a
//! real one.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use crate::meta::engines::overlay::{Overlay, ScanRange};
use crate::meta::{Capabilities, Durability, Isolation, MetaEngine, MetaError, MetaTxn};

/// A metadata engine that ends with the process. Cloning gives another handle on the same data.
///
/// Nothing is durable before a flush, so that a test of a crash (`MemoryEngine::crash`) sees what
/// a crash of a real engine would leave: exactly the flushed prefix of the commits.
#[derive(Clone, Default)]
pub struct MemoryEngine {
    state: Arc<Mutex<State>>,
}

/// All versions of a key that somebody may still want, oldest first.
type Versions = Vec<(u64, Option<Bytes>)>;

#[derive(Default)]
struct State {
    keys: BTreeMap<Bytes, Versions>,
    /// Number of the newest commit.
    sequence: u64,
    /// Number of the newest commit that survives a crash.
    durable: u64,
    /// Open transactions by the commit they read at.
    readers: BTreeMap<u64, usize>,
    /// Keys with more than one version.
    untidy: Vec<Bytes>,
    stopped: Option<MetaError>,
}

impl std::fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.lock();
        f.debug_struct("MemoryEngine")
            .field("keys", &state.keys.len())
            .field("sequence", &state.sequence)
            .finish_non_exhaustive()
    }
}

impl MemoryEngine {
    /// An empty engine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Loses the gateway: this engine is fenced from now on, the returned one holds exactly what
    /// was flushed.
    #[cfg(any(test, feature = "testkit"))]
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut old = self.state.lock();
        let (durable, mut new) = (old.durable, State::default());
        for (key, versions) in &old.keys {
            if let Some(value) = visible(versions, durable) {
                new.keys.insert(key.clone(), vec![(0, Some(value))]);
            }
        }
        old.stopped = Some(MetaError::Fenced);
        Self { state: Arc::new(Mutex::new(new)) }
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, MetaError> {
        let state = self.state.lock();
        match &state.stopped {
            None => Ok(state),
            Some(err) => Err(err.clone()),
        }
    }
}

fn visible(versions: &Versions, at: u64) -> Option<Bytes> {
    let (_, value) = versions.iter().rev().find(|(sequence, _)| *sequence <= at)?;
    value.clone()
}

impl State {
    fn get(&self, key: &[u8], at: u64) -> Option<Bytes> {
        visible(self.keys.get(key)?, at)
    }

    fn scan(&self, range: &ScanRange, at: u64, limit: usize) -> Vec<(Bytes, Bytes)> {
        self.keys
            .range(range.bounds())
            .filter_map(|(key, versions)| Some((key.clone(), visible(versions, at)?)))
            .take(limit)
            .collect()
    }

    /// Whether `key` changed after commit `at`.
    fn changed(versions: &Versions, at: u64) -> bool {
        versions.last().is_some_and(|(sequence, _)| *sequence > at)
    }

    fn apply(&mut self, writes: BTreeMap<Bytes, Option<Bytes>>) {
        self.sequence += 1;
        for (key, value) in writes {
            self.keys.entry(key.clone()).or_default().push((self.sequence, value));
            self.untidy.push(key);
        }
        self.tidy();
    }

    /// Drops versions that neither a transaction nor a crash can ask for.
    fn tidy(&mut self) {
        let oldest = self.readers.keys().next().copied().unwrap_or(self.sequence).min(self.durable);
        // While something old is held, most keys would only be looked at in vain.
        if self.untidy.len() < 1_024 && oldest < self.sequence {
            return;
        }
        for key in std::mem::take(&mut self.untidy) {
            let Some(versions) = self.keys.get_mut(&key) else { continue };
            let kept = versions.iter().rposition(|(sequence, _)| *sequence <= oldest);
            versions.drain(..kept.unwrap_or(0));
            match versions.as_slice() {
                [(sequence, None)] if *sequence <= oldest => {
                    self.keys.remove(&key);
                }
                [(_, Some(_))] => {}
                _ => self.untidy.push(key),
            }
        }
    }
}

#[async_trait]
impl MetaEngine for MemoryEngine {
    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: true, writable: true }
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, MetaError> {
        let state = self.open()?;
        Ok(state.get(key, state.sequence))
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError> {
        let state = self.open()?;
        let range = ScanRange::new(prefix, after);
        Ok(range.map_or_else(Vec::new, |range| state.scan(&range, state.sequence, limit)))
    }

    async fn begin(&self, isolation: Isolation) -> Result<Box<dyn MetaTxn>, MetaError> {
        let mut state = self.open()?;
        let at = state.sequence;
        *state.readers.entry(at).or_default() += 1;
        // Whoever brings locks takes them after this call and reads what is true then.
        let checks = isolation == Isolation::Serializable;
        Ok(Box::new(MemoryTxn {
            engine: self.clone(),
            at,
            reads_at: if checks { at } else { u64::MAX },
            checks,
            overlay: Overlay::default(),
            reads: Vec::new(),
            scans: Vec::new(),
        }))
    }

    async fn flush(&self) -> Result<(), MetaError> {
        let mut state = self.open()?;
        state.durable = state.sequence;
        state.tidy();
        Ok(())
    }

    async fn close(&self) -> Result<(), MetaError> {
        let mut state = self.open()?;
        state.durable = state.sequence;
        state.stopped = Some(MetaError::Closed("it was closed".into()));
        Ok(())
    }
}

struct MemoryTxn {
    engine: MemoryEngine,
    at: u64,
    /// The commit whose state reads see.
    reads_at: u64,
    checks: bool,
    overlay: Overlay,
    reads: Vec<Bytes>,
    scans: Vec<ScanRange>,
}

#[async_trait]
impl MetaTxn for MemoryTxn {
    async fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, MetaError> {
        let state = self.engine.open()?;
        if let Some(written) = self.overlay.get(key) {
            return Ok(written);
        }
        self.reads.push(Bytes::copy_from_slice(key));
        Ok(state.get(key, self.reads_at))
    }

    async fn scan(
        &mut self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, MetaError> {
        let state = self.engine.open()?;
        let Some(range) = ScanRange::new(prefix, after).filter(|_| limit > 0) else {
            return Ok(Vec::new());
        };
        let needed = self.overlay.needed(&range, limit);
        let base = state.scan(&range, self.reads_at, needed);
        // What lies behind the last pair that was looked at cannot have mattered.
        let seen = match base.last() {
            Some((last, _)) if base.len() == needed => range.clone().through(last),
            _ => range.clone(),
        };
        let found = self.overlay.merge(&range, base, limit);
        self.scans.push(seen);
        Ok(found)
    }

    fn put(&mut self, key: Bytes, value: Bytes) {
        self.overlay.writes.insert(key, Some(value));
    }

    fn delete(&mut self, key: Bytes) {
        self.overlay.writes.insert(key, None);
    }

    async fn commit(mut self: Box<Self>, durability: Durability) -> Result<(), MetaError> {
        let writes = std::mem::take(&mut self.overlay.writes);
        let mut state = self.engine.open()?;
        if self.checks && !writes.is_empty() {
            let read = self.reads.iter().filter_map(|key| state.keys.get(key));
            let scanned = self.scans.iter().flat_map(|range| state.keys.range(range.bounds()));
            let mut seen = read.chain(scanned.map(|(_, versions)| versions));
            if seen.any(|versions| State::changed(versions, self.at)) {
                return Err(MetaError::Conflict);
            }
        }
        if !writes.is_empty() {
            state.apply(writes);
        }
        if durability == Durability::Durable {
            state.durable = state.sequence;
            state.tidy();
        }
        Ok(())
    }
}

impl Drop for MemoryTxn {
    fn drop(&mut self) {
        let mut state = self.engine.state.lock();
        if let Some(count) = state.readers.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                state.readers.remove(&self.at);
            }
        }
        state.tidy();
    }
}
