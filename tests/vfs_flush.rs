//! What a flush that fails tells those who wait for it.
#![cfg(feature = "testkit")]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use sealgate::base::{FileName, InodeId};
use sealgate::store::Store;
use sealgate::testkit::{Faults, MemoryVolume, SeededRandom, SimClock, World};
use sealgate::vfs::{CreateMode, Error, Identity, SetAttr, Stability};

const ROOT: Identity = Identity::ROOT;

/// A volume on a store that can be cut off. Its clock stands still: nothing is flushed that nobody
/// waits for.
async fn volume() -> (MemoryVolume, Arc<Faults>) {
    let faults = Faults::none();
    let store = faults.wrap(&Store::memory());
    let world = World::with(store, Arc::new(SimClock::new()), Arc::new(SeededRandom::new(1)));
    (MemoryVolume::create(world).await, faults)
}

/// Regression: whoever waited for everything (`sync`, and with it a clean stop) was told that all
/// is well although one file could not be flushed: only waiters of that very file heard of it.
/// Method: a write that needs the rest of its extent from the store, while the store is away.
#[tokio::test]
async fn sync_and_shutdown_report_a_file_that_could_not_be_stored() {
    let (mut volume, faults) = volume().await;
    let vfs = volume.start().await;
    let name = FileName::new("file").unwrap();
    let mode = CreateMode::Guarded(SetAttr::default());
    let file = vfs.create(&ROOT, InodeId::ROOT, &name, mode).await.unwrap().attr.inode;
    let old = Bytes::from(vec![b'o'; 100_000]);
    vfs.write(&ROOT, file, 0, old, Stability::FileSync).await.unwrap();
    vfs.shutdown().await.unwrap();
    // A new start, so that the frame is in no cache.
    volume.restart();
    let vfs = volume.start().await;
    let new = Bytes::from_static(b"new");
    vfs.write(&ROOT, file, 10, new, Stability::Unstable).await.unwrap();

    faults.set_down(true);
    let refused = vfs.sync().await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(vfs.dirty_bytes(), 3, "the bytes wait for the store");
    faults.set_down(false);
    vfs.sync().await.unwrap();
    assert_eq!(vfs.dirty_bytes(), 0);
    let found = vfs.read(&ROOT, file, 8, 6).await.unwrap().slices.concat();
    assert_eq!(found, b"oonewo");

    let more = Bytes::from_static(b"more");
    vfs.write(&ROOT, file, 70_000, more, Stability::Unstable).await.unwrap();
    faults.set_down(true);
    let refused = vfs.shutdown().await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(vfs.dirty_bytes(), 4, "a stop says how much it leaves behind");
}
