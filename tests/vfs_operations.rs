//! What operations on names, modes and content mean: one claim per test.
#![cfg(feature = "testkit")]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/files.rs"]
#[allow(dead_code, reason = "test crates share it, each uses a part")]
mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate::base::InodeId;
use sealgate::testkit::{MemoryVolume, World, recount};
use sealgate::vfs::{CreateMode, Error, Identity, SetAttr, Stability, Vfs};

use files::{ROOT, content, mode, name, new_dir, new_file, pattern, size, sleep, write};

const TOP: InodeId = InodeId::ROOT;
const EXTENT: usize = 16 << 10;

async fn volume() -> MemoryVolume {
    let mut world = World::memory();
    world.extent_bytes = u32::try_from(EXTENT).unwrap();
    world.options.segment_grace = Duration::ZERO;
    MemoryVolume::create(world).await
}

async fn started() -> (MemoryVolume, Arc<Vfs>) {
    let volume = volume().await;
    let vfs = volume.start().await;
    (volume, vfs)
}

fn user(uid: u32) -> Identity {
    Identity { uid, gid: uid, groups: Vec::new() }
}

async fn durable(vfs: &Vfs, inode: InodeId, offset: u64, data: &Bytes) {
    write(vfs, inode, offset, data, Stability::FileSync).await.unwrap();
}

/// Waits until `done` says so, for at most ten seconds.
async fn eventually<F: Future<Output = bool>>(done: impl Fn() -> F) -> bool {
    for _ in 0..500 {
        if done().await {
            return true;
        }
        sleep(20).await;
    }
    false
}

#[tokio::test]
async fn an_exclusive_create_that_is_repeated_finds_its_file_and_another_one_does_not() {
    let (mut volume, vfs) = started().await;
    let create = |vfs: Arc<Vfs>, verifier: u8| async move {
        let mode = CreateMode::Exclusive([verifier; 8]);
        vfs.create(&ROOT, TOP, &name("file"), mode).await.map(|created| created.attr.inode)
    };
    let first = create(Arc::clone(&vfs), 1).await.unwrap();
    assert_eq!(create(Arc::clone(&vfs), 1).await, Ok(first));
    assert_eq!(create(Arc::clone(&vfs), 2).await, Err(Error::Exists));
    vfs.shutdown().await.unwrap();
    volume.restart();
    let vfs = volume.start().await;
    assert_eq!(create(Arc::clone(&vfs), 1).await, Ok(first), "the verifier is stored");
    assert_eq!(create(vfs, 2).await, Err(Error::Exists));
}

#[tokio::test]
async fn in_a_sticky_directory_only_owners_and_root_remove_and_rename() {
    let (_volume, vfs) = started().await;
    let dir = new_dir(&vfs, TOP, "tmp").await.unwrap();
    vfs.setattr(&ROOT, dir, mode(0o1777), None).await.unwrap();
    for text in ["a", "b", "c"] {
        let mode = CreateMode::Guarded(mode(0o666));
        vfs.create(&user(1), dir, &name(text), mode).await.unwrap();
    }
    let other = user(2);
    assert_eq!(vfs.remove(&other, dir, &name("a")).await.unwrap_err(), Error::NotPermitted);
    let renamed = vfs.rename(&other, dir, &name("a"), dir, &name("z")).await;
    assert_eq!(renamed.unwrap_err(), Error::NotPermitted);
    let mode = CreateMode::Guarded(mode(0o666));
    vfs.create(&other, dir, &name("mine"), mode).await.unwrap();
    let over = vfs.rename(&other, dir, &name("mine"), dir, &name("b")).await;
    assert_eq!(over.unwrap_err(), Error::NotPermitted, "replacing is removing");
    vfs.remove(&user(1), dir, &name("a")).await.unwrap();
    vfs.remove(&ROOT, dir, &name("b")).await.unwrap();
}

#[tokio::test]
async fn set_id_bits_go_when_somebody_else_than_root_writes_or_changes_the_owner() {
    let (_volume, vfs) = started().await;
    let file = new_file(&vfs, TOP, "program").await.unwrap();
    let set = |bits| SetAttr { mode: Some(bits), ..SetAttr::default() };
    let mode_now = || async { vfs.getattr(file).await.unwrap().mode };
    vfs.setattr(&ROOT, file, set(0o6777), None).await.unwrap();
    durable(&vfs, file, 0, &Bytes::from_static(b"root writes")).await;
    assert_eq!(mode_now().await, 0o6777);
    let data = Bytes::from_static(b"others write");
    vfs.write(&user(5), file, 0, data, Stability::Unstable).await.unwrap();
    assert_eq!(mode_now().await, 0o777);
    vfs.setattr(&ROOT, file, set(0o6777), None).await.unwrap();
    vfs.setattr(&user(5), file, size(3), None).await.unwrap();
    assert_eq!(mode_now().await, 0o777, "a truncation changes content too");
}

