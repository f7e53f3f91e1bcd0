//! The configuration file: `sealgate.toml` in plain data.
//!
//! Owns: where the file is looked for, its keys, their units and defaults, and the rule that a
//! file with secrets is readable by its owner alone. Guarantees: an unknown key is an error that
//! names the key and the file; no error quotes a value that may be a secret. Leaves to others:
//! turning the values into a running process (`daemon::startup`), flags and environment (`cli`).

mod durability;
mod file;
mod listen;
mod log;
mod memory;
mod text;
mod volume;

pub use durability::{DurabilityConfig, MetadataSyncChoice};
pub use file::{Config, ConfigError};
pub(crate) use file::{line_of, without_values};
pub use listen::{AdminConfig, NfsConfig, WebDavConfig};
pub use log::LogConfig;
pub use memory::MemoryConfig;
pub use text::{DurationText, NetworkText, SizeText};
pub use volume::{CredentialsConfig, VolumeConfig};
