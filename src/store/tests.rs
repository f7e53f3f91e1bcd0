//! What the backends promise, tested under contention, and the requests that reach an S3 server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use opendal::{Buffer, HttpBody, HttpTransport, HttpTransporter};
use parking_lot::Mutex;

use crate::base::to_u64;
use crate::store::directory::ASIDE;
use crate::store::{
    CustomerKey, Sse, SseFacts, Store, StoreCredentials, StoreErrorKind, StoreOptions, StoreUrl,
};

fn directory(root: &Path) -> Store {
    Store::open(&StoreOptions::new(StoreUrl::directory(root).unwrap())).unwrap()
}

/// 200 rounds of eight creators and two readers of one key.
async fn race(store: Store) {
    for round in 0..200 {
        let key = format!("race/{}/{round}", round % 7);
        let creators = (0_u8..8).map(|racer| {
            let (store, key) = (store.clone(), key.clone());
            // Larger than a page, so that a torn write would show.
            let body = vec![racer; 20_000 + usize::from(racer)];
            tokio::spawn(async move { store.create(&key, body).await })
        });
        let readers = (0..2).map(|_| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move {
                for _ in 0..20 {
                    if let Ok(body) = store.get(&key, 1 << 20).await {
                        let racer = *body.first().expect("no reader sees an empty object");
                        assert_eq!(body.len(), 20_000 + usize::from(racer), "a torn object");
                        assert!(body.iter().all(|byte| *byte == racer), "a mixed object");
                    }
                    tokio::task::yield_now().await;
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        let results = join_all(creators).await;
        let winners: Vec<_> =
            results.iter().enumerate().filter(|(_, r)| r.as_ref().unwrap().is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        for result in &results {
            if let Err(err) = result.as_ref().unwrap() {
                assert_eq!(err.kind(), StoreErrorKind::AlreadyExists);
            }
        }
        let stored = store.get(&key, 1 << 20).await.unwrap();
        assert_eq!(usize::from(stored[0]), winners[0].0, "the winner's bytes are the stored ones");
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creators_in_memory_exactly_one_wins() {
    race(Store::memory()).await;
}

/// Regression: the library's file service let two creators both win in 300 of 300 races, which
/// would have made the fencing of a second gateway a fiction; without its atomic mode readers saw
/// partial objects. Method: race creators and readers on one key.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creators_in_a_directory_exactly_one_wins_and_no_reader_sees_a_torn_object() {
    let dir = tempfile::tempdir().unwrap();
    race(directory(&dir.path().join("volume"))).await;
    let left = std::fs::read_dir(dir.path().join("volume").join(ASIDE)).unwrap().count();
    assert_eq!(left, 0, "nothing stays aside");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overwrites_in_a_directory_are_never_seen_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let store = directory(dir.path());
    store.put("key", vec![0; 30_000]).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (store, done) = (store.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                let body = store.get("key", 1 << 20).await.unwrap();
                assert!(body.len() == 30_000 && body.iter().all(|byte| *byte == body[0]));
                reads += 1;
            }
            reads
        })
    };
    for value in 0..60_u8 {
        store.put("key", vec![value; 30_000]).await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(reader.await.unwrap() > 0);
}

/// A deleter takes empty directories away while creators make them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn creating_and_deleting_in_one_directory_never_fail_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = directory(dir.path());
    let tasks = (0..4).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..50 {
                let key = format!("deep/er/{task}-{round}");
                store.create(&key, vec![1; 10]).await.unwrap();
                store.delete(&[key]).await.unwrap();
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert!(store.is_empty().await.unwrap());
    assert!(!dir.path().join("deep").exists(), "empty directories are gone");
}

#[tokio::test]
async fn of_many_replacements_of_one_version_exactly_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    for store in [Store::memory(), directory(dir.path())] {
        store.create("header", "version 0").await.unwrap();
        for round in 0..20 {
            let old = format!("version {round}");
            let writers = (0..4).map(|writer| {
                let (store, old) = (&store, &old);
                let new = format!("version {} by {writer}", round + 1);
                async move { store.replace("header", old.as_bytes(), new.into()).await }
            });
            let results = join_all(writers).await;
            assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
            for err in results.into_iter().filter_map(Result::err) {
                assert_eq!(err.kind(), StoreErrorKind::Conflict);
            }
            store.put("header", format!("version {}", round + 1)).await.unwrap();
        }
        let gone = store.replace("missing", b"x", Bytes::new()).await.unwrap_err();
        assert_eq!(gone.kind(), StoreErrorKind::NotFound);
    }
}

#[tokio::test]
async fn leftovers_of_a_crash_are_never_listed_and_old_ones_are_removed_at_open() {
    let dir = tempfile::tempdir().unwrap();
    let aside = dir.path().join(ASIDE);
    std::fs::create_dir(&aside).unwrap();
    std::fs::write(aside.join("old"), b"half").unwrap();
    std::fs::write(aside.join("young"), b"half").unwrap();
    let hours_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let old = std::fs::File::options().write(true).open(aside.join("old")).unwrap();
    old.set_modified(hours_ago).unwrap();
    let store = directory(dir.path());
    assert!(!aside.join("old").exists());
    assert!(aside.join("young").exists(), "another process may still be writing it");
    assert!(store.is_empty().await.unwrap());
    assert_eq!(store.list("", None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn keys_cannot_leave_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = directory(&dir.path().join("volume"));
    for key in ["../out", "a/../../out", ".aside/x", "a/./b"] {
        assert!(store.put(key, "x").await.is_err(), "{key}");
        assert!(store.get(key, 10).await.is_err(), "{key}");
    }
    assert!(!dir.path().join("out").exists());
}

#[tokio::test]
async fn listings_are_sorted_bounded_and_start_after_a_key() {
    let dir = tempfile::tempdir().unwrap();
    for store in [Store::memory(), directory(dir.path())] {
        // Byte order puts `-` and `.` before `/`, so `a-b` sorts before what is inside `a/`.
        let mut keys =
            ["a/b", "a-b", "a.b", "a/b-c", "a/c/d", "b", "b0", "z/y/x"].map(str::to_owned);
        for key in &keys {
            store.put(key, key.clone()).await.unwrap();
        }
        keys.sort();
        let list = |prefix: &'static str, after: Option<String>, limit| {
            let store = store.clone();
            async move {
                let found = store.list(prefix, after.as_deref(), limit).await.unwrap();
                found.into_iter().map(|object| object.key).collect::<Vec<_>>()
            }
        };
        assert_eq!(list("", None, 100).await, keys);
        assert_eq!(list("", None, 3).await, keys[..3]);
        assert_eq!(list("", None, 0).await, [""; 0]);
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(list("", Some(key.clone()), 100).await, keys[index + 1..], "after {key}");
        }
        assert_eq!(list("a/", None, 100).await, ["a/b", "a/b-c", "a/c/d"]);
        assert_eq!(list("a/b", None, 100).await, ["a/b", "a/b-c"]);
        assert_eq!(list("b", Some("b".into()), 100).await, ["b0"]);
        assert_eq!(list("nothing/", None, 100).await, [""; 0]);
        let meta = store.stat("a/c/d").await.unwrap();
        assert_eq!(meta.size, 5);
        assert!(meta.modified.unwrap().seconds > 1_500_000_000);
    }
}

#[tokio::test]
async fn ranges_are_exact_or_refused_and_reads_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    for store in [Store::memory(), directory(dir.path())] {
        store.put("key", "0123456789").await.unwrap();
        assert_eq!(store.get_range("key", 2..5).await.unwrap(), "234");
        assert_eq!(store.get_range("key", 5..5).await.unwrap(), "");
        assert_eq!(store.get("key", 10).await.unwrap(), "0123456789");
        for range in [8..11, 10..11, 50..60] {
            let err = store.get_range("key", range).await.unwrap_err();
            assert_eq!(err.kind(), StoreErrorKind::Corrupt, "{err}");
        }
        assert_eq!(store.get("key", 9).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
        assert_eq!(store.get("none", 9).await.unwrap_err().kind(), StoreErrorKind::NotFound);
        store.put("empty", "").await.unwrap();
        assert_eq!(store.get("empty", 0).await.unwrap(), "");
        store.delete(&["key".into(), "none".into(), "empty".into()]).await.unwrap();
        assert!(store.is_empty().await.unwrap());
    }
}

#[tokio::test]
async fn the_local_backends_pass_the_probe_and_keep_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    for store in [Store::memory(), directory(dir.path())] {
        let report = store.probe().await.unwrap();
        assert!(report.exclusive_create && report.compare_and_swap && !report.read_only);
        assert_eq!(report.sse_reply, None);
        assert!(store.list("", None, 10).await.unwrap().is_empty());
        store.put("volume.json", "{}").await.unwrap();
        assert!(store.probe_read_only().await.unwrap().read_only);
        assert!(!store.is_empty().await.unwrap());
    }
}

/// A store in this process that speaks enough S3, and misbehaves when told to.
#[derive(Default)]
struct FakeS3 {
    objects: Mutex<BTreeMap<String, (Bytes, HeaderMap)>>,
    requests: Mutex<Vec<(Method, String, HeaderMap, usize)>>,
    ignores_sse: AtomicBool,
    ignores_conditions: AtomicBool,
    /// So many answers of PUT are lost after the object is stored.
    lost_answers: AtomicUsize,
}

struct Transport(Arc<FakeS3>);

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let (status, headers, body) = self.0.answer(request)?;
        let mut reply = Response::builder().status(status);
        *reply.headers_mut().unwrap() = headers;
        let size = to_u64(body.len());
        let body = HttpBody::new(futures::stream::iter([Ok(Buffer::from(body))]), Some(size));
        Ok(reply.body(body).unwrap())
    }
}

