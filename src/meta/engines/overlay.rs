//! The writes of a transaction laid over what the engine holds.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

/// Pending writes; `None` is a deletion.
#[derive(Clone, Debug, Default)]
pub(super) struct Overlay {
    pub(super) writes: BTreeMap<Bytes, Option<Bytes>>,
}

/// The keys of a scan: those that start with a prefix and come after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScanRange {
    pub(super) start: Bound<Bytes>,
    pub(super) end: Bound<Bytes>,
}

impl ScanRange {
    /// `None` if no key can match.
    pub(super) fn new(prefix: &[u8], after: Option<&[u8]>) -> Option<Self> {
        let end = match successor(prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        let start = match after {
            Some(after) if after.starts_with(prefix) => {
                Bound::Excluded(Bytes::copy_from_slice(after))
            }
            // Greater than the prefix without starting with it: behind all of its keys.
            Some(after) if after > prefix => return None,
            _ => Bound::Included(Bytes::copy_from_slice(prefix)),
        };
        Some(Self { start, end })
    }

    pub(super) fn bounds(&self) -> (Bound<Bytes>, Bound<Bytes>) {
        (self.start.clone(), self.end.clone())
    }

    /// The same range up to and including `last`.
    pub(super) fn through(mut self, last: &Bytes) -> Self {
        self.end = Bound::Included(last.clone());
        self
    }
}

/// The first byte string that is greater than all that start with `prefix`.
fn successor(prefix: &[u8]) -> Option<Bytes> {
    let end = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut out = prefix.get(..=end)?.to_vec();
    *out.last_mut()? += 1;
    Some(out.into())
}

impl Overlay {
    /// `Some` if this transaction wrote or deleted `key`.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.writes.get(key).cloned()
    }

    /// How many pairs of the engine are needed to be sure of `limit` after merging.
    pub(super) fn needed(&self, range: &ScanRange, limit: usize) -> usize {
        let deleted = self.writes.range(range.bounds()).filter(|(_, value)| value.is_none());
        limit.saturating_add(deleted.count())
    }

    /// Merges the engine's pairs with the pending writes. `base` must hold all of the engine's
    /// pairs in `range`, or at least [`Overlay::needed`] of them.
    pub(super) fn merge(
        &self,
        range: &ScanRange,
        base: Vec<(Bytes, Bytes)>,
        limit: usize,
    ) -> Vec<(Bytes, Bytes)> {
        if self.writes.range(range.bounds()).next().is_none() {
            let mut base = base;
            base.truncate(limit);
            return base;
        }
        let mut merged: BTreeMap<Bytes, Bytes> = base.into_iter().collect();
        for (key, value) in self.writes.range(range.bounds()) {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        merged.into_iter().take(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_high_bytes_still_ends() {
        assert_eq!(successor(b"ab"), Some(Bytes::from_static(b"ac")));
        assert_eq!(successor(b"a\xff\xff"), Some(Bytes::from_static(b"b")));
        assert_eq!(successor(b"\xff"), None);
        assert_eq!(successor(b""), None);
    }

    #[test]
    fn an_after_outside_the_prefix_selects_all_or_nothing() {
        assert_eq!(ScanRange::new(b"m", Some(b"a")), ScanRange::new(b"m", None));
        assert_eq!(ScanRange::new(b"m", Some(b"z")), None);
        let range = ScanRange::new(b"m", Some(b"mm")).unwrap();
        assert_eq!(range.start, Bound::Excluded(Bytes::from_static(b"mm")));
    }
}
