//! What an operation costs between the protocol and the store, both in memory: the default engine
//! and its flushes are in it, a network is not.
#![allow(missing_docs, reason = "the macros of criterion make items without documentation")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sealgate::base::{FileName, InodeId};
use sealgate::testkit::World;
use sealgate::vfs::{CreateMode, Identity, SetAttr, Stability, Vfs};
use tokio::runtime::Runtime;

const ROOT: Identity = Identity::ROOT;

/// One name for every file, whatever the number of samples.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn next_name() -> FileName {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    FileName::new(format!("file-{number}").into_bytes()).expect("a lawful name")
}

async fn create(vfs: &Vfs) -> InodeId {
    let mode = CreateMode::Guarded(SetAttr { mode: Some(0o644), ..SetAttr::default() });
    let made = vfs.create(&ROOT, InodeId::ROOT, &next_name(), mode).await;
    made.expect("the file is created").attr.inode
}

async fn write_and_commit(vfs: &Vfs, inode: InodeId, data: Bytes) {
    let written = vfs.write(&ROOT, inode, 0, data, Stability::Unstable).await;
    assert!(written.is_ok(), "it is written");
    assert!(vfs.commit(inode, 0, 0).await.is_ok(), "it is committed");
}

fn operations(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let vfs: Arc<Vfs> = runtime.block_on(async { World::memory().started().await });
    let mut group = c.benchmark_group("vfs, memory store");
    group.sample_size(30);
    group.bench_function("create", |b| b.to_async(&runtime).iter(|| create(&vfs)));
    let inode = runtime.block_on(create(&vfs));
    group.bench_function("getattr", |b| b.to_async(&runtime).iter(|| vfs.getattr(inode)));
    for (label, bytes) in [("4 KiB", 4_usize << 10), ("1 MiB", 1 << 20)] {
        let data = Bytes::from(vec![0x5a; bytes]);
        group.throughput(Throughput::Bytes(bytes.try_into().expect("it fits")));
        group.bench_function(format!("create + write {label} + commit"), |b| {
            b.to_async(&runtime).iter(|| async {
                let inode = create(&vfs).await;
                write_and_commit(&vfs, inode, data.clone()).await;
            });
        });
    }
    group.finish();
    let stopped = runtime.block_on(vfs.shutdown());
    assert!(stopped.is_ok(), "everything is stored at the end");
}

criterion_group!(all, operations);
criterion_main!(all);
