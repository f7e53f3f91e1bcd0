//! A store that fails when it is told to: the death of a process, a request that fails once, an
//! answer that is lost.

use std::sync::Arc;

use opendal::raw::{
    Layer, OpCompose, OpCopy, OpCreateDir, OpDelete, OpList, OpPresign, OpRead, OpRename, OpStat,
    OpWrite, RpCreateDir, RpPresign, RpRead, RpRename, RpStat, Service, ServiceInfo, Servicer, oio,
};
use opendal::{Buffer, BytesRange, Capability, Error, ErrorKind, Metadata, OperationContext};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::base::to_u64;
use crate::store::Store;

/// What happens at a chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the request is sent: it and all later ones fail.
    Die,
    /// The request is carried out and the process dies before it sees the answer.
    DieAfter,
    /// The request fails, the next one does not.
    FailOnce,
    /// The request is carried out and its answer is lost, once.
    LoseAnswer,
}

/// What to do with one request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Refuse,
    PassAndFail,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    plan: Option<(u64, Fault)>,
    /// Every request fails.
    down: bool,
    /// Objects of more bytes find no room.
    room: Option<u64>,
    /// Keys of the objects that were written.
    written: Vec<String>,
}

/// Counts the requests of one process and fails those it is told to.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<State>,
    died: watch::Sender<bool>,
}

impl Faults {
    /// No faults: requests are only counted.
    #[must_use]
    pub fn none() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), died: watch::channel(false).0 })
    }

    /// `fault` at request number `call`, counted from 1.
    #[must_use]
    pub fn at(call: u64, fault: Fault) -> Arc<Self> {
        let faults = Self::none();
        faults.state.lock().plan = Some((call, fault));
        faults
    }

    /// The same objects, seen through these faults.
    #[must_use]
    pub fn wrap(self: &Arc<Self>, store: &Store) -> Store {
        let layer = FaultLayer(Arc::clone(self));
        Store::from_operator(store.operator().clone().layer(layer), store.label())
    }

    /// Requests so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Keys of the objects written so far, in order.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        self.state.lock().written.clone()
    }

    /// From now on `fault` happens `after` that many more requests (1: the next).
    pub fn plan(&self, after: u64, fault: Fault) {
        let mut state = self.state.lock();
        state.plan = Some((state.calls + after, fault));
    }

    /// Cuts the store off, or brings it back.
    pub fn set_down(&self, down: bool) {
        self.state.lock().down = down;
    }

    /// Lets the store run full: objects of more than `room` bytes are refused. `None`: there is
    /// room for all.
    pub fn set_room(&self, room: Option<u64>) {
        self.state.lock().room = room;
    }

    fn check_room(&self, bytes: u64) -> opendal::Result<()> {
        if self.state.lock().room.is_none_or(|room| bytes <= room) {
            return Ok(());
        }
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(Error::new(ErrorKind::Unexpected, "the store is full").set_source(full))
    }

    /// Returns when the process has died of its fault.
    pub async fn death(&self) {
        let mut died = self.died.subscribe();
        // The sender lives as long as the faults.
        drop(died.wait_for(|died| *died).await);
    }

    fn next(&self) -> Verdict {
        let mut state = self.state.lock();
        state.calls += 1;
        if state.down {
            return Verdict::Refuse;
        }
        let calls = state.calls;
        let Some((_, fault)) = state.plan.take_if(|(at, _)| *at <= calls) else {
            return Verdict::Pass;
        };
        if matches!(fault, Fault::Die | Fault::DieAfter) {
            state.down = true;
            self.died.send_replace(true);
        }
        match fault {
            Fault::Die | Fault::FailOnce => Verdict::Refuse,
            Fault::DieAfter | Fault::LoseAnswer => Verdict::PassAndFail,
        }
    }

    async fn call<T>(&self, call: impl Future<Output = opendal::Result<T>>) -> opendal::Result<T> {
        let failed = || Error::new(ErrorKind::Unexpected, "a planned fault").set_temporary();
        match self.next() {
            Verdict::Pass => call.await,
            Verdict::Refuse => Err(failed()),
            Verdict::PassAndFail => {
                drop(call.await);
                Err(failed())
            }
        }
    }
}

/// The layer that asks [`Faults`] before every request.
#[derive(Debug)]
struct FaultLayer(Arc<Faults>);

impl Layer for FaultLayer {
    fn apply_service(&self, inner: Servicer) -> Servicer {
        Arc::new(FaultService { inner, faults: Arc::clone(&self.0) })
    }
}

#[derive(Debug)]
struct FaultService {
    inner: Servicer,
    faults: Arc<Faults>,
}

impl FaultService {
    fn faulty<T>(&self, inner: T, key: &str) -> Faulty<T> {
        let faults = Arc::clone(&self.faults);
        Faulty { inner, faults, key: key.to_owned(), asked: false, bytes: 0 }
    }
}

