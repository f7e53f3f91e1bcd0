//! One OpenDAL service over any place that stores whole objects: a directory, a map in memory.
//!
//! Owns: the translation of OpenDAL's requests. Leaves to [`Objects`]: atomicity, exclusive
//! creation and durability, which are the reasons these two places are ours at all.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;

use opendal::raw::{
    OpCompose, OpCopy, OpCreateDir, OpDelete, OpList, OpPresign, OpRead, OpRename, OpStat, OpWrite,
    RpCreateDir, RpPresign, RpRead, RpRename, RpStat, Service, ServiceInfo, oio,
};
use opendal::{
    Buffer, Builder, BytesRange, Capability, Error, ErrorKind, Metadata, OperationContext,
    Operator, Result,
};

/// What must hold for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WriteRule {
    Always,
    IfAbsent,
    IfMatch(String),
}

/// What must hold for a read to be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadRule {
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
}

impl ReadRule {
    /// # Errors
    /// `ConditionNotMatch` if `etag` breaks the rule.
    pub(super) fn check(&self, etag: Option<&str>) -> Result<()> {
        let wanted = self.if_match.as_deref();
        let unwanted = self.if_none_match.as_deref();
        if wanted.is_some_and(|tag| Some(tag) != etag) || (unwanted.is_some() && unwanted == etag) {
            return Err(Error::new(ErrorKind::ConditionNotMatch, "the entity tag does not match"));
        }
        Ok(())
    }
}

/// A place for whole objects. Methods block and may be called from many threads at once.
///
/// Owed: a reader sees an object whole or not at all; of many `IfAbsent` writers of one key
/// exactly one succeeds, the others get `ConditionNotMatch`; what a write returned is durable as
/// far as the place can be; `list` is in byte order of the keys, starts after `after` and names
/// objects only; deleting what is missing succeeds.
pub(super) trait Objects: Debug + Send + Sync + 'static {
    /// Whether calls may block on a disk and belong on a thread of their own.
    const BLOCKING: bool;
    /// Scheme, root and name.
    fn info(&self) -> ServiceInfo;
    /// Whether metadata given by the writer is kept.
    fn keeps_user_metadata(&self) -> bool;
    fn stat(&self, key: &str) -> Result<Metadata>;
    fn read(&self, key: &str, range: BytesRange, rule: &ReadRule) -> Result<(Metadata, Buffer)>;
    fn write(
        &self,
        key: &str,
        body: Buffer,
        rule: &WriteRule,
        user_metadata: Vec<(String, String)>,
    ) -> Result<Metadata>;
    fn delete(&self, keys: &[String]) -> Result<()>;
    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Metadata)>>;
}

/// The operator over `objects`.
///
/// # Errors
/// None that depends on `objects`; the library's constructor has one.
pub(super) fn operator<O: Objects>(objects: O) -> Result<Operator> {
    Operator::new(PlainBuilder { objects: Some(Arc::new(objects)) })
}

/// The library builds every service through a builder with a default; this one holds the objects.
struct PlainBuilder<O> {
    objects: Option<Arc<O>>,
}

impl<O> Default for PlainBuilder<O> {
    fn default() -> Self {
        Self { objects: None }
    }
}

impl<O: Objects> Builder for PlainBuilder<O> {
    type Config = ();

    fn build(self) -> Result<impl Service> {
        let none = || Error::new(ErrorKind::ConfigInvalid, "the service was given no objects");
        self.objects.map(|objects| PlainService { objects }).ok_or_else(none)
    }
}

/// Runs `call` where blocking is allowed.
async fn run<O: Objects, T: Send + 'static>(
    objects: &Arc<O>,
    call: impl FnOnce(&O) -> Result<T> + Send + 'static,
) -> Result<T> {
    if !O::BLOCKING {
        return call(objects);
    }
    let objects = Arc::clone(objects);
    tokio::task::spawn_blocking(move || call(&objects)).await.unwrap_or_else(|err| {
        Err(Error::new(ErrorKind::Unexpected, "a file operation stopped").set_source(err))
    })
}

#[derive(Debug)]
struct PlainService<O> {
    objects: Arc<O>,
}

fn unsupported<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "operation is not supported"))
}

/// The service names its root `/`; keys have no leading slash.
fn prefix_of(path: &str) -> String {
    path.trim_start_matches('/').to_owned()
}

impl<O: Objects> Service for PlainService<O> {
    type Reader = PlainReader<O>;
    type Writer = PlainWriter<O>;
    type Lister = oio::HierarchyLister<PlainLister<O>>;
    type Deleter = PlainDeleter<O>;
    type Copier = ();
    type Composer = ();

    fn info(&self) -> ServiceInfo {
        self.objects.info()
    }

    fn capability(&self) -> Capability {
        Capability {
            stat: true,
            read: true,
            read_with_if_match: true,
            read_with_if_none_match: true,
            write: true,
            write_can_empty: true,
            write_with_if_not_exists: true,
            write_with_if_match: true,
            write_with_user_metadata: self.objects.keeps_user_metadata(),
            delete: true,
            delete_max_size: Some(DELETE_BATCH),
            list: true,
            list_with_limit: true,
            list_with_recursive: true,
            list_with_start_after: true,
            ..Capability::default()
        }
    }

    async fn create_dir(
        &self,
        _: &OperationContext,
        _: &str,
        _: OpCreateDir,
    ) -> Result<RpCreateDir> {
        unsupported()
    }

    async fn stat(&self, _: &OperationContext, path: &str, _: OpStat) -> Result<RpStat> {
        let key = path.to_owned();
        run(&self.objects, move |objects| objects.stat(&key)).await.map(RpStat::new)
    }

