//! From configuration and a secret to a running gateway, and back to a clean stop.
//!
//! Owns: the config file and the files with secrets, which addresses may be bound, the order of
//! starting and stopping, signals, readiness. Guarantees: nothing is served before the store was
//! probed, the volume opened and every listener bound; a clean stop stores everything or says what
//! it could not store. Leaves to others: talking to people (`cli`), serving (`nfs`, `webdav`,
//! `admin`), what a volume is (`volume`).

mod address;
pub mod config;
mod env_secret;
mod error;
mod facts;
mod health;
mod locate;
mod mounts;
mod private_file;
mod secret;
mod secret_file;
mod shutdown;
mod signals;
mod startup;

pub use address::{AddressError, Listen, Listeners, Service, is_loopback, parse_network};
pub use env_secret::{NotText, SECRET_VARIABLE, take_env_secret};
pub use error::DaemonError;
pub use facts::{NOT_ENCRYPTED, SlotFacts, VolumeFacts};
pub use locate::{Found, StoreChoice, locate};
pub use mounts::MountFacts;
pub use secret::{SecretError, SecretPurpose, SecretSupplier};
pub use secret_file::{
    SecretFileError, parse_credentials, read_credentials, read_secret_file, read_secret_stream,
    write_credentials,
};
pub use signals::StopSignals;
pub use startup::{
    BoundAddresses, Gateway, GatewayOptions, NewVolume, check_addresses_free, create,
};
