//! The fields of a volume header: their text, their order and their ranges.
//!
//! The text is JSON with two spaces of indent, fields in the order of [`Fields`], and a newline at
//! its end.

use crate::base::limits::{
    EXTENT_BYTES_MAX, EXTENT_BYTES_MIN, INLINE_BYTES_MAX, SLOTS_MAX, SSE_KEY_ID_CHARS_MAX,
};
use crate::base::{KeyEpoch, VolumeId};
use crate::crypto::{CipherSuite, SecretId};
use crate::format::Compression;
use serde::{Deserialize, Serialize};

use super::error::HeaderError;
use super::slot::{Slot, check_label, check_unix_seconds};
use super::text;

/// The only version of the format.
pub(super) const FORMAT_VERSION: u32 = 1;
/// Generations stay exact in every reader of JSON: 2^53 - 1.
const GENERATION_MAX: u64 = (1 << 53) - 1;

/// What keeps the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// SlateDB, in the same store.
    Slate,
}

/// Which server-side encryption the volume asks of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SseMode {
    /// None.
    None,
    /// Keys of the store itself.
    S3,
    /// Keys of a key management service.
    Kms,
    /// A key that the gateway sends with each request; never kept in the header.
    Customer,
}

/// What is recorded of server-side encryption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SseFacts {
    /// The mode.
    pub mode: SseMode,
    /// The key's id at the key management service; without one the service uses its own default.
    pub key_id: Option<String>,
}

/// What a header holds, in the order of its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    pub(super) sealgate_volume: u32,
    pub(super) generation: u64,
    #[serde(with = "text::volume_id")]
    pub(super) volume_id: VolumeId,
    pub(super) name: String,
    pub(super) created_unix: i64,
    #[serde(with = "text::encryption")]
    pub(super) encryption: CipherSuite,
    #[serde(with = "text::compression")]
    pub(super) compression: Compression,
    pub(super) extent_bytes: u32,
    pub(super) inline_bytes_max: u32,
    pub(super) engine: Engine,
    pub(super) sse: SseFacts,
    #[serde(with = "text::epoch")]
    pub(super) epoch: KeyEpoch,
    #[serde(with = "text::secret_id")]
    pub(super) secret_id: Option<SecretId>,
    pub(super) slots: Vec<Slot>,
    #[serde(with = "text::optional_bytes")]
    pub(super) mac: Option<[u8; 32]>,
    /// Null in memory: it is made when encoding and checked when decoding.
    #[serde(with = "text::optional_bytes")]
    pub(super) checksum: Option<[u8; 32]>,
}

impl Fields {
    /// The text of these fields.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("every field has a text");
        text.push(b'\n');
        text
    }

    /// Whether every value is one that this program writes.
    pub(super) fn check(&self) -> Result<(), HeaderError> {
        let range = |field| Err(HeaderError::Range { field });
        check_label("name", &self.name)?;
        check_unix_seconds("created_unix", self.created_unix)?;
        if !(1..=GENERATION_MAX).contains(&self.generation) {
            return range("generation");
        }
        let extents = EXTENT_BYTES_MIN..=EXTENT_BYTES_MAX;
        if !extents.contains(&self.extent_bytes) || !self.extent_bytes.is_power_of_two() {
            return range("extent_bytes");
        }
        if self.inline_bytes_max > INLINE_BYTES_MAX.min(self.extent_bytes) {
            return range("inline_bytes_max");
        }
        if self.epoch < KeyEpoch::FIRST {
            return range("epoch");
        }
        self.check_sse()?;
        self.check_slots()
    }

    fn check_sse(&self) -> Result<(), HeaderError> {
        let Some(key_id) = &self.sse.key_id else { return Ok(()) };
        let length = 1..=SSE_KEY_ID_CHARS_MAX;
        if self.sse.mode != SseMode::Kms
            || !length.contains(&key_id.chars().count())
            || key_id.chars().any(char::is_control)
        {
            return Err(HeaderError::Range { field: "sse.key_id" });
        }
        Ok(())
    }

    /// Slots, secret id and MAC come together; a volume that is not encrypted has only the MAC.
    fn check_slots(&self) -> Result<(), HeaderError> {
        let range = |field| Err(HeaderError::Range { field });
        let ascending = self.slots.iter().is_sorted_by(|a, b| a.id() < b.id());
        if self.slots.len() > SLOTS_MAX || !ascending {
            return range("slots");
        }
        self.slots.iter().try_for_each(|slot| slot.check(self.epoch))?;
        let is_plain = self.encryption == CipherSuite::None;
        let has_secret = self.secret_id.is_some();
        if is_plain && has_secret {
            return range("secret_id");
        }
        if self.slots.is_empty() == has_secret {
            return range("slots");
        }
        if self.mac.is_some() != (is_plain || has_secret) {
            return range("mac");
        }
        Ok(())
    }
}
