//! Record marking: where one RPC message ends and the next begins on a byte stream.
//!
//! Owns: the fragment headers of RFC 5531 section 11. Guarantees: a record larger than the limit
//! or of too many fragments is refused at the header that says so, and memory grows with the
//! bytes that arrived, not with the length that was claimed. Leaves to others: sockets.

use std::fmt;

use bytes::buf::Limit;
use bytes::{BufMut, Bytes, BytesMut};

use crate::base::limits::{NFS_FRAGMENTS_MAX, NFS_RECORD_BYTES_MAX};
use crate::base::{to_u64, to_usize};

/// The bit of a fragment header that marks the last fragment of a record.
const LAST_FRAGMENT: u32 = 1 << 31;

/// What a record may reserve before any of it arrived. A client that has sent this much may
/// reserve the rest of a record, which the limit bounds.
pub const FIRST_RESERVE_BYTES: usize = 64 << 10;

/// Why a stream of records cannot go on. The connection has to be closed: there is no way to
/// find the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The fragments of a record claim more bytes than a record may have.
    #[error("a record of at least {len} bytes where {NFS_RECORD_BYTES_MAX} are allowed")]
    TooLarge {
        /// Bytes claimed so far.
        len: u64,
    },
    /// A record of too many fragments.
    #[error("a record of more than {NFS_FRAGMENTS_MAX} fragments")]
    TooManyFragments,
}

/// Puts records together from fragments, one record at a time.
///
/// Either [`Self::push`] bytes as they come, or give a header to [`Self::header`] and let the
/// socket write into [`Self::spare`], which saves the copy.
#[derive(Default)]
pub struct RecordAssembler {
    record: BytesMut,
    header: [u8; 4],
    header_len: usize,
    fragments: usize,
    fragment_left: usize,
    last: bool,
}

impl RecordAssembler {
    /// An assembler at the start of a record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing of the next record has arrived: the only moment to stop reading.
    #[must_use]
    pub const fn is_between_records(&self) -> bool {
        self.fragments == 0 && self.header_len == 0
    }

    /// Whether the next four bytes are a fragment header.
    #[must_use]
    pub const fn wants_header(&self) -> bool {
        self.fragment_left == 0 && !self.last
    }

    /// Takes a fragment header.
    ///
    /// # Errors
    /// [`RecordError`] if the record would be too large or too finely cut.
    pub fn header(&mut self, header: [u8; 4]) -> Result<(), RecordError> {
        let word = u32::from_be_bytes(header);
        let len = to_usize(u64::from(word & !LAST_FRAGMENT));
        let total = self.record.len().saturating_add(len);
        if total > NFS_RECORD_BYTES_MAX {
            return Err(RecordError::TooLarge { len: to_u64(total) });
        }
        if self.fragments == NFS_FRAGMENTS_MAX {
            return Err(RecordError::TooManyFragments);
        }
        self.fragments += 1;
        self.fragment_left = len;
        self.last = word & LAST_FRAGMENT != 0;
        Ok(())
    }

    /// Where the next bytes of the fragment go; empty when a header is wanted. Tell
    /// [`Self::filled`] how many were written.
    pub fn spare(&mut self) -> Limit<&mut BytesMut> {
        if self.record.capacity() == self.record.len() {
            let proven = self.record.len() >= FIRST_RESERVE_BYTES;
            let trusted = if proven { NFS_RECORD_BYTES_MAX } else { FIRST_RESERVE_BYTES };
            self.record.reserve(self.fragment_left.min(trusted));
        }
        let room = self.record.capacity() - self.record.len();
        let limit = self.fragment_left.min(room);
        (&mut self.record).limit(limit)
    }

    /// Says that `len` bytes were written into [`Self::spare`].
    ///
    /// # Panics
    /// If that is more than the fragment has left: a bug in the caller.
    pub fn filled(&mut self, len: usize) {
        self.fragment_left =
            self.fragment_left.checked_sub(len).expect("spare is limited to the fragment");
    }

    /// The record, if it is complete; its buffer is its own and of its own size.
    pub fn take(&mut self) -> Option<Bytes> {
        if self.fragment_left > 0 || !self.last {
            return None;
        }
        self.fragments = 0;
        self.last = false;
        Some(std::mem::take(&mut self.record).freeze())
    }

