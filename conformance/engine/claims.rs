//! The claims, each over any engine.

use std::sync::Arc;

use bytes::Bytes;
use sealgate::meta::{Durability, Isolation, MetaError};

use crate::world::{World, text};

pub(crate) async fn keys_come_in_byte_order(world: World) {
    let mut keys = vec![vec![0, 1], vec![0], vec![1, 0xFF], vec![0xFF], vec![0xFF, 0xFF], vec![2]];
    let mut txn = world.engine.begin(Isolation::Serializable).await.unwrap();
    for key in &keys {
        txn.put(key.clone().into(), Bytes::from_static(b"v"));
    }
    txn.commit(Durability::Visible).await.unwrap();
    keys.sort();
    let found = world.engine.scan(b"", None, 100).await.unwrap();
    assert_eq!(found.iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>(), keys);
    let high = world.engine.scan(&[0xFF], None, 100).await.unwrap();
    assert_eq!(high.len(), 2, "a prefix of high bytes has no upper bound to run past");
}

pub(crate) async fn a_scan_respects_prefix_after_and_limit(world: World) {
    for key in ["a", "ab", "aba", "abb", "ac", "b"] {
        world.put(key, "v").await;
    }
    assert_eq!(world.keys("ab", None, 10).await, ["ab", "aba", "abb"]);
    assert_eq!(world.keys("ab", Some("ab"), 10).await, ["aba", "abb"]);
    assert_eq!(world.keys("ab", Some("aba"), 1).await, ["abb"]);
    assert_eq!(world.keys("ab", Some("abb"), 10).await, [""; 0]);
    assert_eq!(world.keys("ab", Some("a"), 2).await, ["ab", "aba"]);
    assert_eq!(world.keys("ab", Some("b"), 10).await, [""; 0]);
    assert_eq!(world.keys("ab", None, 0).await, [""; 0]);
    assert_eq!(world.keys("", None, 4).await, ["a", "ab", "aba", "abb"]);
    assert_eq!(world.keys("zz", None, 4).await, [""; 0]);
}

pub(crate) async fn several_keys_come_in_the_order_asked(world: World) {
    world.put("a", "1").await;
    world.put("b", "2").await;
    let keys = ["b", "none", "a"].map(|key| Bytes::from_static(key.as_bytes()));
    let found = world.engine.multi_get(&keys).await.unwrap();
    assert_eq!(found, [Some("2".into()), None, Some("1".into())]);
}

async fn reads_its_own_writes(world: &World, isolation: Isolation) {
    for key in ["k1", "k2", "k3", "k4"] {
        world.put(key, "old").await;
    }
    let mut txn = world.engine.begin(isolation).await.unwrap();
    txn.put("k2".into(), "new".into());
    txn.delete("k1".into());
    txn.delete("k3".into());
    txn.put("k25".into(), "new".into());
    assert_eq!(txn.get(b"k1").await.unwrap(), None);
    assert_eq!(txn.get(b"k2").await.unwrap(), Some("new".into()));
    let found = txn.scan(b"k", None, 2).await.unwrap();
    let found: Vec<_> = found.iter().map(|(k, v)| (text(k), text(v))).collect();
    assert_eq!(found, [("k2".into(), "new".into()), ("k25".into(), "new".into())]);
    let rest = txn.scan(b"k", Some(b"k25"), 9).await.unwrap();
    assert_eq!(rest, [("k4".into(), "old".into())]);
    assert_eq!(world.get("k2").await.unwrap(), "old", "nobody else sees it yet");
    txn.commit(Durability::Visible).await.unwrap();
    assert_eq!(world.keys("k", None, 9).await, ["k2", "k25", "k4"]);
    assert_eq!(world.get("k2").await.unwrap(), "new");
}

pub(crate) async fn a_transaction_reads_its_own_writes(world: World) {
    reads_its_own_writes(&world, Isolation::Serializable).await;
}

pub(crate) async fn caller_locked_transactions_read_and_write_as_others_do(world: World) {
    reads_its_own_writes(&world, Isolation::CallerLocks).await;
    let mut txn = world.engine.begin(Isolation::CallerLocks).await.unwrap();
    txn.put("k2".into(), "lost".into());
    drop(txn);
    assert_eq!(world.get("k2").await.unwrap(), "new");
}

