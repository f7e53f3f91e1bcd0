//! Bindings: what a sealed thing is and where it belongs, as the AAD of its seal.
//!
//! Owns: one type per sealed thing and their one encoding. Guarantees: no two bindings have the
//! same bytes. Each starts with its domain, length first; after it every field has a fixed size or
//! carries its length.

use crate::base::{KeyEpoch, SegmentId, VolumeId, to_u32};

/// Something that a seal can be tied to.
pub(super) trait Binding {
    /// The name of the kind of thing, different for every type and layout version.
    const DOMAIN: &'static str;

    /// Appends the fields, each of fixed size or after its length.
    fn fields(&self, out: &mut Fields);

    /// The AAD.
    fn encode(&self) -> Vec<u8> {
        // Room for every binding but a long footer, so one allocation each.
        let mut out = Fields(Vec::with_capacity(160));
        out.bytes(Self::DOMAIN.as_bytes());
        self.fields(&mut out);
        out.0
    }
}

/// Collects the fields of a binding.
pub(super) struct Fields(Vec<u8>);

impl Fields {
    /// A field of fixed size.
    fn fixed<const N: usize>(&mut self, bytes: &[u8; N]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A number, big-endian.
    fn u32(&mut self, value: u32) -> &mut Self {
        self.fixed(&value.to_be_bytes())
    }

    /// A field of any size: its length in four bytes, then its bytes.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(to_u32(bytes.len()));
        self.0.extend_from_slice(bytes);
        self
    }
}

/// One frame: which bytes of which segment it is, and how to unpack it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameBinding {
    /// The volume.
    pub volume: VolumeId,
    /// The segment.
    pub segment: SegmentId,
    /// The frame's index in its segment: also its nonce.
    pub frame: u32,
    /// The code of its compression.
    pub codec: u8,
    /// Bytes after decompression.
    pub plain_len: u32,
}

impl Binding for FrameBinding {
    const DOMAIN: &'static str = "sealgate frame v1";

    fn fields(&self, out: &mut Fields) {
        out.fixed(self.volume.as_bytes())
            .fixed(self.segment.as_bytes())
            .u32(self.frame)
            .fixed(&[self.codec])
            .u32(self.plain_len);
    }
}

/// The directory of a segment, together with the footer that stands beside it in the clear.
pub(super) struct DirectoryBinding<'a> {
    pub(super) volume: VolumeId,
    pub(super) segment: SegmentId,
    pub(super) footer: &'a [u8],
}

impl Binding for DirectoryBinding<'_> {
    const DOMAIN: &'static str = "sealgate segment directory v1";

    fn fields(&self, out: &mut Fields) {
        out.fixed(self.volume.as_bytes()).fixed(self.segment.as_bytes()).bytes(self.footer);
    }
}

/// One metadata record: the key it is stored under.
pub(super) struct RecordBinding<'a> {
    pub(super) volume: VolumeId,
    pub(super) epoch: KeyEpoch,
    pub(super) key: &'a [u8],
}

impl Binding for RecordBinding<'_> {
    const DOMAIN: &'static str = "sealgate record v1";

    fn fields(&self, out: &mut Fields) {
        out.fixed(self.volume.as_bytes()).u32(self.epoch.get()).bytes(self.key);
    }
}

/// One wrapped volume key: the slot it lies in and the costs that guard it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotBinding {
    /// The volume.
    pub volume: VolumeId,
    /// The epoch of the wrapped key.
    pub epoch: KeyEpoch,
    /// The slot's id.
    pub slot: u32,
    /// The kind of slot, as the header spells it.
    pub kind: &'static str,
    /// Canonical bytes of the derivation: its costs and salt.
    pub kdf: Vec<u8>,
}

impl Binding for SlotBinding {
    const DOMAIN: &'static str = "sealgate key slot v1";

    fn fields(&self, out: &mut Fields) {
        out.fixed(self.volume.as_bytes())
            .u32(self.epoch.get())
            .u32(self.slot)
            .bytes(self.kind.as_bytes())
            .bytes(&self.kdf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const VOLUME: VolumeId = VolumeId::from_bytes([1; 16]);
    const SEGMENT: SegmentId = SegmentId::from_bytes([2; 16]);

    #[test]
    fn every_field_of_a_frame_changes_its_binding() {
        let at =
            FrameBinding { volume: VOLUME, segment: SEGMENT, frame: 3, codec: 4, plain_len: 5 };
        let all = [
            at,
            FrameBinding { volume: VolumeId::from_bytes([9; 16]), ..at },
            FrameBinding { segment: SegmentId::from_bytes([9; 16]), ..at },
            FrameBinding { frame: 9, ..at },
            FrameBinding { codec: 9, ..at },
            FrameBinding { plain_len: 9, ..at },
        ];
        let encoded: HashSet<_> = all.iter().map(Binding::encode).collect();
        assert_eq!(encoded.len(), all.len());
    }

    #[test]
    fn bytes_that_move_between_fields_change_the_binding() {
        let slot = |kind, kdf: &[u8]| {
            let epoch = KeyEpoch::FIRST;
            SlotBinding { volume: VOLUME, epoch, slot: 0, kind, kdf: kdf.to_vec() }.encode()
        };
        assert_ne!(slot("ab", b"c"), slot("a", b"bc"));
        assert_ne!(slot("ab", b""), slot("", b"ab"));
    }

    #[test]
    fn things_of_different_kinds_never_share_a_binding() {
        let record = RecordBinding { volume: VOLUME, epoch: KeyEpoch::FIRST, key: b"" }.encode();
        let directory = DirectoryBinding { volume: VOLUME, segment: SEGMENT, footer: b"" }.encode();
        let domains = [
            FrameBinding::DOMAIN,
            DirectoryBinding::DOMAIN,
            RecordBinding::DOMAIN,
            SlotBinding::DOMAIN,
        ];
        assert_eq!(domains.iter().collect::<HashSet<_>>().len(), domains.len());
        assert!(!directory.starts_with(&record) && !record.starts_with(&directory));
    }
}