impl Service for FaultService {
    type Reader = Faulty<oio::Reader>;
    type Writer = Faulty<oio::Writer>;
    type Lister = Faulty<oio::Lister>;
    type Deleter = Faulty<oio::Deleter>;
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
    ) -> opendal::Result<RpCreateDir> {
        self.inner.create_dir(ctx, path, args).await
    }

    async fn stat(
        &self,
        ctx: &OperationContext,
        path: &str,
        args: OpStat,
    ) -> opendal::Result<RpStat> {
        self.faults.call(self.inner.stat(ctx, path, args)).await
    }

    fn read(
        &self,
        ctx: &OperationContext,
        path: &str,
        args: OpRead,
    ) -> opendal::Result<Self::Reader> {
        Ok(self.faulty(self.inner.read(ctx, path, args)?, path))
    }

    fn write(
        &self,
        ctx: &OperationContext,
        path: &str,
        args: OpWrite,
    ) -> opendal::Result<Self::Writer> {
        Ok(self.faulty(self.inner.write(ctx, path, args)?, path))
    }

    fn delete(&self, ctx: &OperationContext) -> opendal::Result<Self::Deleter> {
        Ok(self.faulty(self.inner.delete(ctx)?, ""))
    }

    fn list(
        &self,
        ctx: &OperationContext,
        path: &str,
        args: OpList,
    ) -> opendal::Result<Self::Lister> {
        Ok(self.faulty(self.inner.list(ctx, path, args)?, path))
    }

    fn copy(
        &self,
        ctx: &OperationContext,
        from: &str,
        to: &str,
        args: OpCopy,
    ) -> opendal::Result<Self::Copier> {
        self.inner.copy(ctx, from, to, args)
    }

    fn compose(
        &self,
        ctx: &OperationContext,
        to: &str,
        args: OpCompose,
    ) -> opendal::Result<Self::Composer> {
        self.inner.compose(ctx, to, args)
    }

    async fn rename(
        &self,
        ctx: &OperationContext,
        from: &str,
        to: &str,
        args: OpRename,
    ) -> opendal::Result<RpRename> {
        self.inner.rename(ctx, from, to, args).await
    }

    async fn presign(
        &self,
        ctx: &OperationContext,
        path: &str,
        args: OpPresign,
    ) -> opendal::Result<RpPresign> {
        self.inner.presign(ctx, path, args).await
    }
}

/// A request under way.
struct Faulty<T> {
    inner: T,
    faults: Arc<Faults>,
    key: String,
    /// A listing was counted when it began.
    asked: bool,
    /// Bytes of an object on its way.
    bytes: u64,
}

impl oio::Read for Faulty<oio::Reader> {
    async fn open(
        &self,
        range: BytesRange,
    ) -> opendal::Result<(RpRead, Box<dyn oio::ReadStreamDyn>)> {
        self.faults.call(self.inner.open(range)).await
    }

    async fn read(&self, range: BytesRange) -> opendal::Result<(RpRead, Buffer)> {
        self.faults.call(self.inner.read(range)).await
    }
}

impl oio::Write for Faulty<oio::Writer> {
    async fn write(&mut self, part: Buffer) -> opendal::Result<()> {
        self.bytes += to_u64(part.len());
        self.inner.write(part).await
    }

    async fn close(&mut self) -> opendal::Result<Metadata> {
        self.faults.check_room(self.bytes)?;
        let written = self.faults.call(self.inner.close()).await?;
        self.faults.state.lock().written.push(self.key.clone());
        Ok(written)
    }

    async fn abort(&mut self) -> opendal::Result<()> {
        self.inner.abort().await
    }
}

impl oio::List for Faulty<oio::Lister> {
    async fn next(&mut self) -> opendal::Result<Option<oio::Entry>> {
        if std::mem::replace(&mut self.asked, true) {
            return self.inner.next().await;
        }
        self.faults.call(self.inner.next()).await
    }
}

impl oio::Delete for Faulty<oio::Deleter> {
    async fn delete(&mut self, path: &str, args: OpDelete) -> opendal::Result<()> {
        self.inner.delete(path, args).await
    }

    async fn close(&mut self) -> opendal::Result<()> {
        self.faults.call(self.inner.close()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    #[tokio::test]
    async fn a_lost_answer_leaves_the_object_and_a_dead_process_reads_nothing() {
        let memory = Store::memory();
        let faults = Faults::at(1, Fault::LoseAnswer);
        let store = faults.wrap(&memory);
        let error = store.put("a", "body").await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(&store.get("a", 10).await.unwrap()[..], b"body", "it arrived all the same");
        faults.plan(1, Fault::Die);
        store.put("b", "body").await.unwrap_err();
        faults.death().await;
        store.get("a", 10).await.unwrap_err();
        assert_eq!(memory.get("b", 10).await.unwrap_err().kind(), StoreErrorKind::NotFound);
        assert_eq!(&memory.get("a", 10).await.unwrap()[..], b"body", "others still can");
    }

    #[tokio::test]
    async fn a_store_that_was_down_is_the_same_when_it_is_back() {
        let faults = Faults::none();
        let store = faults.wrap(&Store::memory());
        store.put("a", "body").await.unwrap();
        faults.set_down(true);
        store.get("a", 10).await.unwrap_err();
        faults.set_down(false);
        assert_eq!(&store.get("a", 10).await.unwrap()[..], b"body");
        assert_eq!(faults.written(), ["a"]);
        assert!(faults.calls() >= 3);
    }
}
