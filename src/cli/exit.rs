//! Exit codes. A number means one thing for ever; a retired number is not used again.

use std::process::ExitCode;

/// How a command ended. Specified in docs/cli-contract.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Ok,
    /// 1: something failed that has no number of its own.
    Unexpected,
    /// 2: the command line makes no sense.
    Usage,
    /// 10: the secret is not the one of this volume.
    IncorrectSecret,
    /// 11: there is no volume, or its header cannot be read.
    NoVolume,
    /// 12: the store cannot be reached, refuses, or cannot keep a promise.
    Store,
    /// 13: another gateway took the volume over.
    Fenced,
    /// 14: another process listens on an address.
    AddressInUse,
    /// 15: a volume, or something else, is where a new volume was to be made.
    VolumeExists,
    /// 16: a file with a secret is missing, readable by others, or not what it should be.
    SecretFile,
    /// 17: the config file is refused.
    Config,
    /// 18: an address is not allowed, because it would open the volume to strangers.
    AddressRefused,
    /// 19: what the store returned is damaged.
    Damaged,
    /// 20: the gateway stopped, and something that clients wrote is not in the store.
    FlushFailed,
    /// 21: a secret is needed and none was given.
    SecretMissing,
    /// 22: the secret is too short, too long, or not text.
    SecretUnusable,
    /// 23: a file exists that would have been overwritten.
    FileExists,
    /// 24: the operating system refuses to listen on an address.
    AddressUnavailable,
    /// 25: a secret was given for a volume without encryption.
    NotEncrypted,
}

impl Exit {
    /// Every exit code, in order.
    pub const ALL: &[Self] = &[
        Self::Ok,
        Self::Unexpected,
        Self::Usage,
        Self::IncorrectSecret,
        Self::NoVolume,
        Self::Store,
        Self::Fenced,
        Self::AddressInUse,
        Self::VolumeExists,
        Self::SecretFile,
        Self::Config,
        Self::AddressRefused,
        Self::Damaged,
        Self::FlushFailed,
        Self::SecretMissing,
        Self::SecretUnusable,
        Self::FileExists,
        Self::AddressUnavailable,
        Self::NotEncrypted,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::IncorrectSecret => 10,
            Self::NoVolume => 11,
            Self::Store => 12,
            Self::Fenced => 13,
            Self::AddressInUse => 14,
            Self::VolumeExists => 15,
            Self::SecretFile => 16,
            Self::Config => 17,
            Self::AddressRefused => 18,
            Self::Damaged => 19,
            Self::FlushFailed => 20,
            Self::SecretMissing => 21,
            Self::SecretUnusable => 22,
            Self::FileExists => 23,
            Self::AddressUnavailable => 24,
            Self::NotEncrypted => 25,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_unique_and_in_the_contract() {
        let contract = include_str!("../../docs/cli-contract.md");
        let mut seen = std::collections::BTreeSet::new();
        for exit in Exit::ALL {
            assert!(seen.insert(exit.code()), "{exit:?} reuses a number");
            let row = format!("| {} |", exit.code());
            assert!(contract.contains(&row), "docs/cli-contract.md has no row for {exit:?}");
        }
    }
}
