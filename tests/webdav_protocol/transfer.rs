//! GET, HEAD, PUT, PATCH, MKCOL, OPTIONS, and the listing.

use bytes::Bytes;
use sealgate::base::InodeId;
use sealgate::vfs::{CreateMode, Identity, SetAttr, Stability};

use crate::support::{Bench, name, pause};

const ROOT: Identity = Identity::ROOT;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_comes_back_and_its_tag_agrees_everywhere() {
    let bench = Bench::new().await;
    let content = pattern(3_000_000);
    let put = bench.put("/a%20file.txt", &content).await;
    assert_eq!(put.status, 201, "{put:?}");
    let tag = put.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && !put.header("last-modified").is_empty());
    let get = bench.get("/a%20file.txt").await;
    assert_eq!((get.status, get.header("etag")), (200, tag.as_str()));
    assert_eq!(get.header("content-length"), "3000000");
    assert_eq!(get.header("accept-ranges"), "bytes");
    assert!(get.body == content, "the content differs");
    let head = bench.send("HEAD", "/a%20file.txt", &[], b"").await;
    assert_eq!((head.status, head.header("etag")), (200, tag.as_str()));
    assert_eq!((head.header("content-length"), head.body.len()), ("3000000", 0));
    let found = bench.send("PROPFIND", "/a%20file.txt", &[("Depth", "0")], b"").await;
    assert!(found.text().contains(&tag.replace('"', "&quot;")), "{}", found.text());
    let again = bench.put("/a%20file.txt", b"other").await;
    assert_eq!(again.status, 204);
    assert_ne!(again.header("etag"), tag);
    assert_eq!(bench.get("/a%20file.txt").await.body, b"other");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_gives_that_part() {
    let bench = Bench::new().await;
    let content = pattern(200_000);
    bench.put("/f", &content).await;
    let range = async |range: &str| bench.send("GET", "/f", &[("Range", range)], b"").await;
    for (text, from, to) in
        [("bytes=0-0", 0, 1), ("bytes=70000-", 70_000, 200_000), ("bytes=-5", 199_995, 200_000)]
    {
        let part = range(text).await;
        assert_eq!(part.status, 206, "{text}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/200000", to - 1));
        assert!(part.body == content[from..to], "{text}");
    }
    let beyond = range("bytes=200000-").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */200000"));
    for text in ["bytes=0-0,5-6", "bytes=9-3", "lines=1-2"] {
        assert_eq!(range(text).await.status, 200, "{text} is ignored");
    }
    let stale = [("Range", "bytes=0-0"), ("If-Range", "\"other\"")];
    assert_eq!(bench.send("GET", "/f", &stale, b"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_decide_before_anything_happens() {
    let bench = Bench::new().await;
    let tag = bench.put("/f", b"one").await.header("etag").to_owned();
    let get = async |header, value: &str| bench.send("GET", "/f", &[(header, value)], b"").await;
    assert_eq!(get("If-None-Match", &tag).await.status, 304);
    assert_eq!(get("If-None-Match", "\"x\"").await.status, 200);
    assert_eq!(get("If-Match", "\"x\"").await.status, 412);
    assert_eq!(get("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT").await.status, 304);
    let put = async |path, header, value: &str| {
        let headers = [(header, value), ("Content-Length", "3")];
        bench.send("PUT", path, &headers, b"two").await.status
    };
    assert_eq!(put("/f", "If-None-Match", "*").await, 412);
    assert_eq!(put("/f", "If-Match", "\"x\"").await, 412);
    assert_eq!(put("/g", "If-Match", "*").await, 412);
    assert_eq!(put("/f", "If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:01 GMT").await, 412);
    assert_eq!(bench.get("/f").await.body, b"one");
    assert_eq!(put("/f", "If-Match", &tag).await, 204);
    assert_eq!(put("/g", "If-None-Match", "*").await, 201);
    let delete = bench.send("DELETE", "/f", &[("If-Match", &tag)], b"").await;
    assert_eq!(delete.status, 412, "the tag is of the old content");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_changes_nothing_and_leaves_nothing() {
    let bench = Bench::new().await;
    bench.put("/f", b"the old content").await;
    let before = bench.vfs.statfs().await.unwrap();
    let head = |path: &str, more: &str| {
        format!("PUT {path} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", bench.addr)
    };
    for path in ["/f", "/new"] {
        let mut short = head(path, "Content-Length: 1000000\r\n").into_bytes();
        short.extend(pattern(500_000));
        bench.abort_after(&short).await;
        let mut chunked = head(path, "Transfer-Encoding: chunked\r\n").into_bytes();
        chunked.extend(b"5\r\nhello\r\n5\r\nwo");
        bench.abort_after(&chunked).await;
    }
    assert_eq!(bench.get("/f").await.body, b"the old content");
    assert_eq!(bench.get("/new").await.status, 404);
    let page = bench.vfs.readdir(&ROOT, InodeId::ROOT, 0, 100, false).await.unwrap();
    assert_eq!(page.entries.len(), 1);
    for _ in 0..300 {
        if bench.vfs.statfs().await.unwrap().free_inodes == before.free_inodes {
            return;
        }
        pause(100).await;
    }
    panic!("the inodes of aborted uploads were not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_must_be_as_long_as_announced() {
    let bench = Bench::new().await;
    let chunked = async |announced: &str| {
        let headers = [("Transfer-Encoding", "chunked"), ("X-Expected-Entity-Length", announced)];
        bench.send("PUT", "/f", &headers, b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n").await.status
    };
    assert_eq!(chunked("11").await, 400);
    assert_eq!(chunked("5").await, 400);
    assert_eq!(chunked("9").await, 400);
    assert_eq!(bench.get("/f").await.status, 404);
    assert_eq!(chunked("10").await, 201);
    assert_eq!(bench.get("/f").await.body, b"helloworld");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_file_are_replaced_in_place() {
    let bench = Bench::new().await;
    let content = pattern(100_000);
    bench.put("/f", &content).await;
    let patch = async |range: &str, body: &[u8]| {
        let headers =
            [("Content-Type", "application/x-sabredav-partialupdate"), ("X-Update-Range", range)];
        bench.send("PATCH", "/f", &headers, body).await.status
    };
    assert_eq!(patch("bytes=10-14", b"hello").await, 204);
    assert_eq!(patch("append", b"end").await, 204);
    assert_eq!(patch("bytes=10-11", b"hello").await, 416);
    let ranged = [("Content-Range", "bytes 0-1/*")];
    assert_eq!(bench.send("PUT", "/f", &ranged, b"XY").await.status, 204);
    let mut expected = content;
    expected.splice(10..15, *b"hello");
    expected.splice(0..2, *b"XY");
    expected.extend(b"end");
    assert!(bench.get("/f").await.body == expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_are_made_where_there_is_a_place_for_them() {
    let bench = Bench::new().await;
    assert_eq!(bench.mkcol("/d/").await.status, 201);
    assert_eq!(bench.mkcol("/d").await.status, 405);
    assert_eq!(bench.mkcol("/").await.status, 405);
    assert_eq!(bench.mkcol("/x/y").await.status, 409);
    let body = bench.send("MKCOL", "/e", &[("Content-Type", "text/xml")], b"<a/>").await;
    assert_eq!(body.status, 415);
    assert_eq!(bench.put("/d/f", b"1").await.status, 201);
    assert_eq!(bench.mkcol("/d/f/g").await.status, 409);
    assert_eq!(bench.put("/x/y", b"1").await.status, 409);
    assert_eq!(bench.put("/d/f/g", b"1").await.status, 409);
    let onto = bench.put("/d", b"1").await;
    assert_eq!(onto.status, 405);
    assert!(onto.header("allow").contains("PROPFIND"), "{onto:?}");
    assert_eq!(bench.put("/d/h/", b"1").await.status, 405);
    let encoded = [("Content-Encoding", "gzip")];
    assert_eq!(bench.send("PUT", "/z", &encoded, b"1").await.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_say_what_windows_and_finder_look_for() {
    let bench = Bench::new().await;
    for path in ["/", "*", "/absent"] {
        let options = bench.send("OPTIONS", path, &[], b"").await;
        assert_eq!(options.status, 200, "{path}");
        assert!(options.header("dav").starts_with("1, 2, 3"), "{options:?}");
        assert_eq!(options.header("ms-author-via"), "DAV");
    }
    let root = bench.send("OPTIONS", "/", &[], b"").await;
    for method in ["PROPPATCH", "MKCOL", "LOCK", "UNLOCK"] {
        assert!(root.header("allow").contains(method), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_may_bring_its_own_time() {
    let bench = Bench::new().await;
    let headers = [("X-OC-Mtime", "784111777"), ("Content-Length", "1")];
    let put = bench.send("PUT", "/f", &headers, b"x").await;
    assert_eq!((put.status, put.header("x-oc-mtime")), (201, "accepted"));
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(bench.get("/f").await.header("last-modified"), date);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_a_page_for_the_browser() {
    let bench = Bench::new().await;
    bench.mkcol("/d").await;
    bench.put("/d/%3Cb%3E.txt", b"x").await;
    for path in ["/d", "/d/"] {
        let page = bench.get(path).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-location"), "/d/");
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        assert!(page.text().contains("href=\"/d/%3Cb%3E.txt\">&lt;b&gt;.txt</a>"));
    }
    let head = bench.send("HEAD", "/d/", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(bench.get("/d/?after=x").await.status, 400);
    assert_eq!(bench.get("/d/%3Cb%3E.txt").await.header("content-security-policy"), "sandbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_listing_comes_in_pages() {
    let bench = Bench::new().await;
    for count in 0..1_001 {
        let mode = CreateMode::Guarded(SetAttr::default());
        let name = name(&format!("f{count}"));
        bench.vfs.create(&ROOT, InodeId::ROOT, &name, mode).await.unwrap();
    }
    let first = bench.get("/").await.text();
    assert_eq!(first.matches("<tr>").count(), 1_000);
    let more = first.split("href=\"/?after=").nth(1).unwrap().split('"').next().unwrap();
    let second = bench.get(&format!("/?after={more}")).await.text();
    // The second page has one entry and no way on.
    assert_eq!((second.matches("<tr>").count(), second.contains("?after=")), (1, false));
    let found = bench.send("PROPFIND", "/", &[("Depth", "1")], b"").await.text();
    assert_eq!(found.matches("<D:response>").count(), 1_002);
    assert!(found.ends_with("</D:multistatus>\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_inside_the_volume_only() {
    let bench = Bench::new().await;
    bench.mkcol("/d").await;
    bench.put("/d/f", b"content").await;
    let link = async |text: &str, target: &'static [u8]| {
        let (root, set) = (InodeId::ROOT, SetAttr::default());
        bench.vfs.symlink(&ROOT, root, &name(text), Bytes::from_static(target), set).await.unwrap();
    };
    link("to_file", b"d/f").await;
    link("to_dir", b"./d").await;
    link("roundabout", b"d/../to_dir/f").await;
    link("absolute", b"/etc/passwd").await;
    link("out", b"../../etc/passwd").await;
    link("nowhere", b"absent").await;
    link("loop", b"loop").await;
    for path in ["/to_file", "/to_dir/f", "/roundabout"] {
        assert_eq!(bench.get(path).await.body, b"content", "{path}");
    }
    for path in ["/absolute", "/out", "/nowhere", "/loop"] {
        assert_eq!(bench.get(path).await.status, 404, "{path}");
    }
    let found = bench.send("PROPFIND", "/", &[("Depth", "1")], b"").await.text();
    assert!(found.contains("<D:href>/to_dir/</D:href>") && found.contains("/roundabout<"));
    assert!(!found.contains("absolute") && !found.contains("nowhere") && !found.contains("loop"));
    assert_eq!(bench.put("/to_file", b"new").await.status, 204);
    assert_eq!(bench.get("/d/f").await.body, b"new", "an upload goes to what the link means");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_the_file_it_began_while_another_takes_its_place() {
    let bench = Bench::new().await;
    let (old, new) = (vec![1_u8; 8 << 20], vec![2_u8; 8 << 20]);
    bench.put("/f", &old).await;
    let (read, put) = tokio::join!(bench.get("/f"), bench.put("/f", &new));
    assert_eq!(put.status, 204);
    assert!(read.body == old || read.body == new, "old and new are mixed");
    assert!(bench.get("/f").await.body == new);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_keeps_mode_and_properties_of_what_it_replaces() {
    let bench = Bench::new().await;
    bench.put("/f", b"1").await;
    let inode = bench.vfs.lookup(&ROOT, InodeId::ROOT, &name("f")).await.unwrap().inode;
    let set = SetAttr { mode: Some(0o751), ..SetAttr::default() };
    bench.vfs.setattr(&ROOT, inode, set, None).await.unwrap();
    let props = vec![(Bytes::from_static(b"{urn:x}k"), Some(Bytes::from_static(b"<k/>")))];
    bench.vfs.set_props(&ROOT, inode, props).await.unwrap();
    bench.vfs.write(&ROOT, inode, 0, Bytes::from_static(b"2"), Stability::FileSync).await.unwrap();
    assert_eq!(bench.put("/f", b"3").await.status, 204);
    let attr = bench.vfs.lookup(&ROOT, InodeId::ROOT, &name("f")).await.unwrap();
    assert_eq!(attr.mode, 0o751);
    assert_eq!(bench.vfs.props(attr.inode).await.unwrap().len(), 1);
}
