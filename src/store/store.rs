//! The store as the rest of the gateway uses it: whole objects, exact ranges, exclusive creation.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use opendal::options::{ListOptions, WriteOptions};
use opendal::{Buffer, Operator};

use crate::base::{Timestamp, to_u64, to_usize};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::open::{self, StoreOptions};
use crate::store::sse::{Sse, SseFacts};

/// A handle on the objects of one volume. Cloning is cheap; all clones share limits and layers.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    operator: Operator,
    label: String,
    sse: Sse,
    deadline: Duration,
}

/// What a listing or a [`Store::stat`] says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The key, relative to the store's root.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, if the store says so.
    pub modified: Option<Timestamp>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("label", &self.inner.label).finish_non_exhaustive()
    }
}

impl Store {
    /// Prepares access to a store. Sends nothing: see [`Store::probe`].
    ///
    /// # Errors
    /// `Invalid` for options that cannot work, for `--sse` on a store that does not answer it.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let operator = open::open(options)?;
        let label = options.url.to_string();
        Ok(Self::new(operator, label, options.sse.clone(), options.deadline))
    }

    /// A store that ends with its last handle.
    #[must_use]
    pub fn memory() -> Self {
        Self::from_operator(open::memory(), "memory://")
    }

    /// Takes an operator as it is, with whatever layers it has.
    #[must_use]
    pub fn from_operator(operator: Operator, label: &str) -> Self {
        Self::new(operator, label.to_owned(), Sse::None, Duration::from_secs(60))
    }

    pub(super) fn new(operator: Operator, label: String, sse: Sse, deadline: Duration) -> Self {
        Self { inner: Arc::new(Inner { operator, label, sse, deadline }) }
    }

    /// The operator underneath.
    #[must_use]
    pub fn operator(&self) -> &Operator {
        &self.inner.operator
    }

    /// The address, for people; without secrets.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.inner.label
    }

    /// The server-side encryption that every write asks for.
    #[must_use]
    pub fn sse(&self) -> SseFacts {
        self.inner.sse.facts()
    }

    /// Creates an object that must not exist. Durable on return.
    ///
    /// A retry after a lost answer finds the object of the first attempt; so when the store says
    /// that the key is taken, the bytes are read back and decide. Two callers that create the same
    /// bytes both succeed: who needs one winner puts something unique into the body.
    ///
    /// # Errors
    /// `AlreadyExists` if the key holds other bytes, and those of any request.
    ///
    /// # Cost
    /// One PUT; one HEAD and one GET more if the key is taken.
    pub async fn create(&self, key: &str, body: impl Into<Buffer>) -> Result<(), StoreError> {
        let body = without_empty_parts(body.into());
        let options = WriteOptions { if_not_exists: true, ..WriteOptions::default() };
        let write = self.operator().write_options(key, body.clone(), options);
        match self.within("create", key, write).await {
            Ok(_) => Ok(()),
            Err(err) if err.kind() == StoreErrorKind::Conflict => {
                if self.holds(key, &body).await? {
                    return Ok(());
                }
                Err(StoreError::new(
                    StoreErrorKind::AlreadyExists,
                    format!("create {key}: the object exists already"),
                ))
            }
            Err(err) => Err(err),
        }
    }

    /// Writes an object, whatever was there. One PUT, durable on return.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn put(&self, key: &str, body: impl Into<Buffer>) -> Result<(), StoreError> {
        let body = without_empty_parts(body.into());
        let write = self.operator().write_options(key, body, WriteOptions::default());
        self.within("put", key, write).await.map(|_| ())
    }

    /// Writes an object that still holds `expected`. Atomic where the store compares entity tags
    /// or versions; elsewhere the object is read, compared and written.
    ///
    /// # Errors
    /// `Conflict` if it holds something else, `NotFound` if it is gone, and those of any request.
    pub async fn replace(&self, key: &str, expected: &[u8], body: Bytes) -> Result<(), StoreError> {
        // The tag first: if the object changes before it is read, the write fails on the tag.
        let found = self.within("stat", key, self.operator().stat(key)).await?;
        if self.get(key, to_u64(expected.len())).await.is_ok_and(|now| now == expected) {
            let capability = self.operator().info().capability();
            let by_tag = capability.write_with_if_match && found.etag().is_some();
            let by_version = capability.write_with_if_version_match && found.version().is_some();
            let unchanged = (by_tag || by_version).then_some(found);
            let options = WriteOptions { if_not_changed: unchanged, ..WriteOptions::default() };
            let write = self.operator().write_options(key, body.clone(), options);
            match self.within("replace", key, write).await {
                Err(err) if err.kind() == StoreErrorKind::Conflict => {
                    if self.holds(key, &body.into()).await? {
                        return Ok(());
                    }
                }
                done => return done.map(|_| ()),
            }
        }
        Err(StoreError::new(
            StoreErrorKind::Conflict,
            format!("replace {key}: the object changed since it was read"),
        ))
    }

    /// Reads a whole object of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` if it is larger (nothing beyond the limit is kept) or if the body
    /// ends early; and those of any request.
    pub async fn get(&self, key: &str, bytes_max: u64) -> Result<Bytes, StoreError> {
        let read = async {
            let reader = self.operator().reader(key).await?;
            let mut stream = reader.into_stream(..).await?;
            let mut parts: Vec<Bytes> = Vec::new();
            let mut left = bytes_max;
            while let Some(part) = stream.try_next().await? {
                match left.checked_sub(to_u64(part.len())) {
                    Some(rest) => left = rest,
                    None => return Ok(None),
                }
                parts.extend(part);
            }
            Ok(Some(Buffer::from(parts).to_bytes()))
        };
        self.within("get", key, read).await?.ok_or_else(|| {
            let text = format!("get {key}: the object is larger than {bytes_max} bytes");
            StoreError::new(StoreErrorKind::Corrupt, text)
        })
    }

    /// Reads exactly the bytes of `range`.
    ///
    /// # Errors
    /// `Corrupt` if the object ends before the range does or the store returns another number of
    /// bytes; `NotFound`; and those of any request.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let wanted = range.end.saturating_sub(range.start);
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        let read = self.operator().read_with(key).range(range.clone()).into_future();
        let found = match self.within("get", key, read).await {
            Ok(found) if found.len() == to_usize(wanted) => return Ok(found.to_bytes()),
            Ok(found) => found.len(),
            Err(err) if err.kind() != StoreErrorKind::Unavailable => return Err(err),
            // A short answer looks like a broken connection, unless the object is short.
            Err(err) => match self.stat(key).await {
                Ok(object) if object.size < range.end => {
                    to_usize(object.size.saturating_sub(range.start))
                }
                _ => return Err(err),
            },
        };
        let text = format!("get {key}: {found} bytes came, {wanted} were asked for");
        Err(StoreError::new(StoreErrorKind::Corrupt, text))
    }

    /// Size and time of an object.
    ///
    /// # Errors
    /// `NotFound`, and those of any request.
    pub async fn stat(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        let found = self.within("stat", key, self.operator().stat(key)).await?;
        Ok(object_meta(key.to_owned(), &found))
    }

    /// Removes objects; missing ones are fine. In batches where the store has them.
    ///
    /// # Errors
    /// Those of any request; some of the objects may be gone then.
    pub async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        for batch in keys.chunks(DELETE_BATCH) {
            let what = match batch {
                [key] => key.clone(),
                _ => format!("{} objects", batch.len()),
            };
            self.within("delete", &what, self.operator().delete_iter(batch.iter().cloned()))
                .await?;
        }
        Ok(())
    }

    /// At most `limit` objects whose key starts with `prefix` and is greater than `after`, in
    /// order of the key. Only objects: a directory that the store shows is left out.
    ///
    /// # Errors
    /// Those of any request.
    ///
    /// # Cost
    /// One request per 1,000 objects. A store that cannot start in the middle (Azure) walks over
    /// what comes before `after`.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectMeta>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let capability = self.operator().info().capability();
        let options = ListOptions {
            recursive: true,
            limit: capability.list_with_limit.then_some(limit.min(LIST_PAGE)),
            start_after: after.filter(|_| capability.list_with_start_after).map(str::to_owned),
            ..ListOptions::default()
        };
        let start = self.operator().lister_options(prefix, options);
        let mut lister = self.within("list", prefix, start).await?;
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(entry) = self.within("list", prefix, lister.try_next()).await? else { break };
            let (key, metadata) = entry.into_parts();
            if metadata.is_dir() || key.ends_with('/') || after.is_some_and(|a| *key <= *a) {
                continue;
            }
            found.push(object_meta(key, &metadata));
        }
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// Whether there is no object at all, leftovers of probes aside.
    ///
    /// # Errors
    /// Those of any request.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let first = self.list("", None, 1).await?;
        match first.first() {
            None => Ok(true),
            Some(object) if !object.key.starts_with(PROBE_PREFIX) => Ok(false),
            Some(_) => Ok(self.list("", Some(PROBE_PREFIX_END), 1).await?.is_empty()),
        }
    }

    pub(super) fn sse_setting(&self) -> &Sse {
        &self.inner.sse
    }

    /// Whether `key` holds exactly `body`.
    async fn holds(&self, key: &str, body: &Buffer) -> Result<bool, StoreError> {
        match self.get(key, to_u64(body.len())).await {
            Ok(found) => Ok(found == body.to_bytes()),
            Err(err)
                if matches!(err.kind(), StoreErrorKind::NotFound | StoreErrorKind::Corrupt) =>
            {
                Ok(false)
            }
            Err(err) => Err(err),
        }
    }

    /// Ends a request at the deadline and translates its error.
    pub(super) async fn within<T>(
        &self,
        verb: &str,
        key: &str,
        call: impl Future<Output = opendal::Result<T>>,
    ) -> Result<T, StoreError> {
        match self.bounded(call).await {
            Ok(value) => Ok(value),
            Err(err) => Err(StoreError::from_opendal(verb, key, &err)),
        }
    }

    /// Ends a request, its retries included, at the deadline.
    ///
    /// # Errors
    /// The request's own, or `Unexpected` (temporary) after the deadline.
    pub async fn bounded<T>(
        &self,
        call: impl Future<Output = opendal::Result<T>>,
    ) -> opendal::Result<T> {
        tokio::time::timeout(self.inner.deadline, call).await.unwrap_or_else(|_| {
            let text = format!("no answer within {} s", self.inner.deadline.as_secs());
            Err(opendal::Error::new(opendal::ErrorKind::Unexpected, text).set_temporary())
        })
    }
}

/// The library takes an empty part for the end of a body, or looks at it again and again.
#[must_use]
pub fn without_empty_parts(body: Buffer) -> Buffer {
    body.filter(|part| !part.is_empty()).collect()
}

fn object_meta(key: String, metadata: &opendal::Metadata) -> ObjectMeta {
    let modified = metadata.last_modified().map(|at| {
        let at: std::time::SystemTime = at.into();
        let since = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        Timestamp::new(seconds, since.subsec_nanos())
    });
    ObjectMeta { key, size: metadata.content_length(), modified }
}

/// Where probe objects live for a moment.
pub(super) const PROBE_PREFIX: &str = "probe/";
/// Greater than every key under [`PROBE_PREFIX`], whose names are hexadecimal digits.
const PROBE_PREFIX_END: &str = "probe/~";
/// Objects per listing request, as all large stores have it.
const LIST_PAGE: usize = 1_000;
/// Keys per deletion under one deadline.
const DELETE_BATCH: usize = 1_000;
