//! Doors for fuzzing: every decoder that sees client bytes, without a volume behind it.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

use crate::nfs::args::Call;
use crate::nfs::dispatch::Prepared;
use crate::nfs::mount::MountCall;
use crate::nfs::procedure::Procedure;
use crate::nfs::record::RecordAssembler;
use crate::nfs::xdr::XdrDecoder;

/// Decodes `bytes` as a record, and as the arguments of every procedure. Says how many of these
/// readings succeeded.
#[must_use]
pub fn fuzz_call(bytes: &[u8]) -> usize {
    let record = Bytes::copy_from_slice(bytes);
    let decoder = || XdrDecoder::new(record.clone());
    let calls =
        Procedure::ALL.iter().filter(|procedure| Call::decode(**procedure, &mut decoder()).is_ok());
    let mounts =
        (0..6).filter(|number| matches!(MountCall::decode(*number, &mut decoder()), Some(Ok(_))));
    let client = IpAddr::from(Ipv4Addr::LOCALHOST);
    let whole = usize::from(Prepared::decode(client, record.clone()).is_some());
    calls.count() + mounts.count() + whole
}

/// Reads `bytes` as a stream of records, arriving in pieces of `step` bytes. Gives the records
/// before the first error or the end.
#[must_use]
pub fn fuzz_record(bytes: &[u8], step: usize) -> Vec<Bytes> {
    let mut assembler = RecordAssembler::new();
    let mut records = Vec::new();
    for mut chunk in bytes.chunks(step.max(1)) {
        while !chunk.is_empty() {
            let Ok((used, record)) = assembler.push(chunk) else { return records };
            records.extend(record);
            chunk = chunk.get(used..).unwrap_or_default();
        }
    }
    records.extend(assembler.take());
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::NFS_FRAGMENTS_MAX;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(fuzz_call(&bytes) <= Procedure::ALL.len() + 6 + 1);
        }

        #[test]
        fn no_words_make_a_decoder_panic(
            words in proptest::collection::vec(prop_oneof![0_u32..70, any::<u32>()], 0..150),
        ) {
            let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
            prop_assert!(fuzz_call(&bytes) <= Procedure::ALL.len() + 6 + 1);
        }

        #[test]
        fn a_stream_gives_the_same_records_whatever_the_pieces(
            fragments in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..20), any::<bool>()),
                0..NFS_FRAGMENTS_MAX,
            ),
            step in 1_usize..50,
        ) {
            let mut stream = Vec::new();
            let mut expected = vec![Vec::new()];
            for (bytes, last) in &fragments {
                let mut mark = crate::nfs::record::mark(bytes.len());
                mark[0] &= if *last { 0xff } else { 0x7f };
                stream.extend_from_slice(&mark);
                stream.extend_from_slice(bytes);
                expected.last_mut().unwrap().extend_from_slice(bytes);
                if *last {
                    expected.push(Vec::new());
                }
            }
            expected.pop();
            prop_assert_eq!(fuzz_record(&stream, step), expected);
        }
    }
}