impl FakeS3 {
    fn answer(&self, request: Request<Buffer>) -> opendal::Result<(StatusCode, HeaderMap, Bytes)> {
        let (parts, body) = request.into_parts();
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default());
        let seen =
            (parts.method.clone(), format!("{path}?{query}"), parts.headers.clone(), body.len());
        self.requests.lock().push(seen);
        let mut objects = self.objects.lock();
        let plain = |status| Ok((status, HeaderMap::new(), Bytes::new()));
        match parts.method {
            Method::PUT => {
                let absent = parts.headers.contains_key("if-none-match");
                let conditions = !self.ignores_conditions.load(Ordering::Relaxed);
                if conditions && absent && objects.contains_key(&path) {
                    return plain(StatusCode::PRECONDITION_FAILED);
                }
                let mut kept = HeaderMap::new();
                for (name, value) in &parts.headers {
                    let encryption = name.as_str().starts_with("x-amz-server-side-encryption");
                    if encryption && !self.ignores_sse.load(Ordering::Relaxed) {
                        kept.insert(name, value.clone());
                    }
                }
                kept.insert("etag", "\"e\"".parse().unwrap());
                objects.insert(path, (body.to_bytes(), kept));
                let lost =
                    self.lost_answers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    });
                if lost.is_ok() {
                    return Err(opendal::Error::new(opendal::ErrorKind::Unexpected, "cut off")
                        .set_temporary());
                }
                plain(StatusCode::OK)
            }
            Method::GET | Method::HEAD if !path.ends_with("/bucket") => {
                let Some((body, kept)) = objects.get(&path) else {
                    return plain(StatusCode::NOT_FOUND);
                };
                let mut headers = kept.clone();
                headers.insert("content-length", body.len().into());
                let body = if parts.method == Method::HEAD { Bytes::new() } else { body.clone() };
                Ok((StatusCode::OK, headers, body))
            }
            Method::DELETE => {
                objects.remove(&path);
                plain(StatusCode::NO_CONTENT)
            }
            _ => plain(StatusCode::NOT_IMPLEMENTED),
        }
    }
}

