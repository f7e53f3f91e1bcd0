//! Sealed things: what was not sealed does not open, and what opens is bounded.

use std::sync::{Arc, LazyLock};

use sealgate::base::limits::EXTENT_BYTES_MAX;
use sealgate::base::{KeyEpoch, OsRandom, SegmentId, SystemClock, VolumeId};
use sealgate::block::{BlockOptions, Blocks, segment_key};
use sealgate::crypto::{CipherSuite, FrameBinding, KeyRing, KeyTree, Secret};
use sealgate::format::{Compression, FrameRef};
use sealgate::store::Store;
use sealgate::testkit::SeededRandom;

const VOLUME: VolumeId = VolumeId::from_bytes([1; 16]);
const SEGMENT: SegmentId = SegmentId::from_bytes([2; 16]);

fn tree(suite: CipherSuite) -> KeyTree {
    KeyTree::new(suite, VOLUME, KeyEpoch::FIRST, &Secret::init(|key| key.fill(3)))
}

static SEALED: LazyLock<KeyTree> = LazyLock::new(|| tree(CipherSuite::Aes256Gcm));
static PLAIN: LazyLock<KeyTree> = LazyLock::new(|| tree(CipherSuite::None));
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime")
});

/// Foreign bytes never open as a record; sealed ones open to what they were, and only under their
/// own key.
pub fn sealed_record(data: &[u8]) {
    for (keys, suite) in [(&SEALED, CipherSuite::Aes256Gcm), (&PLAIN, CipherSuite::None)] {
        let records = keys.records();
        let opened = records.open(b"Ikey", data);
        // An unkeyed tag can be made by anyone, so only the sealed suite must refuse.
        assert!(opened.is_err() || suite == CipherSuite::None);
        let sealed = records.seal(b"Ikey", data, &SeededRandom::new(1));
        assert_eq!(records.open(b"Ikey", &sealed).as_deref(), Ok(data));
        assert!(records.open(b"Iother", &sealed).is_err(), "a record is bound to its key");
        if let Some((at, bit)) = data.first().zip(data.last()) {
            let mut broken = sealed.to_vec();
            let at = usize::from(*at) % broken.len();
            broken[at] ^= 1 << (bit % 8);
            assert!(records.open(b"Ikey", &broken).is_err(), "one flipped bit is noticed");
        }
    }
}

/// A frame whose packed bytes are the fuzzer's: it opens, so its decompression sees anything. The
/// result has the length that its reference promises, or is an error.
pub fn frame(data: &[u8]) {
    let Some((&[codec, a, b, c], packed)) = data.split_first_chunk::<4>() else { return };
    let codec = codec % 4;
    let plain_len = u32::from_be_bytes([0, a, b, c]).clamp(1, EXTENT_BYTES_MAX);
    let at = FrameBinding { volume: VOLUME, segment: SEGMENT, frame: 0, codec, plain_len };
    let mut sealed = packed.to_vec();
    PLAIN.segment(SEGMENT).seal(&at, &mut sealed);
    let Ok(stored_len) = u32::try_from(sealed.len()) else { return };
    let place = FrameRef {
        segment: SEGMENT,
        epoch: KeyEpoch::FIRST,
        frame: 0,
        offset: 0,
        stored_len,
        plain_len,
        valid_len: plain_len,
        codec,
    };
    let read = RUNTIME.block_on(async {
        let store = Store::memory();
        store.create(&segment_key(SEGMENT), sealed).await.expect("an empty store takes it");
        let options = BlockOptions {
            compression: Compression::None,
            extent_bytes: EXTENT_BYTES_MAX,
            cache_bytes: 0,
        };
        let keys = Arc::new(KeyRing::new(tree(CipherSuite::None)));
        let clock = Arc::new(SystemClock::new());
        let blocks = Blocks::new(store, keys, clock, Arc::new(OsRandom), options);
        blocks.read_frames(&[place]).await
    });
    if let Ok(frames) = read {
        let lengths: Vec<usize> = frames.iter().map(bytes::Bytes::len).collect();
        assert_eq!(lengths, [plain_len as usize]);
    }
}
