//! The bucket as SlateDB wants to see it: its `ObjectStore` trait over our operator.
//!
//! What matters here and is easy to get wrong: user metadata is kept, because SlateDB finds its own
//! object again by it after a lost answer; an unchanged object is `NotModified` and not a failed
//! precondition; a refusal is never repeated for ever; every object is one PUT.
//!
//! SlateDB checks its tables block by block, but a manifest carries no checksum, and an empty log
//! file means "fenced", so one lost bit or one emptied file could hide records without a trace.
//! Therefore every object that is not a table, and every empty one, ends with a trailer: the word
//! `sealgate` and the SHA-256 of key and content. A fence is so an object of 40 bytes, and an
//! object of none is damage.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attribute, AttributeValue, Attributes, CopyOptions, Extensions, GetOptions, GetRange,
    GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};
use opendal::options::{ListOptions, ReaderOptions, StatOptions, WriteOptions};
use opendal::{Buffer, BytesRange, ErrorKind, Metadata};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use slatedb_common::retry::NonRetryable;

use crate::base::{to_u64, to_usize};
use crate::store::{Store, StoreError, StoreErrorKind, without_empty_parts};

type Result<T> = std::result::Result<T, object_store::Error>;

/// A [`Store`] behind SlateDB's trait.
#[derive(Clone, Debug)]
pub(super) struct SlateObjectStore {
    store: Store,
}

impl SlateObjectStore {
    pub(super) const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Whether an object can be replaced only if it is still the one that was read.
    pub(super) fn can_update(&self) -> bool {
        let capability = self.capability();
        capability.write_with_if_match || capability.write_with_if_version_match
    }

    fn capability(&self) -> opendal::Capability {
        self.store.operator().info().capability()
    }

    async fn write(&self, key: &str, body: Buffer, options: WriteOptions) -> Result<PutResult> {
        let update = options.if_match.is_some() || options.if_version_match.is_some();
        let conditional = options.if_not_exists || update;
        let trailer = has_trailer(key, body.len()).then(|| trailer(key, &body.to_bytes()));
        let body = without_empty_parts(Iterator::chain(body, trailer).collect());
        let write = self.store.operator().write_options(key, body, options);
        let mut written = match self.store.bounded(write).await {
            Ok(written) => written,
            Err(err) if err.kind() == ErrorKind::ConditionNotMatch && !update => {
                let source = Box::new(StoreError::from(&err));
                return Err(object_store::Error::AlreadyExists { path: key.to_owned(), source });
            }
            Err(err) => return Err(translate(key, &err)),
        };
        // Whoever writes under a condition wants the tag for the next one.
        if conditional && written.etag().is_none() && written.version().is_none() {
            written = self.stat(key, StatOptions::default()).await?;
        }
        Ok(PutResult {
            e_tag: written.etag().map(str::to_owned),
            version: written.version().map(str::to_owned),
            extensions: Extensions::new(),
        })
    }

    async fn stat(&self, key: &str, options: StatOptions) -> Result<Metadata> {
        let stat = self.store.operator().stat_options(key, options);
        self.store.bounded(stat).await.map_err(|err| translate(key, &err))
    }

    /// Metadata and body of one GET; the metadata is that of the whole object.
    async fn read(
        &self,
        key: &str,
        range: BytesRange,
        options: &GetOptions,
    ) -> Result<(Metadata, Bytes)> {
        let conditions = ReaderOptions {
            if_match: options.if_match.clone(),
            if_none_match: options.if_none_match.clone(),
            ..ReaderOptions::default()
        };
        let read = async {
            let reader = self.store.operator().reader_options(key, conditions).await?;
            let body = reader.read(range).await?;
            let metadata = match reader.metadata() {
                Some(metadata) => metadata.clone(),
                None => self.store.operator().stat(key).await?,
            };
            Ok((metadata, body.to_bytes()))
        };
        self.store.bounded(read).await.map_err(|err| translate_read(key, options, &err))
    }

    fn conditions_are_supported(&self, options: &GetOptions) -> bool {
        let capability = self.capability();
        let dated = options.if_modified_since.is_some() || options.if_unmodified_since.is_some();
        !dated
            && (options.if_match.is_none() || capability.read_with_if_match)
            && (options.if_none_match.is_none() || capability.read_with_if_none_match)
    }

