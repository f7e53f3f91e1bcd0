//! STORE, `--sse` and `--config`: which store a command speaks to.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::failure::Failure;
use crate::daemon::StoreChoice;
use crate::daemon::config::{Config, CredentialsConfig, VolumeConfig};
use crate::store::{StoreError, StoreUrl};

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Where the volume lives: a path, a URL, or the name of a [volume.NAME] of the config file
    ///
    ///   ./dir, /dir, fs:///dir      a local directory
    ///   s3://bucket/prefix?endpoint=URL&region=R
    ///   azblob://container/prefix?endpoint=URL&account=NAME
    ///   gcs://bucket/prefix
    ///   memory://                   gone when the process ends
    ///
    /// Credentials come from the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,
    /// AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, GOOGLE_APPLICATION_CREDENTIALS)
    /// or from the config file, never from the URL.
    #[arg(value_name = "STORE", verbatim_doc_comment)]
    pub(crate) store: String,

    /// Server-side encryption asked of the store: s3, kms, kms:KEY-ID, customer or none
    ///
    /// It lies underneath the volume's own encryption, as a second, independent layer. --sse alone
    /// means s3. `customer` takes its 32-byte key in base64 from SEALGATE_SSE_CUSTOMER_KEY or from
    /// the config file. Without the flag: what the volume was created with.
    #[arg(
        long,
        value_name = "MODE",
        num_args = 0..=1,
        default_missing_value = "s3",
        env = "SEALGATE_SSE",
        value_parser = parse_sse_word,
    )]
    pub(crate) sse: Option<String>,

    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// Which config file.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Config file
    ///
    /// Without it: sealgate/sealgate.toml in $XDG_CONFIG_HOME (or ~/.config), then
    /// /etc/sealgate/sealgate.toml; the first that exists. Flags go before SEALGATE_* variables,
    /// those before the config file, and that before the defaults.
    #[arg(long, value_name = "FILE", env = "SEALGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

impl ConfigArgs {
    /// Reads the config file; all defaults if there is none.
    ///
    /// # Errors
    /// The file is refused, or it was named and does not exist.
    pub(crate) fn read(&self) -> Result<Config, Failure> {
        if let Some(file) = &self.config {
            return Ok(Config::read(file)?);
        }
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let (xdg, home) = (variable("XDG_CONFIG_HOME"), variable("HOME"));
        let places = Config::default_places(xdg.as_deref(), home.as_deref());
        match places.iter().find(|place| place.exists()) {
            Some(place) => Ok(Config::read(place)?),
            None => Ok(Config::default()),
        }
    }
}

/// A store, resolved against the config file.
#[derive(Debug)]
pub(crate) struct ResolvedStore {
    pub(crate) choice: StoreChoice,
    /// The name under which the config file knows it, if it was called by name.
    pub(crate) configured_name: Option<String>,
    /// `secret_file` of its table.
    pub(crate) secret_file: Option<PathBuf>,
}

impl StoreArgs {
    /// Finds out what STORE means.
    ///
    /// # Errors
    /// The URL or the server-side encryption makes no sense, or a file of credentials is refused.
    pub(crate) fn resolve(&self, config: &Config) -> Result<ResolvedStore, Failure> {
        let named: Option<&VolumeConfig> = config.volume.get(&self.store);
        let text = named.map_or(self.store.as_str(), |volume| volume.url.as_str());
        let url = StoreUrl::parse(text)?;
        let none = CredentialsConfig::default();
        let credentials = named.map_or(&none, |volume| &volume.credentials);
        let configured_sse = named.and_then(|volume| volume.sse.as_deref());
        let sse = self.sse.as_deref().or(configured_sse);
        Ok(ResolvedStore {
            choice: StoreChoice::resolve(url, sse, credentials)?,
            configured_name: named.map(|_| self.store.clone()),
            secret_file: named.and_then(|volume| volume.secret_file.clone()),
        })
    }
}

/// Checks the word of `--sse`. It must not be STORE: `--sse` takes an optional value, so it would
/// swallow a STORE that follows it.
fn parse_sse_word(text: &str) -> Result<String, String> {
    match text {
        "none" | "s3" | "kms" | "customer" => Ok(text.to_owned()),
        _ if text.strip_prefix("kms:").is_some_and(|id| !id.is_empty()) => Ok(text.to_owned()),
        _ => Err("use s3, kms, kms:KEY-ID, customer or none (STORE goes before --sse)".to_owned()),
    }
}

/// A local directory as a store.
///
/// # Errors
/// What the store says about the path.
pub(crate) fn directory_store(dir: &Path) -> Result<StoreUrl, StoreError> {
    StoreUrl::parse(&dir.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_after_a_bare_sse_flag_is_noticed() {
        for text in ["none", "s3", "kms", "kms:arn:aws:kms:eu-1:1:key/k", "customer"] {
            assert_eq!(parse_sse_word(text).as_deref(), Ok(text));
        }
        for text in ["s3://bucket/x", "./dir", "AES256", "kms:", ""] {
            assert!(parse_sse_word(text).unwrap_err().contains("STORE"), "{text}");
        }
    }
}
