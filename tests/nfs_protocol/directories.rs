//! Listings: exact sizes, stable places, `.` and `..`.

use std::collections::BTreeSet;

use nfs3_types::nfs3::{
    Nfs3Option, Nfs3Result, READDIR3args, READDIRPLUS3args, REMOVE3args, cookieverf3, nfs_fh3,
    nfsstat3,
};
use nfs3_types::xdr_codec::Pack;

use crate::support::{Client, Server, at, status};

struct Page {
    /// Names with their cookies and file numbers.
    entries: Vec<(String, u64, u64)>,
    eof: bool,
    /// Bytes of the result.
    len: usize,
}

fn text(name: &[u8]) -> String {
    String::from_utf8(name.to_vec()).unwrap()
}

async fn readdir(
    client: &mut Client,
    dir: &nfs_fh3,
    cookie: u64,
    count: u32,
) -> Result<Page, nfsstat3> {
    let args = READDIR3args { dir: dir.clone(), cookie, cookieverf: cookieverf3([0; 8]), count };
    match client.nfs.readdir(&args).await.unwrap() {
        Nfs3Result::Ok(page) => {
            assert_ne!(page.cookieverf.0, [0; 8]);
            let (len, eof) = (page.packed_size(), page.reply.eof);
            let entries = page.reply.entries.into_inner();
            let entries = entries.iter().map(|e| (text(&e.name.0), e.cookie, e.fileid)).collect();
            Ok(Page { entries, eof, len })
        }
        Nfs3Result::Err((status, _)) => Err(status),
    }
}

async fn readdirplus(
    client: &mut Client,
    dir: &nfs_fh3,
    cookie: u64,
    (dircount, maxcount): (u32, u32),
) -> Result<Page, nfsstat3> {
    let cookieverf = cookieverf3([9; 8]);
    let args = READDIRPLUS3args { dir: dir.clone(), cookie, cookieverf, dircount, maxcount };
    match client.nfs.readdirplus(&args).await.unwrap() {
        Nfs3Result::Ok(page) => {
            let (len, eof) = (page.packed_size(), page.reply.eof);
            let mut entries = Vec::new();
            for entry in page.reply.entries.into_inner() {
                let Nfs3Option::Some(attr) = &entry.name_attributes else { panic!("attributes") };
                assert_eq!(attr.fileid, entry.fileid);
                assert!(entry.name_handle.is_some());
                entries.push((text(&entry.name.0), entry.cookie, entry.fileid));
            }
            Ok(Page { entries, eof, len })
        }
        Nfs3Result::Err((status, _)) => Err(status),
    }
}

/// A directory with files whose names have all lengths of padding.
async fn filled(client: &mut Client, count: usize) -> (nfs_fh3, BTreeSet<String>) {
    let dir = client.mkdir("d").await;
    let mut names = BTreeSet::new();
    for index in 0..count {
        let name = format!("{index:04}{}", "x".repeat(index % 9));
        let root = std::mem::replace(&mut client.root, dir.clone());
        client.create(&name).await;
        client.root = root;
        names.insert(name);
    }
    (dir, names)
}

#[tokio::test]
async fn a_listing_in_pages_of_any_size_gives_every_name_once_and_keeps_to_the_size() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let (dir, names) = filled(&mut client, 60).await;
    for count in [140, 151, 200, 512, 1_000, 4_096, 1 << 20, u32::MAX] {
        for plus in [false, true] {
            let (mut cookie, mut seen, mut pages) = (0, Vec::new(), 0);
            loop {
                let page = if plus {
                    readdirplus(&mut client, &dir, cookie, (count, count.saturating_add(200)))
                        .await
                        .unwrap()
                } else {
                    readdir(&mut client, &dir, cookie, count).await.unwrap()
                };
                let most = u64::from(count) + if plus { 200 } else { 0 };
                assert!(u64::try_from(page.len).unwrap() <= most, "{} in {most}", page.len);
                assert!(page.eof || !page.entries.is_empty(), "a page gets somewhere");
                cookie = page.entries.last().map_or(cookie, |entry| entry.1);
                seen.extend(page.entries.into_iter().map(|entry| entry.0));
                pages += 1;
                assert!(pages <= 100, "the listing ends");
                if page.eof {
                    break;
                }
            }
            assert_eq!(seen[..2], [".", ".."]);
            assert_eq!(seen.len(), names.len() + 2, "count {count}");
            assert_eq!(seen.into_iter().skip(2).collect::<BTreeSet<_>>(), names);
        }
    }
}

