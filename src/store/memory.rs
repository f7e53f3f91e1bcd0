//! Objects in a map: the store of tests and of `memory://`. It forgets everything with the process,
//! and otherwise keeps every promise a real store makes: entity tags, times, metadata.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use opendal::raw::{ServiceInfo, Timestamp as StoreTime};
use opendal::{Buffer, BytesRange, Error, ErrorKind, Metadata, MetadataBuilder, Result};
use parking_lot::RwLock;

use crate::base::{Clock, to_u64};
use crate::store::plain::{Objects, ReadRule, WriteRule};

/// A map from keys to objects.
pub(super) struct MemoryObjects {
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    writes: u64,
}

struct Object {
    metadata: Metadata,
    body: Buffer,
}

impl MemoryObjects {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: RwLock::new(State::default()) }
    }
}

impl std::fmt::Debug for MemoryObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryObjects").finish_non_exhaustive()
    }
}

fn missing() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such object")
}

impl Objects for MemoryObjects {
    const BLOCKING: bool = false;

    fn info(&self) -> ServiceInfo {
        ServiceInfo::new("memory", "/", "")
    }

    fn keeps_user_metadata(&self) -> bool {
        true
    }

    fn stat(&self, key: &str) -> Result<Metadata> {
        self.state.read().objects.get(key).map(|o| o.metadata.clone()).ok_or_else(missing)
    }

    fn read(&self, key: &str, range: BytesRange, rule: &ReadRule) -> Result<(Metadata, Buffer)> {
        let state = self.state.read();
        let object = state.objects.get(key).ok_or_else(missing)?;
        rule.check(object.metadata.etag())?;
        let body = object.body.slice(range.to_content_range(object.body.len())?);
        Ok((object.metadata.clone(), body))
    }

    fn write(
        &self,
        key: &str,
        body: Buffer,
        rule: &WriteRule,
        user_metadata: Vec<(String, String)>,
    ) -> Result<Metadata> {
        let now = self.clock.now();
        let nanos = i32::try_from(now.nanos).unwrap_or_default();
        let mut state = self.state.write();
        let found = state.objects.get(key).map(|object| &object.metadata);
        let lawful = match rule {
            WriteRule::Always => true,
            WriteRule::IfAbsent => found.is_none(),
            WriteRule::IfMatch(etag) => found.is_some_and(|m| m.etag() == Some(etag)),
        };
        if !lawful {
            return Err(Error::new(ErrorKind::ConditionNotMatch, "the condition does not hold"));
        }
        state.writes += 1;
        let mut metadata = MetadataBuilder::file(to_u64(body.len()));
        metadata.last_modified(StoreTime::new(now.seconds, nanos)?);
        metadata.etag(format!("\"{:x}\"", state.writes));
        metadata.user_metadata(user_metadata);
        let metadata = metadata.build();
        state.objects.insert(key.to_owned(), Object { metadata: metadata.clone(), body });
        Ok(metadata)
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        let mut state = self.state.write();
        for key in keys {
            state.objects.remove(key);
        }
        Ok(())
    }

    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Metadata)>> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let state = self.state.read();
        let range = state.objects.range::<str, _>((from, Bound::Unbounded));
        Ok(range
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, object)| (key.clone(), object.metadata.clone()))
            .collect())
    }
}
