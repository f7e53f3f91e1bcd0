//! The two copies of the header in the store.

use bytes::Bytes;

use crate::base::limits::HEADER_BYTES_MAX;
use crate::base::to_u64;
use crate::keyslot::{self, Copies, Header, HeaderError, SseMode, choose_copy};
use crate::store::{SseFacts, Store, StoreError, StoreErrorKind};

use super::VolumeError;

pub(super) const FIRST: &str = "volume.json";
pub(super) const SECOND: &str = "volume.bak.json";

/// A header, and what was noticed while it was read.
#[derive(Clone, Debug)]
pub struct HeaderFound {
    /// The newest readable header; not verified.
    pub header: Header,
    /// One copy is damaged, missing or old; the other was used.
    pub warning: Option<String>,
}

/// Reads the header of the volume in `store`. Needs no secret; nothing in it is proven.
///
/// # Errors
/// [`VolumeError::NoVolume`], [`VolumeError::Header`], [`VolumeError::Store`].
pub async fn read_header(store: &Store) -> Result<HeaderFound, VolumeError> {
    let copies = read_copies(store).await?;
    let stale = match (copies.first_is_stale, copies.second_is_stale) {
        (false, false) => None,
        (true, _) => Some((FIRST, SECOND)),
        (false, true) => Some((SECOND, FIRST)),
    };
    let warning = stale.map(|(stale, used)| {
        format!(
            "{stale} is missing, damaged or old; {used} was used, and the next start repairs it"
        )
    });
    Ok(HeaderFound { header: copies.header, warning })
}

pub(super) async fn read_copies(store: &Store) -> Result<Copies, VolumeError> {
    let first = read_copy(store, FIRST).await?;
    let second = read_copy(store, SECOND).await?;
    choose_copy(first.as_deref(), second.as_deref()).map_err(|error| {
        let store = store.label().to_owned();
        if error == HeaderError::Missing {
            VolumeError::NoVolume { store }
        } else {
            VolumeError::Header { store, error }
        }
    })
}

async fn read_copy(store: &Store, key: &str) -> Result<Option<Bytes>, VolumeError> {
    // One byte more than any header has, so that a longer one is seen as such.
    match store.get(key, to_u64(HEADER_BYTES_MAX) + 1).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
        // Longer than asked for: not a header. The other copy may be one.
        Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(Some(Bytes::new())),
        Err(error) => Err(error.into()),
    }
}

/// Replaces the header `old` by `new` in both copies, the first by compare-and-swap.
pub(super) async fn replace(store: &Store, old: &Header, new: &Header) -> Result<(), VolumeError> {
    let text = Bytes::from(new.encode());
    match store.replace(FIRST, &old.encode(), text.clone()).await {
        Ok(()) => {}
        Err(error) if error.kind() == StoreErrorKind::Conflict => {
            return Err(VolumeError::HeaderChanged);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(store.put(SECOND, text).await?)
}

/// Writes the copies that do not hold the header again.
pub(super) async fn repair(store: &Store, copies: &Copies) -> Result<(), StoreError> {
    let text = Bytes::from(copies.header.encode());
    if copies.first_is_stale {
        tracing::warn!("volume.json is missing, damaged or old: it is written again from its copy");
        store.put(FIRST, text.clone()).await?;
    }
    if copies.second_is_stale {
        tracing::warn!("volume.bak.json is missing, damaged or old: it is written again");
        store.put(SECOND, text).await?;
    }
    Ok(())
}

/// Server-side encryption as the header records it.
pub(super) fn facts_to_header(facts: &SseFacts) -> keyslot::SseFacts {
    let (mode, key_id) = match facts {
        SseFacts::None => (SseMode::None, None),
        SseFacts::S3 => (SseMode::S3, None),
        SseFacts::Kms { key_id } => (SseMode::Kms, key_id.clone()),
        SseFacts::Customer => (SseMode::Customer, None),
    };
    keyslot::SseFacts { mode, key_id }
}

/// Server-side encryption as the store takes it, from what the header records.
#[must_use]
pub fn recorded_sse(header: &Header) -> SseFacts {
    let recorded = header.sse();
    match recorded.mode {
        SseMode::None => SseFacts::None,
        SseMode::S3 => SseFacts::S3,
        SseMode::Kms => SseFacts::Kms { key_id: recorded.key_id.clone() },
        SseMode::Customer => SseFacts::Customer,
    }
}
