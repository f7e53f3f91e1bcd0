//! The one error of this module: a kind that says what to do, and a sentence for people.

use std::io;

/// What a failed request means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// There is no such object.
    NotFound,
    /// The object exists already, with other bytes.
    AlreadyExists,
    /// The object changed since it was read.
    Conflict,
    /// The store refuses these credentials.
    Denied,
    /// The store cannot be reached or asks to wait. Trying again later may help.
    Unavailable,
    /// The store cannot keep a promise the gateway needs; the message says what to change.
    Incapable,
    /// The URL, an option or a request is wrong; trying again will not help.
    Invalid,
    /// The store is full.
    NoSpace,
    /// The store returned fewer or other bytes than it promised.
    Corrupt,
}

/// Why the store could not do what it was asked. Names objects, never credentials or content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
}

impl StoreError {
    /// An error of `kind` with a sentence for people.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Invalid, message)
    }

    pub(super) fn incapable(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Incapable, message)
    }

    /// Translates a failed request. `verb` and `key` say what was asked; the context that the
    /// client library keeps (addresses, headers) is left out, since it may hold a signature.
    pub(super) fn from_opendal(verb: &str, key: &str, err: &opendal::Error) -> Self {
        let kind = kind_of(err);
        let mut reason = err.message().to_owned();
        if let Some(source) = std::error::Error::source(err) {
            if !reason.is_empty() {
                reason.push_str(": ");
            }
            reason.push_str(&source.to_string());
        }
        if reason.is_empty() {
            reason = err.kind().to_string();
        }
        let reason: String = reason
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(REASON_CHARS_MAX)
            .collect();
        Self::new(kind, format!("{verb} {key}: {reason}"))
    }
}

impl From<&opendal::Error> for StoreError {
    fn from(err: &opendal::Error) -> Self {
        Self::from_opendal("request", "to the store", err)
    }
}

/// Sorts an error of the client library by what the caller can do.
#[must_use]
pub(super) fn kind_of(err: &opendal::Error) -> StoreErrorKind {
    use opendal::ErrorKind as Kind;
    match io_kind(err) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            return StoreErrorKind::NoSpace;
        }
        Some(_) if err.kind() == Kind::Unexpected => return StoreErrorKind::Unavailable,
        _ => {}
    }
    match err.kind() {
        Kind::NotFound => StoreErrorKind::NotFound,
        Kind::AlreadyExists => StoreErrorKind::AlreadyExists,
        Kind::ConditionNotMatch => StoreErrorKind::Conflict,
        Kind::Conflict if err.is_permanent() => StoreErrorKind::Conflict,
        Kind::Conflict | Kind::RateLimited => StoreErrorKind::Unavailable,
        Kind::PermissionDenied => StoreErrorKind::Denied,
        Kind::Unsupported => StoreErrorKind::Incapable,
        Kind::RangeNotSatisfied => StoreErrorKind::Corrupt,
        Kind::Unexpected if !err.is_permanent() => StoreErrorKind::Unavailable,
        Kind::Unexpected
        | Kind::ConfigInvalid
        | Kind::IsADirectory
        | Kind::NotADirectory
        | Kind::IsSameFile
        | _ => StoreErrorKind::Invalid,
    }
}

/// What the operating system said, if it was asked.
fn io_kind(err: &opendal::Error) -> Option<io::ErrorKind> {
    let mut next = std::error::Error::source(err);
    while let Some(source) = next {
        if let Some(io) = source.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = source.source();
    }
    None
}

/// Longest part of a server's answer that is shown; some servers answer with whole web pages.
const REASON_CHARS_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        let full = opendal::Error::new(opendal::ErrorKind::Unexpected, "write")
            .set_source(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(kind_of(&full), StoreErrorKind::NoSpace);
        let other = opendal::Error::new(opendal::ErrorKind::Unexpected, "write").set_temporary();
        assert_eq!(kind_of(&other), StoreErrorKind::Unavailable);
    }

    #[test]
    fn a_message_keeps_no_context_and_no_line_breaks() {
        let err = opendal::Error::new(opendal::ErrorKind::PermissionDenied, "no\nway")
            .with_context("uri", "https://host/?sig=SECRET");
        let err = StoreError::from_opendal("get", "seg/1", &err);
        assert_eq!(err.kind(), StoreErrorKind::Denied);
        assert_eq!(err.to_string(), "get seg/1: no way");
    }
}
