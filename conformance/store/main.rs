//! The battery over every kind of store the machine can reach: a directory and memory always, an S3
//! server if the environment names one (`S3_ENDPOINT`, `S3_BUCKET`, `AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, optionally `S3_SSE`).
#![expect(clippy::unwrap_used, reason = "in a test, the panic is the message")]

use futures::future::join_all;
use sealgate::base::{OsRandom, Random};
use sealgate::meta::engines::{SlateEngine, SlateOptions};
use sealgate::meta::{Durability, Isolation, MetaEngine, MetaError};
use sealgate::store::{Sse, Store, StoreErrorKind, StoreOptions, StoreUrl};

struct Lab {
    stores: Vec<Store>,
    _dir: tempfile::TempDir,
}

/// All stores, each with an empty prefix of its own.
fn lab() -> Lab {
    let dir = tempfile::tempdir().unwrap();
    let url = StoreUrl::directory(&dir.path().join("volume")).unwrap();
    let mut stores = vec![Store::memory(), Store::open(&StoreOptions::new(url)).unwrap()];
    let setting = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(endpoint) = setting("S3_ENDPOINT") {
        let bucket = setting("S3_BUCKET").unwrap_or_else(|| "sealgate".into());
        let prefix: String = OsRandom.bytes16().iter().map(|b| format!("{b:02x}")).collect();
        let url =
            format!("s3://{bucket}/conformance/{prefix}?endpoint={endpoint}&region=us-east-1");
        let mut options = StoreOptions::new(StoreUrl::parse(&url).unwrap());
        options.sse = Sse::parse(&setting("S3_SSE").unwrap_or_else(|| "none".into())).unwrap();
        stores.push(Store::open(&options).unwrap());
    }
    Lab { stores, _dir: dir }
}

#[tokio::test]
async fn the_probe_finds_every_promise_kept_and_leaves_nothing() {
    for store in lab().stores {
        let report = store.probe().await.unwrap();
        println!("{}: {report:?}", store.label());
        assert!(report.exclusive_create && report.compare_and_swap, "{}", store.label());
        assert!(store.list("", None, 10).await.unwrap().is_empty());
        assert!(store.is_empty().await.unwrap());
    }
}

#[tokio::test]
async fn what_was_written_reads_back_in_whole_and_in_ranges() {
    for store in lab().stores {
        let body: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
        store.create("seg/ab/large", body.clone()).await.unwrap();
        assert_eq!(store.get("seg/ab/large", 12_000_000).await.unwrap(), body);
        for range in [0..1, 5_000_000..5_000_016, 11_999_999..12_000_000] {
            let found = store.get_range("seg/ab/large", range.clone()).await.unwrap();
            let (start, end) = (usize::try_from(range.start), usize::try_from(range.end));
            assert_eq!(found, body[start.unwrap()..end.unwrap()]);
        }
        let beyond = store.get_range("seg/ab/large", 11_999_999..12_000_001).await.unwrap_err();
        assert_eq!(beyond.kind(), StoreErrorKind::Corrupt, "{}: {beyond}", store.label());
        let missing = store.get("seg/none", 10).await.unwrap_err();
        assert_eq!(missing.kind(), StoreErrorKind::NotFound, "{}: {missing}", store.label());
        store.delete(&["seg/ab/large".into(), "seg/none".into()]).await.unwrap();
        assert!(store.is_empty().await.unwrap());
    }
}

#[tokio::test]
async fn of_eight_creators_exactly_one_wins_every_round() {
    for store in lab().stores {
        for round in 0..5 {
            let key = format!("race/{round}");
            let creators = (0_u8..8).map(|racer| store.create(&key, vec![racer; 100]));
            let results = join_all(creators).await;
            assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
            for err in results.into_iter().filter_map(Result::err) {
                assert_eq!(err.kind(), StoreErrorKind::AlreadyExists);
            }
        }
    }
}

#[tokio::test]
async fn a_header_is_replaced_only_by_who_knows_it() {
    for store in lab().stores {
        store.create("volume.json", "one").await.unwrap();
        store.replace("volume.json", b"one", "two".into()).await.unwrap();
        let stale = store.replace("volume.json", b"one", "three".into()).await.unwrap_err();
        assert_eq!(stale.kind(), StoreErrorKind::Conflict, "{}: {stale}", store.label());
        assert_eq!(store.get("volume.json", 10).await.unwrap(), "two");
        let taken = store.create("volume.json", "four").await.unwrap_err();
        assert_eq!(taken.kind(), StoreErrorKind::AlreadyExists);
    }
}

#[tokio::test]
async fn listings_page_through_more_than_one_request() {
    for store in lab().stores {
        let keys: Vec<String> = (0..1_100).map(|n| format!("seg/{:02x}/{n:05}", n % 16)).collect();
        for batch in keys.chunks(50) {
            let puts = batch.iter().map(|key| store.put(key, "x"));
            for result in join_all(puts).await {
                result.unwrap();
            }
        }
        let mut sorted = keys.clone();
        sorted.sort();
        let mut found: Vec<String> = Vec::new();
        for _ in 0..20 {
            let after = found.last().cloned();
            let page = store.list("seg/", after.as_deref(), 300).await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|object| object.key));
        }
        assert_eq!(found, sorted, "{}", store.label());
        store.delete(&keys).await.unwrap();
        assert!(store.is_empty().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metadata_engine_keeps_its_promises_on_every_store() {
    for store in lab().stores {
        let create = SlateOptions { create: true, ..SlateOptions::default() };
        let first = SlateEngine::open(&store, &create).await.unwrap();
        let put = |engine: SlateEngine, key: &'static str| async move {
            let mut txn = engine.begin(Isolation::Serializable).await?;
            txn.put(key.into(), vec![7; 1_000].into());
            txn.commit(Durability::Durable).await
        };
        put(first.clone(), "a").await.unwrap();
        first.close().await.unwrap();
        let second = SlateEngine::open(&store, &SlateOptions::default()).await.unwrap();
        put(second.clone(), "b").await.unwrap();
        let third = SlateEngine::open(&store, &SlateOptions::default()).await.unwrap();
        assert_eq!(put(second, "lost").await, Err(MetaError::Fenced), "{}", store.label());
        let found = third.scan(b"", None, 9).await.unwrap();
        assert_eq!(found.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), ["a", "b"]);
        third.close().await.unwrap();
        let left = store.list("", None, 10_000).await.unwrap();
        let keys: Vec<String> = left.into_iter().map(|object| object.key).collect();
        assert!(keys.iter().all(|key| key.starts_with("meta/")), "{keys:?}");
        store.delete(&keys).await.unwrap();
    }
}