#[tokio::test]
async fn holes_read_as_zeros_and_take_no_space() {
    let (_volume, vfs) = started().await;
    let file = new_file(&vfs, TOP, "sparse").await.unwrap();
    let far: u64 = 5 << 30;
    durable(&vfs, file, far, &Bytes::from_static(b"end")).await;
    let attr = vfs.getattr(file).await.unwrap();
    assert_eq!(attr.size, far + 3);
    assert!(attr.used_bytes <= u64::try_from(EXTENT).unwrap(), "{attr:?}");
    for offset in [0, 1 << 20, far - 100_000] {
        let data = vfs.read(&ROOT, file, offset, 90_000).await.unwrap();
        assert_eq!((data.len(), data.eof), (90_000, false));
        assert!(data.slices.concat().iter().all(|byte| *byte == 0));
    }
    let data = vfs.read(&ROOT, file, far - 2, 100).await.unwrap();
    assert_eq!((data.slices.concat(), data.eof), (b"\0\0end".to_vec(), true));
}

#[tokio::test]
async fn what_a_truncation_cut_off_reads_as_zeros_when_the_file_grows_again() {
    let (mut volume, vfs) = started().await;
    let data = pattern(1, 5 * EXTENT);
    for (at, cut) in [0, 1, 100, EXTENT - 1, EXTENT, EXTENT + 1, 3 * EXTENT + 7].iter().enumerate()
    {
        for stored in [false, true] {
            let file = new_file(&vfs, TOP, &format!("{at} {stored}")).await.unwrap();
            let stability = if stored { Stability::FileSync } else { Stability::Unstable };
            write(&vfs, file, 0, &data, stability).await.unwrap();
            vfs.setattr(&ROOT, file, size(u64::try_from(*cut).unwrap()), None).await.unwrap();
            let whole = u64::try_from(data.len()).unwrap();
            vfs.setattr(&ROOT, file, size(whole), None).await.unwrap();
            let expected = [&data[..*cut], &vec![0; data.len() - cut]].concat();
            assert!(content(&vfs, file).await.unwrap() == expected, "{cut} {stored}");
        }
    }
    vfs.shutdown().await.unwrap();
    volume.restart();
    let vfs = volume.start().await;
    let file = vfs.lookup(&ROOT, TOP, &name("3 true")).await.unwrap().inode;
    let expected = [&data[..EXTENT - 1], &vec![0; 4 * EXTENT + 1]].concat();
    assert!(content(&vfs, file).await.unwrap() == expected);
}

#[tokio::test]
async fn a_file_moves_from_its_map_to_frames_and_back_with_its_content() {
    let (volume, vfs) = started().await;
    let file = new_file(&vfs, TOP, "file").await.unwrap();
    let mut expected = pattern(1, 3_000).to_vec();
    durable(&vfs, file, 0, &Bytes::from(expected.clone())).await;
    let segments = || async { volume.volume().store().list("seg/", None, 100).await.unwrap() };
    assert!(segments().await.is_empty(), "a small file needs no object");
    let more = pattern(2, 60_000);
    durable(&vfs, file, 2_000, &more).await;
    expected.truncate(2_000);
    expected.extend_from_slice(&more);
    assert!(content(&vfs, file).await.unwrap() == expected);
    assert_eq!(segments().await.len(), 1);
    vfs.setattr(&ROOT, file, size(1_000), None).await.unwrap();
    expected.truncate(1_000);
    durable(&vfs, file, 1_000, &Bytes::from_static(b"tail")).await;
    expected.extend_from_slice(b"tail");
    assert!(content(&vfs, file).await.unwrap() == expected);
    vfs.setattr(&ROOT, file, size(0), None).await.unwrap();
    durable(&vfs, file, 10, &Bytes::from_static(b"small again")).await;
    assert_eq!(content(&vfs, file).await.unwrap(), b"\0\0\0\0\0\0\0\0\0\0small again");
    assert!(eventually(|| async { segments().await.is_empty() }).await, "its segments are gone");
}