fn fake(sse: Sse) -> (Store, Arc<FakeS3>) {
    let mut options = StoreOptions::new(
        StoreUrl::parse("s3://bucket/prefix?endpoint=http://127.0.0.1:1&region=r").unwrap(),
    );
    options.credentials = StoreCredentials {
        access_key_id: Some("id".to_owned().into()),
        secret_access_key: Some("secret".to_owned().into()),
        ..StoreCredentials::default()
    };
    options.sse = sse.clone();
    let fake = Arc::new(FakeS3::default());
    let operator = Store::open(&options).unwrap().operator().clone();
    let context =
        operator.context().with_http_transport(HttpTransporter::new(Transport(Arc::clone(&fake))));
    let operator = operator.with_context(context);
    (Store::new(operator, "fake".into(), sse, Duration::from_secs(10)), fake)
}

/// Regression: an empty part in a body made the directory's writer spin for ever.
#[tokio::test]
async fn empty_parts_of_a_body_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let (fake, _) = fake(Sse::None);
    for store in [Store::memory(), directory(dir.path()), fake] {
        let parts = ["", "a", "", "", "b", ""].map(|part| Bytes::from_static(part.as_bytes()));
        store.create("key", Buffer::from(parts.to_vec())).await.unwrap();
        assert_eq!(store.get("key", 10).await.unwrap(), "ab");
        store.put("key", Buffer::from(vec![Bytes::new(), Bytes::new()])).await.unwrap();
        assert_eq!(store.get("key", 10).await.unwrap(), "");
    }
}

