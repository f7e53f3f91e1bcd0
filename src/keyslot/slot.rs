//! Key slots: each holds the volume's keys, wrapped under a key that one secret gives.
//!
//! Owns: the layout of a slot and the rules it keeps. The costs of a derivation stand beside what
//! they protect, and are part of the binding of every key in the slot.

use crate::base::limits::{KEY_EPOCHS_MAX, LABEL_CHARS_MAX};
use crate::base::{KeyEpoch, Random, Timestamp, VolumeId, Writer};
use crate::crypto::aead::{WRAPPED_KEY_BYTES, unwrap_key, wrap_key};
use crate::crypto::{OpenError, PasswordKeys, PasswordParams, Secret, SlotBinding};
use serde::{Deserialize, Serialize};

use super::error::HeaderError;
use super::text;

/// The version of Argon2 in RFC 9106: 0x13.
const ARGON2_VERSION: u32 = 19;
/// 9999-12-31T23:59:59Z: the last second that RFC 3339 can write.
const UNIX_SECONDS_MAX: i64 = 253_402_300_799;

/// What opens a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotKind {
    /// A passphrase, through Argon2id.
    Passphrase,
}

impl SlotKind {
    /// The kind as the header spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
        }
    }
}

/// The name of a key derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KdfAlgorithm {
    Argon2id,
}

/// How the key-encryption key of a slot is derived: costs and salt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotKdf {
    algorithm: KdfAlgorithm,
    version: u32,
    passes: u32,
    memory_kib: u32,
    lanes: u32,
    #[serde(with = "text::bytes")]
    salt: [u8; 16],
}

impl SlotKdf {
    const fn new(params: PasswordParams, salt: [u8; 16]) -> Self {
        Self {
            algorithm: KdfAlgorithm::Argon2id,
            version: ARGON2_VERSION,
            passes: params.passes,
            memory_kib: params.memory_kib,
            lanes: params.lanes,
            salt,
        }
    }

    /// What one derivation costs.
    #[must_use]
    pub const fn params(&self) -> PasswordParams {
        PasswordParams { memory_kib: self.memory_kib, passes: self.passes, lanes: self.lanes }
    }

    /// The salt.
    #[must_use]
    pub const fn salt(&self) -> &[u8; 16] {
        &self.salt
    }

    /// The canonical bytes that bind a wrapped key to this derivation.
    fn to_binding(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(42);
        out.string(match self.algorithm {
            KdfAlgorithm::Argon2id => b"argon2id",
        });
        out.u32(self.version).u32(self.passes).u32(self.memory_kib).u32(self.lanes);
        out.put(&self.salt);
        out.into_vec()
    }
}

/// The volume key of one epoch, wrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedKey {
    #[serde(with = "text::epoch")]
    epoch: KeyEpoch,
    #[serde(with = "text::bytes")]
    wrapped: [u8; WRAPPED_KEY_BYTES],
}

impl WrappedKey {
    /// The epoch of the key.
    #[must_use]
    pub const fn epoch(&self) -> KeyEpoch {
        self.epoch
    }
}

/// One slot: who opens it, and the keys of all living epochs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    id: u32,
    kind: SlotKind,
    label: String,
    created_unix: i64,
    kdf: SlotKdf,
    keys: Vec<WrappedKey>,
}

impl Slot {
    /// A slot for the passphrase that gave `keys`, holding the volume key of `epoch`.
    pub(super) fn for_passphrase(
        new: NewSlot<'_>,
        keys: &PasswordKeys,
        (epoch, volume_key): (KeyEpoch, &Secret<32>),
        random: &dyn Random,
    ) -> Self {
        let mut slot = Self {
            id: new.id,
            kind: SlotKind::Passphrase,
            label: new.label.to_owned(),
            created_unix: unix_seconds(new.created),
            kdf: SlotKdf::new(new.params, *keys.secret_id.salt()),
            keys: Vec::new(),
        };
        let at = slot.binding(new.volume, epoch);
        let wrapped = wrap_key(&keys.kek, &at, volume_key, random);
        slot.keys.push(WrappedKey { epoch, wrapped });
        slot
    }

    /// The number of the slot, for its whole life.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What opens it.
    #[must_use]
    pub const fn kind(&self) -> SlotKind {
        self.kind
    }

    /// What people call it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// When it was made, in seconds since 1970 UTC.
    #[must_use]
    pub const fn created_unix(&self) -> i64 {
        self.created_unix
    }

    /// Its key derivation.
    #[must_use]
    pub const fn kdf(&self) -> &SlotKdf {
        &self.kdf
    }

    /// Its wrapped keys, oldest epoch first.
    #[must_use]
    pub fn keys(&self) -> &[WrappedKey] {
        &self.keys
    }

    /// The volume key inside `key`, a key of this slot.
    pub(super) fn unwrap(
        &self,
        volume: VolumeId,
        key: &WrappedKey,
        kek: &Secret<32>,
    ) -> Result<Secret<32>, OpenError> {
        unwrap_key(kek, &self.binding(volume, key.epoch), &key.wrapped)
    }

    /// Whether every value is one that this program writes, for a volume at epoch `current`.
    pub(super) fn check(&self, current: KeyEpoch) -> Result<(), HeaderError> {
        let range = |field| Err(HeaderError::Range { field });
        check_label("slots.label", &self.label)?;
        check_unix_seconds("slots.created_unix", self.created_unix)?;
        if self.kdf.version != ARGON2_VERSION {
            return range("slots.kdf.version");
        }
        if self.kdf.params().check().is_err() {
            return range("slots.kdf");
        }
        let epochs = || self.keys.iter().map(WrappedKey::epoch);
        let ascending = epochs().is_sorted_by(|a, b| a < b);
        let complete = epochs().next_back() == Some(current);
        let known = epochs().all(|epoch| epoch >= KeyEpoch::FIRST);
        if !(ascending && complete && known) || self.keys.len() > KEY_EPOCHS_MAX {
            return range("slots.keys");
        }
        Ok(())
    }

    fn binding(&self, volume: VolumeId, epoch: KeyEpoch) -> SlotBinding {
        let kdf = self.kdf.to_binding();
        SlotBinding { volume, epoch, slot: self.id, kind: self.kind.as_str(), kdf }
    }
}

/// What a new slot is made of, besides its keys.
pub(super) struct NewSlot<'a> {
    pub(super) volume: VolumeId,
    pub(super) id: u32,
    pub(super) label: &'a str,
    pub(super) created: Timestamp,
    pub(super) params: PasswordParams,
}

/// The seconds of a point in time, moved into the range that a header can hold.
pub(super) fn unix_seconds(time: Timestamp) -> i64 {
    time.seconds.clamp(0, UNIX_SECONDS_MAX)
}

pub(super) fn check_unix_seconds(field: &'static str, seconds: i64) -> Result<(), HeaderError> {
    match seconds {
        0..=UNIX_SECONDS_MAX => Ok(()),
        _ => Err(HeaderError::Range { field }),
    }
}

/// Names and labels are shown to people: short, and without control characters.
pub(super) fn check_label(field: &'static str, text: &str) -> Result<(), HeaderError> {
    if text.chars().count() > LABEL_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(HeaderError::Range { field });
    }
    Ok(())
}
