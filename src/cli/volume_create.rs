//! `sealgate volume create`.

use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::base::{Clock, OsRandom, Random, SystemClock};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::run::{block_on, note, print_line};
use crate::cli::secret_args::{EnvSecret, SecretArgs};
use crate::cli::store_args::StoreArgs;
use crate::crypto::{CipherSuite, Passphrase};
use crate::daemon::{self, DaemonError, NOT_ENCRYPTED, NewVolume, StoreChoice, VolumeFacts};
use crate::format::Compression;

/// Make a volume in an empty place
///
/// The store is probed first: it must create objects exclusively, answer ranges and keep the
/// server-side encryption that is asked of it. A place that holds anything at all is refused.
///
/// With a secret (--secret-file, --creds-file or SEALGATE_SECRET) the volume can be served at once;
/// without one it is made without a secret, and the first `sealgate serve` asks for it twice.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  sealgate volume create ./photos.sealgate --name photos
  sealgate volume create 's3://bucket/photos?region=eu-central-1' --sse --secret-file secret.txt
  sealgate volume create 's3://bucket/open?endpoint=http://127.0.0.1:9' --encryption none --sse")]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    store: StoreArgs,

    /// Name of the volume: 1 to 64 letters, digits, dots, dashes and underscores
    ///
    /// It is public, like the rest of the header. Default: the name in the config file, if STORE
    /// is one.
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    name: Option<String>,

    /// How content and metadata are sealed before they leave this process
    ///
    /// `none` is for volumes that rely on server-side encryption alone: whoever can read the store
    /// can then read every name and every byte. It cannot be changed later.
    #[arg(long, value_name = "SUITE", value_enum, default_value_t = EncryptionWord::Aes256Gcm)]
    encryption: EncryptionWord,

    /// How content is compressed before it is sealed [default: lz4]
    ///
    /// Stored lengths tell something about compressed content; `none` tells less.
    #[arg(long, value_name = "CODEC", value_enum)]
    compression: Option<CompressionWord>,

    #[command(flatten)]
    secret: SecretArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EncryptionWord {
    /// Authenticated encryption, per extent and per record
    #[value(name = "aes-256-gcm")]
    Aes256Gcm,
    /// No end-to-end encryption
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CompressionWord {
    /// As it is
    None,
    /// Fast
    Lz4,
    /// Smaller
    Zstd,
}

impl CompressionWord {
    const fn codec(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Lz4 => Compression::Lz4,
            Self::Zstd => Compression::Zstd,
        }
    }
}

/// What to make, and where.
struct Create {
    store: StoreChoice,
    new: NewVolume,
    secret: Option<Passphrase>,
}

impl CreateArgs {
    fn resolve(&self, environment: EnvSecret) -> Result<Create, Failure> {
        let config = self.store.config.read()?;
        let resolved = self.store.resolve(&config)?;
        let default = NewVolume::default();
        let new = NewVolume {
            name: self.name.clone().or(resolved.configured_name.filter(|n| parse_name(n).is_ok())),
            encryption: match self.encryption {
                EncryptionWord::Aes256Gcm => CipherSuite::Aes256Gcm,
                EncryptionWord::None => CipherSuite::None,
            },
            compression: self.compression.map_or(default.compression, CompressionWord::codec),
        };
        let secret = self.secret.given(environment, resolved.secret_file.as_deref())?;
        if secret.is_some() && new.encryption == CipherSuite::None {
            return Err(Failure::new(
                Exit::NotEncrypted,
                "a secret was given together with --encryption none, which has no use for it; \
                 leave one of the two out",
            ));
        }
        Ok(Create { store: resolved.choice, new, secret })
    }
}

/// Runs the command.
///
/// # Errors
/// The store cannot keep a promise, the place is not empty, or a file is refused.
pub(crate) fn run(args: &CreateArgs, environment: EnvSecret) -> Result<(), Failure> {
    let create = args.resolve(environment)?;
    let facts = block_on(make(create))?;
    print_line(&format!(
        "created volume={} name={} encryption={} secret-id={} store={}",
        facts.id,
        facts.name.as_deref().unwrap_or("-"),
        facts.encryption,
        facts.secret_id.as_deref().unwrap_or("none"),
        facts.store,
    ));
    if !facts.is_encrypted() {
        note(&format!("Warning: {NOT_ENCRYPTED}"));
    } else if !facts.has_secret() {
        note("The volume has no secret yet. The first `sealgate serve` asks for one.");
    }
    Ok(())
}

async fn make(create: Create) -> Result<VolumeFacts, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random: Arc<dyn Random> = Arc::new(OsRandom);
    let sse = create.store.sse.clone().unwrap_or_default();
    let store = create.store.open_with(sse).map_err(DaemonError::from)?;
    let secret = create.secret.as_ref();
    let header = daemon::create(&store, create.new, secret, &clock, &random).await?;
    Ok(VolumeFacts::of(&header, store.label()))
}

fn parse_name(text: &str) -> Result<String, String> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && text.len() <= NAME_CHARS_MAX && text.chars().all(lawful) {
        return Ok(text.to_owned());
    }
    Err("use 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first"
        .to_owned())
}

/// A name becomes a directory under /mnt and a word in logs.
const NAME_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_that_can_be_a_directory() {
        for name in ["photos", "a", "2026.backup_1-x", &"x".repeat(64)] {
            assert!(parse_name(name).is_ok(), "{name}");
        }
        for name in ["", "..", "-x", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(parse_name(name).is_err(), "{name}");
        }
    }
}
