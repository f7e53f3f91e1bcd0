//! What NFS and WebDAV clients send, before it reaches a volume.

use sealgate::base::limits::NFS_RECORD_BYTES_MAX;
use sealgate::nfs::{fuzz_call, fuzz_record};
use sealgate::webdav::{fuzz_if, fuzz_path, fuzz_xml};

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

/// A path that is taken is printed as a path of the same place.
pub fn dav_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for (href, same) in fuzz_path(text).into_iter().flatten() {
        assert!(same, "{href:?} is another place");
    }
}

/// The lists and tokens of a header are bounded.
pub fn dav_if(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some((lists, tokens)) = fuzz_if(text) {
        assert!((1..=64).contains(&lists) && tokens <= 64, "{lists} lists, {tokens} tokens");
    }
}

/// What is written of a body says the same as the body: a property comes back as it was set.
pub fn dav_xml(data: &[u8]) {
    let Some((second, third)) = fuzz_xml(data) else { return };
    // Escapes may make it longer than a body may be.
    assert!(third.as_ref() == Some(&second) || second.len() > 64 << 10, "{second:?} {third:?}");
}
