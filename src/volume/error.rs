//! Why a volume cannot be created or opened, in words for the person who asked.

use crate::keyslot::{HeaderError, KeyslotError};
use crate::meta::{MetaError, RecordError};
use crate::store::StoreError;

/// Why a volume cannot be created or opened.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// There is no header.
    #[error(
        "there is no volume at {store}: check the address, or make one with \
         `sealgate volume create`"
    )]
    NoVolume {
        /// Where was looked.
        store: String,
    },
    /// There is a volume already.
    #[error("{store} holds a volume already; choose another prefix")]
    Exists {
        /// Where.
        store: String,
    },
    /// There are other objects.
    #[error("{store} is not empty: a volume needs a prefix of its own; choose another one")]
    NotEmpty {
        /// Where.
        store: String,
    },
    /// Neither copy of the header can be used.
    #[error("the volume header at {store} cannot be used: {error}")]
    Header {
        /// Where.
        store: String,
        /// What is wrong with it.
        error: HeaderError,
    },
    /// The header gives no keys.
    #[error(transparent)]
    Keyslot(#[from] KeyslotError),
    /// An encrypted volume needs its secret.
    #[error("this volume is encrypted: give its secret")]
    SecretMissing,
    /// Another gateway set the first secret at the same moment.
    #[error("the volume header was changed by another gateway at the same moment; try again")]
    HeaderChanged,
    /// The metadata is not this volume's.
    #[error(
        "the metadata at {store} does not belong to this volume header: the header or the metadata \
         was replaced; restore the one that belongs here"
    )]
    ForeignMetadata {
        /// Where.
        store: String,
    },
    /// The metadata is gone.
    #[error(
        "the metadata of the volume at {store} is missing: objects below `meta/` were removed; \
         restore them"
    )]
    MetadataMissing {
        /// Where.
        store: String,
    },
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The metadata engine says no.
    #[error(transparent)]
    Engine(#[from] MetaError),
    /// A record says no.
    #[error(transparent)]
    Record(RecordError),
    /// The key derivation ended without an answer.
    #[error("the key derivation ended without an answer")]
    Worker,
}

impl From<RecordError> for VolumeError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Engine(error) => Self::Engine(error),
            RecordError::Refused { .. } | RecordError::Layout { .. } => Self::Record(error),
        }
    }
}
