//! What the daemon asks when it needs the volume secret, and how that can fail.

use crate::crypto::{Passphrase, PassphraseError};
use crate::daemon::env_secret::NotText;
use crate::daemon::secret_file::SecretFileError;

/// What the secret is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPurpose {
    /// The volume has one; it must be the same.
    Open,
    /// The volume has none yet: this one becomes its secret.
    First,
}

/// Where the secret comes from: a file, the environment, or a person at a terminal.
pub trait SecretSupplier: Send + Sync {
    /// The secret. May block while a person types.
    ///
    /// # Errors
    /// [`SecretError`]: none to be had, refused, or not usable.
    fn secret(&self, purpose: SecretPurpose) -> Result<Passphrase, SecretError>;

    /// Whether a secret is given without asking anybody.
    fn is_given(&self) -> bool;
}

/// Why there is no usable secret. No variant shows it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file is refused.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The environment's value is not text.
    #[error(transparent)]
    Environment(#[from] NotText),
    /// Nothing given and nobody to ask.
    #[error(
        "the volume needs its secret and none was given; use --secret-file, --creds-file or \
         SEALGATE_SECRET, or start from a terminal to be asked"
    )]
    Missing,
    /// Nothing given, nobody to ask, and the volume has none yet.
    #[error(
        "the volume has no secret yet and none was given; start once from a terminal to choose \
         one, or give one with --secret-file, --creds-file or SEALGATE_SECRET"
    )]
    MissingFirst,
    /// Too short or too long.
    #[error(transparent)]
    Unusable(#[from] PassphraseError),
    /// Typed differently the second time.
    #[error("the two secrets differ; nothing was changed, try again")]
    Mismatch,
    /// What standard input held is no secret.
    #[error("the secret on standard input is refused: {0}")]
    Input(String),
    /// The terminal could not be read.
    #[error("the secret could not be read from the terminal: {0}")]
    Prompt(#[source] std::io::Error),
}
