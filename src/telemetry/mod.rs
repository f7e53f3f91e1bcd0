//! Logs, metric names, and the wrapper that keeps values out of both.
//!
//! Owns: the form of log lines, which targets may log at all, every metric name with its
//! description, the recorder behind `/metrics`. Guarantees: a [`Redacted`] value is never shown;
//! libraries that know file names have no voice in the log. Leaves to others: what to count
//! (every layer) and serving the text (`admin`).

mod logs;
pub mod names;
mod recorder;
mod redacted;

pub use logs::{LogError, LogFormat, LogOptions, init_logs};
pub use recorder::{MetricsHandle, RecorderError, install_recorder};
pub use redacted::Redacted;