    fn list_from(
        &self,
        prefix: Option<&Path>,
        after: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), directory(prefix));
        let after = after.map(ToString::to_string);
        let lister = async move {
            let capability = this.capability();
            let options = ListOptions {
                recursive: true,
                start_after: after.clone().filter(|_| capability.list_with_start_after),
                ..ListOptions::default()
            };
            let list = this.store.operator().lister_options(&prefix, options);
            let lister = this.store.bounded(list).await.map_err(|err| translate(&prefix, &err))?;
            Ok(lister.map_err(move |err| translate(&prefix, &err)).try_filter_map(move |entry| {
                let (this, after) = (this.clone(), after.clone());
                async move { this.listed(entry, after.as_deref()).await }
            }))
        };
        lister.try_flatten_stream().boxed()
    }

    async fn listed(
        &self,
        entry: opendal::Entry,
        after: Option<&str>,
    ) -> Result<Option<ObjectMeta>> {
        let (key, metadata) = entry.into_parts();
        if metadata.is_dir() || key.ends_with('/') || after.is_some_and(|after| *key <= *after) {
            return Ok(None);
        }
        // A file without its age would look old enough to be collected at once.
        let metadata = match metadata.last_modified() {
            Some(_) => metadata,
            None => match self.stat(&key, StatOptions::default()).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                found => found?,
            },
        };
        object_meta(&key, &metadata).map(Some)
    }
}

impl fmt::Display for SlateObjectStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.store.label())
    }
}

#[async_trait]
impl ObjectStore for SlateObjectStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let mut write = WriteOptions {
            user_metadata: self.user_metadata(&options.attributes),
            ..WriteOptions::default()
        };
        let capability = self.capability();
        match options.mode {
            PutMode::Overwrite => {}
            PutMode::Create => write.if_not_exists = true,
            PutMode::Update(found) => {
                match (found.e_tag, found.version) {
                    (Some(etag), _) if capability.write_with_if_match => {
                        write.if_match = Some(etag);
                    }
                    (_, Some(version)) if capability.write_with_if_version_match => {
                        write.if_version_match = Some(version);
                    }
                    _ => {
                        let text = "the store cannot compare before it overwrites";
                        return Err(object_store::Error::NotSupported { source: text.into() });
                    }
                };
            }
        }
        self.write(location.as_ref(), payload.into_iter().collect(), write).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(CollectedUpload {
            store: self.clone(),
            key: location.to_string(),
            user_metadata: self.user_metadata(&options.attributes),
            parts: Mutex::default(),
            bytes: 0,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let key = location.as_ref();
        if options.version.is_some() {
            let text = "reading old versions of an object";
            return Err(object_store::Error::NotSupported { source: text.into() });
        }
        if options.head || !self.conditions_are_supported(&options) {
            let metadata = self.stat(key, StatOptions::default()).await?;
            let meta = object_meta(key, &metadata)?;
            if metadata.content_length() == 0 {
                return Err(damaged(key, "the object is empty"));
            }
            options.check_preconditions(&meta)?;
            if options.head {
                let attributes = attributes(&metadata);
                return Ok(get_result(meta, 0..0, attributes, Bytes::new()));
            }
        }
        let asked = range_of(&options);
        // Small objects with a trailer are read whole, so that it can be checked.
        let whole = !key.ends_with(TABLE);
        let range = if whole { BytesRange::from(..) } else { asked };
        let (metadata, mut body) = self.read(key, range, &options).await?;
        let meta = object_meta(key, &metadata)?;
        if range.is_full() && to_u64(body.len()) != metadata.content_length() {
            let text = format!("get {key}: {} bytes came, others are missing", body.len());
            let source = Box::new(StoreError::new(StoreErrorKind::Corrupt, text));
            return Err(object_store::Error::Generic { store: STORE, source });
        }
        if whole || (range.is_full() && meta.size == 0) {
            body = without_trailer(key, &body)?;
        }
        if whole {
            let range = asked.to_content_range(body.len()).map_err(|err| translate(key, &err))?;
            body = body.slice(range);
        }
        let start = match asked {
            BytesRange::Range { offset, .. } => offset,
            BytesRange::Suffix { .. } => meta.size.saturating_sub(to_u64(body.len())),
        };
        let read = start..start + to_u64(body.len());
        Ok(get_result(meta, read, attributes(&metadata), body))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let batch = this.capability().delete_max_size.unwrap_or(1).clamp(1, DELETE_BATCH);
        let deleted = locations.chunks(batch).then(move |batch| {
            let this = this.clone();
            async move {
                let keys: Vec<String> = batch.iter().flatten().map(ToString::to_string).collect();
                let delete = this.store.operator().delete_iter(keys);
                let failed = this.store.bounded(delete).await.err();
                let results = batch.into_iter().map(|location| match (location, &failed) {
                    (Ok(path), Some(err)) => Err(translate(path.as_ref(), err)),
                    (location, _) => location,
                });
                futures::stream::iter(results.collect::<Vec<_>>())
            }
        });
        deleted.flatten().boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_from(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_from(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = directory(prefix);
        let list = self.store.operator().list_options(&prefix, ListOptions::default());
        let entries = self.store.bounded(list).await.map_err(|err| translate(&prefix, &err))?;
        let mut result = ListResult {
            common_prefixes: Vec::new(),
            objects: Vec::new(),
            extensions: Extensions::new(),
        };
        for entry in entries {
            if !entry.path().ends_with('/') {
                result.objects.extend(self.listed(entry, None).await?);
            } else if entry.path() != prefix {
                result.common_prefixes.push(Path::parse(entry.path())?);
            }
        }
        Ok(result)
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        let text = "the gateway never copies objects inside the store";
        Err(object_store::Error::NotSupported { source: text.into() })
    }
}

impl SlateObjectStore {
    /// Stores that keep none never lose an answer either: they are local.
    fn user_metadata(&self, attributes: &Attributes) -> Option<HashMap<String, String>> {
        if !self.capability().write_with_user_metadata {
            return None;
        }
        let kept: HashMap<String, String> = attributes
            .iter()
            .filter_map(|(name, value)| {
                let Attribute::Metadata(name) = name else { return None };
                Some((name.to_string(), value.to_string()))
            })
            .collect();
        (!kept.is_empty()).then_some(kept)
    }
}

/// An upload in parts that becomes one PUT: AWS refuses the encryption header on parts.
struct CollectedUpload {
    store: SlateObjectStore,
    key: String,
    user_metadata: Option<HashMap<String, String>>,
    parts: Mutex<Vec<PutPayload>>,
    bytes: usize,
}

impl fmt::Debug for CollectedUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectedUpload").field("key", &self.key).finish_non_exhaustive()
    }
}

