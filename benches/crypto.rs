//! What sealing costs: frames, records, names, and the derivation of keys from a secret.
#![allow(missing_docs, reason = "the macros of criterion make items without documentation")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sealgate::base::{FileName, InodeId, KeyEpoch, OsRandom, SegmentId, VolumeId};
use sealgate::crypto::{
    CipherSuite, FrameBinding, KeyTree, Passphrase, PasswordParams, Secret, derive_password,
};

const EXTENT_BYTES: usize = 64 << 10;
const VOLUME: VolumeId = VolumeId::from_bytes([1; 16]);
const SEGMENT: SegmentId = SegmentId::from_bytes([2; 16]);

fn keys() -> KeyTree {
    let key = Secret::init(|key| key.fill(3));
    KeyTree::new(CipherSuite::Aes256Gcm, VOLUME, KeyEpoch::FIRST, &key)
}

fn frames(c: &mut Criterion) {
    let keys = keys();
    let cipher = keys.segment(SEGMENT);
    let at = FrameBinding {
        volume: VOLUME,
        segment: SEGMENT,
        frame: 7,
        codec: 0,
        plain_len: EXTENT_BYTES.try_into().expect("it fits"),
    };
    let plain = || {
        let mut plain = Vec::with_capacity(EXTENT_BYTES + 16);
        plain.resize(EXTENT_BYTES, 0x5a);
        plain
    };
    let mut sealed = plain();
    cipher.seal(&at, &mut sealed);
    let mut group = c.benchmark_group("frame of 64 KiB");
    group.throughput(Throughput::Bytes(EXTENT_BYTES.try_into().expect("it fits")));
    group.bench_function("seal", |b| {
        b.iter_batched_ref(plain, |plain| cipher.seal(&at, plain), BatchSize::SmallInput);
    });
    group.bench_function("open", |b| b.iter(|| cipher.open(&at, black_box(&sealed))));
    group.finish();
    c.bench_function("cipher of a segment", |b| b.iter(|| keys.segment(black_box(SEGMENT))));
}

fn records(c: &mut Criterion) {
    let keys = keys();
    let plain = [7; 200];
    let sealed = keys.records().seal(b"I12345678", &plain, &OsRandom);
    let mut group = c.benchmark_group("record of 200 bytes");
    group.bench_function("seal", |b| {
        b.iter(|| keys.records().seal(b"I12345678", black_box(&plain), &OsRandom));
    });
    group.bench_function("open", |b| {
        b.iter(|| keys.records().open(b"I12345678", black_box(&sealed)));
    });
    group.finish();
}

fn names(c: &mut Criterion) {
    let keys = keys();
    let name = FileName::new(b"a-name-of-usual-length.txt".to_vec()).expect("a lawful name");
    c.bench_function("hash of a name", |b| {
        b.iter(|| keys.names().hash(InodeId::ROOT, black_box(&name)));
    });
}

fn secrets(c: &mut Criterion) {
    let secret = Passphrase::new("correct horse battery staple".to_owned()).expect("long enough");
    let params = PasswordParams::default();
    let mut group = c.benchmark_group("secret");
    group.sample_size(10);
    group.bench_function("Argon2id, default costs", |b| {
        b.iter(|| derive_password(black_box(&secret), &[9; 16], params).is_ok());
    });
    group.finish();
}

criterion_group!(all, frames, records, names, secrets);
criterion_main!(all);