/// AWS refuses the encryption header on UploadPart, so an upload must never be split.
#[tokio::test]
async fn an_object_of_64_mib_is_one_put_that_carries_the_encryption_header() {
    let (store, fake) = fake(Sse::S3);
    let part = Bytes::from(vec![7; 16 << 20]);
    store.put("seg/large", Buffer::from(vec![part; 4])).await.unwrap();
    store.create("seg/small", "x").await.unwrap();
    let requests = fake.requests.lock();
    assert_eq!(requests.len(), 2, "one request per object");
    for (method, path, headers, _) in requests.iter() {
        assert_eq!(method, Method::PUT, "{path}");
        assert_eq!(headers["x-amz-server-side-encryption"], "AES256");
        assert!(headers.contains_key("x-amz-checksum-crc32c"));
    }
    assert_eq!(requests[0].3, 64 << 20);
}

#[tokio::test]
async fn every_mode_sends_its_headers() {
    let key = CustomerKey::parse(&format!("{}=", "A".repeat(43))).unwrap();
    let kms = Sse::Kms { key_id: Some("key-1".into()) };
    for (sse, name, value) in [
        (kms, "x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
        (Sse::Customer { key }, "x-amz-server-side-encryption-customer-algorithm", "AES256"),
    ] {
        let (store, fake) = fake(sse);
        store.put("key", "x").await.unwrap();
        assert_eq!(fake.requests.lock()[0].2[name], value);
    }
}

/// Regression: a PUT whose answer is lost is sent again and finds its own object.
#[tokio::test]
async fn a_lost_answer_of_a_create_is_a_success_but_a_real_loss_is_not() {
    let (store, fake) = fake(Sse::None);
    fake.lost_answers.store(1, Ordering::Relaxed);
    store.create("key", "mine").await.unwrap();
    let puts = fake.requests.lock().iter().filter(|r| r.0 == Method::PUT).count();
    assert_eq!(puts, 2, "the retry met the object of the first attempt");
    let err = store.create("key", "another's").await.unwrap_err();
    assert_eq!(err.kind(), StoreErrorKind::AlreadyExists);
    let err = store.create("key", "mine too").await.unwrap_err();
    assert_eq!(err.kind(), StoreErrorKind::AlreadyExists);
    assert_eq!(store.get("key", 100).await.unwrap(), "mine");
}

#[tokio::test]
async fn a_store_that_ignores_encryption_or_conditions_is_refused() {
    let (store, server) = fake(Sse::S3);
    server.ignores_sse.store(true, Ordering::Relaxed);
    let err = store.probe().await.unwrap_err();
    assert_eq!(err.kind(), StoreErrorKind::Incapable);
    assert!(err.to_string().contains("server-side encryption `s3`"), "{err}");
    assert_eq!(store.sse(), SseFacts::S3);

    let (store, server) = fake(Sse::None);
    server.ignores_conditions.store(true, Ordering::Relaxed);
    let err = store.probe().await.unwrap_err();
    assert_eq!(err.kind(), StoreErrorKind::Incapable);
    assert!(err.to_string().contains("two writers"), "{err}");
}

#[tokio::test]
async fn a_request_ends_at_its_deadline() {
    let (store, _) = fake(Sse::None);
    let store =
        Store::new(store.operator().clone(), "x".into(), Sse::None, Duration::from_millis(20));
    let never = std::future::pending::<opendal::Result<()>>();
    let err = store.within("get", "key", never).await.unwrap_err();
    assert_eq!(err.kind(), StoreErrorKind::Unavailable);
}

#[test]
fn a_store_shows_its_address_and_nothing_else() {
    let (store, _) = fake(Sse::None);
    assert_eq!(format!("{store:?}"), "Store { label: \"fake\", .. }");
}