#[async_trait]
impl MultipartUpload for CollectedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        // Called in order; only the returned future may run in any order, and it has nothing
        // left to do.
        self.bytes += data.content_length();
        let fits = self.bytes <= OBJECT_BYTES_MAX;
        if fits {
            self.parts.lock().push(data);
        }
        let key = self.key.clone();
        std::future::ready(if fits {
            Ok(())
        } else {
            let text = format!("put {key}: more than {OBJECT_BYTES_MAX} bytes in one object");
            Err(refused(StoreError::new(StoreErrorKind::Invalid, text)))
        })
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        if self.bytes > OBJECT_BYTES_MAX {
            let text = format!("put {}: more than {OBJECT_BYTES_MAX} bytes", self.key);
            return Err(refused(StoreError::new(StoreErrorKind::Invalid, text)));
        }
        // Kept until the object is stored: a failed completion may be tried again.
        let body: Buffer = self.parts.lock().iter().flat_map(|part| part.iter().cloned()).collect();
        let options =
            WriteOptions { user_metadata: self.user_metadata.clone(), ..WriteOptions::default() };
        let result = self.store.write(&self.key, body, options).await?;
        self.parts.lock().clear();
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.lock().clear();
        Ok(())
    }
}

fn directory(prefix: Option<&Path>) -> String {
    match prefix.map(Path::as_ref) {
        None | Some("") => String::new(),
        Some(prefix) => format!("{prefix}/"),
    }
}

fn object_meta(key: &str, metadata: &Metadata) -> Result<ObjectMeta> {
    let Some(modified) = metadata.last_modified() else {
        let text = format!("stat {key}: the store does not say when the object was written");
        return Err(refused(StoreError::new(StoreErrorKind::Incapable, text)));
    };
    let modified: std::time::SystemTime = modified.into();
    let stored = metadata.content_length();
    let size = match stored.checked_sub(TRAILER_BYTES) {
        Some(0) => 0,
        Some(size) if !key.ends_with(TABLE) => size,
        _ => stored,
    };
    Ok(ObjectMeta {
        location: Path::parse(key)?,
        last_modified: modified.into(),
        size,
        e_tag: metadata.etag().map(str::to_owned),
        version: metadata.version().map(str::to_owned),
    })
}

