//! Replies under construction and finished: XDR bytes, with file content as shared slices.
//!
//! Owns: the writing side of RFC 4506. Guarantees: the content of a READ is never copied into a
//! reply. Leaves to others: the order of fields (`proc`, `mount`), sending (`connection`).

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use nfsserve::xdr::XDR;

use crate::base::{to_u32, to_usize};

/// A finished RPC message, without its record mark.
#[derive(Clone, Default)]
pub struct Reply {
    parts: Vec<Bytes>,
    len: usize,
}

impl Reply {
    /// Its length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes; no finished reply is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes in order, as buffers that may be sent without joining them.
    #[must_use]
    pub fn into_parts(self) -> Vec<Bytes> {
        self.parts
    }

    /// Its bytes in one buffer. Copies; for tests and small replies.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.parts.concat().into()
    }
}

/// Shows the length only: the bytes hold names and content.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} bytes)", self.len)
    }
}

/// Builds a reply front to back.
pub(super) struct ReplyBuilder {
    done: Vec<Bytes>,
    done_len: usize,
    tail: BytesMut,
}

impl ReplyBuilder {
    /// An empty reply. The first allocation fits every reply but listings.
    pub(super) fn new() -> Self {
        Self { done: Vec::new(), done_len: 0, tail: BytesMut::with_capacity(512) }
    }

    /// How many bytes there are so far.
    pub(super) fn len(&self) -> usize {
        self.done_len + self.tail.len()
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.tail.put_u32(value);
        self
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.tail.put_u64(value);
        self
    }

    pub(super) fn bool(&mut self, value: bool) -> &mut Self {
        self.u32(u32::from(value))
    }

    /// Bytes of a length that both sides know, a multiple of four.
    pub(super) fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.tail.put_slice(bytes);
        self.pad(bytes.len())
    }

    /// A variable-length byte string: length, bytes, padding.
    pub(super) fn opaque(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(to_u32(bytes.len())).fixed(bytes)
    }

    /// A variable-length byte string given in slices, which the reply shares.
    pub(super) fn opaque_slices(&mut self, slices: Vec<Bytes>) -> &mut Self {
        let len = slices.iter().map(Bytes::len).sum();
        self.u32(to_u32(len));
        let head = self.tail.split().freeze();
        self.done_len += head.len() + len;
        self.done.push(head);
        self.done.extend(slices.into_iter().filter(|slice| !slice.is_empty()));
        self.pad(len)
    }

    /// A value of the RFC's vocabulary. A clone of the value's bytes, nothing more.
    pub(super) fn xdr(&mut self, value: &impl XDR) -> &mut Self {
        let mut writer = (&mut self.tail).writer();
        value.serialize(&mut writer).expect("writing into memory does not fail");
        self
    }

    /// Takes back what was written after the first `len` bytes. Content in slices stays.
    pub(super) fn rewind(&mut self, len: usize) {
        self.tail.truncate(len.saturating_sub(self.done_len));
    }

    /// The finished reply.
    pub(super) fn finish(mut self) -> Reply {
        let len = self.len();
        if !self.tail.is_empty() {
            self.done.push(self.tail.freeze());
        }
        Reply { parts: self.done, len }
    }

    fn pad(&mut self, len: usize) -> &mut Self {
        self.tail.put_bytes(0, padded(len) - len);
        self
    }
}

/// The length of a byte string with its padding (RFC 4506 section 3).
pub(super) const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// How many bytes a byte string takes with its length and padding.
pub(super) const fn opaque_len(len: usize) -> usize {
    4 + padded(len)
}

/// Bounds a client's count to what the gateway gives in one reply.
pub(super) fn bounded(count: u32, max: u32) -> usize {
    to_usize(u64::from(count.min(max)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_shared_and_padded_not_copied() {
        let content = Bytes::from(vec![5_u8; 6]);
        let mut builder = ReplyBuilder::new();
        builder.u32(9).opaque_slices(vec![content.slice(..4), Bytes::new(), content.slice(4..)]);
        builder.bool(true);
        assert_eq!(builder.len(), 20);
        let reply = builder.finish();
        assert_eq!(reply.len(), 20);
        assert_eq!(
            &reply.to_bytes()[..],
            [0, 0, 0, 9, 0, 0, 0, 6, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 1]
        );
        let parts = reply.into_parts();
        assert_eq!(parts[1].as_ptr(), content.as_ptr(), "the slice itself is in the reply");
    }

    #[test]
    fn a_rewound_reply_forgets_what_followed() {
        let mut builder = ReplyBuilder::new();
        builder.u32(1);
        let mark = builder.len();
        builder.u64(2).rewind(mark);
        assert_eq!(&builder.finish().to_bytes()[..], [0, 0, 0, 1]);
    }

    #[test]
    fn byte_strings_take_what_opaque_len_says() {
        for len in 0..9 {
            let mut builder = ReplyBuilder::new();
            builder.opaque(&vec![1; len]);
            assert_eq!(builder.len(), opaque_len(len));
        }
    }
}
