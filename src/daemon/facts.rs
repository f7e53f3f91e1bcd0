//! What a volume header says, in plain data for people, scripts and `/v1/status`.

use serde::Serialize;

use crate::crypto::CipherSuite;
use crate::keyslot::{Engine, Header, Slot};
use crate::volume::recorded_sse;

/// One key slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotFacts {
    /// Its number.
    pub id: u32,
    /// `passphrase` and so on.
    pub kind: String,
}

/// The public facts of a volume; none of them needs the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeFacts {
    /// Where it lives, without credentials.
    pub store: String,
    /// The name given at creation.
    pub name: Option<String>,
    /// 32 hexadecimal digits.
    pub id: String,
    /// Seconds since 1970-01-01 UTC.
    pub created_unix: i64,
    /// Version of the header's format.
    pub format_version: u32,
    /// `aes-256-gcm` or `none`.
    pub encryption: String,
    /// `none`, `lz4` or `zstd`.
    pub compression: String,
    /// Bytes of one extent.
    pub extent_bytes: u32,
    /// The metadata engine.
    pub engine: String,
    /// Server-side encryption recorded at creation.
    pub sse: String,
    /// `base64(salt):base64(check)`; null until a secret is set.
    pub secret_id: Option<String>,
    /// The key slots; empty until a secret is set.
    pub slots: Vec<SlotFacts>,
}

impl VolumeFacts {
    /// The facts of `header`, found at `store`.
    #[must_use]
    pub fn of(header: &Header, store: &str) -> Self {
        let slot = |slot: &Slot| SlotFacts {
            id: slot.id(),
            kind: slot.kind().as_str().to_owned(),
        };
        Self {
            store: store.to_owned(),
            name: Some(header.name().to_owned()).filter(|name| !name.is_empty()),
            id: header.volume_id().to_string(),
            created_unix: header.created_unix(),
            format_version: FORMAT_VERSION,
            encryption: suite_text(header.encryption()).to_owned(),
            compression: header.compression().to_string(),
            extent_bytes: header.extent_bytes(),
            engine: match header.engine() {
                Engine::Slate => "slate".to_owned(),
            },
            sse: recorded_sse(header).to_string(),
            secret_id: header.secret_id().map(ToString::to_string),
            slots: header.slots().iter().map(slot).collect(),
        }
    }

    /// Whether everything the store keeps is sealed.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encryption != suite_text(CipherSuite::None)
    }

    /// Whether it was ever complete: an encrypted volume without a secret holds no metadata yet.
    #[must_use]
    pub fn has_metadata(&self) -> bool {
        self.has_secret() || !self.is_encrypted()
    }

    /// Whether a secret opens it; false for a volume created without one, or without encryption.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        !self.slots.is_empty()
    }
}

/// The word for a cipher suite on the command line and in answers.
#[must_use]
const fn suite_text(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::Aes256Gcm => "aes-256-gcm",
        CipherSuite::None => "none",
    }
}

/// The only version of the header that `keyslot` reads.
const FORMAT_VERSION: u32 = 1;

/// What every command and every start says about a volume without encryption.
pub const NOT_ENCRYPTED: &str =
    "THIS VOLUME IS NOT ENCRYPTED: whoever can read the store can read every name and every byte";
