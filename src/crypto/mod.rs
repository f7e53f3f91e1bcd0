//! Pure cryptography: bytes in, bytes out. No I/O, no clock; randomness is an argument.
//!
//! Owns: secrets in locked memory, password derivation, the key tree, sealing and opening, and one
//! binding (AAD) type per sealed thing. Guarantees: nothing opens under another binding.

pub mod aead;
pub mod binding;
mod kdf;
mod password;
mod records;
mod secret;
mod segments;

pub use aead::OpenError;
pub use binding::{FrameBinding, SlotBinding};
pub use kdf::{CipherSuite, HandleMac, HeaderMac, KeyRing, KeyTree, NameHasher};
pub use password::{PasswordError, PasswordKeys, PasswordParams, SecretId, derive_password};
pub use records::RecordCipher;
pub use secret::{Passphrase, PassphraseError, Secret, harden_process};
pub use segments::SegmentCipher;
