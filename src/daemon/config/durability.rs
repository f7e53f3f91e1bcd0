//! `[durability]`: what an answer means for the next power cut (docs/durability.md).

use std::time::Duration;

use serde::Deserialize;

use crate::daemon::config::text::DurationText;

/// When a metadata operation (create, rename, remove...) is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetadataSyncChoice {
    /// Before it is answered.
    Always,
    /// Within `flush_interval`, and never later than the next COMMIT.
    #[default]
    Interval,
}

impl MetadataSyncChoice {
    /// The word used in the file and in `/v1/status`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Interval => "interval",
        }
    }
}

/// `[durability]`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DurabilityConfig {
    /// `always` or `interval` (default).
    #[serde(default)]
    pub metadata_sync: MetadataSyncChoice,
    /// Longest wait of a change under `interval`. Range 10ms to 60s, default 200ms. Shorter costs
    /// more store requests, longer loses more when the gateway's host dies.
    #[serde(default)]
    pub flush_interval: Option<DurationText>,
}

impl DurabilityConfig {
    /// The flush interval.
    ///
    /// # Errors
    /// What to write instead, if the interval is out of range.
    pub fn flush_interval(&self) -> Result<Duration, String> {
        let interval = self.flush_interval.map_or(FLUSH_INTERVAL_DEFAULT, |text| text.0);
        if (FLUSH_INTERVAL_MIN..=FLUSH_INTERVAL_MAX).contains(&interval) {
            return Ok(interval);
        }
        Err(format!(
            "flush_interval in [durability] is {interval:?}; give something between 10ms and 60s"
        ))
    }
}

const FLUSH_INTERVAL_DEFAULT: Duration = Duration::from_millis(200);
const FLUSH_INTERVAL_MIN: Duration = Duration::from_millis(10);
const FLUSH_INTERVAL_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_interval_out_of_range_is_refused() {
        let of = |millis| DurabilityConfig {
            flush_interval: Some(DurationText(Duration::from_millis(millis))),
            ..DurabilityConfig::default()
        };
        assert_eq!(DurabilityConfig::default().flush_interval(), Ok(Duration::from_millis(200)));
        assert!(of(10).flush_interval().is_ok() && of(60_000).flush_interval().is_ok());
        assert!(of(9).flush_interval().is_err() && of(60_001).flush_interval().is_err());
    }
}
