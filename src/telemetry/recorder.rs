//! The recorder behind `/metrics`.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::telemetry::names;

/// Renders what was counted, in the Prometheus text format.
#[derive(Clone)]
pub struct MetricsHandle(PrometheusHandle);

/// Why metrics cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// Something in this process already records metrics: a bug in the caller.
    #[error("metrics are already being recorded in this process")]
    AlreadyInstalled,
    /// The buckets below are not usable: a bug in this file.
    #[error("the histogram buckets are not usable: {0}")]
    Buckets(String),
}

/// Starts recording for the whole process and describes every metric.
///
/// # Errors
/// [`RecorderError::AlreadyInstalled`] at the second call in one process.
pub fn install_recorder() -> Result<MetricsHandle, RecorderError> {
    let buckets =
        |error: metrics_exporter_prometheus::BuildError| RecorderError::Buckets(error.to_string());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), LATENCY_BUCKETS_SECONDS)
        .map_err(buckets)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| RecorderError::AlreadyInstalled)?;
    names::describe_all();
    metrics::gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(MetricsHandle(handle))
}

impl MetricsHandle {
    /// All metrics as text.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds the samples of histograms into their buckets. Samples take memory until this runs,
    /// so the daemon calls it every few seconds even if nobody reads `/metrics`.
    pub fn fold(&self) {
        self.0.run_upkeep();
    }
}

impl std::fmt::Debug for MetricsHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsHandle")
    }
}

/// From a cache hit (50 microseconds) to a store that is about to time out.
const LATENCY_BUCKETS_SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_rendered_as_buckets_with_help() {
        let handle = install_recorder().unwrap();
        // The recorder is the process's: other tests count too, so this one has its own label.
        metrics::histogram!(names::STORE_REQUEST_SECONDS, "operation" => "once").record(0.003);
        metrics::counter!(names::STORE_REQUESTS, "operation" => "read", "outcome" => "ok")
            .increment(1);
        handle.fold();
        let text = handle.render();
        assert!(text.contains("# HELP sealgate_store_requests_total Requests to"), "{text}");
        assert!(text.contains("sealgate_store_request_seconds_bucket"), "{text}");
        assert!(text.contains("{operation=\"once\",le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("sealgate_build_info{version="), "{text}");
        assert!(matches!(install_recorder(), Err(RecorderError::AlreadyInstalled)));
    }
}
