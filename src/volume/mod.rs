//! The life of a volume: create, open, close.
//!
//! Owns: the two copies of the header in the store, and the first records of a new volume.
//! Guarantees: a volume opens only with its own metadata under its own header; nothing is created
//! over something that is there. Leaves to others: what the header says (`keyslot`), what the
//! records mean (`vfs`).

mod create;
mod error;
mod header;
mod open;

pub use create::{CreateOptions, create, set_first_secret};
pub use error::VolumeError;
pub use header::{HeaderFound, read_header, recorded_sse};
pub use open::{OpenOptions, Volume, VolumeParts};
