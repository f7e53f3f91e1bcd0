//! One byte budget for dirty content: writers slow down at the limit, memory does not grow.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts bytes of dirty content against a maximum.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicU64,
    max: u64,
    freed: Notify,
}

impl Budget {
    pub(super) fn new(max: u64) -> Self {
        Self { used: AtomicU64::new(0), max, freed: Notify::new() }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether so much waits that flushing should not wait for its timer.
    pub(super) fn is_pressed(&self) -> bool {
        self.used() > self.max / 2
    }

    /// Takes `bytes` if they fit, or if nothing else is held: one write is never too large.
    fn try_take(&self, bytes: u64) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used == 0 || used + bytes <= self.max).then_some(used + bytes)
            })
            .is_ok()
    }

    /// Waits until `bytes` fit and takes them.
    pub(super) async fn take(&self, bytes: u64, press: impl Fn()) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.try_take(bytes) {
                return;
            }
            press();
            freed.await;
        }
    }

    /// Gives bytes back.
    pub(super) fn give(&self, bytes: u64) {
        if bytes > 0 {
            let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
            assert!(before >= bytes, "bytes are given back once");
            self.freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_writer_waits_until_bytes_are_given_back() {
        let budget = Arc::new(Budget::new(10));
        budget.take(8, || {}).await;
        let waiting = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.take(5, || {}).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        budget.give(8);
        waiting.await.unwrap();
        assert_eq!(budget.used(), 5);
    }
}
