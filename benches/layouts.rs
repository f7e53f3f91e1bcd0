//! What encoding costs: the record of an inode, and the codecs of frames.
#![allow(missing_docs, reason = "the macros of criterion make items without documentation")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sealgate::base::Timestamp;
use sealgate::format::{FileKind, InodeRecord};

fn inodes(c: &mut Criterion) {
    let now = Timestamp::default();
    let record = InodeRecord {
        kind: FileKind::File,
        mode: 0o644,
        nlink: 1,
        uid: 1000,
        gid: 1000,
        size: 1 << 30,
        used_bytes: 1 << 29,
        rdev: (0, 0),
        atime: now,
        mtime: now,
        ctime: now,
        version: 42,
        parent: None,
        entries: 0,
        verifier: None,
        target: Bytes::new(),
    };
    let encoded = record.encode();
    let mut group = c.benchmark_group("inode record");
    group.bench_function("encode", |b| b.iter(|| black_box(&record).encode()));
    group.bench_function("decode", |b| b.iter(|| InodeRecord::decode(black_box(&encoded))));
    group.finish();
}

/// The codecs with the settings of `block/codec.rs`, on a text that shrinks to about a half.
fn codecs(c: &mut Criterion) {
    let mut seed = 1_u64;
    let words = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:x} the same words again, ", seed >> 24)
    });
    let mut text: Vec<u8> = words.take(4_000).flat_map(String::into_bytes).collect();
    text.truncate(64 << 10);
    let lz4 = lz4_flex::block::compress(&text);
    let zstd = zstd::bulk::compress(&text, 1).expect("it compresses");
    let mut group = c.benchmark_group("codec, 64 KiB of text");
    group.throughput(Throughput::Bytes(64 << 10));
    group.bench_function("lz4 compress", |b| {
        b.iter(|| lz4_flex::block::compress(black_box(&text)));
    });
    group.bench_function("lz4 decompress", |b| {
        b.iter(|| lz4_flex::block::decompress(black_box(&lz4), text.len()));
    });
    group.bench_function("zstd compress", |b| {
        b.iter(|| zstd::bulk::compress(black_box(&text), 1));
    });
    group.bench_function("zstd decompress", |b| {
        b.iter(|| zstd::bulk::decompress(black_box(&zstd), text.len()));
    });
    group.finish();
}

criterion_group!(all, inodes, codecs);
criterion_main!(all);
