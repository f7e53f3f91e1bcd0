//! A hostile store: it reads everything, and changes, cuts, swaps and removes objects. It learns no
//! marker, and what it serves is refused or is what was written, never something else.
#![cfg(feature = "testkit")]
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/files.rs"]
#[allow(dead_code, reason = "test crates share it, each uses a part")]
mod files;
#[path = "support/hostile_store.rs"]
mod hostile_store;

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use sealgate::crypto::CipherSuite;
use sealgate::meta::engines::{SlateEngine, SlateOptions};
use sealgate::meta::{Durability, Isolation, MetaEngine};
use sealgate::testkit::SECRET;

use files::{objects, store_of};
use hostile_store::{MARKERS, Verdict, Victim};

type Objects = BTreeMap<String, Bytes>;

const HEADERS: [&str; 2] = ["volume.json", "volume.bak.json"];

/// Everything that an attempt to find `marker` in stored bytes would look for.
fn disguises(marker: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(marker).unwrap();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex: String = marker.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut found = vec![marker.to_vec(), utf16, hex.to_uppercase().into_bytes(), hex.into()];
    // Base64 of the marker at each of the three places it can have in a longer text, without the
    // ends that its neighbours decide.
    for skip in 0..3 {
        let padded = [&vec![b'x'; skip][..], marker].concat();
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(padded);
        let from = [0, 2, 3][skip];
        found.push(encoded.as_bytes()[from..encoded.len() - 2].to_vec());
    }
    found
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn leaks(objects: &Objects) -> Vec<String> {
    let mut found = Vec::new();
    for marker in MARKERS.iter().copied().chain([SECRET]) {
        for disguise in disguises(marker.as_bytes()) {
            for (key, body) in objects {
                if contains(key.as_bytes(), &disguise) || contains(body, &disguise) {
                    found.push(format!("{marker} in {key}"));
                }
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stored_object_holds_a_name_content_target_property_or_the_secret() {
    let victim = Victim::create(CipherSuite::Aes256Gcm).await;
    assert!(victim.objects.len() > 5, "{:?}", victim.objects.keys());
    assert_eq!(leaks(&victim.objects), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_for_markers_finds_them_in_a_volume_without_encryption() {
    let victim = Victim::create(CipherSuite::None).await;
    let found = leaks(&victim.objects).join("\n");
    for marker in MARKERS {
        assert!(found.contains(marker), "{marker}: {found}");
    }
    assert!(!found.contains(SECRET));
}

/// Places in an object of `len` bytes: its head, its middle, its tail, and some between.
fn places(len: usize) -> Vec<usize> {
    let mut found: Vec<usize> =
        [0, 1, 4, 8, 17, 40, len / 4, len / 2, len / 2 + 1, len * 3 / 4].to_vec();
    found.extend([1, 2, 4, 6, 9, 16, 24, 33, 64, 130].map(|back| len.saturating_sub(back)));
    found.retain(|at| *at < len);
    found.sort_unstable();
    found.dedup();
    found
}

fn flipped(body: &Bytes, at: usize) -> Bytes {
    let mut body = body.to_vec();
    body[at] ^= 1 << (at % 8);
    body.into()
}

fn with(objects: &Objects, key: &str, body: Bytes) -> Objects {
    let mut objects = objects.clone();
    objects.insert(key.to_owned(), body);
    objects
}

async fn flip_everything(suite: CipherSuite) {
    let victim = Victim::create(suite).await;
    let (mut refused, mut harmless) = (0, 0);
    for (key, body) in &victim.objects {
        if HEADERS.contains(&key.as_str()) {
            continue;
        }
        for at in places(body.len()) {
            let what = format!("bit {} of byte {at} of {key} ({} bytes)", at % 8, body.len());
            match victim.look(with(&victim.objects, key, flipped(body, at)), &what).await {
                Verdict::Refused => refused += 1,
                Verdict::Same => harmless += 1,
            }
        }
    }
    assert!(refused > 60, "{refused} flips were refused, {harmless} did no harm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_a_sealed_volume_is_refused_or_harmless() {
    flip_everything(CipherSuite::Aes256Gcm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_a_plain_volume_is_refused_or_harmless() {
    flip_everything(CipherSuite::None).await;
}

/// Every 64th byte of the header flipped: in one copy, in the other, in both.
async fn flip_headers(suite: CipherSuite) {
    let victim = Victim::create(suite).await;
    for flip in [&HEADERS[..1], &HEADERS[1..], &HEADERS[..]] {
        let len = victim.objects[HEADERS[0]].len();
        for at in (0..len).step_by(64) {
            let mut objects = victim.objects.clone();
            for key in flip {
                objects.insert((*key).to_owned(), flipped(&victim.objects[*key], at));
            }
            let what = format!("byte {at} of {flip:?}");
            let verdict = victim.look_with_secret(objects, &what).await;
            if flip.len() == 1 {
                assert_eq!(verdict, Verdict::Same, "{what}: the other copy is there");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_header_of_a_sealed_volume_is_refused_or_harmless() {
    flip_headers(CipherSuite::Aes256Gcm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_header_of_a_plain_volume_is_refused_or_harmless() {
    flip_headers(CipherSuite::None).await;
}

async fn cut_and_remove(suite: CipherSuite) {
    let victim = Victim::create(suite).await;
    for (key, body) in victim.objects.iter().filter(|(key, _)| !HEADERS.contains(&key.as_str())) {
        for len in [0, 1, body.len() / 2, body.len() - 1] {
            let cut = with(&victim.objects, key, body.slice(..len));
            victim.look(cut, &format!("{key} cut to {len} of {}", body.len())).await;
        }
        if key.starts_with("seg/") {
            let mut objects = victim.objects.clone();
            objects.remove(key);
            let verdict = victim.look(objects, &format!("{key} is gone")).await;
            assert_eq!(verdict, Verdict::Refused, "{key} is gone");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_object_or_lost_segment_of_a_sealed_volume_is_refused() {
    cut_and_remove(CipherSuite::Aes256Gcm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_object_or_lost_segment_of_a_plain_volume_is_refused() {
    cut_and_remove(CipherSuite::None).await;
}

async fn swap_segments(suite: CipherSuite) {
    let victim = Victim::create(suite).await;
    let segments: Vec<&String> =
        victim.objects.keys().filter(|key| key.starts_with("seg/")).collect();
    assert!(segments.len() > 1);
    let mut objects = victim.objects.clone();
    objects.insert(segments[0].clone(), victim.objects[segments[1]].clone());
    objects.insert(segments[1].clone(), victim.objects[segments[0]].clone());
    let verdict = victim.look(objects, "two segments change places").await;
    assert_eq!(verdict, Verdict::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_change_places_are_refused() {
    swap_segments(CipherSuite::Aes256Gcm).await;
    swap_segments(CipherSuite::None).await;
}

/// Exchanges the values of the first two keys of a table.
async fn swap_records(objects: &Objects, table: u8) -> Objects {
    let store = store_of(objects).await;
    let engine = SlateEngine::open(&store, &SlateOptions::default()).await.unwrap();
    let found = engine.scan(&[table], None, 2).await.unwrap();
    assert_eq!(found.len(), 2, "table {}", char::from(table));
    let mut txn = engine.begin(Isolation::CallerLocks).await.unwrap();
    txn.put(found[0].0.clone(), found[1].1.clone());
    txn.put(found[1].0.clone(), found[0].1.clone());
    txn.commit(Durability::Durable).await.unwrap();
    engine.close().await.unwrap();
    files::objects(&store).await
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_change_places_are_refused() {
    for suite in [CipherSuite::Aes256Gcm, CipherSuite::None] {
        let victim = Victim::create(suite).await;
        for table in [b'I', b'D', b'E', b'X', b'C'] {
            let objects = swap_records(&victim.objects, table).await;
            let what = format!("{suite:?}: two records {} change places", char::from(table));
            assert_eq!(victim.look(objects, &what).await, Verdict::Refused, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_of_another_volume_with_the_same_secret_is_refused() {
    for suite in [CipherSuite::Aes256Gcm, CipherSuite::None] {
        let (victim, other) = (Victim::create(suite).await, Victim::create(suite).await);
        let mut objects = victim.objects.clone();
        for key in HEADERS {
            objects.insert(key.to_owned(), other.objects[key].clone());
        }
        let verdict = victim.look_with_secret(objects, "the header of another volume").await;
        assert_eq!(verdict, Verdict::Refused, "{suite:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_volume_shows_what_was_written() {
    let victim = Victim::create(CipherSuite::Aes256Gcm).await;
    let before = victim.objects.clone();
    assert_eq!(victim.look(before.clone(), "untouched").await, Verdict::Same);
    let store = store_of(&before).await;
    assert_eq!(objects(&store).await, before);
    tokio::time::timeout(Duration::from_secs(30), victim.look_with_secret(before, "untouched"))
        .await
        .unwrap();
}
