//! Server-side encryption: what the volume asks of the store, underneath its own sealing.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::store::error::StoreError;

/// The environment variable with the key of `--sse customer`: 32 bytes in base64.
pub const SSE_CUSTOMER_KEY_ENV: &str = "SEALGATE_SSE_CUSTOMER_KEY";

/// The server-side encryption of every object the gateway writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sse {
    /// No header is sent; the store does what its own settings say.
    #[default]
    None,
    /// The store's own keys: `x-amz-server-side-encryption: AES256`.
    S3,
    /// Keys of the vendor's key service: `aws:kms`.
    Kms {
        /// The key; without one the store uses its default key.
        key_id: Option<String>,
    },
    /// A key that travels with every request and that the store forgets.
    Customer {
        /// The key.
        key: CustomerKey,
    },
}

/// The 32 bytes of `--sse customer`. Wiped on drop, never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct CustomerKey([u8; 32]);

impl CustomerKey {
    /// Reads 32 bytes in base64.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map(Zeroizing::new).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        bytes.map(Self).ok_or_else(|| {
            StoreError::invalid("the key of `--sse customer` must be 32 bytes in base64")
        })
    }

    /// Reads [`SSE_CUSTOMER_KEY_ENV`]; `None` if it is unset.
    ///
    /// # Errors
    /// `Invalid` if it is set to something else than 32 bytes in base64.
    pub fn from_env() -> Result<Option<Self>, StoreError> {
        std::env::var(SSE_CUSTOMER_KEY_ENV)
            .ok()
            .map(Zeroizing::new)
            .map(|text| Self::parse(&text))
            .transpose()
    }

    pub(super) const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the volume header records of [`Sse`]: everything but the key itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum SseFacts {
    /// None asked for.
    #[default]
    None,
    /// The store's own keys.
    S3,
    /// The vendor's key service.
    Kms {
        /// The key that was named, if one was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_id: Option<String>,
    },
    /// A key that the gateway must be given at every start.
    Customer,
}

impl Sse {
    /// Reads the value of `--sse`: `none`, `s3`, `kms`, `kms:KEYID` or `customer`, the last with
    /// the key of [`SSE_CUSTOMER_KEY_ENV`].
    ///
    /// # Errors
    /// `Invalid` for another word, an unlawful key id, a missing or broken customer key.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let key = if text == "customer" { CustomerKey::from_env()? } else { None };
        Self::parse_with(text, key)
    }

    /// As [`Sse::parse`], with the customer key from elsewhere (the config file).
    ///
    /// # Errors
    /// As [`Sse::parse`].
    pub fn parse_with(text: &str, key: Option<CustomerKey>) -> Result<Self, StoreError> {
        match (text, text.split_once(':')) {
            ("none", _) => Ok(Self::None),
            ("s3", _) => Ok(Self::S3),
            ("kms", _) => Ok(Self::Kms { key_id: None }),
            ("customer", _) => key.map(|key| Self::Customer { key }).ok_or_else(|| {
                StoreError::invalid(format!(
                    "`--sse customer` needs its key: 32 bytes in base64 in {SSE_CUSTOMER_KEY_ENV} \
                     or in the config file"
                ))
            }),
            (_, Some(("kms", id))) => {
                let lawful = |c: char| c.is_ascii_alphanumeric() || "-_/:.+=@".contains(c);
                if id.is_empty() || id.len() > 2_048 || !id.chars().all(lawful) {
                    return Err(StoreError::invalid("`--sse kms:KEYID` has no lawful key id"));
                }
                Ok(Self::Kms { key_id: Some(id.to_owned()) })
            }
            _ => Err(StoreError::invalid("`--sse` takes none, s3, kms, kms:KEYID or customer")),
        }
    }

    /// Rebuilds the setting from the header's facts; `key` is needed for `customer` only.
    ///
    /// # Errors
    /// As [`Sse::parse`].
    pub fn from_facts(facts: &SseFacts, key: Option<CustomerKey>) -> Result<Self, StoreError> {
        Self::parse_with(&facts.to_string(), key)
    }

    /// What the header records.
    #[must_use]
    pub fn facts(&self) -> SseFacts {
        match self {
            Self::None => SseFacts::None,
            Self::S3 => SseFacts::S3,
            Self::Kms { key_id } => SseFacts::Kms { key_id: key_id.clone() },
            Self::Customer { .. } => SseFacts::Customer,
        }
    }
}

impl fmt::Display for SseFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::S3 => f.write_str("s3"),
            Self::Kms { key_id: None } => f.write_str("kms"),
            Self::Kms { key_id: Some(id) } => write!(f, "kms:{id}"),
            Self::Customer => f.write_str("customer"),
        }
    }
}

impl fmt::Display for Sse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_reads_back_from_its_own_text_and_facts() {
        let key = CustomerKey::parse(&BASE64_STANDARD.encode([7; 32])).unwrap();
        for text in ["none", "s3", "kms", "kms:arn:aws:kms:eu-1:1:key/abc", "customer"] {
            let sse = Sse::parse_with(text, Some(key.clone())).unwrap();
            assert_eq!(sse.to_string(), text);
            let json = serde_json::to_string(&sse.facts()).unwrap();
            let facts: SseFacts = serde_json::from_str(&json).unwrap();
            assert_eq!(Sse::from_facts(&facts, Some(key.clone())).unwrap(), sse);
        }
    }

    #[test]
    fn the_customer_key_is_nowhere_in_text() {
        let key = CustomerKey::parse(&BASE64_STANDARD.encode([0x5A; 32])).unwrap();
        let sse = Sse::Customer { key };
        let texts = format!("{sse} {sse:?} {}", serde_json::to_string(&sse.facts()).unwrap());
        assert!(!texts.contains("90") && !texts.contains("WlpaWl"), "{texts}");
    }

    #[test]
    fn wrong_values_are_refused() {
        for text in ["", "AES256", "kms:", "kms:a b", "s3:x", "customer"] {
            assert!(Sse::parse_with(text, None).is_err(), "{text}");
        }
        for key in ["", "abc", &BASE64_STANDARD.encode([1; 31]), &BASE64_STANDARD.encode([1; 33])] {
            assert!(CustomerKey::parse(key).is_err());
        }
    }
}
