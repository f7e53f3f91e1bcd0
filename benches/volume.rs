//! Whole operations on a volume in memory: what the code costs without a network or a store.
#![allow(missing_docs, reason = "a benchmark is documented by its name")]

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sealgate::base::{FileName, InodeId};
use sealgate::testkit::World;
use sealgate::vfs::{CreateMode, Identity, SetAttr, Stability, Vfs};

async fn create(vfs: &Vfs, name: String) -> InodeId {
    let name = FileName::new(name.into_bytes()).expect("a name");
    let mode = CreateMode::Guarded(SetAttr::default());
    vfs.create(&Identity::ROOT, InodeId::ROOT, &name, mode).await.expect("room").attr.inode
}

fn operations(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let vfs = runtime.block_on(World::memory().started());
    let next = AtomicU64::new(0);
    let name = || format!("file-{}", next.fetch_add(1, Ordering::Relaxed));
    let small = Bytes::from(vec![7_u8; 4_096]);
    let large = Bytes::from(vec![7_u8; 1 << 20]);

    c.bench_function("create", |b| b.iter(|| runtime.block_on(create(&vfs, name()))));
    c.bench_function("create, write 4 KiB, commit", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let file = create(&vfs, name()).await;
                let data = small.clone();
                vfs.write(&Identity::ROOT, file, 0, data, Stability::Unstable).await.expect("room");
                vfs.commit(file, 0, 0).await.expect("a commit")
            })
        });
    });

    let file = runtime.block_on(create(&vfs, name()));
    let mut group = c.benchmark_group("1 MiB");
    group.throughput(Throughput::Bytes(1 << 20));
    group.bench_function("write", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let data = large.clone();
                vfs.write(&Identity::ROOT, file, 0, data, Stability::Unstable).await.expect("room")
            })
        });
    });
    runtime.block_on(vfs.commit(file, 0, 0)).expect("a commit");
    group.bench_function("read", |b| {
        b.iter(|| runtime.block_on(vfs.read(&Identity::ROOT, file, 0, 1 << 20)).expect("content"));
    });
    group.finish();
    c.bench_function("getattr", |b| {
        b.iter(|| runtime.block_on(vfs.getattr(file)).expect("an inode"));
    });
    runtime.block_on(vfs.shutdown()).expect("a clean stop");
}

criterion_group!(benches, operations);
criterion_main!(benches);
