//! What the engine in the store owes beyond the contract: fencing, shared flushes, a reader beside
//! the writer, and composure in front of damaged objects.

use std::time::Duration;

use bytes::Bytes;
use sealgate::base::{Clock, SystemClock};
use sealgate::meta::engines::{SlateEngine, SlateOptions};
use sealgate::meta::{Durability, Isolation, MetaEngine, MetaError};
use sealgate::store::{Store, StoreOptions, StoreUrl};

use crate::world::{Kind, World, slate};

async fn put(engine: &dyn MetaEngine, key: &str, durability: Durability) -> Result<(), MetaError> {
    let mut txn = engine.begin(Isolation::CallerLocks).await?;
    txn.put(key.to_owned().into(), "value".into());
    txn.commit(durability).await
}

async fn second_opener_fences(store: Store) {
    let first = slate(&store).await.unwrap();
    put(&first, "first", Durability::Durable).await.unwrap();
    let second = slate(&store).await.unwrap();
    assert_eq!(second.get(b"first").await.unwrap(), Some("value".into()));
    // The first may not know yet, but it can make nothing durable any more.
    let refused = put(&first, "lost", Durability::Durable).await;
    assert_eq!(refused, Err(MetaError::Fenced));
    assert_eq!(put(&first, "lost", Durability::Durable).await, Err(MetaError::Fenced));
    assert_eq!(first.flush().await, Err(MetaError::Fenced));
    put(&second, "second", Durability::Durable).await.unwrap();
    second.close().await.unwrap();
    let third = slate(&store).await.unwrap();
    let keys = third.scan(b"", None, 9).await.unwrap();
    assert_eq!(keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), ["first", "second"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_gateway_fences_the_first_in_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let url = StoreUrl::directory(dir.path()).unwrap();
    second_opener_fences(Store::open(&StoreOptions::new(url)).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_gateway_fences_the_first_in_memory() {
    second_opener_fences(Store::memory()).await;
}

/// Without sharing, each waiter's flush is a PUT of its own, one after another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_waiters_share_a_few_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let url = StoreUrl::directory(dir.path()).unwrap();
    let store = Store::open(&StoreOptions::new(url)).unwrap();
    let engine = slate(&store).await.unwrap();
    let clock = SystemClock::new();
    let before = store.list("meta/wal/", None, 10_000).await.unwrap().len();
    let start = clock.monotonic();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for round in 0..10 {
                    put(&engine, &format!("{task}/{round}"), Durability::Durable).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let took = clock.monotonic() - start;
    let puts = store.list("meta/wal/", None, 10_000).await.unwrap().len() - before;
    let stats = engine.flush_stats();
    println!("640 durable commits by 64 tasks: {puts} PUTs, {stats:?}, {took:?}");
    assert!(puts <= 64, "{puts} PUTs for 640 durable commits");
    assert!(stats.waiters >= 8 * stats.flushes, "{stats:?}");
    assert_eq!(engine.scan(b"", None, 1_000).await.unwrap().len(), 640);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_follows_the_writer_and_writes_nothing() {
    let world = World::new(Kind::SlateOnMemory).await;
    world.put("one", "1").await;
    world.engine.flush().await.unwrap();
    let objects = world.store.list("", None, 10_000).await.unwrap();
    let options = SlateOptions::default();
    let reader = SlateEngine::open_read_only(&world.store, &options).await.unwrap();
    assert!(!reader.capabilities().writable && !reader.capabilities().exclusive);
    assert_eq!(reader.get(b"one").await.unwrap(), Some("1".into()));
    let refused = put(&reader, "x", Durability::Visible).await;
    assert!(matches!(refused, Err(MetaError::Closed(_))), "{refused:?}");
    assert_eq!(world.store.list("", None, 10_000).await.unwrap(), objects);
    world.put("two", "2").await;
    world.engine.flush().await.unwrap();
    let clock = SystemClock::new();
    let mut seen = None;
    for _ in 0..50 {
        seen = reader.get(b"two").await.unwrap();
        if seen.is_some() {
            break;
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, Some("2".into()), "the lag is about a second");
    reader.close().await.unwrap();
    assert!(matches!(reader.get(b"one").await, Err(MetaError::Closed(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_missing_is_not_replaced_by_an_empty_one() {
    let store = Store::memory();
    let options = SlateOptions::default();
    let opened = SlateEngine::open(&store, &options).await.map(drop);
    assert!(matches!(opened, Err(MetaError::Corrupt(_))), "{opened:?}");
    let opened = SlateEngine::open_read_only(&store, &options).await.map(drop);
    assert!(matches!(opened, Err(MetaError::Corrupt(_))), "{opened:?}");
    assert!(store.is_empty().await.unwrap());
    slate(&store).await.unwrap().close().await.unwrap();
    SlateEngine::open(&store, &options).await.unwrap();
}

/// A store that refuses writes must end a flush with an error, soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_refuses_ends_a_flush_with_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let url = StoreUrl::directory(dir.path()).unwrap();
    let store = Store::open(&StoreOptions::new(url)).unwrap();
    let engine = slate(&store).await.unwrap();
    put(&engine, "kept", Durability::Durable).await.unwrap();
    let wal = dir.path().join("meta/wal");
    std::fs::rename(&wal, dir.path().join("aside")).unwrap();
    std::fs::write(&wal, b"in the way").unwrap();
    let limit = Duration::from_secs(60);
    let flush = put(&engine, "refused", Durability::Durable);
    let refused = tokio::time::timeout(limit, flush).await.expect("it does not hang");
    assert!(refused.is_err());
    drop(engine);
    std::fs::remove_file(&wal).unwrap();
    std::fs::rename(dir.path().join("aside"), &wal).unwrap();
    let engine = slate(&store).await.unwrap();
    assert_eq!(engine.get(b"kept").await.unwrap(), Some("value".into()));
}

/// A small engine with records in a table, in the log and in a fence.
async fn small_engine() -> Vec<(String, Bytes)> {
    let store = Store::memory();
    let engine = slate(&store).await.unwrap();
    for key in 0..50 {
        put(&engine, &format!("table{key}"), Durability::Visible).await.unwrap();
    }
    engine.close().await.unwrap();
    let engine = slate(&store).await.unwrap();
    for key in 0..50 {
        put(&engine, &format!("log{key}"), Durability::Visible).await.unwrap();
    }
    engine.flush().await.unwrap();
    drop(engine);
    let mut objects = Vec::new();
    for object in store.list("", None, 1_000).await.unwrap() {
        let body = store.get(&object.key, 1 << 20).await.unwrap();
        objects.push((object.key, body));
    }
    objects
}

/// Opens the engine with one object changed and reads everything.
async fn read_damaged(
    objects: &[(String, Bytes)],
    key: &str,
    body: Vec<u8>,
) -> Result<(), MetaError> {
    let store = Store::memory();
    for (key, body) in objects {
        store.put(key, body.clone()).await.unwrap();
    }
    store.put(key, body).await.unwrap();
    let limit = Duration::from_secs(20);
    let options = SlateOptions { open_limit: limit, ..SlateOptions::default() };
    let read = async {
        let engine = SlateEngine::open(&store, &options).await?;
        let found = engine.scan(b"", None, 1_000).await?;
        assert_eq!(found.len(), 100, "{key}: records are missing without an error");
        for (name, value) in &found {
            assert!(name.starts_with(b"log") || name.starts_with(b"table"), "{name:?}");
            assert_eq!(value, &Bytes::from_static(b"value"));
            // By name as well: that way goes through the table's filter.
            assert_eq!(engine.get(name).await?.as_ref(), Some(value), "{key}: a record is hidden");
        }
        Ok(())
    };
    let result = tokio::time::timeout(limit * 2, read).await.expect("opening and reading end");
    if let Err(err) = &result {
        let known =
            matches!(err, MetaError::Corrupt(_) | MetaError::Unavailable(_) | MetaError::Closed(_));
        assert!(known, "{key}: {err:?}");
    }
    result
}

/// The newest manifest is what counts; whatever is older is history.
fn newest(objects: &[(String, Bytes)], part: &str) -> (String, Bytes) {
    objects.iter().rfind(|(key, _)| key.contains(part)).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_cut_short_emptied_or_overwritten_never_hides_records() {
    let objects = small_engine().await;
    let mut refused = 0;
    for (key, body) in &objects {
        let half = body.len() / 2;
        let mut zeroed = body.to_vec();
        zeroed[half..].fill(0);
        for damage in [body[..half].to_vec(), zeroed, vec![0xFF; body.len()], Vec::new()] {
            refused += usize::from(read_damaged(&objects, key, damage).await.is_err());
        }
    }
    println!("{refused} of {} damages were refused, the others changed nothing", objects.len() * 4);
    assert!(refused >= 12, "table, log and manifest are read at every start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_in_a_live_object_is_found() {
    let objects = small_engine().await;
    for part in ["manifest/", "compactions/", "compacted/", "wal/"] {
        let (key, body) = newest(&objects, part);
        let mut refused = 0;
        let places: Vec<usize> = (0..body.len()).step_by(body.len().div_ceil(60)).collect();
        for place in &places {
            let mut body = body.to_vec();
            body[*place] ^= 1 << (place % 8);
            refused += usize::from(read_damaged(&objects, &key, body).await.is_err());
        }
        println!("{key}: {refused} of {} flips were refused", places.len());
        // A table has statistics that nobody reads; everything else is checked at every start.
        let wanted = if part == "compacted/" { places.len() / 2 } else { places.len() };
        assert!(refused >= wanted, "{key}: {refused} of {}", places.len());
    }
}
