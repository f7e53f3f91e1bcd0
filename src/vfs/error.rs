//! What can go wrong with an operation. Protocols map these in their own `status.rs`.

use crate::base::CodecError;
use crate::block::BlockError;
use crate::meta::{MetaError, RecordError, RecordKey};
use crate::store::StoreErrorKind;
use crate::telemetry::names::DAMAGED;

/// Why an operation failed. Every variant but the last three is an answer, not a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Privilege is needed (`EPERM`).
    #[error("the operation needs the owner or a privileged identity")]
    NotPermitted,
    /// No such entry (`ENOENT`).
    #[error("no such file or directory")]
    NotFound,
    /// Mode bits forbid it (`EACCES`).
    #[error("permission denied")]
    Denied,
    /// The name is taken (`EEXIST`).
    #[error("the name exists")]
    Exists,
    /// A directory is needed (`ENOTDIR`).
    #[error("not a directory")]
    NotDirectory,
    /// A directory is not allowed (`EISDIR`).
    #[error("is a directory")]
    IsDirectory,
    /// An argument makes no sense (`EINVAL`).
    #[error("invalid argument")]
    Invalid,
    /// Beyond the largest file (`EFBIG`).
    #[error("the file would be too large")]
    TooLarge,
    /// No space left (`ENOSPC`).
    #[error("no space left on the volume")]
    NoSpace,
    /// The quota is used up (`EDQUOT`).
    #[error("the quota is used up")]
    Quota,
    /// Opened for reading only, or stopped writing after a failure (`EROFS`).
    #[error("the volume is read-only")]
    ReadOnly,
    /// Too many hard links (`EMLINK`).
    #[error("too many links")]
    TooManyLinks,
    /// A name of more than 255 bytes (`ENAMETOOLONG`).
    #[error("the name is too long")]
    NameTooLong,
    /// The directory has entries (`ENOTEMPTY`).
    #[error("the directory is not empty")]
    NotEmpty,
    /// The inode is gone (`ESTALE`).
    #[error("the inode no longer exists")]
    Stale,
    /// A READDIR cookie that no listing gave.
    #[error("the directory cookie has no position")]
    BadCookie,
    /// The guard of a SETATTR does not match the inode's ctime.
    #[error("the file changed since it was looked at")]
    GuardMismatch,
    /// Not offered for this kind of inode.
    #[error("not supported")]
    NotSupported,
    /// The store cannot be reached now; trying again later is right (`JUKEBOX`).
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// Another gateway has taken the volume over.
    #[error("another gateway has taken over this volume; this one writes no more")]
    Fenced,
    /// Stored bytes are damaged, missing, or not ours (`EIO`).
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// The store refuses, for another reason than being away (`EIO`).
    #[error("input/output error: {0}")]
    Io(String),
}

impl Error {
    /// A record that opens and does not decode.
    pub(super) fn layout(key: &RecordKey, error: CodecError) -> Self {
        RecordError::Layout { key: key.clone(), error }.into()
    }
}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Engine(MetaError::Fenced) => Self::Fenced,
            RecordError::Engine(MetaError::Unavailable(reason)) => Self::Unavailable(reason),
            RecordError::Engine(MetaError::Conflict) => {
                Self::Unavailable("the transaction conflicts with another".to_owned())
            }
            RecordError::Engine(MetaError::Closed(_)) => Self::ReadOnly,
            RecordError::Engine(MetaError::Corrupt(_))
            | RecordError::Refused { .. }
            | RecordError::Layout { .. } => {
                metrics::counter!(DAMAGED, "kind" => "record").increment(1);
                tracing::error!(%error, "a metadata record cannot be used");
                Self::Damaged(error.to_string())
            }
        }
    }
}

impl From<BlockError> for Error {
    fn from(error: BlockError) -> Self {
        let reason = error.to_string();
        let mapped = match &error {
            BlockError::Store(store) => match store.kind() {
                StoreErrorKind::Unavailable | StoreErrorKind::Conflict => {
                    return Self::Unavailable(reason);
                }
                StoreErrorKind::NoSpace => return Self::NoSpace,
                StoreErrorKind::NotFound | StoreErrorKind::Corrupt => {
                    metrics::counter!(DAMAGED, "kind" => "segment").increment(1);
                    Self::Damaged(reason)
                }
                StoreErrorKind::AlreadyExists
                | StoreErrorKind::Denied
                | StoreErrorKind::Incapable
                | StoreErrorKind::Invalid => Self::Io(reason),
            },
            BlockError::FrameRefused { .. }
            | BlockError::FrameLayout { .. }
            | BlockError::KeyMissing { .. } => {
                metrics::counter!(DAMAGED, "kind" => "frame").increment(1);
                Self::Damaged(reason)
            }
            BlockError::Worker => Self::Io(reason),
        };
        tracing::error!(%error, "content cannot be read or written");
        mapped
    }
}
