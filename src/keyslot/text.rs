//! How the values of a header are written in JSON: ids as hexadecimal, other bytes as base64.
//!
//! Each value has exactly one text. Reading takes no other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// A volume id as 32 hexadecimal digits.
pub(super) mod volume_id {
    use super::*;
    use crate::base::VolumeId;

    pub(in super::super) fn serialize<S: Serializer>(
        id: &VolumeId,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<VolumeId, D::Error> {
        VolumeId::parse(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("volume id"))
    }
}

/// A key epoch as its number.
pub(super) mod epoch {
    use super::*;
    use crate::base::KeyEpoch;

    pub(in super::super) fn serialize<S: Serializer>(
        epoch: &KeyEpoch,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u32(epoch.get())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<KeyEpoch, D::Error> {
        Ok(KeyEpoch::new(u32::deserialize(from)?))
    }
}

/// The name of the compression.
pub(super) mod compression {
    use super::*;
    use crate::format::Compression;

    pub(in super::super) fn serialize<S: Serializer>(
        compression: &Compression,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(compression)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Compression, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// The name of the cipher suite.
pub(super) mod encryption {
    use super::*;
    use crate::crypto::CipherSuite;

    pub(in super::super) fn serialize<S: Serializer>(
        suite: &CipherSuite,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(match suite {
            CipherSuite::Aes256Gcm => "aes-256-gcm",
            CipherSuite::None => "none",
        })
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<CipherSuite, D::Error> {
        match String::deserialize(from)?.as_str() {
            "aes-256-gcm" => Ok(CipherSuite::Aes256Gcm),
            "none" => Ok(CipherSuite::None),
            _ => Err(D::Error::custom("encryption")),
        }
    }
}

/// A secret id, or null.
pub(super) mod secret_id {
    use super::*;
    use crate::crypto::SecretId;

    pub(in super::super) fn serialize<S: Serializer>(
        id: &Option<SecretId>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => to.collect_str(id),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SecretId>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        SecretId::parse(&text).map(Some).ok_or_else(|| D::Error::custom("secret id"))
    }
}

/// `N` bytes as base64.
pub(super) mod bytes {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<[u8; N], D::Error> {
        decode(&String::deserialize(from)?)
    }
}

/// `N` bytes as base64, or null.
pub(super) mod optional_bytes {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer, const N: usize>(
        bytes: &Option<[u8; N]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::bytes::serialize(bytes, to),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<Option<[u8; N]>, D::Error> {
        Option::<String>::deserialize(from)?.as_deref().map(decode).transpose()
    }
}

fn decode<E: Error, const N: usize>(text: &str) -> Result<[u8; N], E> {
    let bytes = STANDARD.decode(text).map_err(|_| E::custom("base64"))?;
    bytes.try_into().map_err(|_| E::custom("length"))
}