pub(crate) async fn a_transaction_reads_one_snapshot(world: World) {
    world.put("a", "1").await;
    world.put("b", "1").await;
    let mut txn = world.engine.begin(Isolation::Serializable).await.unwrap();
    assert_eq!(txn.get(b"a").await.unwrap(), Some("1".into()));
    world.put("a", "2").await;
    world.put("b", "2").await;
    world.put("c", "2").await;
    assert_eq!(txn.get(b"b").await.unwrap(), Some("1".into()), "the same moment as before");
    let found = txn.scan(b"", None, 9).await.unwrap();
    assert_eq!(found, [("a".into(), "1".into()), ("b".into(), "1".into())]);
    txn.put("d".into(), "1".into());
    assert_eq!(txn.commit(Durability::Visible).await, Err(MetaError::Conflict));
    assert_eq!(world.keys("", None, 9).await, ["a", "b", "c"]);
}

pub(crate) async fn dropping_a_transaction_undoes_it(world: World) {
    let mut txn = world.engine.begin(Isolation::Serializable).await.unwrap();
    txn.put("key".into(), "value".into());
    drop(txn);
    assert_eq!(world.get("key").await, None);
}

pub(crate) async fn write_skew_is_a_conflict(world: World) {
    world.put("a", "1").await;
    world.put("b", "1").await;
    let mut one = world.engine.begin(Isolation::Serializable).await.unwrap();
    let mut two = world.engine.begin(Isolation::Serializable).await.unwrap();
    one.get(b"a").await.unwrap();
    two.get(b"b").await.unwrap();
    one.put("b".into(), "0".into());
    two.put("a".into(), "0".into());
    assert_eq!(one.commit(Durability::Visible).await, Ok(()));
    assert_eq!(two.commit(Durability::Visible).await, Err(MetaError::Conflict));
    assert_eq!(world.get("a").await.unwrap(), "1");
}

pub(crate) async fn a_phantom_is_a_conflict(world: World) {
    world.put("dir/a", "1").await;
    // Somebody makes sure that a directory is empty of `b` to `y` while somebody creates `m`.
    let mut remover = world.engine.begin(Isolation::Serializable).await.unwrap();
    assert_eq!(remover.scan(b"dir/", Some(b"dir/a"), 1).await.unwrap(), []);
    remover.delete("dir/a".into());
    world.put("dir/m", "1").await;
    assert_eq!(remover.commit(Durability::Visible).await, Err(MetaError::Conflict));
    // A key that was absent when it was read is one, too.
    let mut creator = world.engine.begin(Isolation::Serializable).await.unwrap();
    assert_eq!(creator.get(b"new").await.unwrap(), None);
    creator.put("other".into(), "1".into());
    world.put("new", "1").await;
    assert_eq!(creator.commit(Durability::Visible).await, Err(MetaError::Conflict));
    assert_eq!(world.keys("", None, 9).await, ["dir/a", "dir/m", "new"]);
}

pub(crate) async fn strangers_do_not_conflict(world: World) {
    let mut one = world.engine.begin(Isolation::Serializable).await.unwrap();
    let mut two = world.engine.begin(Isolation::Serializable).await.unwrap();
    one.scan(b"a/", None, 9).await.unwrap();
    two.scan(b"b/", None, 9).await.unwrap();
    one.put("a/1".into(), "1".into());
    two.put("b/1".into(), "1".into());
    assert_eq!(one.commit(Durability::Visible).await, Ok(()));
    assert_eq!(two.commit(Durability::Visible).await, Ok(()));
}

pub(crate) async fn concurrent_increments_lose_nothing(world: World) {
    world.put("counter", "0").await;
    let world = Arc::new(world);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut done = 0;
                // Each conflict means that somebody else went ahead, so the tries are bounded.
                for _ in 0..10_000 {
                    let mut txn = world.engine.begin(Isolation::Serializable).await.unwrap();
                    let old = txn.get(b"counter").await.unwrap().unwrap();
                    let new = text(&old).parse::<u64>().unwrap() + 1;
                    tokio::task::yield_now().await;
                    txn.put("counter".into(), new.to_string().into());
                    match txn.commit(Durability::Visible).await {
                        Ok(()) => done += 1,
                        Err(err) => assert_eq!(err, MetaError::Conflict),
                    }
                    if done == 25 {
                        return;
                    }
                }
                panic!("no progress");
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.get("counter").await.unwrap(), "200");
}

/// Commits `count` groups of three keys; every third commit is flushed.
async fn commit_groups(world: &World, count: usize) {
    for group in 0..count {
        let mut txn = world.engine.begin(Isolation::CallerLocks).await.unwrap();
        for part in 0..3 {
            txn.put(format!("g/{group:04}/{part}").into(), group.to_string().into());
        }
        txn.commit(Durability::Visible).await.unwrap();
        if group % 3 == 1 {
            world.engine.flush().await.unwrap();
        }
    }
}

