//! From a header to keys: setting the first secret, unlocking, and opening a plain volume.
//!
//! Guarantees: a [`KeyRing`] comes only together with a [`VerifiedHeader`], whose MAC was checked
//! with the volume key.

use crate::base::{KeyEpoch, Random, Timestamp};
use crate::crypto::{
    CipherSuite, KeyRing, KeyTree, Passphrase, PasswordKeys, PasswordParams, Secret,
    derive_password,
};

use super::error::KeyslotError;
use super::header::Header;
use super::slot::{NewSlot, Slot};

/// The label of the slot that the first secret makes.
const FIRST_LABEL: &str = "volume secret";

/// A header whose MAC was checked, or made, with the volume key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedHeader(Header);

impl VerifiedHeader {
    /// The header: its facts are what somebody with the volume key wrote.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.0
    }

    /// Gives the header back without its proof.
    #[must_use]
    pub fn into_header(self) -> Header {
        self.0
    }
}

impl Header {
    /// The same header, one generation later: a claim on a volume that has no secret yet.
    ///
    /// # Errors
    /// [`KeyslotError::HasSecret`], [`KeyslotError::NotEncrypted`]: the header has a MAC that only
    /// the volume key could renew. [`KeyslotError::Header`].
    pub fn next_generation(mut self) -> Result<Self, KeyslotError> {
        if self.encryption() == CipherSuite::None {
            return Err(KeyslotError::NotEncrypted);
        }
        if self.secret_id().is_some() {
            return Err(KeyslotError::HasSecret);
        }
        self.fields.generation += 1;
        self.fields.check()?;
        Ok(self)
    }

    /// Gives a volume its first secret: a random volume key, wrapped in a passphrase slot.
    ///
    /// The result is the next generation and must be stored before anything is sealed under the
    /// keys. Nothing is stored here.
    ///
    /// # Errors
    /// [`KeyslotError::HasSecret`], [`KeyslotError::NotEncrypted`], [`KeyslotError::Password`],
    /// [`KeyslotError::Header`].
    ///
    /// # Cost
    /// One Argon2id derivation: 64 MiB and about 0.1 s of processor time. Blocks the thread.
    pub fn set_first_secret(
        mut self,
        pass: &Passphrase,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(VerifiedHeader, KeyRing), KeyslotError> {
        if self.encryption() == CipherSuite::None {
            return Err(KeyslotError::NotEncrypted);
        }
        if self.secret_id().is_some() {
            return Err(KeyslotError::HasSecret);
        }
        let params = PasswordParams::DEFAULT;
        let keys = derive_password(pass, &random.bytes16(), params)?;
        let volume_key = Secret::random(random);
        let new =
            NewSlot { volume: self.volume_id(), id: 0, label: FIRST_LABEL, created: now, params };
        let epoch = self.epoch();
        self.fields.slots = vec![Slot::for_passphrase(new, &keys, (epoch, &volume_key), random)];
        self.fields.secret_id = Some(keys.secret_id);
        self.fields.generation += 1;
        let ring = KeyRing::new(self.tree(epoch, &volume_key));
        self.fields.mac = Some(ring.current().header().mac(&self.mac_text()));
        self.fields.check()?;
        Ok((VerifiedHeader(self), ring))
    }

    /// Opens an encrypted volume with its secret.
    ///
    /// # Errors
    /// [`KeyslotError::IncorrectSecret`] if no slot knows the secret; [`KeyslotError::SlotRefused`]
    /// or [`KeyslotError::HeaderRefused`] if the header was altered; [`KeyslotError::NoSecret`],
    /// [`KeyslotError::NotEncrypted`], [`KeyslotError::Password`].
    ///
    /// # Cost
    /// One Argon2id derivation for each passphrase slot tried: 64 MiB and about 0.1 s of processor
    /// time each with the default costs. Blocks the thread.
    pub fn unlock(&self, pass: &Passphrase) -> Result<(VerifiedHeader, KeyRing), KeyslotError> {
        if self.encryption() == CipherSuite::None {
            return Err(KeyslotError::NotEncrypted);
        }
        if self.slots().is_empty() {
            return Err(KeyslotError::NoSecret);
        }
        for slot in self.slots() {
            let keys = derive_password(pass, slot.kdf().salt(), slot.kdf().params())?;
            if let Some(ring) = self.open_slot(slot, &keys)? {
                return self.verify(ring);
            }
        }
        Err(KeyslotError::IncorrectSecret)
    }

    /// Opens a volume that is not encrypted: its volume key is 32 zero bytes.
    ///
    /// The MAC is checked with that key, so it finds damage; it proves nothing about people.
    ///
    /// # Errors
    /// [`KeyslotError::Encrypted`], [`KeyslotError::HeaderRefused`].
    pub fn open_plain(&self) -> Result<(VerifiedHeader, KeyRing), KeyslotError> {
        match self.encryption() {
            CipherSuite::Aes256Gcm => Err(KeyslotError::Encrypted),
            CipherSuite::None => self.verify(self.plain_keys()),
        }
    }

    /// The keys of a volume without encryption.
    pub(super) fn plain_keys(&self) -> KeyRing {
        KeyRing::new(self.tree(self.epoch(), &Secret::init(|_| ())))
    }

    /// The keys in `slot` if the secret that gave `keys` is the slot's; `None` if it is not.
    ///
    /// The published secret id decides for the slot it was made with. Another slot proves its
    /// secret by opening.
    fn open_slot(&self, slot: &Slot, keys: &PasswordKeys) -> Result<Option<KeyRing>, KeyslotError> {
        let published = self.secret_id().filter(|id| id.salt() == slot.kdf().salt());
        if published.is_some_and(|id| !id.ct_eq(&keys.secret_id)) {
            return Ok(None);
        }
        let mut ring = None;
        for key in slot.keys().iter().rev() {
            let Ok(volume_key) = slot.unwrap(self.volume_id(), key, &keys.kek) else {
                // A secret that is known to be right, by its id or by a key before this one, must
                // open every key.
                let is_right = published.is_some() || ring.is_some();
                let refused = KeyslotError::SlotRefused { slot: slot.id() };
                return if is_right { Err(refused) } else { Ok(None) };
            };
            let tree = self.tree(key.epoch(), &volume_key);
            ring = Some(match ring {
                None => KeyRing::new(tree),
                Some(newer) => KeyRing::with_old(newer, tree),
            });
        }
        Ok(ring)
    }

    fn verify(&self, ring: KeyRing) -> Result<(VerifiedHeader, KeyRing), KeyslotError> {
        let mac = self.fields.mac.ok_or(KeyslotError::HeaderRefused)?;
        if !ring.current().header().verify(&self.mac_text(), &mac) {
            return Err(KeyslotError::HeaderRefused);
        }
        Ok((VerifiedHeader(self.clone()), ring))
    }

    fn tree(&self, epoch: KeyEpoch, volume_key: &Secret<32>) -> KeyTree {
        KeyTree::new(self.encryption(), self.volume_id(), epoch, volume_key)
    }
}
