//! LOCK, UNLOCK, and what a lock forbids.

use std::sync::Arc;
use std::time::Duration;

use sealgate::testkit::SimClock;

use crate::support::{Bench, Reply};

async fn lock(bench: &Bench, path: &str, scope: &str, headers: &[(&str, &str)]) -> Reply {
    let body = format!(
        "<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:{scope}/></D:lockscope>\
         <D:locktype><D:write/></D:locktype><D:owner><D:href>me</D:href></D:owner></D:lockinfo>"
    );
    bench.send("LOCK", path, headers, body.as_bytes()).await
}

fn token(reply: &Reply) -> String {
    reply.header("lock-token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_changes_only_for_who_holds_the_token() {
    let bench = Bench::new().await;
    bench.put("/f", b"old").await;
    let granted = lock(&bench, "/f", "exclusive", &[("Timeout", "Second-3600")]).await;
    assert_eq!(granted.status, 200);
    let text = granted.text();
    assert!(text.contains("<D:depth>infinity</D:depth>") && text.contains("Second-3600"), "{text}");
    assert!(
        text.contains("<D:href>me</D:href>") && text.contains("<D:lockroot><D:href>/f</D:href>")
    );
    let token = token(&granted);
    assert!(token.starts_with("<opaquelocktoken:") && token.ends_with('>'));
    let mine = format!("({token})");
    for (method, headers) in [
        ("PUT", &[("Content-Length", "3")][..]),
        ("DELETE", &[]),
        ("MOVE", &[("Destination", "/g")]),
        ("PATCH", &[]),
    ] {
        let body: &[u8] = if method == "PUT" { b"new" } else { b"" };
        let refused = bench.send(method, "/f", headers, body).await;
        assert_eq!(refused.status, 423, "{method}");
        let element = "<D:lock-token-submitted><D:href>/f</D:href></D:lock-token-submitted>";
        assert!(refused.text().contains(element), "{}", refused.text());
    }
    let patch = b"<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop><D:displayname>x</D:displayname>\
                  </D:prop></D:set></D:propertyupdate>";
    assert_eq!(bench.send("PROPPATCH", "/f", &[], patch).await.status, 423);
    assert_eq!(bench.send("PROPPATCH", "/f", &[("If", &mine)], patch).await.status, 207);
    bench.put("/other", b"x").await;
    let onto = bench.send("COPY", "/other", &[("Destination", "/f")], b"").await;
    assert_eq!(onto.status, 423);
    assert_eq!(bench.get("/f").await.body, b"old");
    assert_eq!(bench.send("PUT", "/f", &[("If", &mine)], b"new").await.status, 204);
    let found = bench.send("PROPFIND", "/f", &[("Depth", "0")], b"").await.text();
    assert!(found.contains(token.trim_matches(['<', '>'])), "{found}");
    let unlock = async |path, token: &str| {
        bench.send("UNLOCK", path, &[("Lock-Token", token)], b"").await.status
    };
    assert_eq!(unlock("/other", &token).await, 409);
    assert_eq!(unlock("/f", "<opaquelocktoken:no>").await, 409);
    assert_eq!(unlock("/f", "broken").await, 400);
    assert_eq!(unlock("/f", &token).await, 204);
    assert_eq!(bench.put("/f", b"free").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_nothing_makes_an_empty_file() {
    let bench = Bench::new().await;
    let granted = lock(&bench, "/new", "exclusive", &[("Depth", "0")]).await;
    assert_eq!(granted.status, 201);
    assert_eq!((bench.get("/new").await.status, bench.get("/new").await.body.len()), (200, 0));
    assert_eq!(bench.put("/new", b"x").await.status, 423);
    assert_eq!(lock(&bench, "/no/where", "exclusive", &[]).await.status, 409);
    assert_eq!(bench.mkcol("/no").await.status, 201, "a lock that failed is gone");
    assert_eq!(bench.put("/no/where", b"x").await.status, 201);
    assert_eq!(lock(&bench, "/new", "exclusive", &[("Depth", "1")]).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_conflict_unless_they_are_shared() {
    let bench = Bench::new().await;
    bench.put("/f", b"x").await;
    let one = lock(&bench, "/f", "shared", &[]).await;
    let two = lock(&bench, "/f", "shared", &[]).await;
    assert_eq!((one.status, two.status), (200, 200));
    let conflict = lock(&bench, "/f", "exclusive", &[]).await;
    assert_eq!(conflict.status, 423);
    assert!(conflict.text().contains("<D:no-conflicting-lock><D:href>/f</D:href>"));
    let held = format!("({})", token(&two));
    assert_eq!(bench.send("PUT", "/f", &[("If", &held)], b"y").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_a_collection_guards_its_members() {
    let bench = Bench::new().await;
    bench.mkcol("/d").await;
    bench.put("/d/f", b"x").await;
    let flat = token(&lock(&bench, "/d/", "exclusive", &[("Depth", "0")]).await);
    assert_eq!(bench.put("/d/f", b"y").await.status, 204, "members themselves are free");
    assert_eq!(bench.put("/d/new", b"y").await.status, 423, "but none may be added");
    assert_eq!(bench.mkcol("/d/new").await.status, 423);
    assert_eq!(bench.send("DELETE", "/d/f", &[], b"").await.status, 423, "or removed");
    let tagged = format!("</d/> ({flat})");
    assert_eq!(bench.send("PUT", "/d/new", &[("If", &tagged)], b"y").await.status, 201);
    bench.send("UNLOCK", "/d", &[("Lock-Token", &flat)], b"").await;
    let deep = token(&lock(&bench, "/d", "exclusive", &[]).await);
    assert_eq!(bench.put("/d/f", b"z").await.status, 423);
    assert_eq!(lock(&bench, "/d/f", "exclusive", &[]).await.status, 423);
    let held = format!("({deep})");
    assert_eq!(bench.send("PUT", "/d/f", &[("If", &held)], b"z").await.status, 204);
    assert_eq!(bench.send("UNLOCK", "/d/f", &[("Lock-Token", &deep)], b"").await.status, 204);
    let member = token(&lock(&bench, "/d/f", "exclusive", &[]).await);
    assert_eq!(bench.send("DELETE", "/d", &[], b"").await.status, 423, "a member is locked");
    let held = format!("</d/f> ({member})");
    assert_eq!(bench.send("DELETE", "/d", &[("If", &held)], b"").await.status, 204);
    assert_eq!(bench.put("/d", b"x").await.status, 201, "the lock went with the tree");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_if_header_is_obeyed_and_never_ignored() {
    let bench = Bench::new().await;
    let tag = bench.put("/f", b"x").await.header("etag").to_owned();
    let put = async |header: &str| bench.send("PUT", "/f", &[("If", header)], b"x").await.status;
    assert_eq!(put("(<opaquelocktoken:unknown>)").await, 412, "no such lock on the file");
    assert_eq!(put("([\"wrong\"])").await, 412);
    assert_eq!(put("(<DAV:no-lock>)").await, 412);
    for broken in ["nonsense", "(", "()", "(<a>", "<x>"] {
        assert_eq!(put(broken).await, 400, "{broken}");
    }
    assert_eq!(bench.get("/f").await.header("etag"), tag, "nothing was changed");
    assert_eq!(put("(Not <DAV:no-lock>)").await, 204);
    let tag = bench.get("/f").await.header("etag").to_owned();
    assert_eq!(put(&format!("([\"wrong\"]) ([{tag}])")).await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_refreshed_or_ends() {
    let clock = Arc::new(SimClock::new());
    let bench = Bench::with(|options| options.clock = clock.clone()).await;
    bench.put("/f", b"x").await;
    let minute = [("Timeout", "Second-60")];
    let token = token(&lock(&bench, "/f", "exclusive", &minute).await);
    clock.advance(Duration::from_secs(50));
    let held = format!("({token})");
    let refresh = [("If", held.as_str()), ("Timeout", "Infinite, Second-4100000000")];
    let refreshed = bench.send("LOCK", "/f", &refresh, b"").await;
    assert_eq!(refreshed.status, 200);
    assert!(refreshed.text().contains("Second-3600"), "{}", refreshed.text());
    assert_eq!(bench.send("LOCK", "/f", &[], b"").await.status, 400);
    clock.advance(Duration::from_secs(3_599));
    assert_eq!(bench.put("/f", b"y").await.status, 423);
    clock.advance(Duration::from_secs(1));
    assert_eq!(bench.put("/f", b"y").await.status, 204);
    assert_eq!(bench.send("LOCK", "/f", &refresh, b"").await.status, 412);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_cannot_be_hoarded() {
    let bench = Bench::with(|options| options.locks_max = 2).await;
    for path in ["/a", "/b"] {
        assert_eq!(lock(&bench, path, "exclusive", &[]).await.status, 201);
    }
    assert_eq!(lock(&bench, "/c", "exclusive", &[]).await.status, 507);
    assert_eq!(bench.get("/c").await.status, 404);
}
