//! How the vfs stands towards its store: memory, outages, a full store, other gateways.
#![cfg(feature = "testkit")]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/files.rs"]
#[allow(dead_code, reason = "test crates share it, each uses a part")]
mod files;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate::base::InodeId;
use sealgate::crypto::CipherSuite;
use sealgate::store::Store;
use sealgate::testkit::{Faults, World, recount};
use sealgate::vfs::{Error, MetadataSync, Stability};

use files::{ROOT, content, name, new_file, pattern, sleep, write};

const TOP: InodeId = InodeId::ROOT;

/// A volume on the default engine, its store seen through faults.
async fn world() -> (World, Arc<Faults>, Store) {
    let store = Store::memory();
    let faults = Faults::none();
    let mut world = World::on(faults.wrap(&store));
    world.extent_bytes = 16 << 10;
    world.encryption = CipherSuite::None;
    world.options.flush_interval = Duration::from_millis(20);
    (world, faults, store)
}

async fn within<T>(seconds: u64, call: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), call).await.expect("it hangs")
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_slow_down_at_the_budget_and_never_exceed_it_by_more_than_a_write() {
    const MAX: u64 = 1 << 20;
    const WRITE: usize = 100_000;
    let (mut world, _faults, _store) = world().await;
    world.options.dirty_bytes_max = MAX;
    let vfs = world.started().await;
    let mut writers = Vec::new();
    for number in 0..4_u64 {
        let vfs = Arc::clone(&vfs);
        let file = new_file(&vfs, TOP, &format!("{number}")).await.unwrap();
        writers.push(tokio::spawn(async move {
            for round in 0..40_u64 {
                let data = pattern(number * 100 + round, WRITE);
                let offset = round * u64::try_from(WRITE).unwrap();
                write(&vfs, file, offset, &data, Stability::Unstable).await.unwrap();
                let dirty = vfs.dirty_bytes();
                assert!(dirty <= MAX + u64::try_from(WRITE).unwrap(), "{dirty} bytes are dirty");
            }
            vfs.commit(file, 0, 0).await.unwrap();
            let whole = content(&vfs, file).await.unwrap();
            for round in 0..40 {
                let part = &whole[round * WRITE..(round + 1) * WRITE];
                let seed = number * 100 + u64::try_from(round).unwrap();
                assert!(part == &pattern(seed, WRITE)[..], "write {round} of file {number}");
            }
        }));
    }
    for writer in writers {
        within(60, writer).await.unwrap();
    }
    assert_eq!(vfs.dirty_bytes(), 0);
    vfs.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_said_and_ends_without_a_restart() {
    let (world, faults, store) = world().await;
    let vfs = world.started().await;
    let file = new_file(&vfs, TOP, "file").await.unwrap();
    let data = pattern(1, 50_000);
    write(&vfs, file, 0, &data, Stability::Unstable).await.unwrap();
    faults.set_down(true);
    let refused = within(90, vfs.commit(file, 0, 0)).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(matches!(vfs.trouble(), Some(Error::Unavailable(_))));
    assert!(matches!(new_file(&vfs, TOP, "no").await, Err(Error::Unavailable(_))));
    assert!(content(&vfs, file).await.unwrap() == data, "what is in memory is read");
    faults.set_down(false);
    let recovered = async {
        while vfs.commit(file, 0, 0).await.is_err() {
            sleep(20).await;
        }
    };
    within(30, recovered).await;
    assert_eq!(vfs.trouble(), None);
    new_file(&vfs, TOP, "yes").await.unwrap();
    vfs.shutdown().await.unwrap();
    let vfs = world.moved_to(store).start().await;
    assert!(content(&vfs, file).await.unwrap() == data);
    vfs.lookup(&ROOT, TOP, &name("yes")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_many_files_share_their_requests() {
    const FILES: u64 = 64;
    let (world, faults, _store) = world().await;
    let vfs = world.started().await;
    let mut files = Vec::new();
    for number in 0..FILES {
        let file = new_file(&vfs, TOP, &format!("{number}")).await.unwrap();
        write(&vfs, file, 0, &pattern(number, 20_000), Stability::Unstable).await.unwrap();
        files.push(file);
    }
    let before = faults.written().len();
    let commits = files.iter().map(|file| vfs.commit(*file, 0, 0));
    for committed in futures::future::join_all(commits).await {
        committed.unwrap();
    }
    let written = faults.written().len() - before;
    assert!(written >= 2, "a segment and metadata at least: {written}");
    assert!(written <= 16, "{written} objects were written for {FILES} commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_metadata_sync_always_a_change_is_durable_when_it_returns() {
    let (mut world, _faults, store) = world().await;
    world.options.metadata_sync = MetadataSync::Always;
    world.options.flush_interval = Duration::from_secs(3_600);
    world.create().await.unwrap();
    let copy = world.moved_to(store.clone());
    let vfs = world.start().await;
    for round in 0..5 {
        let file = new_file(&vfs, TOP, &format!("file {round}")).await.unwrap();
        if round > 0 {
            let (old, new) = (name(&format!("file {round}")), name("renamed"));
            vfs.rename(&ROOT, TOP, &old, TOP, &new).await.unwrap();
        }
        // What another process finds at this moment is what a crash leaves.
        let left = files::store_of(&files::objects(&store).await).await;
        let after = copy.moved_to(left).start().await;
        let text = if round > 0 { "renamed".to_owned() } else { format!("file {round}") };
        assert_eq!(after.lookup(&ROOT, TOP, &name(&text)).await.unwrap().inode, file);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_gateway_learns_that_another_one_took_over() {
    let (world, _, _) = world().await;
    let first = world.started().await;
    first.sync().await.unwrap();
    let second = world.start().await;
    let learns = async {
        while first.trouble() != Some(Error::Fenced) {
            sleep(50).await;
        }
    };
    within(20, learns).await;
    assert_eq!(second.trouble(), None);
    second.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_fences_the_first_which_still_answers_reads() {
    let (world, _faults, store) = world().await;
    let first = world.started().await;
    let file = new_file(&first, TOP, "file").await.unwrap();
    let data = pattern(1, 50_000);
    write(&first, file, 0, &data, Stability::FileSync).await.unwrap();
    let second = world.moved_to(store).start().await;
    write(&second, file, 0, &pattern(2, 100), Stability::FileSync).await.unwrap();
    let fenced = async {
        loop {
            let done = write(&first, file, 0, &pattern(3, 100), Stability::FileSync).await;
            assert!(done.is_err(), "the first must not acknowledge anything");
            if first.trouble() == Some(Error::Fenced) {
                return done;
            }
            sleep(20).await;
        }
    };
    within(30, fenced).await.unwrap_err();
    assert_eq!(new_file(&first, TOP, "no").await, Err(Error::Fenced));
    assert_eq!(first.getattr(file).await.unwrap().inode, file);
    first.read(&ROOT, file, 20_000, 100).await.unwrap();
    let expected = [&pattern(2, 100)[..], &data[100..]].concat();
    assert!(content(&second, file).await.unwrap() == expected);
    new_file(&second, TOP, "yes").await.unwrap();
    second.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_beside_the_writer_follows_it_and_refuses_changes() {
    let (world, _faults, store) = world().await;
    let writer = world.started().await;
    let file = new_file(&writer, TOP, "file").await.unwrap();
    write(&writer, file, 0, &pattern(1, 50_000), Stability::FileSync).await.unwrap();
    let mut beside = world.moved_to(store);
    beside.options.read_only = true;
    let reader = beside.start().await;
    assert!(reader.is_read_only());
    assert!(content(&reader, file).await.unwrap() == pattern(1, 50_000));
    assert_eq!(new_file(&reader, TOP, "no").await, Err(Error::ReadOnly));
    let refused = write(&reader, file, 0, &Bytes::from_static(b"x"), Stability::Unstable).await;
    assert_eq!(refused, Err(Error::ReadOnly));
    let next = pattern(2, 60_000);
    write(&writer, file, 0, &next, Stability::FileSync).await.unwrap();
    new_file(&writer, TOP, "new").await.unwrap();
    writer.sync().await.unwrap();
    let follows = async {
        while content(&reader, file).await.unwrap() != next
            || reader.lookup(&ROOT, TOP, &name("new")).await.is_err()
        {
            sleep(20).await;
        }
    };
    // The lag is about two seconds; a busy machine may need a little more.
    within(5, follows).await;
    writer.shutdown().await.unwrap();
    reader.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_is_said_to_the_writer_and_removals_make_room() {
    let (world, faults, _store) = world().await;
    let vfs = world.started().await;
    let old = new_file(&vfs, TOP, "old").await.unwrap();
    let data = pattern(1, 200_000);
    write(&vfs, old, 0, &data, Stability::FileSync).await.unwrap();
    let new = new_file(&vfs, TOP, "new").await.unwrap();
    let verifier = vfs.write_verifier();
    faults.set_room(Some(100_000));
    write(&vfs, new, 0, &data, Stability::Unstable).await.unwrap();
    let refused = within(30, vfs.commit(new, 0, 0)).await.map(drop);
    assert_eq!(refused, Err(Error::NoSpace));
    assert_ne!(vfs.write_verifier(), verifier, "clients send again what they still have");
    assert_eq!(vfs.dirty_bytes(), 0, "what finds no room does not fill the memory");
    assert!(content(&vfs, old).await.unwrap() == data);
    vfs.remove(&ROOT, TOP, &name("old")).await.unwrap();
    vfs.sync().await.unwrap();
    faults.set_room(None);
    write(&vfs, new, 0, &data, Stability::FileSync).await.unwrap();
    assert!(content(&vfs, new).await.unwrap() == data);
    vfs.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_too_full_for_metadata_acknowledges_nothing_and_recovers_with_room() {
    let (world, faults, store) = world().await;
    let vfs = world.started().await;
    let file = new_file(&vfs, TOP, "file").await.unwrap();
    vfs.sync().await.unwrap();
    faults.set_room(Some(0));
    let data = pattern(1, 100);
    {
        let writing = write(&vfs, file, 0, &data, Stability::FileSync);
        tokio::pin!(writing);
        let early = tokio::select! {
            _ = &mut writing => true,
            () = sleep(2_000) => false,
        };
        assert!(!early, "nothing is acknowledged, and nothing is refused before its time");
        faults.set_room(None);
        within(30, writing).await.unwrap();
    }
    drop(vfs);
    let vfs = world.moved_to(store).start().await;
    write(&vfs, file, 0, &data, Stability::FileSync).await.unwrap();
    assert!(content(&vfs, file).await.unwrap() == data);
    vfs.shutdown().await.unwrap();
    let volume = world.open().await.unwrap();
    assert_eq!(recount(&volume).await, Vec::<String>::new());
}