#[tokio::test]
async fn cookies_hold_while_entries_come_and_go() {
    let (_volume, vfs) = started().await;
    let dir = new_dir(&vfs, TOP, "dir").await.unwrap();
    let stays: BTreeSet<String> = (0..5_000).map(|number| format!("stays {number}")).collect();
    for text in &stays {
        new_file(&vfs, dir, text).await.unwrap();
    }
    for number in 0..500 {
        new_file(&vfs, dir, &format!("goes {number}")).await.unwrap();
    }
    let (mut seen, mut cookie, mut round) = (BTreeMap::new(), 0, 0);
    loop {
        let page = vfs.readdir(&ROOT, dir, cookie, 100, false).await.unwrap();
        for entry in &page.entries {
            assert!(entry.cookie > cookie);
            cookie = entry.cookie;
            let text = String::from_utf8(entry.name.as_bytes().to_vec()).unwrap();
            assert!(seen.insert(text, entry.cookie).is_none(), "an entry is listed once");
        }
        if page.eof {
            break;
        }
        for number in (round * 10)..(round * 10 + 10).min(500) {
            vfs.remove(&ROOT, dir, &name(&format!("goes {number}"))).await.unwrap();
        }
        new_file(&vfs, dir, &format!("comes {round}")).await.unwrap();
        round += 1;
    }
    assert!(round >= 50, "{round} pages");
    assert!(stays.iter().all(|text| seen.contains_key(text)), "whoever stays is listed");
    let page = vfs.readdir(&ROOT, dir, 0, 10, false).await.unwrap();
    for entry in page.entries {
        let text = String::from_utf8(entry.name.as_bytes().to_vec()).unwrap();
        assert_eq!(seen.get(&text).copied().unwrap_or(entry.cookie), entry.cookie, "{text}");
    }
}

#[tokio::test]
async fn a_removed_file_that_is_pinned_keeps_its_content_until_it_is_let_go() {
    let (_volume, vfs) = started().await;
    let file = new_file(&vfs, TOP, "file").await.unwrap();
    let data = pattern(1, 3 * EXTENT);
    durable(&vfs, file, 0, &data).await;
    let pin = vfs.pin(file).await.unwrap();
    vfs.remove(&ROOT, TOP, &name("file")).await.unwrap();
    sleep(50).await;
    assert!(content(&vfs, file).await.unwrap() == data);
    durable(&vfs, file, 0, &Bytes::from_static(b"still written")).await;
    assert_eq!(vfs.getattr(file).await.unwrap().nlink, 0);
    drop(pin);
    assert!(eventually(|| async { vfs.getattr(file).await == Err(Error::Stale) }).await);
    assert!(
        eventually(|| async {
            vfs.statfs().await.unwrap().free_inodes == vfs.statfs().await.unwrap().total_inodes
        })
        .await
    );
}

