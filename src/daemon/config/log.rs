//! `[log]`: the form and the amount of the log.

use serde::Deserialize;

/// `[log]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// `auto` (human on a terminal, JSON otherwise; default), `human` or `json`.
    #[serde(default)]
    pub format: Option<String>,
    /// A level or filter directives. Default `info`. `SEALGATE_LOG` goes before it.
    #[serde(default)]
    pub level: Option<String>,
}
