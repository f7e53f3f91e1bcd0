//! What an error of SlateDB means for us.

use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use slatedb::{CloseReason, ErrorKind};

use crate::meta::MetaError;
use crate::store::{StoreError, StoreErrorKind};

/// Translates by the library's kind, and by what the store said underneath: only the store knows
/// whether an object is damaged or just out of reach.
pub(super) fn translate(err: &slatedb::Error) -> MetaError {
    match (err.kind(), cause(err)) {
        (ErrorKind::Transaction, _) => MetaError::Conflict,
        (ErrorKind::Closed(CloseReason::Fenced), _) => MetaError::Fenced,
        (ErrorKind::Closed(CloseReason::Clean), _) => MetaError::Closed("it was closed".into()),
        (_, Cause::Damaged) => MetaError::Corrupt(err.to_string()),
        (ErrorKind::Unavailable, _) | (_, Cause::Unreachable) => {
            MetaError::Unavailable(err.to_string())
        }
        (ErrorKind::Closed(_), _) => {
            MetaError::Closed(format!("it stopped and must be opened again: {err}"))
        }
        // Data, and what the library calls invalid or internal when bytes surprise it.
        _ => MetaError::Corrupt(err.to_string()),
    }
}

enum Cause {
    Damaged,
    Unreachable,
    Unknown,
}

fn cause(err: &slatedb::Error) -> Cause {
    let mut next: Option<&(dyn Error + 'static)> = Some(err);
    while let Some(err) = next {
        if let Some(store) = err.downcast_ref::<StoreError>() {
            // The engine asks only for objects that it wrote.
            let damaged =
                matches!(store.kind(), StoreErrorKind::Corrupt | StoreErrorKind::NotFound);
            return if damaged { Cause::Damaged } else { Cause::Unreachable };
        }
        next = err.source();
    }
    Cause::Unknown
}

/// How long a caller waits for one call. The library itself tries on for as long as the store is
/// away, so that an outage never ends the engine; it is the caller who is told to come back.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Runs a call of the library; a panic in it, say over bytes it did not expect, is an error.
pub(super) async fn guarded<T>(
    call: impl Future<Output = Result<T, slatedb::Error>>,
) -> Result<T, MetaError> {
    let guarded = AssertUnwindSafe(call).catch_unwind();
    match tokio::time::timeout(CALL_LIMIT, guarded).await {
        Ok(Ok(result)) => result.map_err(|err| translate(&err)),
        Ok(Err(_)) => Err(MetaError::Corrupt("the engine stopped on unexpected bytes".into())),
        Err(_) => Err(MetaError::Unavailable("the store did not answer within 60 s".into())),
    }
}
