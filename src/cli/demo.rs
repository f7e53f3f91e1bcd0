//! `sealgate demo`.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Args;
use zeroize::{Zeroize, Zeroizing};

use crate::base::{OsRandom, Random};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::run::{note, print_line};
use crate::cli::secret_args::{CliSecrets, passphrase};
use crate::cli::serve::{Choice, Serve, gateway_options, log_options, serve_until_stopped};
use crate::cli::store_args::directory_store;
use crate::daemon::config::{Config, CredentialsConfig};
use crate::daemon::{
    Gateway, Listeners, NewVolume, SecretError, StoreChoice, read_credentials, write_credentials,
};
use crate::telemetry::LogOptions;

/// Make (or reopen) an encrypted volume in a local directory, serve it, say what to type next
///
/// The secret is made at random and kept in DIR.creds.toml (mode 0600): delete that file and the
/// data is gone. Addresses that are in use are replaced by free ports. Nothing but DIR and that
/// file is touched, and no config file is read.
#[derive(Debug, Args)]
#[command(
    after_long_help = "\
Examples:
  sealgate demo
  sealgate demo /tmp/try-it

Stop it with Ctrl-C; start it again to find everything as it was."
)]
pub(crate) struct DemoArgs {
    /// Directory for the volume
    #[arg(value_name = "DIR", default_value = "./sealgate-demo")]
    dir: PathBuf,
}

impl DemoArgs {
    /// `DIR.creds.toml`, beside the directory: a store must hold nothing but the volume.
    fn credentials_file(&self) -> Result<PathBuf, Failure> {
        let no_name = || Failure::usage("DIR needs a name of its own, such as ./sealgate-demo");
        let mut name = self.dir.file_name().ok_or_else(no_name)?.to_owned();
        name.push(".creds.toml");
        Ok(self.dir.with_file_name(name))
    }

    fn resolve(&self) -> Result<(Serve, PathBuf), Failure> {
        let credentials = self.credentials_file()?;
        let secret = Self::secret(&self.dir, &credentials)?;
        let url = directory_store(&self.dir)?;
        let name = Some(MOUNT_NAME.to_owned());
        let choice = Choice {
            store: StoreChoice::resolve(url, None, &CredentialsConfig::default())?,
            listeners: Listeners::default(),
            fall_back_to_free_ports: true,
            create: Some(NewVolume { name, ..NewVolume::default() }),
            read_only: false,
        };
        let config = Config::default();
        let mut log: LogOptions = log_options(&config)?;
        if std::env::var_os("SEALGATE_LOG").is_none() {
            // What to type next is the point here; the log is for when something is wrong.
            log.filter = "warn".to_owned();
        }
        let secrets = CliSecrets::new(Some(passphrase(secret)?));
        Ok((Serve { gateway: gateway_options(choice, &config)?, log, secrets }, credentials))
    }

    /// The secret in the credentials file; a new one if there is neither file nor volume.
    fn secret(dir: &Path, file: &Path) -> Result<Zeroizing<String>, Failure> {
        if file.exists() {
            return Ok(read_credentials(file).map_err(SecretError::from)?);
        }
        if dir.join("volume.json").exists() {
            return Err(Failure::new(
                Exit::SecretMissing,
                format!(
                    "there is a volume in {} but its credentials file {} is gone; put it back, or \
                     choose another directory",
                    dir.display(),
                    file.display()
                ),
            ));
        }
        let secret = generate(&OsRandom);
        if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let refuse = |e| {
                let what = format!("the directory {} cannot be made: {e}", parent.display());
                Failure::new(Exit::Store, what)
            };
            std::fs::create_dir_all(parent).map_err(refuse)?;
        }
        // Before the volume: a secret without a volume is harmless, the reverse is lost data.
        write_credentials(file, &secret, false).map_err(SecretError::from)?;
        note(&format!("New volume secret in {}", file.display()));
        Ok(secret)
    }
}

/// A secret of 192 random bits in 32 characters that need no quoting anywhere.
fn generate(random: &dyn Random) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 24]);
    random.fill(&mut *bytes);
    let mut text = BASE64_URL_SAFE_NO_PAD.encode(*bytes);
    let secret = Zeroizing::new(text.clone());
    text.zeroize();
    secret
}

/// Runs the command.
///
/// # Errors
/// As `sealgate serve`.
pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let (serve, credentials) = args.resolve()?;
    let dir = args.dir.clone();
    serve_until_stopped(serve, move |gateway| {
        print_line(&what_next(gateway, &dir, &credentials));
    })
}

fn what_next(gateway: &Gateway, dir: &Path, credentials: &Path) -> String {
    let facts = gateway.mount_facts();
    let mut lines = vec![format!("\nAn encrypted volume in {} is being served.", dir.display())];
    if let Some(linux) = facts.linux() {
        lines.push(format!("\nMount it (Linux):\n  {linux}"));
    }
    if let Some(macos) = facts.macos() {
        lines.push(format!("Mount it (macOS):\n  {macos}"));
    }
    if let Some(url) = facts.webdav_url() {
        lines.push(format!("\nOr without mounting, from any shell:\n  curl -T README.md {url}"));
        lines.push(format!("  curl {url}README.md"));
    }
    if let Some(admin) = gateway.bound().admin {
        lines.push(format!("\nHow it is doing:\n  curl http://{admin}/v1/status"));
    }
    lines.push(format!(
        "\nWhat the store holds is sealed; see for yourself:\n  grep -ra README {}",
        dir.display()
    ));
    lines.push(format!("\nThe secret is in {} (nobody else can read it).", credentials.display()));
    lines.push(
        "Unmount first (sudo umount /mnt/demo), then stop with Ctrl-C; everything is stored first."
            .to_owned(),
    );
    lines.join("\n")
}

/// Name of the demo volume, and so of its mount point.
const MOUNT_NAME: &str = "demo";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_stand_beside_the_directory() {
        let file = |dir: &str| DemoArgs { dir: PathBuf::from(dir) }.credentials_file();
        assert_eq!(file("./sealgate-demo").unwrap(), Path::new("./sealgate-demo.creds.toml"));
        assert_eq!(file("/tmp/x/").unwrap(), Path::new("/tmp/x.creds.toml"));
        assert_eq!(file("..").unwrap_err().exit, Exit::Usage);
        assert_eq!(file("/").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_generated_secret_has_192_bits_and_never_repeats() {
        let (one, two) = (generate(&OsRandom), generate(&OsRandom));
        assert_eq!(one.len(), 32);
        assert_ne!(*one, *two);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
    }
}
