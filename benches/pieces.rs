//! The pieces that every byte and every operation passes: sealing, hashing, codecs, records.
#![allow(missing_docs, reason = "a benchmark is documented by its name")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sealgate::base::{FileName, InodeId, KeyEpoch, SegmentId, Timestamp, VolumeId};
use sealgate::crypto::{CipherSuite, FrameBinding, KeyTree, Secret};
use sealgate::format::{FileKind, InodeRecord};
use sealgate::testkit::SeededRandom;

const VOLUME: VolumeId = VolumeId::from_bytes([1; 16]);
const SEGMENT: SegmentId = SegmentId::from_bytes([2; 16]);
const FRAME_BYTES: usize = 64 << 10;

fn keys() -> KeyTree {
    KeyTree::new(CipherSuite::Aes256Gcm, VOLUME, KeyEpoch::FIRST, &Secret::init(|key| key.fill(3)))
}

fn frames(c: &mut Criterion) {
    let cipher = keys().segment(SEGMENT);
    let at =
        FrameBinding { volume: VOLUME, segment: SEGMENT, frame: 0, codec: 0, plain_len: 65_536 };
    let plain = vec![7_u8; FRAME_BYTES];
    let mut group = c.benchmark_group("frame");
    group.throughput(Throughput::Bytes(65_536));
    group.bench_function("seal", |b| {
        b.iter_batched(
            || {
                let mut buf = Vec::with_capacity(FRAME_BYTES + 16);
                buf.extend_from_slice(&plain);
                buf
            },
            |mut buf| {
                cipher.seal(&at, &mut buf);
                buf
            },
            BatchSize::LargeInput,
        );
    });
    let mut sealed = plain.clone();
    cipher.seal(&at, &mut sealed);
    group.bench_function("open", |b| {
        b.iter(|| cipher.open(&at, black_box(&sealed)).expect("what was sealed opens"));
    });
    group.finish();
}

fn records(c: &mut Criterion) {
    let tree = keys();
    let random = SeededRandom::new(1);
    let plain = vec![7_u8; 120];
    let sealed = tree.records().seal(b"I12345678", &plain, &random);
    let mut group = c.benchmark_group("record");
    group.bench_function("seal", |b| {
        b.iter(|| tree.records().seal(b"I12345678", black_box(&plain), &random));
    });
    group.bench_function("open", |b| {
        b.iter(|| tree.records().open(b"I12345678", black_box(&sealed)).expect("it opens"));
    });
    group.finish();
    let name = FileName::new(b"a name of some length.txt".to_vec()).expect("a name");
    c.bench_function("name hash", |b| {
        b.iter(|| tree.names().hash(InodeId::ROOT, black_box(&name)));
    });
}

fn codecs(c: &mut Criterion) {
    let text = "what a source tree looks like to a codec: words, spaces and names; ".repeat(1_000);
    let text = text.as_bytes().get(..FRAME_BYTES).expect("long enough");
    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Bytes(65_536));
    group.bench_function("lz4 pack", |b| b.iter(|| lz4_flex::block::compress(black_box(text))));
    let packed = lz4_flex::block::compress(text);
    group.bench_function("lz4 unpack", |b| {
        b.iter(|| lz4_flex::block::decompress(black_box(&packed), FRAME_BYTES).expect("packed"));
    });
    group.bench_function("zstd pack", |b| {
        b.iter(|| zstd::bulk::compress(black_box(text), 1).expect("packs"));
    });
    let packed = zstd::bulk::compress(text, 1).expect("packs");
    group.bench_function("zstd unpack", |b| {
        b.iter(|| zstd::bulk::decompress(black_box(&packed), FRAME_BYTES).expect("packed"));
    });
    group.finish();
}

fn layouts(c: &mut Criterion) {
    let time = Timestamp::new(1_767_225_600, 5);
    let record = InodeRecord {
        kind: FileKind::File,
        mode: 0o644,
        nlink: 1,
        uid: 1_000,
        gid: 1_000,
        size: 123_456,
        used_bytes: 123_456,
        rdev: (0, 0),
        atime: time,
        mtime: time,
        ctime: time,
        version: 3,
        parent: None,
        entries: 0,
        verifier: None,
        target: Bytes::new(),
    };
    let bytes = record.encode();
    let mut group = c.benchmark_group("inode record");
    group.bench_function("encode", |b| b.iter(|| black_box(&record).encode()));
    group.bench_function("decode", |b| {
        b.iter(|| InodeRecord::decode(black_box(&bytes)).expect("what was encoded"));
    });
    group.finish();
}

criterion_group!(benches, frames, records, codecs, layouts);
criterion_main!(benches);