#[tokio::test]
async fn the_largest_reply_that_does_not_fit_one_more_entry_is_full() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let dir = client.mkdir("d").await;
    let whole = readdir(&mut client, &dir, 0, 4_096).await.unwrap();
    assert_eq!(whole.entries.len(), 2);
    let exact = u32::try_from(whole.len).unwrap();
    let page = readdir(&mut client, &dir, 0, exact).await.unwrap();
    assert_eq!((page.entries.len(), page.eof), (2, true), "it fits to the byte");
    let page = readdir(&mut client, &dir, 0, exact - 1).await.unwrap();
    assert_eq!((page.entries.len(), page.eof), (1, false));
}

#[tokio::test]
async fn a_size_without_room_for_one_entry_is_too_small() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let dir = client.root.clone();
    let too_small = Err(nfsstat3::NFS3ERR_TOOSMALL);
    for count in [0, 1, 103, 104, 131] {
        assert_eq!(readdir(&mut client, &dir, 0, count).await.map(|_| ()), too_small, "{count}");
        let plus = readdirplus(&mut client, &dir, 0, (count, count)).await;
        assert_eq!(plus.map(|_| ()), too_small, "{count}");
    }
    assert_eq!(readdir(&mut client, &dir, 0, 132).await.unwrap().entries.len(), 1);
    let wish = readdirplus(&mut client, &dir, 0, (0, 4_096)).await.unwrap();
    assert_eq!(wish.entries.len(), 1, "dircount is a wish and never prevents the first entry");
}

#[tokio::test]
async fn a_listing_keeps_its_place_while_entries_before_it_are_removed() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let (dir, mut names) = filled(&mut client, 40).await;
    let mut cookie = 0;
    loop {
        let page = readdir(&mut client, &dir, cookie, 300).await.unwrap();
        for (name, next, _) in &page.entries {
            cookie = *next;
            if names.remove(name) {
                let args = REMOVE3args { object: at(&dir, name) };
                let removed = client.nfs.remove(&args).await.unwrap();
                assert_eq!(status(&removed), nfsstat3::NFS3_OK);
            }
        }
        if page.eof {
            break;
        }
    }
    assert!(names.is_empty(), "rm -r saw every name: {} left", names.len());
}

#[tokio::test]
async fn dots_name_the_directory_and_its_parent_and_the_root_is_its_own_parent() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let dir = client.mkdir("d").await;
    let root = client.root.clone();
    let number = |attr: nfs3_types::nfs3::fattr3| attr.fileid;
    let root_id = number(client.getattr(&root).await.unwrap());
    let dir_id = number(client.getattr(&dir).await.unwrap());
    let page = readdir(&mut client, &dir, 0, 4_096).await.unwrap();
    assert_eq!((page.entries[0].2, page.entries[1].2), (dir_id, root_id));
    let page = readdirplus(&mut client, &root, 0, (4_096, 4_096)).await.unwrap();
    assert_eq!((page.entries[0].2, page.entries[1].2), (root_id, root_id));
    assert_eq!(client.lookup(".").await.unwrap().data, root.data);
    assert_eq!(client.lookup("..").await.unwrap().data, root.data, "nobody climbs out");
    client.root = dir.clone();
    assert_eq!(client.lookup(".").await.unwrap().data, dir.data);
    assert_eq!(client.lookup("..").await.unwrap().data, root.data);
}

#[tokio::test]
async fn cookies_that_no_listing_gave_and_files_are_refused() {
    let server = Server::start().await;
    let mut client = server.client(0).await;
    let root = client.root.clone();
    for cookie in 3..16 {
        let refused = readdir(&mut client, &root, cookie, 4_096).await.map(|_| ());
        assert_eq!(refused, Err(nfsstat3::NFS3ERR_BAD_COOKIE));
    }
    let file = client.create("f").await;
    let refused = readdir(&mut client, &file, 0, 4_096).await.map(|_| ());
    assert_eq!(refused, Err(nfsstat3::NFS3ERR_NOTDIR));
    client.root = file;
    assert_eq!(client.lookup(".").await.unwrap_err(), nfsstat3::NFS3ERR_NOTDIR);
}
