//! One flush for everybody who waits.
//!
//! A flush of an engine whose files live in a bucket is a request of some milliseconds, and the
//! engine sends them one after another. If every waiter started one, 64 waiters would queue for 64
//! requests; so at most one flush is under way, it covers everything committed before it began,
//! and whoever comes later waits for the next, which again serves all of them.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::base::Clock;
use crate::meta::MetaError;
use crate::telemetry::names;

/// Shares flushes among waiters and remembers what is durable.
///
/// The owner counts every commit with [`FlushCoordinator::committed`] once it is visible.
pub struct FlushCoordinator {
    clock: Arc<dyn Clock>,
    limit: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Commits so far.
    commits: u64,
    /// Commits that are known to be durable: a prefix.
    durable: u64,
    flight: Option<Flight>,
    stats: FlushStats,
}

/// A flush under way.
#[derive(Clone)]
struct Flight {
    /// It makes this many commits durable.
    covers: u64,
    done: watch::Receiver<Option<Result<(), MetaError>>>,
}

/// How much work the coordinator saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlushStats {
    /// Flushes of the engine.
    pub flushes: u64,
    /// Calls that had to wait for one.
    pub waiters: u64,
}

impl std::fmt::Debug for FlushCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlushCoordinator").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl FlushCoordinator {
    /// A coordinator that gives up on a flush after `limit`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        Self { clock, limit, state: Arc::default() }
    }

    /// Counts one commit that is visible now.
    pub fn committed(&self) {
        self.state.lock().commits += 1;
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> FlushStats {
        self.state.lock().stats
    }

    /// Returns when everything committed before the call is durable; at once if it is already.
    ///
    /// `flush` makes the engine's commits durable. It is called by the first waiter and runs to its
    /// end even if that waiter goes away.
    ///
    /// # Errors
    /// The error of the flush that was to cover the call: all its waiters get it, and the next call
    /// tries again. `Unavailable` if it takes longer than the limit.
    pub async fn flush<F>(&self, flush: impl Fn() -> F) -> Result<(), MetaError>
    where
        F: Future<Output = Result<(), MetaError>> + Send + 'static,
    {
        let target = {
            let mut state = self.state.lock();
            if state.durable >= state.commits {
                return Ok(());
            }
            state.stats.waiters += 1;
            state.commits
        };
        metrics::counter!(names::META_FLUSH_WAITERS).increment(1);
        // At most two rounds: a flight that began before the call, and one that began after it.
        loop {
            let mut flight = {
                let mut state = self.state.lock();
                if state.durable >= target {
                    return Ok(());
                }
                match &state.flight {
                    Some(flight) => flight.clone(),
                    None => self.start(&mut state, flush()),
                }
            };
            let result = match flight.done.wait_for(Option::is_some).await {
                Ok(done) => done.clone().unwrap_or(Ok(())),
                Err(_) => Err(MetaError::Closed("the runtime is shutting down".into())),
            };
            if flight.covers >= target {
                return result;
            }
        }
    }

    fn start<F>(&self, state: &mut State, flush: F) -> Flight
    where
        F: Future<Output = Result<(), MetaError>> + Send + 'static,
    {
        let (sender, done) = watch::channel(None);
        let flight = Flight { covers: state.commits, done };
        state.flight = Some(flight.clone());
        state.stats.flushes += 1;
        let (covers, limit) = (state.commits, self.limit);
        let (clock, state) = (Arc::clone(&self.clock), Arc::clone(&self.state));
        tokio::spawn(async move {
            let start = clock.monotonic();
            let flush = AssertUnwindSafe(tokio::time::timeout(limit, flush)).catch_unwind();
            let result = match flush.await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(MetaError::Unavailable(format!(
                    "a flush did not end within {} s",
                    limit.as_secs()
                ))),
                Err(_) => Err(MetaError::Corrupt("a flush stopped unexpectedly".into())),
            };
            let outcome = if result.is_ok() { "ok" } else { "error" };
            metrics::counter!(names::META_FLUSHES, "outcome" => outcome).increment(1);
            metrics::histogram!(names::META_FLUSH_SECONDS)
                .record(clock.monotonic().saturating_sub(start));
            {
                let mut state = state.lock();
                if result.is_ok() {
                    state.durable = state.durable.max(covers);
                }
                state.flight = None;
            }
            // Nobody may be left to listen.
            drop(sender.send(Some(result)));
        });
        flight
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::future::join_all;

    use super::*;
    use crate::base::SystemClock;

    fn coordinator(limit: Duration) -> Arc<FlushCoordinator> {
        Arc::new(FlushCoordinator::new(Arc::new(SystemClock::new()), limit))
    }

    async fn slow(calls: Arc<AtomicU64>) -> Result<(), MetaError> {
        calls.fetch_add(1, Ordering::SeqCst);
        SystemClock::new().sleep(Duration::from_millis(10)).await;
        Ok(())
    }

    #[tokio::test]
    async fn nothing_to_flush_returns_at_once() {
        let flush = coordinator(Duration::from_secs(1));
        let calls = Arc::new(AtomicU64::new(0));
        flush.flush(|| slow(Arc::clone(&calls))).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        flush.committed();
        flush.flush(|| slow(Arc::clone(&calls))).await.unwrap();
        flush.flush(|| slow(Arc::clone(&calls))).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn waiters_share_flushes_and_each_is_covered() {
        let flush = coordinator(Duration::from_secs(5));
        let calls = Arc::new(AtomicU64::new(0));
        let waiters = (0..64).map(|_| {
            let (flush, calls) = (Arc::clone(&flush), Arc::clone(&calls));
            tokio::spawn(async move {
                flush.committed();
                flush.flush(|| slow(Arc::clone(&calls))).await
            })
        });
        for waiter in join_all(waiters).await {
            waiter.unwrap().unwrap();
        }
        let calls = calls.load(Ordering::SeqCst);
        assert!((1..=4).contains(&calls), "{calls} flushes for 64 waiters");
        assert_eq!(flush.stats(), FlushStats { flushes: calls, waiters: 64 });
    }

    #[tokio::test]
    async fn a_failed_flush_fails_its_waiters_and_the_next_call_tries_again() {
        let flush = coordinator(Duration::from_secs(5));
        flush.committed();
        let failed = flush.flush(|| async { Err(MetaError::Fenced) });
        assert_eq!(failed.await, Err(MetaError::Fenced));
        assert_eq!(flush.flush(|| async { Ok(()) }).await, Ok(()));
    }

    #[tokio::test]
    async fn a_flush_that_hangs_or_panics_ends_with_an_error() {
        let flush = coordinator(Duration::from_millis(20));
        flush.committed();
        let hung = flush.flush(std::future::pending::<Result<(), MetaError>>).await;
        assert!(matches!(hung, Err(MetaError::Unavailable(_))), "{hung:?}");
        let panicked = flush.flush(|| async { panic!("expected by this test") }).await;
        assert!(matches!(panicked, Err(MetaError::Corrupt(_))), "{panicked:?}");
        assert_eq!(flush.flush(|| async { Ok(()) }).await, Ok(()));
    }
}