    fn read(&self, _: &OperationContext, path: &str, args: OpRead) -> Result<Self::Reader> {
        let rule = ReadRule {
            if_match: args.if_match().map(str::to_owned),
            if_none_match: args.if_none_match().map(str::to_owned),
        };
        Ok(PlainReader { objects: Arc::clone(&self.objects), key: path.to_owned(), rule })
    }

    fn write(&self, _: &OperationContext, path: &str, args: OpWrite) -> Result<Self::Writer> {
        let rule = match args.if_match() {
            Some(etag) => WriteRule::IfMatch(etag.to_owned()),
            None if args.if_not_exists() => WriteRule::IfAbsent,
            None => WriteRule::Always,
        };
        let user_metadata = args
            .user_metadata()
            .map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
            .unwrap_or_default();
        Ok(PlainWriter {
            objects: Arc::clone(&self.objects),
            key: path.to_owned(),
            rule,
            user_metadata,
            body: Vec::new(),
        })
    }

    fn delete(&self, _: &OperationContext) -> Result<Self::Deleter> {
        Ok(PlainDeleter { objects: Arc::clone(&self.objects), keys: Vec::new() })
    }

    fn list(&self, _: &OperationContext, path: &str, args: OpList) -> Result<Self::Lister> {
        let lister = PlainLister {
            objects: Arc::clone(&self.objects),
            prefix: prefix_of(path),
            after: args.start_after().map(prefix_of),
            page: args.limit().unwrap_or(LIST_PAGE).clamp(1, LIST_PAGE),
            found: VecDeque::new(),
            done: false,
        };
        Ok(oio::HierarchyLister::new(lister, path, args.recursive()))
    }

    fn copy(&self, _: &OperationContext, _: &str, _: &str, _: OpCopy) -> Result<Self::Copier> {
        unsupported()
    }

    fn compose(&self, _: &OperationContext, _: &str, _: OpCompose) -> Result<Self::Composer> {
        unsupported()
    }

    async fn rename(
        &self,
        _: &OperationContext,
        _: &str,
        _: &str,
        _: OpRename,
    ) -> Result<RpRename> {
        unsupported()
    }

    async fn presign(&self, _: &OperationContext, _: &str, _: OpPresign) -> Result<RpPresign> {
        unsupported()
    }
}

struct PlainReader<O> {
    objects: Arc<O>,
    key: String,
    rule: ReadRule,
}

impl<O: Objects> oio::Read for PlainReader<O> {
    async fn open(&self, range: BytesRange) -> Result<(RpRead, Box<dyn oio::ReadStreamDyn>)> {
        let (reply, body) = self.read(range).await?;
        Ok((reply, Box::new(body)))
    }

    async fn read(&self, range: BytesRange) -> Result<(RpRead, Buffer)> {
        let (key, rule) = (self.key.clone(), self.rule.clone());
        let (metadata, body) =
            run(&self.objects, move |objects| objects.read(&key, range, &rule)).await?;
        Ok((RpRead::new(metadata), body))
    }
}

/// Collects the body; the object appears as a whole in `close`, or not at all.
struct PlainWriter<O> {
    objects: Arc<O>,
    key: String,
    rule: WriteRule,
    user_metadata: Vec<(String, String)>,
    body: Vec<Buffer>,
}

impl<O: Objects> oio::Write for PlainWriter<O> {
    async fn write(&mut self, part: Buffer) -> Result<()> {
        self.body.push(part);
        Ok(())
    }

    /// The body stays here until the object is stored, so that a retry finds it.
    async fn close(&mut self) -> Result<Metadata> {
        let (key, rule, meta) = (self.key.clone(), self.rule.clone(), self.user_metadata.clone());
        let body: Buffer = self.body.iter().cloned().flatten().collect();
        run(&self.objects, move |objects| objects.write(&key, body, &rule, meta)).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.body.clear();
        Ok(())
    }
}

struct PlainDeleter<O> {
    objects: Arc<O>,
    keys: Vec<String>,
}

impl<O: Objects> oio::Delete for PlainDeleter<O> {
    async fn delete(&mut self, path: &str, _: OpDelete) -> Result<()> {
        self.keys.push(path.to_owned());
        if self.keys.len() >= DELETE_BATCH { self.close().await } else { Ok(()) }
    }

    async fn close(&mut self) -> Result<()> {
        let keys = self.keys.clone();
        run(&self.objects, move |objects| objects.delete(&keys)).await?;
        self.keys.clear();
        Ok(())
    }
}

/// Fetches page after page, so that memory does not grow with the store.
struct PlainLister<O> {
    objects: Arc<O>,
    prefix: String,
    after: Option<String>,
    page: usize,
    found: VecDeque<(String, Metadata)>,
    done: bool,
}

impl<O: Objects> oio::List for PlainLister<O> {
    async fn next(&mut self) -> Result<Option<oio::Entry>> {
        if self.found.is_empty() && !self.done {
            let (prefix, after, page) = (self.prefix.clone(), self.after.clone(), self.page);
            let found =
                run(&self.objects, move |objects| objects.list(&prefix, after.as_deref(), page));
            self.found = found.await?.into();
            self.done = self.found.len() < self.page;
            self.after = self.found.back().map(|(key, _)| key.clone());
        }
        Ok(self.found.pop_front().map(|(key, metadata)| oio::Entry::with(key, metadata)))
    }
}

/// Entries fetched at once, as S3 does.
const LIST_PAGE: usize = 1_000;
/// Keys deleted at once, as S3 does.
const DELETE_BATCH: usize = 1_000;