    /// Takes bytes as they come; says how many were used and gives a record when one is
    /// complete. Bytes after it are left to the next call.
    ///
    /// # Errors
    /// [`RecordError`], as [`Self::header`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(usize, Option<Bytes>), RecordError> {
        let mut left = bytes;
        loop {
            if let Some(record) = self.take() {
                return Ok((bytes.len() - left.len(), Some(record)));
            }
            let Some((&first, tail)) = left.split_first() else {
                return Ok((bytes.len(), None));
            };
            if self.wants_header() {
                left = tail;
                if let Some(slot) = self.header.get_mut(self.header_len) {
                    *slot = first;
                }
                self.header_len += 1;
                if self.header_len == 4 {
                    self.header_len = 0;
                    self.header(self.header)?;
                }
                continue;
            }
            let mut spare = self.spare();
            let len = spare.remaining_mut().min(left.len());
            let (part, tail) = left.split_at(len);
            spare.put_slice(part);
            self.filled(len);
            left = tail;
        }
    }
}

/// Shows sizes only: the bytes hold names and content.
impl fmt::Debug for RecordAssembler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordAssembler")
            .field("len", &self.record.len())
            .field("fragments", &self.fragments)
            .finish_non_exhaustive()
    }
}

/// The fragment header of a record of `len` bytes sent as one fragment.
///
/// # Panics
/// If `len` does not fit 31 bits; replies are bounded far below.
#[must_use]
pub fn mark(len: usize) -> [u8; 4] {
    let len = u32::try_from(len).ok().filter(|len| len & LAST_FRAGMENT == 0);
    (len.expect("replies are bounded") | LAST_FRAGMENT).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(bytes: &[u8], last: bool) -> Vec<u8> {
        let mut header = mark(bytes.len());
        if !last {
            header[0] &= 0x7f;
        }
        [&header[..], bytes].concat()
    }

    #[test]
    fn fragments_join_into_one_record_however_the_bytes_arrive() {
        let stream = [
            fragment(b"one", false),
            fragment(b"", false),
            fragment(b" record", true),
            fragment(b"next", true),
        ]
        .concat();
        for step in 1..=stream.len() {
            let mut assembler = RecordAssembler::new();
            let mut records = Vec::new();
            for mut chunk in stream.chunks(step) {
                while !chunk.is_empty() {
                    let (used, record) = assembler.push(chunk).unwrap();
                    records.extend(record);
                    chunk = &chunk[used..];
                }
            }
            records.extend(assembler.push(&[]).unwrap().1);
            assert_eq!(records, ["one record", "next"], "in steps of {step}");
            assert!(assembler.is_between_records());
        }
    }

    #[test]
    fn a_claimed_length_reserves_little_until_bytes_arrive() {
        let mut assembler = RecordAssembler::new();
        assembler.header(mark(NFS_RECORD_BYTES_MAX)).unwrap();
        assert!(assembler.spare().remaining_mut() <= FIRST_RESERVE_BYTES);
        assert!(assembler.record.capacity() <= FIRST_RESERVE_BYTES);
    }

    #[test]
    fn a_small_record_has_a_buffer_of_its_own_size() {
        let mut assembler = RecordAssembler::new();
        assembler.header(mark(4_200)).unwrap();
        assembler.spare().put_slice(&[7; 4_200]);
        assert!(assembler.record.capacity() < 4_300, "a kept slice must not hold much more");
        assembler.filled(4_200);
        assert_eq!(assembler.take().unwrap().len(), 4_200);
    }

    #[test]
    fn the_largest_record_passes_and_one_byte_more_is_refused() {
        let mut assembler = RecordAssembler::new();
        let (_, record) = assembler.push(&fragment(&vec![1; NFS_RECORD_BYTES_MAX], true)).unwrap();
        assert_eq!(record.unwrap().len(), NFS_RECORD_BYTES_MAX);
        let refused = RecordError::TooLarge { len: to_u64(NFS_RECORD_BYTES_MAX) + 1 };
        assert_eq!(assembler.header(mark(NFS_RECORD_BYTES_MAX + 1)), Err(refused));
        let mut assembler = RecordAssembler::new();
        assembler.push(&fragment(&vec![1; NFS_RECORD_BYTES_MAX], false)).unwrap();
        assert_eq!(assembler.header(mark(1)), Err(refused), "the sum counts, not the fragment");
    }

    #[test]
    fn a_bomb_of_empty_fragments_is_refused() {
        let mut assembler = RecordAssembler::new();
        let bomb = fragment(b"", false).repeat(NFS_FRAGMENTS_MAX);
        assert_eq!(assembler.push(&bomb), Ok((bomb.len(), None)));
        assert_eq!(assembler.push(&[0; 4]), Err(RecordError::TooManyFragments));
    }
}
