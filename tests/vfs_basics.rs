//! What every operation of the vfs means, one claim per test.
#![cfg(feature = "testkit")]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bytes::Bytes;
use sealgate::base::{Clock, FileName, InodeId, SystemClock};
use sealgate::testkit::World;
use sealgate::vfs::{CreateMode, Error, Identity, SetAttr, Stability, Vfs};

const ROOT: Identity = Identity::ROOT;

fn name(text: &str) -> FileName {
    FileName::new(text.as_bytes().to_vec()).unwrap()
}

async fn new_file(vfs: &Vfs, dir: InodeId, text: &str) -> InodeId {
    let mode = CreateMode::Guarded(SetAttr { mode: Some(0o644), ..SetAttr::default() });
    vfs.create(&ROOT, dir, &name(text), mode).await.unwrap().attr.inode
}

async fn content(vfs: &Vfs, inode: InodeId) -> Vec<u8> {
    let size = u32::try_from(vfs.getattr(inode).await.unwrap().size).unwrap();
    let data = vfs.read(&ROOT, inode, 0, size).await.unwrap();
    assert!(data.eof);
    data.slices.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_there_after_a_new_start() {
    let world = World::memory();
    let vfs = world.started().await;
    let small = new_file(&vfs, InodeId::ROOT, "small").await;
    let large = new_file(&vfs, InodeId::ROOT, "large").await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    vfs.write(&ROOT, small, 0, Bytes::from_static(b"hello"), Stability::FileSync).await.unwrap();
    vfs.write(&ROOT, large, 10, Bytes::from(bytes.clone()), Stability::Unstable).await.unwrap();
    let committed = vfs.commit(large, 0, 0).await.unwrap();
    assert_eq!(committed.verifier, vfs.write_verifier());
    drop(vfs);
    let vfs = world.start().await;
    assert_ne!(committed.verifier, vfs.write_verifier(), "a new process, a new verifier");
    assert_eq!(content(&vfs, small).await, b"hello");
    assert_eq!(content(&vfs, large).await, [&[0; 10][..], &bytes].concat());
    vfs.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_file_gives_its_space_back() {
    let mut world = World::memory();
    world.options.segment_grace = std::time::Duration::ZERO;
    let vfs = world.started().await;
    let inode = new_file(&vfs, InodeId::ROOT, "file").await;
    let data = Bytes::from(vec![7; 1_000_000]);
    vfs.write(&ROOT, inode, 0, data, Stability::FileSync).await.unwrap();
    let segments = || world.parts.store.list("seg/", None, 100);
    assert_eq!(segments().await.unwrap().len(), 1);
    vfs.remove(&ROOT, InodeId::ROOT, &name("file")).await.unwrap();
    for _ in 0..100 {
        if segments().await.unwrap().is_empty() {
            break;
        }
        SystemClock::new().sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(segments().await.unwrap().is_empty(), "the segment is gone");
    assert_eq!(vfs.getattr(inode).await, Err(Error::Stale));
    vfs.shutdown().await.unwrap();
}

/// Regression: a gateway that heard of its fencing through a lookup refused the request, and went
/// on calling itself ready; its clean stop claimed that all was well.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_hears_of_its_fencing_by_reading_remembers_it() {
    let world = World::memory();
    let first = world.started().await;
    first.sync().await.unwrap();
    let second = world.start().await;
    let mut heard = None;
    for n in 0..3_000 {
        // A name that no cache knows, so that the engine is asked.
        let asked = first.lookup(&ROOT, InodeId::ROOT, &name(&format!("n{n}"))).await;
        if asked != Err(Error::NotFound) {
            heard = asked.err();
            break;
        }
        world.parts.clock.sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(heard, Some(Error::Fenced));
    assert_eq!(first.trouble(), Some(Error::Fenced));
    assert_eq!(first.shutdown().await, Err(Error::Fenced));
    second.shutdown().await.unwrap();
}
