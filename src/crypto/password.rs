//! From what a person types to keys: Argon2id.
//!
//! Owns: the costs of the derivation, their bounds, and the secret id. Guarantees: a header cannot
//! make the gateway spend more than `base::limits` allows, because bounds are checked first.
//!
//! Source: RFC 9106 (Argon2), version 0x13.

use crate::base::limits::{KDF_LANES_MAX, KDF_MEMORY_KIB_MAX, KDF_PASSES_MAX};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::secret::{Passphrase, Secret};

/// Bytes of the salt.
const SALT_BYTES: usize = 16;
/// Bytes of the published half of the output: the secret id.
const HASH_BYTES: usize = 32;
/// Bytes of the whole output: the secret id's hash, then the key-encryption key.
const OUT_BYTES: usize = 64;

/// What one derivation costs. Stored beside the slot it protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordParams {
    /// Memory in KiB, from 8 per lane to [`KDF_MEMORY_KIB_MAX`].
    pub memory_kib: u32,
    /// Passes over the memory, from 1 to [`KDF_PASSES_MAX`].
    pub passes: u32,
    /// Lanes, from 1 to [`KDF_LANES_MAX`].
    pub lanes: u32,
}

impl PasswordParams {
    /// What new slots use: 64 MiB, 3 passes, 4 lanes; about 0.1 s of one processor.
    pub const DEFAULT: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };

    /// Whether the costs are within the limits; costs nothing itself.
    ///
    /// # Errors
    /// [`PasswordError::OutOfBounds`] names the field.
    pub const fn check(self) -> Result<(), PasswordError> {
        if self.lanes < 1 || self.lanes > KDF_LANES_MAX {
            return Err(PasswordError::OutOfBounds { field: "lanes" });
        }
        if self.passes < 1 || self.passes > KDF_PASSES_MAX {
            return Err(PasswordError::OutOfBounds { field: "passes" });
        }
        if self.memory_kib < 8 * self.lanes || self.memory_kib > KDF_MEMORY_KIB_MAX {
            return Err(PasswordError::OutOfBounds { field: "memory_kib" });
        }
        Ok(())
    }
}

impl Default for PasswordParams {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why no key was derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// A cost that this program will not spend.
    #[error("the key derivation cost `{field}` is outside the limits of this program")]
    OutOfBounds {
        /// Which cost.
        field: &'static str,
    },
    /// The host cannot give the memory.
    #[error("the key derivation needs {memory_kib} KiB of memory, which this host does not give")]
    OutOfMemory {
        /// How much was asked for, in KiB.
        memory_kib: u32,
    },
}

/// What is published of a secret, to recognise it: `base64(salt):base64(hash)`.
///
/// The hash is the first half of the derivation's output; it says nothing about the other half,
/// which is the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretId {
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

impl SecretId {
    /// Reads the text form; `None` unless it is exactly what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.split_once(':')?;
        Some(Self { salt: decode_exact(salt)?, hash: decode_exact(hash)? })
    }

    /// The salt that the secret was derived with.
    #[must_use]
    pub const fn salt(&self) -> &[u8; 16] {
        &self.salt
    }

    /// Whether two ids are the same, in a time that does not depend on where they differ.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        (self.salt.ct_eq(&other.salt) & self.hash.ct_eq(&other.hash)).into()
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", STANDARD.encode(self.salt), STANDARD.encode(self.hash))
    }
}

/// What a passphrase gives.
pub struct PasswordKeys {
    /// The published half.
    pub secret_id: SecretId,
    /// The key-encryption key, which wraps volume keys and nothing else.
    pub kek: Secret<32>,
}

