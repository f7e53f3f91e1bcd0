//! The volume header as a value and as text.
//!
//! Owns: what `volume.json` says. Guarantees: decoding takes only what encoding writes, so a
//! flipped bit anywhere is refused.
//!
//! `mac` is HMAC-SHA256 over the text in which `mac` and `checksum` are null; `checksum` is SHA-256
//! over the text in which only `checksum` is null.

use crate::base::limits::HEADER_BYTES_MAX;
use crate::base::{KeyEpoch, Timestamp, VolumeId};
use crate::crypto::{CipherSuite, SecretId};
use crate::format::Compression;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::error::HeaderError;
use super::fields::{Engine, FORMAT_VERSION, Fields, SseFacts};
use super::slot::{Slot, unix_seconds};

/// What a new volume is. Values are checked by [`Header::create`].
#[derive(Clone, Debug)]
pub struct NewVolume {
    /// 128 random bits.
    pub volume_id: VolumeId,
    /// What people call it: at most 64 characters, no control characters.
    pub name: String,
    /// When it is created; times outside 1970 to 9999 are moved to the nearest end.
    pub created: Timestamp,
    /// How content and records are sealed.
    pub encryption: CipherSuite,
    /// How extents are compressed.
    pub compression: Compression,
    /// Bytes of an extent: a power of two from 16 KiB to 1 MiB.
    pub extent_bytes: u32,
    /// Largest file kept inside its extent map: at most 32 KiB and one extent.
    pub inline_bytes_max: u32,
    /// What keeps the metadata.
    pub engine: Engine,
    /// Server-side encryption.
    pub sse: SseFacts,
}

/// A volume header. Nothing in it is proven until it is unlocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The checksum is null here: it is made when encoding and checked when decoding.
    pub(super) fields: Fields,
}

/// The one field that every version of the format has.
#[derive(Deserialize)]
struct AnyVersion {
    sealgate_volume: u64,
}

impl Header {
    /// The header of a new volume, at generation 1 and epoch 1.
    ///
    /// An encrypted volume has no secret and no key yet; one that is not encrypted is complete.
    ///
    /// # Errors
    /// [`HeaderError::Range`] names the value that is out of range.
    pub fn create(new: NewVolume) -> Result<Self, HeaderError> {
        let fields = Fields {
            sealgate_volume: FORMAT_VERSION,
            generation: 1,
            volume_id: new.volume_id,
            name: new.name,
            created_unix: unix_seconds(new.created),
            encryption: new.encryption,
            compression: new.compression,
            extent_bytes: new.extent_bytes,
            inline_bytes_max: new.inline_bytes_max,
            engine: new.engine,
            sse: new.sse,
            epoch: KeyEpoch::FIRST,
            secret_id: None,
            slots: Vec::new(),
            mac: None,
            checksum: None,
        };
        let mut header = Self { fields };
        if new.encryption == CipherSuite::None {
            let mac = header.plain_keys().current().header().mac(&header.mac_text());
            header.fields.mac = Some(mac);
        }
        header.fields.check()?;
        Ok(header)
    }

    /// Reads a stored header. Nothing is verified but that it is undamaged: this is for showing
    /// facts, and the first step of unlocking.
    ///
    /// # Errors
    /// [`HeaderError`] for anything but the exact text that [`Header::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.len() > HEADER_BYTES_MAX {
            return Err(HeaderError::TooLong { found: bytes.len() });
        }
        // The version comes first: a later format may have fields that this one refuses.
        let any: AnyVersion = serde_json::from_slice(bytes).map_err(|e| malformed(&e))?;
        if any.sealgate_volume != u64::from(FORMAT_VERSION) {
            return Err(HeaderError::Version { found: any.sealgate_volume });
        }
        let mut fields: Fields = serde_json::from_slice(bytes).map_err(|e| malformed(&e))?;
        let checksum = fields.checksum.take();
        fields.check()?;
        let header = Self { fields };
        if header.text_with(checksum) != bytes {
            return Err(HeaderError::NotCanonical);
        }
        if checksum != Some(header.checksum()) {
            return Err(HeaderError::Checksum);
        }
        Ok(header)
    }

    /// The text to store in both copies, at most [`HEADER_BYTES_MAX`] bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.text_with(Some(self.checksum()))
    }

    /// How often the header was written: 1 at creation, one more at each update.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.fields.generation
    }

    /// The identity of the volume.
    #[must_use]
    pub const fn volume_id(&self) -> VolumeId {
        self.fields.volume_id
    }

    /// What people call the volume.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.fields.name
    }

    /// When the volume was created, in seconds since 1970 UTC.
    #[must_use]
    pub const fn created_unix(&self) -> i64 {
        self.fields.created_unix
    }

    /// How content and records are sealed.
    #[must_use]
    pub const fn encryption(&self) -> CipherSuite {
        self.fields.encryption
    }

    /// How extents are compressed.
    #[must_use]
    pub const fn compression(&self) -> Compression {
        self.fields.compression
    }

    /// Bytes of an extent.
    #[must_use]
    pub const fn extent_bytes(&self) -> u32 {
        self.fields.extent_bytes
    }

    /// Largest file kept inside its extent map, in bytes.
    #[must_use]
    pub const fn inline_bytes_max(&self) -> u32 {
        self.fields.inline_bytes_max
    }

    /// What keeps the metadata.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.fields.engine
    }

    /// Server-side encryption.
    #[must_use]
    pub const fn sse(&self) -> &SseFacts {
        &self.fields.sse
    }

    /// The key epoch that seals.
    #[must_use]
    pub const fn epoch(&self) -> KeyEpoch {
        self.fields.epoch
    }

    /// The published id of the volume's secret; `None` until a secret was set.
    #[must_use]
    pub const fn secret_id(&self) -> Option<&SecretId> {
        self.fields.secret_id.as_ref()
    }

    /// The key slots, by ascending id.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.fields.slots
    }

    /// The text that the MAC covers.
    pub(super) fn mac_text(&self) -> Vec<u8> {
        Fields { mac: None, checksum: None, ..self.fields.clone() }.text()
    }

    fn text_with(&self, checksum: Option<[u8; 32]>) -> Vec<u8> {
        Fields { checksum, ..self.fields.clone() }.text()
    }

    fn checksum(&self) -> [u8; 32] {
        Sha256::digest(self.text_with(None)).into()
    }
}

fn malformed(error: &serde_json::Error) -> HeaderError {
    HeaderError::Malformed { line: error.line(), column: error.column() }
}
