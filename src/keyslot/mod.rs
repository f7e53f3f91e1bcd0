//! The volume header: what a volume is, and the key slots that wrap its key.
//!
//! Owns: the text of `volume.json` and `volume.bak.json`, and the rules of its slots. Guarantees: a
//! header with one flipped bit is refused, and keys come only from a header whose MAC was checked.
//! Leaves to others: reading and writing the two copies (`volume`).

mod copies;
mod error;
mod fields;
mod header;
mod open;
mod slot;
mod text;

pub use copies::{Copies, choose_copy};
pub use error::{HeaderError, KeyslotError};
pub use fields::{Engine, SseFacts, SseMode};
pub use header::{Header, NewVolume};
pub use open::VerifiedHeader;
pub use slot::{Slot, SlotKdf, SlotKind, WrappedKey};

#[cfg(test)]
mod tests;