pub(crate) async fn a_commit_is_all_or_nothing_across_a_crash(world: World) {
    commit_groups(&world, 12).await;
    let world = world.crash().await;
    let keys = world.keys("g/", None, 1_000).await;
    assert_eq!(keys.len() % 3, 0, "half a commit: {keys:?}");
    for group in keys.chunks(3) {
        assert_eq!(group[0][..6], group[2][..6], "half a commit: {group:?}");
    }
}

pub(crate) async fn what_was_flushed_survives_a_crash_and_the_rest_survives_as_a_prefix(
    world: World,
) {
    commit_groups(&world, 12).await;
    let world = world.crash().await;
    let groups: Vec<String> =
        world.keys("g/", None, 1_000).await.iter().map(|key| key[2..6].to_owned()).collect();
    let last: usize = groups.last().unwrap().parse().unwrap();
    assert!(last >= 10, "group 10 was flushed, the last one found is {last}");
    assert_eq!(groups.len(), 3 * (last + 1), "a hole before group {last}");
}

pub(crate) async fn a_durable_commit_needs_no_flush(world: World) {
    world.put("before", "1").await;
    let mut txn = world.engine.begin(Isolation::Serializable).await.unwrap();
    txn.put("durable".into(), "1".into());
    txn.commit(Durability::Durable).await.unwrap();
    let world = world.crash().await;
    assert_eq!(world.get("durable").await.unwrap(), "1");
    assert_eq!(world.get("before").await.unwrap(), "1", "commits survive as a prefix");
}

pub(crate) async fn deletions_survive_a_crash(world: World) {
    world.put("a", "1").await;
    world.put("b", "1").await;
    world.engine.flush().await.unwrap();
    let mut txn = world.engine.begin(Isolation::CallerLocks).await.unwrap();
    txn.delete("a".into());
    txn.delete("never there".into());
    txn.commit(Durability::Durable).await.unwrap();
    let world = world.crash().await;
    assert_eq!(world.keys("", None, 9).await, ["b"]);
}

pub(crate) async fn large_values_come_back_whole(world: World) {
    let value = |index: u8| Bytes::from(vec![index; 1 << 20]);
    for index in 0..24 {
        let mut txn = world.engine.begin(Isolation::CallerLocks).await.unwrap();
        txn.put(vec![b'v', index].into(), value(index));
        txn.commit(Durability::Visible).await.unwrap();
    }
    world.engine.flush().await.unwrap();
    let world = world.crash().await;
    for index in 0..24 {
        assert_eq!(world.engine.get(&[b'v', index]).await.unwrap(), Some(value(index)));
    }
}

pub(crate) async fn everything_is_there_after_closing_and_opening(world: World) {
    for index in 0..2_000 {
        world.put(&format!("k{index:05}"), &index.to_string()).await;
    }
    world.engine.close().await.unwrap();
    let world = world.crash().await;
    let keys = world.keys("k", None, 10_000).await;
    assert_eq!(keys.len(), 2_000);
    assert_eq!(world.get("k01999").await.unwrap(), "1999");
    world.put("more", "1").await;
    world.engine.flush().await.unwrap();
}

pub(crate) async fn a_closed_engine_refuses_everything(world: World) {
    world.put("key", "1").await;
    let mut txn = world.engine.begin(Isolation::Serializable).await.unwrap();
    txn.put("key".into(), "2".into());
    world.engine.close().await.unwrap();
    let closed = |err: MetaError| assert!(matches!(err, MetaError::Closed(_)), "{err:?}");
    closed(world.engine.get(b"key").await.unwrap_err());
    closed(world.engine.scan(b"", None, 1).await.unwrap_err());
    closed(world.engine.flush().await.unwrap_err());
    closed(world.engine.close().await.unwrap_err());
    closed(world.engine.begin(Isolation::Serializable).await.map(drop).unwrap_err());
    closed(txn.commit(Durability::Visible).await.unwrap_err());
}

pub(crate) async fn flushing_nothing_is_free(world: World) {
    world.put("key", "1").await;
    world.engine.flush().await.unwrap();
    let before = world.store.list("", None, 1_000).await.unwrap().len();
    for _ in 0..100 {
        world.engine.flush().await.unwrap();
    }
    assert!(world.store.list("", None, 1_000).await.unwrap().len() <= before + 1);
}
