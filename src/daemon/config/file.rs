//! Reading the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::base::to_u64;
use crate::daemon::config::{
    AdminConfig, DurabilityConfig, LogConfig, MemoryConfig, NfsConfig, VolumeConfig, WebDavConfig,
};
use crate::daemon::private_file;

/// The whole file. Every table may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[volume.NAME]`: the volumes that the command line may call by name.
    #[serde(default)]
    pub volume: BTreeMap<String, VolumeConfig>,
    /// `[nfs]`.
    #[serde(default)]
    pub nfs: NfsConfig,
    /// `[webdav]`.
    #[serde(default)]
    pub webdav: WebDavConfig,
    /// `[admin]`.
    #[serde(default)]
    pub admin: AdminConfig,
    /// `[memory]`.
    #[serde(default)]
    pub memory: MemoryConfig,
    /// `[durability]`.
    #[serde(default)]
    pub durability: DurabilityConfig,
    /// `[log]`.
    #[serde(default)]
    pub log: LogConfig,
}

/// Why a configuration file is refused. No variant quotes a value of the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("the config file {} cannot be read: {source}", .file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is larger than any configuration.
    #[error("the config file {} is larger than {CONFIG_BYTES_MAX} bytes", .file.display())]
    TooLarge {
        /// Which file.
        file: PathBuf,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("the config file {}{line} is refused: {reason}", .file.display())]
    Invalid {
        /// Which file.
        file: PathBuf,
        /// ` line N`, or nothing if the place is not known.
        line: String,
        /// What is wrong; names the key if one is at fault.
        reason: String,
    },
    /// It holds secrets and others may read it.
    #[error(
        "the config file {0} holds secrets of the store and others may read it; run: chmod 600 {0}",
        .file.display()
    )]
    Exposed {
        /// Which file.
        file: PathBuf,
    },
}

impl Config {
    /// Reads `file`.
    ///
    /// # Errors
    /// [`ConfigError`]: unreadable, too large, not valid, or exposed.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
        let opened = File::open(file).map_err(unreadable)?;
        let exposed = private_file::is_exposed(&opened).map_err(unreadable)?;
        let mut text = Zeroizing::new(String::new());
        let limit = CONFIG_BYTES_MAX + 1;
        let read = opened.take(limit).read_to_string(&mut text).map_err(unreadable)?;
        if to_u64(read) == limit {
            return Err(ConfigError::TooLarge { file: file.to_owned() });
        }
        let config = Self::parse(&text, file)?;
        if exposed && config.volume.values().any(|volume| volume.credentials.holds_secret()) {
            return Err(ConfigError::Exposed { file: file.to_owned() });
        }
        Ok(config)
    }

    /// Parses the text of `file`; the name is for errors only.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with the line and the key at fault.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Invalid {
            file: file.to_owned(),
            line: line_of(text, &error),
            reason: without_values(error.message()),
        })?;
        let refuse =
            |reason| ConfigError::Invalid { file: file.to_owned(), line: String::new(), reason };
        config.memory.budget_bytes().map_err(refuse)?;
        config.durability.flush_interval().map_err(refuse)?;
        Ok(config)
    }

    /// Where the file is looked for when neither a flag nor the environment names one: the user's
    /// configuration directory, then `/etc/sealgate`. Never the working directory: a directory
    /// somebody else prepared must not decide where data goes.
    #[must_use]
    pub fn default_places(xdg_config_home: Option<&Path>, home: Option<&Path>) -> Vec<PathBuf> {
        let user = match (xdg_config_home, home) {
            (Some(xdg), _) if xdg.is_absolute() => Some(xdg.to_owned()),
            (_, Some(home)) if home.is_absolute() => Some(home.join(".config")),
            _ => None,
        };
        user.into_iter()
            .map(|dir| dir.join("sealgate").join(FILE_NAME))
            .chain([Path::new("/etc/sealgate").join(FILE_NAME)])
            .collect()
    }
}

