//! `--secret-file`, `--creds-file`, the environment, or a question: where the secret comes from.

use std::path::{Path, PathBuf};

use clap::Args;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::cli::prompt;
use crate::crypto::Passphrase;
use crate::daemon::{
    NotText, SecretError, SecretPurpose, SecretSupplier, read_credentials, read_secret_file,
};

/// What the environment held in `SEALGATE_SECRET`; taken out of it at process start.
pub(crate) type EnvSecret = Option<Result<Zeroizing<String>, NotText>>;

/// Where the volume secret comes from.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// File that holds the volume secret and nothing else
    ///
    /// One newline at its end is not part of the secret. A file that others may read is refused.
    /// Without this flag: --creds-file, then SEALGATE_SECRET, SEALGATE_SECRET_FILE and
    /// SEALGATE_CREDS_FILE, then secret_file of the config file, then a question at the terminal.
    /// The secret itself is never an argument: everybody on this host can see arguments.
    #[arg(long, value_name = "FILE", conflicts_with = "creds_file")]
    pub(crate) secret_file: Option<PathBuf>,

    /// Credentials file (TOML with the key `secret`), mode 0600; see `sealgate creds init`
    #[arg(long, value_name = "FILE")]
    pub(crate) creds_file: Option<PathBuf>,
}

impl SecretArgs {
    /// The secret that was given, if one was. Reads and checks it at once, so that a start without
    /// hope fails before the store is asked anything.
    ///
    /// # Errors
    /// A file is refused, or what is given is no secret.
    pub(crate) fn given(
        &self,
        environment: EnvSecret,
        configured: Option<&Path>,
    ) -> Result<Option<Passphrase>, SecretError> {
        let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let text = if let Some(file) = &self.secret_file {
            read_secret_file(file)?
        } else if let Some(file) = &self.creds_file {
            read_credentials(file)?
        } else if let Some(secret) = environment {
            secret?
        } else if let Some(file) = variable("SEALGATE_SECRET_FILE") {
            read_secret_file(&file)?
        } else if let Some(file) = variable("SEALGATE_CREDS_FILE") {
            read_credentials(&file)?
        } else if let Some(file) = configured {
            read_secret_file(file)?
        } else {
            return Ok(None);
        };
        Ok(Some(passphrase(text)?))
    }
}

/// Moves the text of a secret into locked memory.
///
/// # Errors
/// Too short or too long.
pub(crate) fn passphrase(mut text: Zeroizing<String>) -> Result<Passphrase, SecretError> {
    // Taken, not copied: `Passphrase` wipes the buffer it is given.
    Ok(Passphrase::new(std::mem::take(&mut *text))?)
}

/// The secret that was given, or a person to ask.
pub(crate) struct CliSecrets {
    given: Mutex<Option<Passphrase>>,
    was_given: bool,
    interactive: bool,
}

impl CliSecrets {
    /// Answers with `given`; without it asks if somebody is there.
    pub(crate) fn new(given: Option<Passphrase>) -> Self {
        let was_given = given.is_some();
        Self { given: Mutex::new(given), was_given, interactive: prompt::is_interactive() }
    }
}

impl SecretSupplier for CliSecrets {
    fn secret(&self, purpose: SecretPurpose) -> Result<Passphrase, SecretError> {
        if let Some(secret) = self.given.lock().take() {
            return Ok(secret);
        }
        match (purpose, self.interactive) {
            (SecretPurpose::Open, true) => prompt::ask_secret(),
            (SecretPurpose::First, true) => prompt::ask_new_secret(),
            (SecretPurpose::Open, false) => Err(SecretError::Missing),
            (SecretPurpose::First, false) => Err(SecretError::MissingFirst),
        }
    }

    fn is_given(&self) -> bool {
        self.was_given
    }
}
