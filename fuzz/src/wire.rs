//! What NFS clients send, before it reaches a volume.

use sealgate::base::limits::NFS_RECORD_BYTES_MAX;
use sealgate::nfs::{fuzz_call, fuzz_record};

/// A stream of records is the same stream in pieces of any size.
pub fn nfs_record(data: &[u8]) {
    let Some((step, stream)) = data.split_first() else { return };
    let whole = fuzz_record(stream, usize::MAX);
    assert_eq!(fuzz_record(stream, usize::from(*step)), whole);
    assert!(whole.iter().all(|record| record.len() <= NFS_RECORD_BYTES_MAX));
}

/// No bytes make the decoder of a call, or of any procedure's arguments, do anything but answer.
pub fn nfs_call(data: &[u8]) {
    let _ = fuzz_call(data);
}
