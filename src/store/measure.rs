//! The layer that counts and times every request.
//!
//! It stands outside the retries, so one request is what a caller asked for; the retries count
//! themselves through [`count_retry`].

use std::sync::Arc;
use std::time::Duration;

use opendal::layers::RetryEvent;
use opendal::raw::{
    Layer, OpCompose, OpCopy, OpCreateDir, OpDelete, OpList, OpPresign, OpRead, OpRename, OpStat,
    OpWrite, RpCreateDir, RpPresign, RpRead, RpRename, RpStat, Service, ServiceInfo, Servicer, oio,
};
use opendal::{Buffer, BytesRange, Capability, ErrorKind, Metadata, OperationContext, Result};

use crate::base::{Clock, to_u64};
use crate::telemetry::names;

/// Counts requests by operation and outcome, their seconds and their bytes.
pub(super) struct MeasureLayer {
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for MeasureLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MeasureLayer")
    }
}

impl Layer for MeasureLayer {
    fn apply_service(&self, inner: Servicer) -> Servicer {
        Arc::new(MeasureService { inner, meter: Meter { clock: Arc::clone(&self.clock) } })
    }
}

/// Counts one request that is about to be sent again.
pub(super) fn count_retry(event: RetryEvent<'_>) {
    let operation = event.op.into_static();
    metrics::counter!(names::STORE_RETRIES, "operation" => operation).increment(1);
    tracing::debug!(
        operation,
        attempt = event.attempt,
        kind = event.err.kind().into_static(),
        "a store request failed and is sent again"
    );
}

#[derive(Clone)]
struct Meter {
    clock: Arc<dyn Clock>,
}

impl Meter {
    async fn time<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let start = self.clock.monotonic();
        let result = call.await;
        let took: Duration = self.clock.monotonic().saturating_sub(start);
        let outcome = match &result {
            Ok(_) => "ok",
            Err(err) => outcome_of(err.kind()),
        };
        metrics::counter!(names::STORE_REQUESTS, "operation" => operation, "outcome" => outcome)
            .increment(1);
        metrics::histogram!(names::STORE_REQUEST_SECONDS, "operation" => operation).record(took);
        result
    }
}

fn count_bytes(direction: &'static str, bytes: usize) {
    metrics::counter!(names::STORE_BYTES, "direction" => direction).increment(to_u64(bytes));
}

/// Answers that are part of the game (an object that is missing, a create that lost) are not
/// failures of the store.
fn outcome_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "not_found",
        ErrorKind::ConditionNotMatch | ErrorKind::AlreadyExists => "condition",
        ErrorKind::PermissionDenied => "denied",
        ErrorKind::RateLimited => "rate_limited",
        ErrorKind::Unexpected
        | ErrorKind::Unsupported
        | ErrorKind::ConfigInvalid
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::IsSameFile
        | ErrorKind::RangeNotSatisfied
        | ErrorKind::Conflict
        | _ => "error",
    }
}

struct MeasureService {
    inner: Servicer,
    meter: Meter,
}

impl std::fmt::Debug for MeasureService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl MeasureService {
    fn measured<T>(&self, inner: T) -> Measured<T> {
        Measured { inner, meter: self.meter.clone(), bytes: 0 }
    }
}

impl Service for MeasureService {
    type Reader = Measured<oio::Reader>;
    type Writer = Measured<oio::Writer>;
    type Lister = Measured<oio::Lister>;
    type Deleter = Measured<oio::Deleter>;
    type Copier = oio::Copier;
    type Composer = oio::Composer;

    fn info(&self) -> ServiceInfo {
        self.inner.info()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn create_dir(
        &self,
        ctx: &OperationContext,
        path: &str,
        args: OpCreateDir,
    ) -> Result<RpCreateDir> {
        self.inner.create_dir(ctx, path, args).await
    }

    async fn stat(&self, ctx: &OperationContext, path: &str, args: OpStat) -> Result<RpStat> {
        self.meter.time("stat", self.inner.stat(ctx, path, args)).await
    }

    fn read(&self, ctx: &OperationContext, path: &str, args: OpRead) -> Result<Self::Reader> {
        Ok(self.measured(self.inner.read(ctx, path, args)?))
    }

    fn write(&self, ctx: &OperationContext, path: &str, args: OpWrite) -> Result<Self::Writer> {
        Ok(self.measured(self.inner.write(ctx, path, args)?))
    }

    fn delete(&self, ctx: &OperationContext) -> Result<Self::Deleter> {
        Ok(self.measured(self.inner.delete(ctx)?))
    }

    fn list(&self, ctx: &OperationContext, path: &str, args: OpList) -> Result<Self::Lister> {
        Ok(self.measured(self.inner.list(ctx, path, args)?))
    }

    fn copy(
        &self,
        ctx: &OperationContext,
        from: &str,
        to: &str,
        args: OpCopy,
    ) -> Result<Self::Copier> {
        self.inner.copy(ctx, from, to, args)
    }

    fn compose(&self, ctx: &OperationContext, to: &str, args: OpCompose) -> Result<Self::Composer> {
        self.inner.compose(ctx, to, args)
    }

    async fn rename(
        &self,
        ctx: &OperationContext,
        from: &str,
        to: &str,
        args: OpRename,
    ) -> Result<RpRename> {
        self.inner.rename(ctx, from, to, args).await
    }

    async fn presign(
        &self,
        ctx: &OperationContext,
        path: &str,
        args: OpPresign,
    ) -> Result<RpPresign> {
        self.inner.presign(ctx, path, args).await
    }
}

/// A body under way; its request is counted when it ends.
struct Measured<T> {
    inner: T,
    meter: Meter,
    bytes: usize,
}

impl oio::Read for Measured<oio::Reader> {
    async fn open(&self, range: BytesRange) -> Result<(RpRead, Box<dyn oio::ReadStreamDyn>)> {
        let (reply, stream) = self.meter.time("read", self.inner.open(range)).await?;
        let stream = Measured { inner: stream, meter: self.meter.clone(), bytes: 0 };
        Ok((reply, Box::new(stream)))
    }

    async fn read(&self, range: BytesRange) -> Result<(RpRead, Buffer)> {
        let (reply, body) = self.meter.time("read", self.inner.read(range)).await?;
        count_bytes("in", body.len());
        Ok((reply, body))
    }
}

impl oio::ReadStream for Measured<Box<dyn oio::ReadStreamDyn>> {
    async fn read(&mut self) -> Result<Buffer> {
        let part = self.inner.read().await?;
        count_bytes("in", part.len());
        Ok(part)
    }
}

impl oio::Write for Measured<oio::Writer> {
    async fn write(&mut self, part: Buffer) -> Result<()> {
        self.bytes += part.len();
        self.inner.write(part).await
    }

    async fn close(&mut self) -> Result<Metadata> {
        let metadata = self.meter.time("write", self.inner.close()).await?;
        count_bytes("out", std::mem::take(&mut self.bytes));
        Ok(metadata)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

impl oio::List for Measured<oio::Lister> {
    async fn next(&mut self) -> Result<Option<oio::Entry>> {
        let entry = self.inner.next().await;
        // One listing counts once, when it ends or fails; a page is the store's business.
        if let Ok(None) | Err(_) = &entry {
            return self.meter.time("list", std::future::ready(entry)).await;
        }
        entry
    }
}

impl oio::Delete for Measured<oio::Deleter> {
    async fn delete(&mut self, path: &str, args: OpDelete) -> Result<()> {
        self.inner.delete(path, args).await
    }

    async fn close(&mut self) -> Result<()> {
        self.meter.time("delete", self.inner.close()).await
    }
}
