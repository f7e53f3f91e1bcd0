//! COPY, MOVE and DELETE.

use crate::support::Bench;

async fn to(bench: &Bench, method: &str, from: &str, to: &str, more: &[(&str, &str)]) -> u16 {
    let destination = format!("http://{}{to}", bench.addr);
    let mut headers = vec![("Destination", destination.as_str())];
    headers.extend(more);
    bench.send(method, from, &headers, b"").await.status
}

async fn tree(bench: &Bench) {
    for path in ["/a", "/a/b", "/a/b/c", "/old"] {
        assert_eq!(bench.mkcol(path).await.status, 201);
    }
    for path in ["/a/f", "/a/b/g", "/a/b/c/h", "/old/x"] {
        assert_eq!(bench.put(path, path.as_bytes()).await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_copied_with_everything_in_it() {
    let bench = Bench::new().await;
    tree(&bench).await;
    assert_eq!(to(&bench, "COPY", "/a/", "/n", &[]).await, 201);
    assert_eq!(bench.get("/n/b/c/h").await.body, b"/a/b/c/h");
    assert_eq!(bench.get("/a/f").await.body, b"/a/f");
    assert_eq!(to(&bench, "COPY", "/a", "/flat", &[("Depth", "0")]).await, 201);
    assert_eq!(bench.get("/flat/f").await.status, 404);
    assert_eq!(bench.get("/flat/").await.status, 200);
    assert_eq!(to(&bench, "COPY", "/a", "/one", &[("Depth", "1")]).await, 400);
    bench.put("/n/f", b"changed").await;
    assert_eq!(bench.get("/a/f").await.body, b"/a/f", "the copy is a file of its own");
    let root = bench.get("/").await.text();
    assert!(!root.contains("sealgate-copy"), "nothing half-done stays: {root}");
}

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_replaces_the_whole_target_or_is_refused() {
    let bench = Bench::new().await;
    tree(&bench).await;
    for method in ["COPY", "MOVE"] {
        assert_eq!(to(&bench, method, "/a", "/old", &[("Overwrite", "F")]).await, 412);
        assert_eq!(bench.get("/old/x").await.status, 200);
    }
    assert_eq!(to(&bench, "COPY", "/a", "/old", &[]).await, 204);
    assert_eq!(bench.get("/old/x").await.status, 404, "no member of the old tree is left");
    assert_eq!(bench.get("/old/b/g").await.body, b"/a/b/g");
    assert_eq!(to(&bench, "COPY", "/a/f", "/old", &[]).await, 204);
    assert_eq!(bench.get("/old").await.body, b"/a/f", "a file takes the place of a tree");
    assert_eq!(to(&bench, "MOVE", "/a", "/old", &[]).await, 204);
    assert_eq!(bench.get("/old/b/c/h").await.status, 200);
    assert_eq!(bench.get("/a").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_takes_everything_along() {
    let bench = Bench::new().await;
    tree(&bench).await;
    assert_eq!(to(&bench, "MOVE", "/a", "/m", &[]).await, 201);
    assert_eq!(bench.get("/m/b/c/h").await.body, b"/a/b/c/h");
    assert_eq!(bench.get("/a/").await.status, 404);
    assert_eq!(to(&bench, "MOVE", "/m/f", "/old/x", &[]).await, 204);
    assert_eq!(bench.get("/old/x").await.body, b"/a/f");
    assert_eq!(to(&bench, "MOVE", "/absent", "/q", &[]).await, 404);
    assert_eq!(to(&bench, "MOVE", "/m", "/absent/q", &[]).await, 409);
    assert_eq!(to(&bench, "COPY", "/m", "/old/x/q", &[]).await, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_source_and_target_overlap() {
    let bench = Bench::new().await;
    tree(&bench).await;
    for method in ["COPY", "MOVE"] {
        for (from, target) in [
            ("/a", "/a"),
            ("/a", "/a/"),
            ("/a", "/a/b/inside"),
            ("/a", "/a/b"),
            ("/a/b", "/a"),
            ("/a/b/g", "/a"),
            ("/a/f", "/a/f"),
            ("/", "/n"),
            ("/a", "/"),
        ] {
            assert_eq!(
                to(&bench, method, from, target, &[]).await,
                403,
                "{method} {from} {target}"
            );
        }
    }
    for path in ["/a/f", "/a/b/g", "/a/b/c/h", "/old/x"] {
        assert_eq!(bench.get(path).await.body, path.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_is_no_destination() {
    let bench = Bench::new().await;
    bench.put("/f", b"x").await;
    let send = async |destination: &str| {
        bench.send("MOVE", "/f", &[("Destination", destination)], b"").await.status
    };
    assert_eq!(send("http://other.example/f2").await, 502);
    assert_eq!(send("/f/../g").await, 400);
    assert_eq!(send("/%2e%2e/g").await, 400);
    assert_eq!(bench.send("MOVE", "/f", &[], b"").await.status, 400);
    assert_eq!(send("/g").await, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_takes_the_whole_tree() {
    let bench = Bench::new().await;
    tree(&bench).await;
    let delete = async |path, headers: &[_]| bench.send("DELETE", path, headers, b"").await.status;
    assert_eq!(delete("/a", &[("Depth", "0")]).await, 400);
    assert_eq!(delete("/a", &[]).await, 204);
    assert_eq!(delete("/a", &[]).await, 404);
    assert_eq!(bench.get("/a/f").await.status, 404);
    assert_eq!(delete("/old/x/y", &[]).await, 404);
    assert_eq!(delete("/old/x", &[]).await, 204);
    assert_eq!(delete("/", &[]).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_with_a_fragment_deletes_nothing() {
    let bench = Bench::new().await;
    tree(&bench).await;
    assert_eq!(bench.send("DELETE", "/a/#f", &[], b"").await.status, 400);
    assert_eq!(bench.get("/a/f").await.status, 200);
    let host = bench.addr;
    let two = format!(
        "GET /a/f HTTP/1.1\r\nHost: {host}\r\n\r\n\
         DELETE /a/f HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(bench.raw(two.as_bytes()).await.status, 200);
    assert_eq!(bench.get("/a/f").await.status, 404, "requests without one go through");
}