/// ` line N` of a parser's error.
pub(crate) fn line_of(text: &str, error: &toml::de::Error) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return String::new();
    };
    format!(" line {}", before.matches('\n').count() + 1)
}

/// A parser's message without the value it quotes: `invalid type: string "x", expected a map` may
/// show a secret that stands in the wrong place. Names of keys stay.
pub(crate) fn without_values(message: &str) -> String {
    let Some((fault, rest)) = message
        .split_once(": ")
        .filter(|(fault, _)| ["invalid type", "invalid value", "invalid length"].contains(fault))
    else {
        return if message.contains('"') { NOT_SHOWN.to_owned() } else { message.to_owned() };
    };
    // The last one: the value itself may hold these words.
    match rest.rfind(", expected ").and_then(|at| rest.get(at + 2..)) {
        Some(expected) => format!("{fault}: {expected}"),
        None => fault.to_owned(),
    }
}

const NOT_SHOWN: &str = "not valid TOML; the text is not shown, since it may hold a secret";
const FILE_NAME: &str = "sealgate.toml";
/// Far above any real configuration.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Config::parse(text, Path::new("conf/sealgate.toml")).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_file_and_line() {
        let error = refusal("[nfs]\nlisen = \"127.0.0.1:2049\"\n");
        assert!(error.contains("conf/sealgate.toml line 2"), "{error}");
        assert!(error.contains("`lisen`") && error.contains("`listen`"), "{error}");
        assert!(refusal("[nsf]\n").contains("`nsf`"));
        assert!(refusal("[volume.a]\nurl = \"x\"\nregion = \"y\"\n").contains("`region`"));
    }

    #[test]
    fn no_error_quotes_a_value() {
        let head = "[volume.a]\nurl = \"x\"\n";
        for broken in [
            "credentials = \"hunter22hunter22\"\n",
            "credentials = { secret_access_key = \"hunter22hunter22\n",
            "credentials = { secret_access_key = [\"hunter22hunter22\"] }\n",
            "sse = \"s3\"\ncredentials = { account_key = hunter22hunter22 }\n",
        ] {
            let error = refusal(&format!("{head}{broken}"));
            assert!(!error.contains("hunter22"), "{error}");
        }
        let error = refusal(&format!("{head}credentials = {{ account_key = 8675309 }}\n"));
        assert!(!error.contains("8675309"), "{error}");
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert!(refusal("[memory]\nbudget = \"1KiB\"\n").contains("16MiB"));
        assert!(refusal("[memory]\nbudget = \"much\"\n").contains("512MiB"));
        assert!(refusal("[durability]\nflush_interval = \"1h\"\n").contains("60s"));
        assert!(refusal("[durability]\nmetadata_sync = \"never\"\n").contains("always"));
        assert!(refusal("[nfs]\nallow = [\"10.0.0.0/99\"]\n").contains("line 2"));
    }

    #[test]
    fn the_example_file_is_valid() {
        let text = include_str!("../../../examples/minimal.toml");
        let config = Config::parse(text, Path::new("examples/minimal.toml")).unwrap();
        assert_eq!(config.volume.keys().collect::<Vec<_>>(), ["photos"]);
        assert_eq!(config.nfs.listen.as_deref(), Some("127.0.0.1:2049"));
    }

    #[test]
    fn the_working_directory_is_no_place_for_a_config_file() {
        let home = Path::new("/people/ada");
        let places = Config::default_places(None, Some(home));
        assert_eq!(places.len(), 2);
        assert_eq!(places[0], Path::new("/people/ada/.config/sealgate/sealgate.toml"));
        let places = Config::default_places(Some(Path::new("/xdg")), Some(home));
        assert_eq!(places[0], Path::new("/xdg/sealgate/sealgate.toml"));
        let places = Config::default_places(Some(Path::new("relative")), None);
        assert_eq!(places, [Path::new("/etc/sealgate/sealgate.toml")]);
    }
}
