//! vfs errors as HTTP statuses, and as the error type of `dav-server`.

use dav_server::fs::FsError;
use http::StatusCode;

use crate::vfs::Error;

/// The status that tells a client what happened (RFC 9110 §15, RFC 4918 §11). Methods that give a
/// case a meaning of its own (409 for a missing parent, 405 for MKCOL on something that exists)
/// decide before they come here.
pub(super) fn status(error: &Error) -> StatusCode {
    match error {
        Error::NotPermitted
        | Error::Denied
        | Error::ReadOnly
        | Error::NotSupported
        | Error::Invalid => StatusCode::FORBIDDEN,
        Error::NotFound | Error::Stale | Error::NotDirectory => StatusCode::NOT_FOUND,
        Error::Exists | Error::IsDirectory => StatusCode::METHOD_NOT_ALLOWED,
        Error::NotEmpty => StatusCode::CONFLICT,
        Error::GuardMismatch => StatusCode::PRECONDITION_FAILED,
        Error::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Error::NameTooLong => StatusCode::URI_TOO_LONG,
        Error::NoSpace | Error::Quota | Error::TooManyLinks => StatusCode::INSUFFICIENT_STORAGE,
        Error::Unavailable(_) | Error::Fenced => StatusCode::SERVICE_UNAVAILABLE,
        Error::BadCookie | Error::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What `dav-server` is told. Where its type is too coarse, the session remembers the error itself
/// and the answer is made from that.
pub(super) fn fs_error(error: &Error) -> FsError {
    match error {
        Error::NotPermitted
        | Error::Denied
        | Error::ReadOnly
        | Error::NotSupported
        | Error::IsDirectory
        | Error::Invalid => FsError::Forbidden,
        Error::NotFound | Error::Stale | Error::NotDirectory => FsError::NotFound,
        Error::Exists | Error::NotEmpty => FsError::Exists,
        Error::TooLarge => FsError::TooLarge,
        Error::NameTooLong => FsError::PathTooLong,
        Error::NoSpace | Error::Quota | Error::TooManyLinks => FsError::InsufficientStorage,
        Error::GuardMismatch
        | Error::Unavailable(_)
        | Error::Fenced
        | Error::BadCookie
        | Error::Io(_) => FsError::GeneralFailure,
    }
}

/// Whether `fs_error` is an answer that `dav-server` turns into the right status by itself.
pub(super) fn is_answer(error: &Error) -> bool {
    matches!(fs_error(error), FsError::NotFound | FsError::Exists)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_with_the_store_is_never_taken_for_a_missing_file() {
        for error in [Error::Unavailable("s3://bucket".into()), Error::Fenced] {
            assert_eq!(status(&error), StatusCode::SERVICE_UNAVAILABLE);
            assert!(!is_answer(&error));
        }
        assert_eq!(status(&Error::Io("x".into())), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn a_full_volume_is_507_and_a_missing_file_404() {
        assert_eq!(status(&Error::NoSpace).as_u16(), 507);
        assert_eq!(status(&Error::Quota).as_u16(), 507);
        assert_eq!(status(&Error::NotDirectory).as_u16(), 404);
        assert!(is_answer(&Error::NotFound));
    }
}
