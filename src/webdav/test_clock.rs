//! A clock for unit tests that moves only when told to.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::Clock;
use crate::base::Random;
use crate::base::Timestamp;

/// Starts at one million seconds. Sleeping moves it forward at once.
#[derive(Debug)]
pub(super) struct TestClock {
    milliseconds: std::sync::Arc<AtomicU64>,
}

impl TestClock {
    pub(super) fn new() -> Self {
        Self { milliseconds: std::sync::Arc::new(AtomicU64::new(1_000_000_000)) }
    }

    pub(super) fn advance(&self, duration: Duration) {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap();
        self.milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::new(i64::try_from(self.monotonic().as_secs()).unwrap(), 0)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.advance(duration);
        Box::pin(std::future::ready(()))
    }
}

/// Counts up: every call gives other bytes.
#[derive(Debug, Default)]
pub(super) struct CountingRandom(AtomicU64);

impl Random for CountingRandom {
    fn fill(&self, out: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        for (byte, value) in out.iter_mut().zip(count.to_be_bytes().into_iter().cycle()) {
            *byte = value;
        }
    }
}
