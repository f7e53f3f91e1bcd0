//! The log: human lines on a terminal, JSON otherwise, always on standard error.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One line of text per event.
    Human,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "auto" => Ok(Self::Auto),
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(LogError::Format(text.to_owned())),
        }
    }
}

/// What to log, and how.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The form of the lines.
    pub format: LogFormat,
    /// A level (`error` to `trace`) or `tracing` directives such as `info,sealgate::nfs=debug`.
    pub filter: String,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: FILTER_DEFAULT.to_owned() }
    }
}

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Not a format.
    #[error("`{0}` is no log format; use auto, human or json")]
    Format(String),
    /// Not a filter.
    #[error(
        "`{filter}` is no log filter ({reason}); use a level such as info or debug, or directives \
         such as info,sealgate::nfs=debug"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The log was set up before: a bug in the caller.
    #[error("the log of this process is already set up")]
    AlreadyInstalled,
}

/// Reads a filter without installing it.
///
/// # Errors
/// [`LogError::Filter`] if a directive cannot be read.
fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    let filter = filter.trim();
    let filter = if filter.is_empty() { FILTER_DEFAULT } else { filter };
    EnvFilter::try_new(filter)
        .map_err(|error| LogError::Filter { filter: filter.to_owned(), reason: error.to_string() })
}

/// Sets up the log of this process.
///
/// # Errors
/// [`LogError::Filter`] if the filter cannot be read, [`LogError::AlreadyInstalled`] at a second
/// call.
pub fn init_logs(options: &LogOptions) -> Result<(), LogError> {
    let filter = parse_filter(&options.filter)?.and(filter_fn(|meta| may_log(meta.target())));
    let terminal = std::io::stderr().is_terminal();
    let json = match options.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !terminal,
    };
    let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let layer = if json {
        fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed()
    } else {
        fmt::layer().with_ansi(color).with_target(false).with_writer(std::io::stderr).boxed()
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()
        .map_err(|_| LogError::AlreadyInstalled)
}

/// Logs must be safe to archive. These libraries put request paths, names or headers into their
/// events, so no filter a user writes can switch them on.
fn may_log(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or(target);
    !MUTED_LIBRARIES.contains(&library)
}

const FILTER_DEFAULT: &str = "info,slatedb=warn,opendal=warn";
const MUTED_LIBRARIES: &[&str] =
    &["dav_server", "nfsserve", "hyper", "hyper_util", "axum", "reqwest", "tower", "h2"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_know_file_names_never_log() {
        assert!(!may_log("dav_server::handle_put"));
        assert!(!may_log("nfsserve"));
        assert!(!may_log("hyper::proto::h1"));
        assert!(may_log("sealgate::daemon::startup"));
        assert!(may_log("slatedb::db"));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_with_its_text() {
        assert!(parse_filter("info,sealgate::nfs=debug").is_ok());
        assert!(parse_filter("").is_ok());
        let error = parse_filter("sealgate=loudest").unwrap_err().to_string();
        assert!(error.contains("sealgate=loudest"), "{error}");
    }

    #[test]
    fn formats_are_read_by_name() {
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        assert_eq!("auto".parse::<LogFormat>().unwrap(), LogFormat::Auto);
        assert!("xml".parse::<LogFormat>().is_err());
    }
}
