//! Random operations on the vfs and on the model: every result, error and attribute is compared,
//! across flushes, clean restarts and crashes.
//!
//! A failure prints its seed; `SEALGATE_SEED=n cargo test --features testkit --test model` runs
//! that one again, and prints every step.
#![cfg(feature = "testkit")]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

#[path = "support/model_look.rs"]
mod model_look;
#[path = "support/model_run.rs"]
mod model_run;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use sealgate::crypto::CipherSuite;
use sealgate::format::Compression;

use model_run::{Run, Setting};

const STEPS: u64 = 60;
/// A run takes milliseconds; one that hangs fails.
const RUN_MAX: Duration = Duration::from_secs(60);

fn runs_of(setting: &Setting, seeds: std::ops::Range<u64>) {
    let chosen = std::env::var("SEALGATE_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = chosen.map_or(seeds, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let failed = runtime.block_on(one_run(setting, seed, chosen.is_some()));
        runtime.shutdown_background();
        if let Err(story) = failed {
            panic!(
                "seed {seed} of {setting:?} failed; SEALGATE_SEED={seed} runs it again\n{story}"
            );
        }
    }
}

async fn one_run(setting: &Setting, seed: u64, loud: bool) -> Result<(), String> {
    let mut run = Run::new(setting, seed, loud).await;
    let steps = guarded(async {
        for _ in 0..STEPS {
            run.step().await;
        }
        run.finish().await;
    });
    let ended = tokio::time::timeout(RUN_MAX, steps).await;
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(())) => Err(run.story()),
        Err(_) => Err(format!("it hangs\n{}", run.story())),
    }
}

async fn guarded(call: impl Future<Output = ()>) -> Result<(), ()> {
    AssertUnwindSafe(call).catch_unwind().await.map_err(drop)
}

fn setting(encryption: CipherSuite, compression: Compression) -> Setting {
    Setting { encryption, compression }
}

#[test]
fn a_sealed_volume_does_what_the_model_does() {
    runs_of(&setting(CipherSuite::Aes256Gcm, Compression::None), 0..120);
}

#[test]
fn a_plain_volume_does_what_the_model_does() {
    runs_of(&setting(CipherSuite::None, Compression::None), 1_000..1_120);
}

#[test]
fn a_volume_compressed_with_lz4_does_what_the_model_does() {
    runs_of(&setting(CipherSuite::Aes256Gcm, Compression::Lz4), 2_000..2_120);
}

#[test]
fn a_volume_compressed_with_zstd_does_what_the_model_does() {
    runs_of(&setting(CipherSuite::None, Compression::Zstd), 3_000..3_120);
}