#[tokio::test]
async fn a_published_file_replaces_the_old_one_whole_and_keeps_its_mode_and_owner() {
    let (_volume, vfs) = started().await;
    let old = new_file(&vfs, TOP, "file").await.unwrap();
    let set = SetAttr { uid: Some(7), gid: Some(8), ..mode(0o640) };
    vfs.setattr(&ROOT, old, set, None).await.unwrap();
    let (before, after) = (pattern(1, 100_000), pattern(2, 80_000));
    durable(&vfs, old, 0, &before).await;
    let version = vfs.getattr(old).await.unwrap().version;
    let reader = tokio::spawn({
        let (vfs, before, after) = (Arc::clone(&vfs), before.clone(), after.clone());
        async move {
            let mut changed = false;
            while !changed {
                let Ok(attr) = vfs.lookup(&ROOT, TOP, &name("file")).await else {
                    panic!("the name is always there");
                };
                let Ok(bytes) = content(&vfs, attr.inode).await else { continue };
                changed = bytes == after;
                assert!(changed || bytes == before, "old or new, never in between");
                tokio::task::yield_now().await;
            }
        }
    });
    let (attr, _pin) = vfs.create_unlinked(&ROOT, mode(0o600)).await.unwrap();
    for at in [0, 40_000] {
        let part = after.slice(at..at + 40_000);
        let at = u64::try_from(at).unwrap();
        write(&vfs, attr.inode, at, &part, Stability::Unstable).await.unwrap();
    }
    let created = vfs.publish(&ROOT, attr.inode, TOP, &name("file")).await.unwrap();
    assert_eq!((created.attr.mode, created.attr.uid, created.attr.gid), (0o640, 7, 8));
    assert!(created.attr.version > version, "a strong entity tag");
    tokio::time::timeout(Duration::from_secs(10), reader).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_clone_survives_the_removal_of_its_source() {
    let (mut volume, vfs) = started().await;
    for (text, len) in [("small", 100), ("large", 10 * EXTENT + 5)] {
        let source = new_file(&vfs, TOP, text).await.unwrap();
        let data = pattern(1, len);
        write(&vfs, source, 0, &data, Stability::Unstable).await.unwrap();
        let (attr, _pin) = vfs.create_unlinked(&ROOT, SetAttr::default()).await.unwrap();
        vfs.clone_content(&ROOT, source, attr.inode).await.unwrap();
        let copy = name(&format!("copy of {text}"));
        vfs.publish(&ROOT, attr.inode, TOP, &copy).await.unwrap();
        vfs.remove(&ROOT, TOP, &name(text)).await.unwrap();
        assert!(eventually(|| async { vfs.getattr(source).await == Err(Error::Stale) }).await);
        sleep(50).await;
        assert!(content(&vfs, attr.inode).await.unwrap() == data);
    }
    vfs.shutdown().await.unwrap();
    volume.restart();
    assert_eq!(recount(&volume.volume()).await, Vec::<String>::new());
    let vfs = volume.start().await;
    let copy = vfs.lookup(&ROOT, TOP, &name("copy of large")).await.unwrap().inode;
    assert!(content(&vfs, copy).await.unwrap() == pattern(1, 10 * EXTENT + 5));
}

#[tokio::test]
async fn a_removed_tree_gives_everything_back() {
    let (mut volume, vfs) = started().await;
    let top = new_dir(&vfs, TOP, "tree").await.unwrap();
    for number in 0..20_u64 {
        let dir = new_dir(&vfs, top, &format!("dir {number}")).await.unwrap();
        let below = new_dir(&vfs, dir, "below").await.unwrap();
        let small = new_file(&vfs, below, "small").await.unwrap();
        durable(&vfs, small, 0, &pattern(number, 100)).await;
        let large = new_file(&vfs, dir, "large").await.unwrap();
        write(&vfs, large, 0, &pattern(number, 40_000), Stability::Unstable).await.unwrap();
        let prop = vec![(Bytes::from_static(b"a"), Some(Bytes::from_static(b"b")))];
        vfs.set_props(&ROOT, below, prop).await.unwrap();
        vfs.link(&ROOT, small, top, &name(&format!("link {number}"))).await.unwrap();
    }
    vfs.sync().await.unwrap();
    vfs.remove_tree(&ROOT, TOP, &name("tree")).await.unwrap();
    let used = || async {
        let space = vfs.statfs().await.unwrap();
        (space.total_inodes - space.free_inodes, space.total_bytes - space.free_bytes)
    };
    assert!(eventually(|| async { used().await == (0, 0) }).await, "{:?}", used().await);
    let store = volume.volume().store().clone();
    let segments = || async { store.list("seg/", None, 100).await.unwrap() };
    assert!(eventually(|| async { segments().await.is_empty() }).await);
    vfs.shutdown().await.unwrap();
    volume.restart();
    assert_eq!(recount(&volume.volume()).await, Vec::<String>::new());
    let records = volume.records();
    for table in [b"D", b"E", b"S", b"O", b"X"] {
        let left = records.scan(table, None, 10).await.unwrap();
        assert!(left.is_empty(), "{} records of table {}", left.len(), char::from(table[0]));
    }
    assert_eq!(records.scan(b"I", None, 10).await.unwrap().len(), 1, "the root alone");
}

#[tokio::test]
async fn an_inode_id_that_a_client_saw_is_not_used_again_after_a_crash() {
    let (mut volume, vfs) = started().await;
    let lost = new_file(&vfs, TOP, "lost").await.unwrap();
    volume.restart();
    let vfs = volume.start().await;
    assert_eq!(vfs.lookup(&ROOT, TOP, &name("lost")).await, Err(Error::NotFound));
    let next = new_file(&vfs, TOP, "next").await.unwrap();
    assert_ne!(lost, next, "the handle of the lost file must not lead to the next one");
    assert_eq!(vfs.getattr(lost).await, Err(Error::Stale));
}
