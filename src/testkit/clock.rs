//! A clock that a test moves.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::base::{Clock, Timestamp};

/// Time that passes only when [`SimClock::advance`] is called. Each reading of the wall clock is
/// one nanosecond later than the one before, so that timestamps tell operations apart.
#[derive(Clone, Debug)]
pub struct SimClock {
    now: Arc<watch::Sender<Duration>>,
    reads: Arc<Mutex<u32>>,
}

/// Where the wall clock starts: 2026-01-01 00:00:00 UTC.
const START_SECONDS: i64 = 1_767_225_600;

impl SimClock {
    /// A clock at its start.
    #[must_use]
    pub fn new() -> Self {
        let (now, _) = watch::channel(Duration::ZERO);
        Self { now: Arc::new(now), reads: Arc::default() }
    }

    /// Lets time pass; whoever sleeps that long wakes.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let passed = *self.now.borrow();
        let mut reads = self.reads.lock();
        *reads += 1;
        let nanos = u64::from(passed.subsec_nanos()) + u64::from(*reads);
        let carry = i64::try_from(nanos / 1_000_000_000).unwrap_or(0);
        let seconds = i64::try_from(passed.as_secs()).unwrap_or(0);
        let nanos = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
        Timestamp::new(START_SECONDS + seconds + carry, nanos)
    }

    fn monotonic(&self) -> Duration {
        *self.now.borrow()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut now = self.now.subscribe();
        let until = *now.borrow() + duration;
        Box::pin(async move {
            // The sender lives as long as the clock; without it nothing can wake the sleeper.
            drop(now.wait_for(|now| *now >= until).await);
        })
    }
}
