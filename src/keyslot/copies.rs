//! The two copies of the header: which one counts.
//!
//! An update writes `volume.json` first and `volume.bak.json` after it, so after a crash the second
//! copy may be one generation behind. A damaged or missing copy is replaced by the other.

use super::error::HeaderError;
use super::header::Header;

/// The header to go on with, and which copies to write again with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copies {
    /// The newest readable header; not verified.
    pub header: Header,
    /// Whether `volume.json` does not hold it.
    pub first_is_stale: bool,
    /// Whether `volume.bak.json` does not hold it.
    pub second_is_stale: bool,
}

/// Chooses between the stored bytes of `volume.json` and `volume.bak.json`; `None` is a missing
/// object.
///
/// The higher generation wins, and the first copy if they have the same: only the first is written
/// by compare-and-swap.
///
/// # Errors
/// [`HeaderError::Missing`] if there is none; the first copy's error if neither can be read;
/// [`HeaderError::ForeignCopy`] if they belong to different volumes. A format version that this
/// program does not know is an error at once: an old second copy must not stand in for it.
pub fn choose_copy(first: Option<&[u8]>, second: Option<&[u8]>) -> Result<Copies, HeaderError> {
    let decoded = [first, second].map(|copy| copy.map(Header::decode));
    for copy in decoded.iter().flatten() {
        if let Err(error @ HeaderError::Version { .. }) = copy {
            return Err(*error);
        }
    }
    let header = match decoded {
        [None, None] => return Err(HeaderError::Missing),
        [Some(Ok(one)), Some(Ok(two))] => newer(one, two)?,
        [Some(Ok(header)), _] | [_, Some(Ok(header))] => header,
        [Some(Err(error)), _] | [None, Some(Err(error))] => return Err(error),
    };
    let text = header.encode();
    let is_stale = |copy: Option<&[u8]>| copy != Some(text.as_slice());
    Ok(Copies { header, first_is_stale: is_stale(first), second_is_stale: is_stale(second) })
}

fn newer(one: Header, two: Header) -> Result<Header, HeaderError> {
    if one.volume_id() != two.volume_id() {
        return Err(HeaderError::ForeignCopy);
    }
    Ok(if two.generation() > one.generation() { two } else { one })
}
