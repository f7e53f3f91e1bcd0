//! Asking a person for a secret, without echo and only at a terminal.

use std::io::{self, IsTerminal, Write};

use crate::crypto::Passphrase;
use crate::daemon::SecretError;

/// Whether somebody is there to be asked.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Asks for the secret of a volume that has one.
///
/// # Errors
/// [`SecretError`]: nothing typed, or no secret.
pub(crate) fn ask_secret() -> Result<Passphrase, SecretError> {
    ask("Volume secret: ")
}

/// Asks twice for a new secret, after saying what a person must know before choosing it.
///
/// # Errors
/// [`SecretError::Mismatch`] if the two differ; otherwise as [`ask_secret`].
pub(crate) fn ask_new_secret() -> Result<Passphrase, SecretError> {
    // Standard error may be closed; the questions then still reach the terminal.
    let _ = io::stderr().write_all(WARNINGS.as_bytes());
    let first = ask("New volume secret: ")?;
    let second = ask("Again: ")?;
    if first.ct_eq(&second) { Ok(first) } else { Err(SecretError::Mismatch) }
}

fn ask(question: &str) -> Result<Passphrase, SecretError> {
    let typed = rpassword::prompt_password(question).map_err(SecretError::Prompt)?;
    // `Passphrase` takes the text over and wipes it, also when it is refused.
    Ok(Passphrase::new(typed)?)
}

const WARNINGS: &str = "\
This volume has no secret yet. Choose one of at least 8 characters; longer is better.
  * It never leaves this process: not to the store, not to any server, not to the log.
  * Nobody can recover it for you. Without it and without another key slot, the data is lost.
  * Every gateway that opens this volume needs the same secret.
";
