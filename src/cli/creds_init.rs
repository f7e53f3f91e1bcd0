//! `sealgate creds init`.

use std::io;
use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::cli::prompt;
use crate::cli::run::print_line;
use crate::cli::secret_args::passphrase;
use crate::crypto::Passphrase;
use crate::daemon::{SecretError, SecretFileError, read_secret_stream, write_credentials};

/// Write a credentials file with a volume secret
///
/// Asks for the secret twice without echo at a terminal; otherwise reads it from standard input
/// (one line). The file is TOML with the key `secret` and mode 0600; it appears whole or not at
/// all. `sealgate serve --creds-file` starts from it without asking anybody.
#[derive(Debug, Args)]
#[command(
    after_long_help = "\
Examples:
  sealgate creds init
  sealgate creds init --creds-file /etc/sealgate/creds.toml
  head -c 24 /dev/urandom | base64 | sealgate creds init --creds-file creds.toml"
)]
pub(crate) struct InitArgs {
    /// Where to write it
    #[arg(long, value_name = "FILE", env = "SEALGATE_CREDS_FILE", default_value = "creds.toml")]
    creds_file: PathBuf,

    /// Replace a file that exists; the secret in it is lost
    #[arg(long)]
    force: bool,
}

/// Runs the command.
///
/// # Errors
/// The file exists or cannot be written, or what was typed is no secret.
pub(crate) fn run(args: &InitArgs) -> Result<(), Failure> {
    let file = &args.creds_file;
    // Asked before the secret, so that nobody types one in vain; writing checks it again.
    if !args.force && file.symlink_metadata().is_ok() {
        let exists = SecretFileError::Exists { file: file.clone() };
        return Err(SecretError::from(exists).into());
    }
    let secret = secret()?;
    let text = Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned());
    write_credentials(file, &text, args.force).map_err(SecretError::from)?;
    print_line(&format!("wrote {}", file.display()));
    Ok(())
}

fn secret() -> Result<Passphrase, SecretError> {
    if prompt::is_interactive() {
        return prompt::ask_new_secret();
    }
    let text = read_secret_stream(io::stdin().lock()).map_err(SecretError::Input)?;
    passphrase(text)
}
