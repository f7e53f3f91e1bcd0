//! From what went wrong to a sentence and an exit code.

use std::fmt;

use crate::cli::exit::Exit;
use crate::daemon::config::ConfigError;
use crate::daemon::{AddressError, DaemonError, SecretError, SecretFileError};
use crate::keyslot::KeyslotError;
use crate::meta::MetaError;
use crate::store::{StoreError, StoreErrorKind};
use crate::telemetry::LogError;
use crate::vfs;
use crate::volume::VolumeError;

/// How a command failed: the exit code, and what happened, to what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// One or two sentences; printed after `Error: `.
    pub message: String,
}

impl Failure {
    /// A failure with its sentence.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The command line makes no sense.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error: {}", self.message)
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        let exit = match &error {
            DaemonError::Config(_) => Exit::Config,
            DaemonError::Secret(error) => secret_exit(error),
            DaemonError::Credentials(_) => Exit::SecretFile,
            DaemonError::Store(error) => store_exit(error),
            DaemonError::Volume(error) => volume_exit(error),
            DaemonError::Vfs(error) => vfs_exit(error),
            DaemonError::Address(error) => address_exit(error),
            DaemonError::AddressInUse { .. } => Exit::AddressInUse,
            DaemonError::Bind { .. } => Exit::AddressUnavailable,
            DaemonError::NotEncrypted { .. } => Exit::NotEncrypted,
            DaemonError::ReadOnlyWithoutSecret => Exit::SecretMissing,
            DaemonError::Signals(_) | DaemonError::Metrics(_) => Exit::Unexpected,
            // Fenced: what was not stored belongs to clients of a gateway that lost its right.
            DaemonError::FlushFailed { reason: vfs::Error::Fenced, .. } => Exit::Fenced,
            DaemonError::FlushFailed { .. } => Exit::FlushFailed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        DaemonError::from(error).into()
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        DaemonError::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        DaemonError::from(error).into()
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let exit = match error {
            LogError::Format(_) | LogError::Filter { .. } => Exit::Usage,
            LogError::AlreadyInstalled => Exit::Unexpected,
        };
        Self::new(exit, error.to_string())
    }
}

fn secret_exit(error: &SecretError) -> Exit {
    match error {
        SecretError::File(SecretFileError::Exists { .. }) => Exit::FileExists,
        SecretError::File(_) => Exit::SecretFile,
        SecretError::Missing | SecretError::MissingFirst | SecretError::Prompt(_) => {
            Exit::SecretMissing
        }
        SecretError::Environment(_)
        | SecretError::Unusable(_)
        | SecretError::Mismatch
        | SecretError::Input(_) => Exit::SecretUnusable,
    }
}

fn address_exit(error: &AddressError) -> Exit {
    match error {
        AddressError::Syntax(_) | AddressError::Unresolved(_) | AddressError::Twice(..) => {
            Exit::Usage
        }
        AddressError::NfsOpen(_) | AddressError::WebDavOpen(_) | AddressError::AdminOpen(_) => {
            Exit::AddressRefused
        }
    }
}

fn store_exit(error: &StoreError) -> Exit {
    match error.kind() {
        StoreErrorKind::Invalid => Exit::Usage,
        StoreErrorKind::NotFound
        | StoreErrorKind::Denied
        | StoreErrorKind::Unavailable
        | StoreErrorKind::Incapable
        | StoreErrorKind::NoSpace => Exit::Store,
        StoreErrorKind::Corrupt => Exit::Damaged,
        StoreErrorKind::AlreadyExists | StoreErrorKind::Conflict => Exit::Unexpected,
    }
}

fn volume_exit(error: &VolumeError) -> Exit {
    match error {
        VolumeError::NoVolume { .. } | VolumeError::Header { .. } => Exit::NoVolume,
        VolumeError::Exists { .. } | VolumeError::NotEmpty { .. } => Exit::VolumeExists,
        VolumeError::Keyslot(error) => keyslot_exit(error),
        VolumeError::SecretMissing => Exit::SecretMissing,
        VolumeError::ForeignMetadata { .. }
        | VolumeError::MetadataMissing { .. }
        | VolumeError::Record(_) => Exit::Damaged,
        VolumeError::Store(error) => store_exit(error),
        VolumeError::Engine(error) => meta_exit(error),
        VolumeError::HeaderChanged | VolumeError::Worker => Exit::Unexpected,
    }
}

fn keyslot_exit(error: &KeyslotError) -> Exit {
    match error {
        KeyslotError::IncorrectSecret => Exit::IncorrectSecret,
        KeyslotError::NoSecret | KeyslotError::Encrypted => Exit::SecretMissing,
        KeyslotError::NotEncrypted => Exit::NotEncrypted,
        KeyslotError::SlotRefused { .. }
        | KeyslotError::HeaderRefused
        | KeyslotError::Password(_)
        | KeyslotError::Header(_) => Exit::NoVolume,
        KeyslotError::HasSecret => Exit::Unexpected,
    }
}

fn meta_exit(error: &MetaError) -> Exit {
    match error {
        MetaError::Fenced => Exit::Fenced,
        MetaError::Unavailable(_) => Exit::Store,
        MetaError::Corrupt(_) => Exit::Damaged,
        MetaError::Conflict | MetaError::Closed(_) => Exit::Unexpected,
    }
}

fn vfs_exit(error: &vfs::Error) -> Exit {
    if *error == vfs::Error::Fenced {
        Exit::Fenced
    } else if matches!(error, vfs::Error::Unavailable(_)) {
        Exit::Store
    } else if matches!(error, vfs::Error::Io(_)) {
        Exit::Damaged
    } else {
        Exit::Unexpected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incorrect_secret_is_said_in_exactly_these_words() {
        let error = VolumeError::from(KeyslotError::IncorrectSecret);
        let failure = Failure::from(DaemonError::from(error));
        assert_eq!(failure.to_string(), "Error: incorrect volume secret");
        assert_eq!(failure.exit.code(), 10);
    }

    #[test]
    fn being_fenced_has_its_own_code_even_if_the_last_flush_failed() {
        let reason = vfs::Error::Fenced;
        let failure = Failure::from(DaemonError::FlushFailed { dirty_bytes: 3, reason });
        assert_eq!(failure.exit, Exit::Fenced);
        let reason = vfs::Error::Unavailable("down".to_owned());
        let failure = Failure::from(DaemonError::FlushFailed { dirty_bytes: 3, reason });
        assert_eq!(failure.exit, Exit::FlushFailed);
        assert!(failure.message.contains("3 bytes"), "{failure}");
    }
}
