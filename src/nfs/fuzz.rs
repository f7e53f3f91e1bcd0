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
