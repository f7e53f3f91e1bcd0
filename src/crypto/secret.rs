//! Secrets: values that are wiped when dropped, kept off swap and core dumps, and never shown.
//!
//! Owns: the memory of every key and passphrase. Guarantees: no `Debug`, no `Clone`, comparison in
//! constant time; reading one takes a call named `expose`.

mod locked;

use crate::base::Random;
use crate::base::limits::{SECRET_BYTES_MAX, SECRET_CHARS_MIN};
use locked::LockedBytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// `N` secret bytes in locked memory, wiped on drop.
pub struct Secret<const N: usize> {
    memory: LockedBytes,
}

impl<const N: usize> Secret<N> {
    /// A secret of `N` random bytes.
    #[must_use]
    pub fn random(random: &dyn Random) -> Self {
        Self::init(|bytes| random.fill(bytes))
    }

    /// Copies exactly `N` bytes; `None` for any other length. The caller wipes its own copy.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; N] = bytes.try_into().ok()?;
        Some(Self::init(|out| *out = *bytes))
    }

    /// A secret that `fill` writes straight into locked memory; it starts as zeros.
    ///
    /// # Panics
    /// If there is no memory left for one page.
    #[must_use]
    pub fn init(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut memory = LockedBytes::zeroed(N);
        fill(memory.as_mut_slice().try_into().expect("the buffer was made N bytes long"));
        Self { memory }
    }

    /// The secret bytes, for the primitive that needs them.
    ///
    /// # Panics
    /// Never: the buffer was made `N` bytes long.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        self.memory.as_slice().try_into().expect("the buffer was made N bytes long")
    }

    /// Whether two secrets are the same, in a time that does not depend on where they differ.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.memory.as_slice().ct_eq(other.memory.as_slice()).into()
    }
}

/// What a person types to open a volume: 8 characters or more, at most 1,024 bytes of UTF-8.
pub struct Passphrase {
    memory: LockedBytes,
}

/// Why a text is no passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// Fewer than [`SECRET_CHARS_MIN`] characters (Unicode scalar values).
    #[error("the secret must have at least 8 characters")]
    TooShort,
    /// More than [`SECRET_BYTES_MAX`] bytes.
    #[error("the secret must have at most 1024 bytes")]
    TooLong,
}

impl Passphrase {
    /// Moves `text` into locked memory and wipes the string, also when it is refused.
    ///
    /// The bytes are taken as they are: no trimming and no Unicode normalisation.
    ///
    /// # Errors
    /// [`PassphraseError`] if the text is too short or too long.
    pub fn new(text: String) -> Result<Self, PassphraseError> {
        let text = Zeroizing::new(text);
        if text.len() > SECRET_BYTES_MAX {
            return Err(PassphraseError::TooLong);
        }
        if text.chars().take(SECRET_CHARS_MIN).count() < SECRET_CHARS_MIN {
            return Err(PassphraseError::TooShort);
        }
        let mut memory = LockedBytes::zeroed(text.len());
        memory.as_mut_slice().copy_from_slice(text.as_bytes());
        Ok(Self { memory })
    }

    /// The bytes of the passphrase, for the key derivation.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.memory.as_slice()
    }

    /// Whether two passphrases are the same; only their lengths can show in the time it takes.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

/// Keeps this process out of core dumps and away from debuggers of the same user.
///
/// Called once when the process starts, before it holds a secret. A system that refuses is left
/// alone: the secrets are still on pages that dumps leave out.
pub fn harden_process() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_holds_what_it_was_given() {
        let secret = Secret::<4>::from_slice(b"abcd").unwrap();
        assert_eq!(secret.expose(), b"abcd");
        assert!(Secret::<4>::from_slice(b"abc").is_none());
        assert!(Secret::<4>::from_slice(b"abcde").is_none());
        assert_eq!(Secret::<3>::init(|_| ()).expose(), &[0; 3]);
    }

    #[test]
    fn secrets_compare_by_content() {
        let one = Secret::<4>::from_slice(b"abcd").unwrap();
        assert!(one.ct_eq(&Secret::init(|out| *out = *b"abcd")));
        assert!(!one.ct_eq(&Secret::init(|out| *out = *b"abce")));
    }

    #[test]
    fn a_secret_needs_eight_characters_not_bytes() {
        let new = |text: &str| Passphrase::new(text.to_owned()).map(|_| ());
        assert_eq!(new("1234567"), Err(PassphraseError::TooShort));
        assert_eq!(new("éééé"), Err(PassphraseError::TooShort));
        assert_eq!(new("éééééééé"), Ok(()));
        assert_eq!(new(&"x".repeat(1_024)), Ok(()));
        assert_eq!(new(&"x".repeat(1_025)), Err(PassphraseError::TooLong));
        assert_eq!(
            PassphraseError::TooShort.to_string(),
            "the secret must have at least 8 characters"
        );
    }

    #[test]
    fn passphrases_compare_by_content_and_length() {
        let new = |text: &str| Passphrase::new(text.to_owned()).unwrap();
        assert!(new("correct horse").ct_eq(&new("correct horse")));
        assert!(!new("correct horse").ct_eq(&new("correct horsf")));
        assert!(!new("correct horse").ct_eq(&new("correct horse ")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_secret_lies_on_pages_left_out_of_core_dumps() {
        let secret = Secret::<32>::init(|out| out.fill(7));
        let address = format!("{:p}", secret.expose());
        let address = u64::from_str_radix(address.trim_start_matches("0x"), 16).unwrap();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut here = false;
        let flags = maps.lines().find(|line| {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            if let Some((Ok(start), Ok(end))) =
                range.map(|(a, b)| (u64::from_str_radix(a, 16), u64::from_str_radix(b, 16)))
            {
                here = (start..end).contains(&address);
            }
            here && line.starts_with("VmFlags:")
        });
        assert!(flags.unwrap().split(' ').any(|flag| flag == "dd"), "{flags:?}");
    }

    /// Method: hardening cannot be undone, so a second run of this test alone is hardened.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_hardened_process_leaves_no_core_dump() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        const CHILD: &str = "SEALGATE_TEST_HARDENED";
        if std::env::var_os(CHILD).is_some() {
            harden_process();
            assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
            let core = getrlimit(Resource::Core);
            assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
            return;
        }
        let name = "crypto::secret::tests::a_hardened_process_leaves_no_core_dump";
        let out = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && text.contains("1 passed"), "{text}");
    }
}
