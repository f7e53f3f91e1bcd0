//! What tests of the vfs share: names, files, contents, and stores that are copied.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sealgate::base::{Clock, FileName, InodeId, SystemClock};
use sealgate::store::Store;
use sealgate::vfs::{CreateMode, Error, Identity, SetAttr, Stability, Vfs};

pub(crate) static ROOT: Identity = Identity::ROOT;

pub(crate) fn name(text: &str) -> FileName {
    FileName::new(text.as_bytes().to_vec()).unwrap()
}

/// Bytes that differ from place to place and from seed to seed.
pub(crate) fn pattern(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state & 0xff).unwrap()
    };
    (0..len).map(|_| next()).collect()
}

pub(crate) fn mode(mode: u32) -> SetAttr {
    SetAttr { mode: Some(mode), ..SetAttr::default() }
}

pub(crate) fn size(size: u64) -> SetAttr {
    SetAttr { size: Some(size), ..SetAttr::default() }
}

pub(crate) async fn new_file(vfs: &Vfs, dir: InodeId, text: &str) -> Result<InodeId, Error> {
    let created = vfs.create(&ROOT, dir, &name(text), CreateMode::Guarded(mode(0o644))).await?;
    Ok(created.attr.inode)
}

pub(crate) async fn new_dir(vfs: &Vfs, dir: InodeId, text: &str) -> Result<InodeId, Error> {
    Ok(vfs.mkdir(&ROOT, dir, &name(text), mode(0o755)).await?.attr.inode)
}

pub(crate) async fn write(
    vfs: &Vfs,
    inode: InodeId,
    offset: u64,
    data: &Bytes,
    stability: Stability,
) -> Result<(), Error> {
    vfs.write(&ROOT, inode, offset, data.clone(), stability).await.map(drop)
}

/// The whole content of a file of at most 16 MiB.
pub(crate) async fn content(vfs: &Vfs, inode: InodeId) -> Result<Vec<u8>, Error> {
    Ok(vfs.read(&ROOT, inode, 0, 16 << 20).await?.slices.concat())
}

/// Every object of a store.
pub(crate) async fn objects(store: &Store) -> BTreeMap<String, Bytes> {
    let mut found = BTreeMap::new();
    for object in store.list("", None, 100_000).await.unwrap() {
        let body = store.get(&object.key, object.size).await.unwrap();
        found.insert(object.key, body);
    }
    found
}

/// A new store that holds `objects`.
pub(crate) async fn store_of(objects: &BTreeMap<String, Bytes>) -> Store {
    let store = Store::memory();
    for (key, body) in objects {
        store.put(key, body.clone()).await.unwrap();
    }
    store
}

pub(crate) async fn sleep(millis: u64) {
    SystemClock::new().sleep(Duration::from_millis(millis)).await;
}
