//! What the admin service answers: readiness, status, metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::admin::{
    DurabilityStatus, ListenerStatus, Readiness, Reason, ReasonCode, Status, StatusSource,
    VolumeStatus,
};
use crate::base::Clock;
use crate::daemon::facts::VolumeFacts;
use crate::store::{Store, StoreErrorKind};
use crate::telemetry::{MetricsHandle, names};
use crate::vfs::{self, Vfs};

/// What does not change while a gateway runs.
#[derive(Clone, Debug)]
pub(crate) struct HealthFacts {
    pub(crate) volume: VolumeFacts,
    pub(crate) metadata_sync: &'static str,
    pub(crate) flush_interval: Duration,
    pub(crate) listeners: ListenerStatus,
}

/// The state of a running gateway.
pub(crate) struct Health {
    facts: HealthFacts,
    store: Store,
    vfs: Arc<Vfs>,
    clock: Arc<dyn Clock>,
    metrics: MetricsHandle,
    started: Duration,
    draining: AtomicBool,
    /// When the store was asked last, and what kept it from answering. The lock is held while it
    /// is asked, so that many probes at once cost one request.
    last_check: tokio::sync::Mutex<Option<(Duration, Option<String>)>>,
}

impl Health {
    pub(crate) fn new(
        facts: HealthFacts,
        store: Store,
        vfs: Arc<Vfs>,
        clock: Arc<dyn Clock>,
        metrics: MetricsHandle,
    ) -> Self {
        let started = clock.monotonic();
        Self {
            facts,
            store,
            vfs,
            clock,
            metrics,
            started,
            draining: AtomicBool::new(false),
            last_check: tokio::sync::Mutex::new(None),
        }
    }

    /// From now on `/readyz` says that the process is stopping.
    pub(crate) fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Keeps the gauges and histograms current, and logs when readiness changes, until `stop`.
    pub(crate) async fn watch(&self, stop: CancellationToken) {
        let mut was_ready = true;
        loop {
            let readiness = self.readiness().await;
            if readiness.ready != was_ready {
                report(&readiness);
                was_ready = readiness.ready;
            }
            let fenced = readiness.reasons.iter().any(|reason| reason.code == ReasonCode::Fenced);
            metrics::gauge!(names::READY).set(if readiness.ready { 1.0 } else { 0.0 });
            metrics::gauge!(names::FENCED).set(if fenced { 1.0 } else { 0.0 });
            self.fold();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(WATCH_INTERVAL) => {}
            }
        }
    }

    fn fold(&self) {
        // Gauges are floating point; a byte count below 2^53 is exact, and memory is smaller.
        let dirty = u32::try_from(self.vfs.dirty_bytes() >> 10).unwrap_or(u32::MAX);
        metrics::gauge!(names::DIRTY_BYTES).set(f64::from(dirty) * 1_024.0);
        self.metrics.fold();
    }

    /// Why the store is not usable, asked at most every few seconds.
    async fn store_trouble(&self) -> Option<String> {
        let mut last = self.last_check.lock().await;
        let now = self.clock.monotonic();
        if let Some((at, trouble)) = &*last
            && now.saturating_sub(*at) < CHECK_AGE_MAX
        {
            return trouble.clone();
        }
        let trouble = tokio::select! {
            asked = self.store.stat(HEADER_KEY) => match asked {
                Ok(_) => None,
                Err(error) if error.kind() == StoreErrorKind::NotFound => {
                    Some("the volume header is gone from the store".to_owned())
                }
                Err(error) => Some(error.to_string()),
            },
            () = self.clock.sleep(CHECK_TIMEOUT) => {
                Some(format!("the store did not answer within {} s", CHECK_TIMEOUT.as_secs()))
            }
        };
        *last = Some((self.clock.monotonic(), trouble.clone()));
        trouble
    }
}

#[async_trait]
impl StatusSource for Health {
    async fn readiness(&self) -> Readiness {
        let mut reasons = Vec::new();
        let mut because = |code, message: String| reasons.push(Reason { code, message });
        if self.draining.load(Ordering::Relaxed) {
            because(ReasonCode::Draining, "the gateway is stopping".to_owned());
        }
        match self.vfs.trouble() {
            None => {}
            Some(error) => {
                let code = trouble_code(&error);
                because(code, error.to_string());
            }
        }
        if let Some(trouble) = self.store_trouble().await {
            because(ReasonCode::StoreUnreachable, trouble);
        }
        Readiness::from_reasons(reasons)
    }

    async fn status(&self) -> Status {
        let facts = &self.facts;
        Status {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.clock.monotonic().saturating_sub(self.started).as_secs(),
            volume: VolumeStatus {
                name: facts.volume.name.clone(),
                id: facts.volume.id.clone(),
                store: facts.volume.store.clone(),
                encryption: facts.volume.encryption.clone(),
                compression: facts.volume.compression.clone(),
                extent_bytes: facts.volume.extent_bytes,
                sse: self.store.sse().to_string(),
                read_only: self.vfs.is_read_only(),
            },
            durability: DurabilityStatus {
                tier: "store",
                metadata_sync: facts.metadata_sync.to_owned(),
                flush_interval_ms: u64::try_from(facts.flush_interval.as_millis())
                    .unwrap_or(u64::MAX),
            },
            dirty_bytes: self.vfs.dirty_bytes(),
            listeners: facts.listeners.clone(),
            readiness: self.readiness().await,
        }
    }

    fn metrics(&self) -> String {
        self.fold();
        self.metrics.render()
    }
}

/// Fenced is for good; anything else passes when the store takes changes again.
fn trouble_code(error: &vfs::Error) -> ReasonCode {
    if *error == vfs::Error::Fenced { ReasonCode::Fenced } else { ReasonCode::WritesRefused }
}

fn report(readiness: &Readiness) {
    if readiness.ready {
        tracing::info!("ready again");
    }
    for reason in &readiness.reasons {
        match reason.code {
            ReasonCode::Draining => {}
            ReasonCode::Fenced => tracing::error!(
                "FENCED: another gateway took this volume over. Changes are refused from now on; \
                 stop this process, and start it again only after the other one has stopped"
            ),
            ReasonCode::StoreUnreachable | ReasonCode::WritesRefused => {
                tracing::warn!(code = ?reason.code, "not ready: {}", reason.message);
            }
        }
    }
}

/// The object whose presence says that the store answers and the volume is there.
const HEADER_KEY: &str = "volume.json";
/// How old the last answer of the store may be: orchestrators ask every few seconds.
const CHECK_AGE_MAX: Duration = Duration::from_secs(5);
/// Below the timeout that orchestrators usually grant a probe.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// How often gauges are refreshed, histograms folded and changes of readiness logged. One small
/// request to the store each time, so not more often than dashboards look.
const WATCH_INTERVAL: Duration = Duration::from_secs(15);