/// Derives the secret id and the key-encryption key of `pass`.
///
/// # Errors
/// [`PasswordError`] if the costs are out of bounds (nothing was spent) or the memory is missing.
///
/// # Panics
/// Never: what Argon2 asks of its inputs is checked before.
///
/// # Cost
/// `params.memory_kib` of memory, wiped afterwards, and about 0.1 s of processor time with the
/// default costs. Blocks the thread: call it where blocking is allowed.
pub fn derive_password(
    pass: &Passphrase,
    salt: &[u8; 16],
    params: PasswordParams,
) -> Result<PasswordKeys, PasswordError> {
    params.check()?;
    let costs = Params::new(params.memory_kib, params.passes, params.lanes, Some(OUT_BYTES))
        .expect("Argon2's own bounds are wider than ours");
    let mut memory = allocate(costs.block_count(), params.memory_kib)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, costs);
    let mut derived = Ok(());
    let out = Secret::<OUT_BYTES>::init(|out| {
        derived = argon2.hash_password_into_with_memory(pass.expose(), salt, out, &mut memory[..]);
    });
    derived.expect("the lengths and costs are within Argon2's bounds");
    let (hash, kek) = out.expose().split_first_chunk().expect("64 bytes split into 32 and 32");
    Ok(PasswordKeys {
        secret_id: SecretId { salt: *salt, hash: *hash },
        kek: Secret::from_slice(kek).expect("64 bytes split into 32 and 32"),
    })
}

/// The working memory, which holds enough to redo the derivation and is wiped on drop.
fn allocate(blocks: usize, memory_kib: u32) -> Result<Zeroizing<Vec<Block>>, PasswordError> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(blocks).map_err(|_| PasswordError::OutOfMemory { memory_kib })?;
    memory.resize(blocks, Block::new());
    Ok(Zeroizing::new(memory))
}

fn decode_exact<const N: usize>(text: &str) -> Option<[u8; N]> {
    // The length is looked at first, so foreign text never decides an allocation.
    if text.len() != N.div_ceil(3) * 4 {
        return None;
    }
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordParams = PasswordParams { memory_kib: 64, passes: 1, lanes: 2 };

    fn derive(text: &str, salt: u8, params: PasswordParams) -> PasswordKeys {
        let pass = Passphrase::new(text.to_owned()).unwrap();
        derive_password(&pass, &[salt; 16], params).ok().unwrap()
    }

    #[test]
    fn the_same_secret_and_salt_give_the_same_keys() {
        let one = derive("correct horse", 1, CHEAP);
        let two = derive("correct horse", 1, CHEAP);
        assert!(one.secret_id.ct_eq(&two.secret_id));
        assert!(one.kek.ct_eq(&two.kek));
    }

    #[test]
    fn another_secret_salt_or_cost_gives_other_keys() {
        let one = derive("correct horse", 1, CHEAP);
        let more = PasswordParams { passes: 2, ..CHEAP };
        for two in [
            derive("correct horsf", 1, CHEAP),
            derive("correct horse", 2, CHEAP),
            derive("correct horse", 1, more),
        ] {
            assert!(!one.secret_id.ct_eq(&two.secret_id));
            assert!(!one.kek.ct_eq(&two.kek));
        }
    }

    #[test]
    fn costs_out_of_bounds_are_refused_before_they_are_spent() {
        let pass = Passphrase::new("correct horse".to_owned()).unwrap();
        let refused = |memory_kib, passes, lanes| {
            let params = PasswordParams { memory_kib, passes, lanes };
            derive_password(&pass, &[0; 16], params).err()
        };
        let field = |field| Some(PasswordError::OutOfBounds { field });
        assert_eq!(refused(u32::MAX, 1, 1), field("memory_kib"));
        assert_eq!(refused(31, 1, 4), field("memory_kib"));
        assert_eq!(refused(64, 0, 1), field("passes"));
        assert_eq!(refused(64, KDF_PASSES_MAX + 1, 1), field("passes"));
        assert_eq!(refused(64, 1, 0), field("lanes"));
        assert_eq!(refused(4_096, 1, KDF_LANES_MAX + 1), field("lanes"));
    }

    #[test]
    fn a_secret_id_reads_back_from_its_own_text_only() {
        let id = derive("correct horse", 9, CHEAP).secret_id;
        let text = id.to_string();
        assert_eq!(SecretId::parse(&text), Some(id));
        assert_eq!(SecretId::parse(""), None);
        assert_eq!(SecretId::parse(&text.replace(':', ";")), None);
        assert_eq!(SecretId::parse(text.trim_end_matches('=')), None);
        assert_eq!(SecretId::parse(&format!("{text}=")), None);
        assert_eq!(SecretId::parse(&format!(" {text}")), None);
    }
}