fn range_of(options: &GetOptions) -> BytesRange {
    match &options.range {
        None => BytesRange::from(..),
        Some(GetRange::Offset(offset)) => BytesRange::from(*offset..),
        Some(GetRange::Suffix(bytes)) => BytesRange::suffix(*bytes),
        Some(GetRange::Bounded(range)) => BytesRange::from(range.clone()),
    }
}

fn has_trailer(key: &str, bytes: usize) -> bool {
    !key.ends_with(TABLE) || bytes == 0
}

/// The word and SHA-256(length of key ‖ key ‖ body).
fn trailer(key: &str, body: &[u8]) -> Bytes {
    let mut hash = Sha256::new();
    hash.update(to_u64(key.len()).to_be_bytes());
    hash.update(key);
    hash.update(body);
    [TRAILER_WORD.as_slice(), hash.finalize().as_slice()].concat().into()
}

/// Checks and removes the trailer of a whole object.
fn without_trailer(key: &str, object: &Bytes) -> Result<Bytes> {
    let length = to_u64(object.len()).checked_sub(TRAILER_BYTES);
    let length = length.ok_or_else(|| damaged(key, "the object is cut short"))?;
    let body = object.slice(..to_usize(length));
    if object.slice(to_usize(length)..) != trailer(key, &body) {
        return Err(damaged(key, "the object's checksum does not match"));
    }
    Ok(body)
}

fn damaged(key: &str, what: &str) -> object_store::Error {
    refused(StoreError::new(StoreErrorKind::Corrupt, format!("get {key}: {what}")))
}

fn attributes(metadata: &Metadata) -> Attributes {
    let pairs = metadata.user_metadata().into_iter().flatten();
    pairs
        .map(|(name, value)| {
            let name = Attribute::Metadata(name.to_owned().into());
            (name, AttributeValue::from(value.to_owned()))
        })
        .collect()
}

fn get_result(
    meta: ObjectMeta,
    range: std::ops::Range<u64>,
    attributes: Attributes,
    body: Bytes,
) -> GetResult {
    let payload = GetResultPayload::Stream(futures::stream::once(async { Ok(body) }).boxed());
    GetResult { payload, meta, range, attributes, extensions: Extensions::new() }
}

fn translate_read(key: &str, options: &GetOptions, err: &opendal::Error) -> object_store::Error {
    if err.kind() == ErrorKind::ConditionNotMatch && options.if_none_match.is_some() {
        let source = Box::new(StoreError::from(err));
        return object_store::Error::NotModified { path: key.to_owned(), source };
    }
    translate(key, err)
}

/// By kind: what a second try may cure is left to the library's retries, the rest is final.
fn translate(key: &str, err: &opendal::Error) -> object_store::Error {
    let source = StoreError::from(err);
    let path = key.to_owned();
    match source.kind() {
        StoreErrorKind::NotFound => {
            object_store::Error::NotFound { path, source: Box::new(source) }
        }
        StoreErrorKind::Conflict => {
            object_store::Error::Precondition { path, source: Box::new(source) }
        }
        StoreErrorKind::AlreadyExists => {
            object_store::Error::AlreadyExists { path, source: Box::new(source) }
        }
        // A full store may be given room, and a slow one may come back.
        StoreErrorKind::Unavailable | StoreErrorKind::NoSpace => {
            object_store::Error::Generic { store: STORE, source: Box::new(source) }
        }
        StoreErrorKind::Denied
        | StoreErrorKind::Incapable
        | StoreErrorKind::Invalid
        | StoreErrorKind::Corrupt => refused(source),
    }
}

fn refused(source: StoreError) -> object_store::Error {
    object_store::Error::Generic { store: STORE, source: Box::new(NonRetryable(Box::new(source))) }
}

const STORE: &str = "sealgate";
/// Tables check themselves; everything else has a trailer.
const TABLE: &str = ".sst";
const TRAILER_WORD: &[u8; 8] = b"sealgate";
/// The word and a SHA-256. No table is this short.
const TRAILER_BYTES: u64 = 8 + 32;
/// Bound of one object. The engine's own limits (16 MiB for new files, 32 MiB for compacted ones)
/// leave room for indexes and filters.
const OBJECT_BYTES_MAX: usize = 64 << 20;
/// Keys per deletion, as S3 has it.
const DELETE_BATCH: usize = 1_000;
