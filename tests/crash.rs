//! The gateway dies at any request to the store, and the volume is opened again: what was
//! acknowledged as durable is there, nothing is half done, and all the books balance.
#![cfg(feature = "testkit")]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/crash_run.rs"]
mod crash_run;
#[path = "support/files.rs"]
#[allow(dead_code, reason = "test crates share it, each uses a part")]
mod files;

use std::time::Duration;

use sealgate::testkit::{Fault, Faults};

use crash_run::{Base, Ledger};

/// One run takes a tenth of a second; one that hangs fails.
const RUN_MAX: Duration = Duration::from_secs(60);
/// Points of death tried per kind of fault.
const POINTS_MAX: u64 = 60;

fn in_a_process<T>(run: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let done = runtime.block_on(async { tokio::time::timeout(RUN_MAX, run).await });
    // What a dead process left running must not be waited for.
    runtime.shutdown_background();
    done.expect("it hangs")
}

/// Requests of an undisturbed run, and what is tried of them: all if they are few.
fn points(base: &Base) -> Vec<u64> {
    let faults = Faults::none();
    in_a_process(async {
        let store = base.store().await;
        let mut ledger = Ledger::new();
        base.work(&store, &faults, &mut ledger).await.unwrap();
    });
    let calls = faults.calls();
    assert!(calls > 40, "the script makes {calls} requests");
    let step = calls.div_ceil(POINTS_MAX);
    (1..=calls).filter(|call| call % step == 0 || *call < 12).collect()
}

fn die_everywhere(fault: Fault) {
    let base = in_a_process(Base::create());
    for call in points(&base) {
        let faults = Faults::at(call, fault);
        let mut ledger = Ledger::new();
        let store = in_a_process(async {
            let store = base.store().await;
            tokio::select! {
                biased;
                () = faults.death() => {}
                // Requests of background tasks make every run a little different: this one
                // may end before its fault.
                _ = base.work(&store, &faults, &mut ledger) => {}
            }
            store
        });
        let found = in_a_process(base.check_after_crash(&store, &ledger));
        if let Err(reason) = found {
            panic!("{fault:?} at request {call}: {reason}\n{}", ledger.story());
        }
    }
}

#[test]
fn a_process_that_dies_before_any_request_loses_nothing_acknowledged() {
    die_everywhere(Fault::Die);
}

#[test]
fn a_process_that_dies_after_any_request_loses_nothing_acknowledged() {
    die_everywhere(Fault::DieAfter);
}

fn stumble_everywhere(fault: Fault) {
    let base = in_a_process(Base::create());
    for call in points(&base) {
        let faults = Faults::at(call, fault);
        let mut ledger = Ledger::new();
        let found = in_a_process(async {
            let store = base.store().await;
            base.work(&store, &faults, &mut ledger).await?;
            base.check_after_crash(&store, &ledger).await
        });
        if let Err(reason) = found {
            panic!("{fault:?} at request {call}: {reason}\n{}", ledger.story());
        }
    }
}

#[test]
fn a_request_that_fails_once_loses_nothing() {
    stumble_everywhere(Fault::FailOnce);
}

#[test]
fn an_answer_that_is_lost_once_loses_nothing() {
    stumble_everywhere(Fault::LoseAnswer);
}
