//! PROPFIND and PROPPATCH.

use crate::support::{Bench, Reply};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

async fn find(bench: &Bench, path: &str, inner: &str) -> String {
    let body = format!("<D:propfind xmlns:D='DAV:'>{inner}</D:propfind>");
    let reply = bench.send("PROPFIND", path, &[("Depth", "0")], body.as_bytes()).await;
    assert_eq!(reply.status, 207, "{reply:?}");
    reply.text()
}

async fn patch(bench: &Bench, path: &str, inner: &str) -> Reply {
    let body = format!("<D:propertyupdate xmlns:D='DAV:'>{inner}</D:propertyupdate>");
    bench.send("PROPPATCH", path, &[], body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_that_is_absent_is_listed_as_404() {
    let bench = Bench::new().await;
    bench.put("/f", b"12345").await;
    let text =
        find(&bench, "/f", "<D:prop><D:getcontentlength/><x:y xmlns:x='urn:z'/></D:prop>").await;
    assert!(
        text.contains("<D:getcontentlength>5</D:getcontentlength></D:prop><D:status>HTTP/1.1 200")
    );
    assert!(text.contains("<p:y xmlns:p=\"urn:z\"/></D:prop><D:status>HTTP/1.1 404"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_property_comes_back_as_it_was_set() {
    let bench = Bench::new().await;
    bench.put("/f", b"x").await;
    let set = "<D:set xml:lang='de'><D:prop>\
               <x:y xmlns:x='urn:z' x:k='v'>a<x:b/>&lt;</x:y></D:prop></D:set>";
    let reply = patch(&bench, "/f", set).await;
    assert_eq!(reply.status, 207);
    assert!(reply.text().contains("HTTP/1.1 200 OK"), "{}", reply.text());
    let expected =
        "<x:y xmlns:x=\"urn:z\" x:k=\"v\" xml:lang=\"de\">a<x:b xml:lang=\"de\"/>&lt;</x:y>";
    for inner in ["<D:prop><y xmlns='urn:z'/></D:prop>", "<D:allprop/>"] {
        let text = find(&bench, "/f", inner).await;
        assert_eq!(text.matches(expected).count(), 1, "{text}");
    }
    let names = find(&bench, "/f", "<D:propname/>").await;
    assert!(
        names.contains("<p:y xmlns:p=\"urn:z\"/>") && names.contains("<D:getetag/>"),
        "{names}"
    );
    let destination = [("Destination", "/g")];
    assert_eq!(bench.send("COPY", "/f", &destination, b"").await.status, 201);
    assert_eq!(bench.send("MOVE", "/f", &[("Destination", "/h")], b"").await.status, 201);
    for path in ["/g", "/h"] {
        assert!(find(&bench, path, "<D:allprop/>").await.contains(expected), "{path}");
    }
    let remove = "<D:remove><D:prop><y xmlns='urn:z'/></D:prop></D:remove>";
    assert_eq!(patch(&bench, "/g", remove).await.status, 207);
    assert!(!find(&bench, "/g", "<D:allprop/>").await.contains("urn:z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_count_in_their_order() {
    let bench = Bench::new().await;
    bench.mkcol("/d").await;
    let both = "<D:set><D:prop><y xmlns='urn:z'>1</y></D:prop></D:set>\
                <D:remove><D:prop><y xmlns='urn:z'/></D:prop></D:remove>\
                <D:set><D:prop><w xmlns='urn:z'>1</w></D:prop></D:set>";
    assert_eq!(patch(&bench, "/d", both).await.status, 207);
    let text = find(&bench, "/d/", "<D:allprop/>").await;
    assert!(!text.contains("<y") && text.contains("<w xmlns=\"urn:z\">1</w>"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_instructions_or_none() {
    let bench = Bench::new().await;
    bench.put("/f", b"x").await;
    let mixed = "<D:set><D:prop><y xmlns='urn:z'>1</y><D:getetag>x</D:getetag></D:prop></D:set>";
    let text = patch(&bench, "/f", mixed).await.text();
    assert!(text.contains("HTTP/1.1 403 Forbidden") && text.contains("HTTP/1.1 424"), "{text}");
    assert!(!find(&bench, "/f", "<D:allprop/>").await.contains("urn:z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_sets_times_and_gets_them_back() {
    let bench = Bench::new().await;
    bench.put("/f", b"x").await;
    let set = format!(
        "<D:set><D:prop xmlns:Z='urn:schemas-microsoft-com:'>\
         <Z:Win32CreationTime>{DATE}</Z:Win32CreationTime>\
         <Z:Win32LastAccessTime>{DATE}</Z:Win32LastAccessTime>\
         <Z:Win32LastModifiedTime>{DATE}</Z:Win32LastModifiedTime>\
         <Z:Win32FileAttributes>00000021</Z:Win32FileAttributes></D:prop></D:set>"
    );
    let reply = patch(&bench, "/f", &set).await.text();
    assert!(reply.contains("200 OK") && !reply.contains("403"), "{reply}");
    assert_eq!(bench.get("/f").await.header("last-modified"), DATE);
    let body = "<D:prop xmlns:Z='urn:schemas-microsoft-com:'><D:getlastmodified/>\
                <Z:Win32CreationTime/><Z:Win32LastModifiedTime/><Z:Win32FileAttributes/></D:prop>";
    let text = find(&bench, "/f", body).await;
    assert_eq!(text.matches(DATE).count(), 3, "{text}");
    assert!(text.contains("00000021") && !text.contains("404"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_decides_what_is_listed() {
    let bench = Bench::new().await;
    bench.mkcol("/d").await;
    bench.put("/d/f", b"x").await;
    let count = async |path, headers: &[_]| {
        let reply = bench.send("PROPFIND", path, headers, b"").await;
        (reply.status, String::from_utf8_lossy(&reply.body).matches("<D:response>").count())
    };
    assert_eq!(count("/d", &[("Depth", "0")]).await, (207, 1));
    assert_eq!(count("/d", &[("Depth", "1")]).await, (207, 2));
    assert_eq!(count("/d/f", &[]).await, (207, 1), "a file is as deep as it gets");
    assert_eq!(count("/d", &[("Depth", "7")]).await, (400, 0));
    assert_eq!(count("/absent", &[("Depth", "0")]).await, (404, 0));
    for headers in [&[("Depth", "infinity")][..], &[], &[("Depth", "infinity"), ("X-Litmus", "1")]]
    {
        let reply = bench.send("PROPFIND", "/d", headers, b"").await;
        assert_eq!(reply.status, 403);
        assert!(reply.text().contains("<D:propfind-finite-depth/>"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quota_is_told_to_those_who_ask() {
    let bench = Bench::new().await;
    let inner =
        "<D:prop><D:quota-available-bytes/><D:quota-used-bytes/><D:quota/><D:quotaused/></D:prop>";
    let text = find(&bench, "/", inner).await;
    assert!(!text.contains("404"), "{text}");
    assert!(!find(&bench, "/", "<D:allprop/>").await.contains("quota"));
}

#[tokio::test(flavor = "multi_thread")]
async fn xml_that_is_broken_hostile_or_too_long_is_refused() {
    let bench = Bench::new().await;
    let send =
        async |method, body: &[u8]| bench.send(method, "/", &[("Depth", "0")], body).await.status;
    let bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>\
                 <D:propfind xmlns:D='DAV:'><D:prop><y>&b;</y></D:prop></D:propfind>";
    let outside = b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>\
                    <D:propfind xmlns:D='DAV:'><D:allprop/>&a;</D:propfind>";
    for body in [&bomb[..], outside, b"<D:propfind", b"\xff\xfe\x00", b"{}"] {
        for method in ["PROPFIND", "PROPPATCH", "LOCK"] {
            assert_eq!(send(method, body).await, 400, "{method}");
        }
    }
    let long = [b"<x>".as_slice(), &vec![b' '; 70_000], b"</x>"].concat();
    assert_eq!(send("PROPFIND", &long).await, 413);
}
