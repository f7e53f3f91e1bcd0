//! What can be wrong with a volume header, and what to do about it.

use crate::crypto::PasswordError;

/// Why bytes are not a volume header. Carries positions and field names, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Neither copy of the header was found.
    #[error("there is no volume header here: check the address, or create a volume first")]
    Missing,
    /// More bytes than any header has.
    #[error(
        "the volume header has {found} bytes, more than any header of this program: \
         restore it from its second copy or from a backup"
    )]
    TooLong {
        /// How many bytes there are.
        found: usize,
    },
    /// No JSON, or not the fields of a header.
    #[error(
        "the volume header cannot be read at line {line}, column {column}: \
         restore it from its second copy or from a backup"
    )]
    Malformed {
        /// Line, from 1; 0 if the position is not known.
        line: usize,
        /// Column, from 1; 0 if the position is not known.
        column: usize,
    },
    /// A format that this program does not know.
    #[error(
        "the volume header has format version {found}, and this program reads version 1: \
         use a newer sealgate"
    )]
    Version {
        /// The version found.
        found: u64,
    },
    /// A value that no header of this program has.
    #[error("the field `{field}` of the volume header is out of range")]
    Range {
        /// Which field.
        field: &'static str,
    },
    /// The right fields, but not written as this program writes them.
    #[error(
        "the volume header was edited or damaged: restore it from its second copy or from a backup"
    )]
    NotCanonical,
    /// The checksum does not belong to the text.
    #[error(
        "the checksum of the volume header is wrong, so it was edited or damaged: \
         restore it from its second copy or from a backup"
    )]
    Checksum,
    /// Two valid copies of different volumes.
    #[error(
        "the two copies of the volume header belong to different volumes: \
         remove the one that does not belong here"
    )]
    ForeignCopy,
}

/// Why a header gives no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyslotError {
    /// The secret is not the one of this volume.
    #[error("incorrect volume secret")]
    IncorrectSecret,
    /// The volume was created without a secret, and nobody has set one.
    #[error("this volume has no secret yet: set one when it is served for the first time")]
    NoSecret,
    /// A first secret was to be set, but there is one.
    #[error("this volume has a secret already: open it with that one")]
    HasSecret,
    /// A secret was given for a volume that is not encrypted.
    #[error("this volume is not encrypted, so no secret opens it: open it without one")]
    NotEncrypted,
    /// A volume that is encrypted was to be opened without a secret.
    #[error("this volume is encrypted: give its secret")]
    Encrypted,
    /// The secret is right, but the slot does not give the volume key.
    #[error(
        "key slot {slot} does not open although the secret is right, so the volume header was \
         altered: restore it from its second copy or from a backup"
    )]
    SlotRefused {
        /// The slot's id.
        slot: u32,
    },
    /// The volume key is right, but the header's MAC is not.
    #[error(
        "the volume header was altered by somebody without the volume key: \
         restore it from its second copy or from a backup"
    )]
    HeaderRefused,
    /// The key derivation was refused or could not run.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The header that would result is not one: its generation cannot grow any more.
    #[error(transparent)]
    Header(#[from] HeaderError),
}
