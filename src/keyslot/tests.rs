use super::slot::NewSlot;
use super::*;
use crate::base::limits::{HEADER_BYTES_MAX, KEY_EPOCHS_MAX, SLOTS_MAX};
use crate::base::{KeyEpoch, OsRandom, Timestamp, VolumeId};
use crate::crypto::{CipherSuite, KeyTree, Passphrase, PasswordParams, Secret, derive_password};
use crate::format::Compression;
use proptest::prelude::*;
use std::sync::LazyLock;

const SECRET: &str = "correct horse battery";
const NOW: Timestamp = Timestamp { seconds: 1_800_000_000, nanos: 0 };
const CHEAP: PasswordParams = PasswordParams { memory_kib: 64, passes: 1, lanes: 1 };

/// A header with its first secret; made once, because the derivation has its real cost.
static LOCKED: LazyLock<Header> = LazyLock::new(|| {
    let (verified, _) = fresh().set_first_secret(&pass(SECRET), NOW, &OsRandom).unwrap();
    verified.into_header()
});

fn new_volume() -> NewVolume {
    NewVolume {
        volume_id: VolumeId::from_bytes([7; 16]),
        name: "café \"one\"".to_owned(),
        created: NOW,
        encryption: CipherSuite::Aes256Gcm,
        compression: Compression::Lz4,
        extent_bytes: 64 << 10,
        inline_bytes_max: 8 << 10,
        engine: Engine::Slate,
        sse: SseFacts { mode: SseMode::Kms, key_id: Some("alias/volumes".to_owned()) },
    }
}

fn fresh() -> Header {
    Header::create(new_volume()).unwrap()
}

fn plain() -> Header {
    Header::create(NewVolume { encryption: CipherSuite::None, ..new_volume() }).unwrap()
}

fn pass(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).ok().unwrap()
}

/// A cheap slot that `text` opens, holding the volume key of `epoch`.
fn cheap_slot(id: u32, text: &str, epoch: u32, key: u8) -> Slot {
    let keys = derive_password(&pass(text), &[9; 16], CHEAP).ok().unwrap();
    let volume = new_volume().volume_id;
    let new = NewSlot { volume, id, label: "test", created: NOW, params: CHEAP };
    let key = (KeyEpoch::new(epoch), &filled(key));
    Slot::for_passphrase(new, &keys, key, &OsRandom)
}

fn filled(byte: u8) -> Secret<32> {
    Secret::init(|out| out.fill(byte))
}

fn tree(epoch: u32, key: u8) -> KeyTree {
    let (suite, volume) = (CipherSuite::Aes256Gcm, new_volume().volume_id);
    KeyTree::new(suite, volume, KeyEpoch::new(epoch), &filled(key))
}

#[test]
fn a_header_reads_back_from_its_own_text() {
    for header in [&fresh(), &plain(), &LOCKED] {
        let text = header.encode();
        assert_eq!(Header::decode(&text).as_ref(), Ok(header));
        assert!(text.starts_with(b"{\n  \"sealgate_volume\": 1,\n  \"generation\": "));
        assert!(text.ends_with(b"\"\n}\n"));
    }
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    for header in [&plain(), &LOCKED] {
        let text = header.encode();
        for bit in 0..text.len() * 8 {
            let mut bad = text.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bad).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn no_cut_and_no_extra_byte_goes_unnoticed() {
    let text = fresh().encode();
    for len in 0..text.len() {
        assert!(Header::decode(&text[..len]).is_err(), "{len} bytes");
    }
    for extra in [&b" "[..], b"\n", b"\0", b"{}"] {
        assert!(Header::decode(&[&text, extra].concat()).is_err());
        assert!(Header::decode(&[extra, &text].concat()).is_err());
    }
}

#[test]
fn only_the_canonical_text_is_taken() {
    let text = String::from_utf8(fresh().encode()).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Header::decode(text.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert_eq!(refused("  \"name\"", " \"name\""), HeaderError::NotCanonical);
    assert_eq!(refused("café", "caf\\u00e9"), HeaderError::NotCanonical);
    assert_eq!(refused("café", "cafe"), HeaderError::Checksum);
    let other_field = refused("\"name\"", "\"nome\"");
    assert!(matches!(other_field, HeaderError::Malformed { .. }), "{other_field:?}");
    let twice = refused("  \"name\"", "  \"epoch\": 1,\n  \"name\"");
    assert!(matches!(twice, HeaderError::Malformed { .. }), "{twice:?}");
}

#[test]
fn a_later_format_is_named_before_its_fields_are_refused() {
    let later = br#"{"sealgate_volume": 2, "something": "new"}"#;
    assert_eq!(Header::decode(later), Err(HeaderError::Version { found: 2 }));
}

#[test]
fn values_out_of_range_are_refused() {
    let refused = |change: &dyn Fn(&mut NewVolume)| {
        let mut new = new_volume();
        change(&mut new);
        Header::create(new).err()
    };
    let range = |field| Some(HeaderError::Range { field });
    assert_eq!(refused(&|new| new.name = "é".repeat(64)), None);
    assert_eq!(refused(&|new| new.name = "é".repeat(65)), range("name"));
    assert_eq!(refused(&|new| new.name = "a\u{85}b".to_owned()), range("name"));
    assert_eq!(refused(&|new| new.extent_bytes = 8 << 10), range("extent_bytes"));
    assert_eq!(refused(&|new| new.extent_bytes = 2 << 20), range("extent_bytes"));
    assert_eq!(refused(&|new| new.extent_bytes = 65_537), range("extent_bytes"));
    assert_eq!(refused(&|new| new.inline_bytes_max = 32_769), range("inline_bytes_max"));
    assert_eq!(refused(&|new| new.sse.mode = SseMode::S3), range("sse.key_id"));
    assert_eq!(refused(&|new| new.sse.key_id = Some(String::new())), range("sse.key_id"));
    assert_eq!(refused(&|new| new.created.seconds = i64::MIN), None);
}

#[test]
fn hostile_costs_are_refused_when_the_header_is_read() {
    let text = String::from_utf8(LOCKED.encode()).unwrap();
    for (from, to, field) in [
        ("\"memory_kib\": 65536", "\"memory_kib\": 4294967295", "slots.kdf"),
        ("\"passes\": 3", "\"passes\": 4000000000", "slots.kdf"),
        ("\"lanes\": 4", "\"lanes\": 0", "slots.kdf"),
        ("\"version\": 19", "\"version\": 16", "slots.kdf.version"),
        ("\"epoch\": 1", "\"epoch\": 2", "slots.keys"),
    ] {
        assert!(text.contains(from), "{from}");
        let bad = text.replacen(from, to, 1);
        assert_eq!(Header::decode(bad.as_bytes()), Err(HeaderError::Range { field }), "{to}");
    }
}

#[test]
fn only_the_right_secret_opens_and_gives_the_same_keys() {
    let (verified, keys) = fresh().set_first_secret(&pass(SECRET), NOW, &OsRandom).unwrap();
    let header = Header::decode(&verified.header().encode()).unwrap();
    assert_eq!(header.generation(), 2);
    let (again, ring) = header.unlock(&pass(SECRET)).unwrap();
    assert_eq!(again, verified);
    assert_eq!(ring.current().handles().mac(b"x"), keys.current().handles().mac(b"x"));
    assert_eq!(ring.volume(), header.volume_id());
    let wrong = header.unlock(&pass("correct horse batterz")).err();
    assert_eq!(wrong, Some(KeyslotError::IncorrectSecret));
    assert_eq!(KeyslotError::IncorrectSecret.to_string(), "incorrect volume secret");
}

#[test]
fn a_first_secret_is_set_once() {
    assert_eq!(fresh().unlock(&pass(SECRET)).err(), Some(KeyslotError::NoSecret));
    let again = LOCKED.clone().set_first_secret(&pass(SECRET), NOW, &OsRandom);
    assert_eq!(again.err(), Some(KeyslotError::HasSecret));
}

#[test]
fn a_plain_volume_takes_no_secret_and_an_encrypted_one_needs_it() {
    let (verified, ring) = plain().open_plain().unwrap();
    assert_eq!(verified.header(), &plain());
    assert_eq!(ring.suite(), CipherSuite::None);
    assert_eq!(plain().unlock(&pass(SECRET)).err(), Some(KeyslotError::NotEncrypted));
    let set = plain().set_first_secret(&pass(SECRET), NOW, &OsRandom);
    assert_eq!(set.err(), Some(KeyslotError::NotEncrypted));
    assert_eq!(LOCKED.open_plain().err(), Some(KeyslotError::Encrypted));
    assert_eq!(fresh().open_plain().err(), Some(KeyslotError::Encrypted));
}

#[test]
fn a_header_altered_together_with_its_checksum_gives_no_keys() {
    let unlock = |change: &dyn Fn(&mut Header)| {
        let mut header = LOCKED.clone();
        change(&mut header);
        // The stored text is valid: only somebody with a key can tell.
        let header = Header::decode(&header.encode()).unwrap();
        header.unlock(&pass(SECRET)).err()
    };
    let refused = Some(KeyslotError::HeaderRefused);
    assert_eq!(unlock(&|_| ()), None);
    assert_eq!(unlock(&|header| header.fields.name.push('x')), refused);
    assert_eq!(unlock(&|header| header.fields.generation += 1), refused);
    assert_eq!(unlock(&|header| header.fields.compression = Compression::None), refused);
    assert_eq!(unlock(&|header| header.fields.mac = Some([0; 32])), refused);
    assert_eq!(
        unlock(&|header| header.fields.volume_id = VolumeId::from_bytes([8; 16])),
        Some(KeyslotError::SlotRefused { slot: 0 })
    );
    let (other, _) = fresh().set_first_secret(&pass("another secret"), NOW, &OsRandom).unwrap();
    assert_eq!(
        unlock(&|header| header.fields.secret_id = other.header().secret_id().cloned()),
        refused,
        "the slot itself still knows its secret"
    );
    assert_eq!(
        unlock(&|header| header.fields.slots = other.header().slots().to_vec()),
        Some(KeyslotError::IncorrectSecret)
    );
}

#[test]
fn older_epochs_open_with_the_same_secret() {
    let mut header = fresh();
    header.fields.epoch = KeyEpoch::new(2);
    let slot = |epoch, key| {
        let slot = serde_json::to_value(cheap_slot(0, SECRET, epoch, key)).unwrap();
        (slot["keys"][0].clone(), slot)
    };
    let (old, _) = slot(1, 1);
    let (new, mut both) = slot(2, 2);
    both["keys"] = vec![old, new].into();
    header.fields.slots = vec![serde_json::from_value(both).unwrap()];
    let keys = derive_password(&pass(SECRET), &[9; 16], CHEAP).ok().unwrap();
    header.fields.secret_id = Some(keys.secret_id);
    header.fields.mac = Some([0; 32]);
    assert_eq!(header.fields.check(), Ok(()));
    // Without the right MAC nothing comes out, so the MAC is made as an update would make it.
    assert_eq!(header.unlock(&pass(SECRET)).err(), Some(KeyslotError::HeaderRefused));
    header.fields.mac = Some(tree(2, 2).header().mac(&header.mac_text()));
    let (_, ring) = header.unlock(&pass(SECRET)).unwrap();
    assert_eq!(ring.current().epoch(), KeyEpoch::new(2));
    let mac = |tree: &KeyTree| tree.handles().mac(b"x");
    assert_eq!(ring.epoch(KeyEpoch::FIRST).map(mac), Some(mac(&tree(1, 1))));
    header.fields.slots.clear();
    header.fields.slots.push(cheap_slot(0, SECRET, 1, 1));
    assert_eq!(header.fields.check(), Err(HeaderError::Range { field: "slots.keys" }));
}

#[test]
fn a_second_slot_opens_with_its_own_secret() {
    let mut header = fresh();
    let main = derive_password(&pass(SECRET), &[1; 16], CHEAP).ok().unwrap();
    let new = NewSlot { volume: header.volume_id(), id: 0, label: "", created: NOW, params: CHEAP };
    let first = Slot::for_passphrase(new, &main, (KeyEpoch::FIRST, &filled(5)), &OsRandom);
    header.fields.slots = vec![first, cheap_slot(3, "second secret", 1, 5)];
    header.fields.secret_id = Some(main.secret_id);
    header.fields.mac = Some(tree(1, 5).header().mac(&header.mac_text()));
    let header = Header::decode(&header.encode()).unwrap();
    assert!(header.unlock(&pass(SECRET)).is_ok());
    assert!(header.unlock(&pass("second secret")).is_ok());
    assert_eq!(header.unlock(&pass("third secret")).err(), Some(KeyslotError::IncorrectSecret));
}

#[test]
fn the_largest_header_fits_and_one_slot_more_does_not() {
    let mut slot = serde_json::to_value(cheap_slot(0, SECRET, 1, 1)).unwrap();
    slot["label"] = "\\".repeat(64).into();
    let key = slot["keys"][0].clone();
    let keys = (0..KEY_EPOCHS_MAX).map(|index| {
        let mut key = key.clone();
        key["epoch"] = (u32::MAX - 31 + u32::try_from(index).unwrap()).into();
        key
    });
    slot["keys"] = keys.collect::<Vec<_>>().into();
    let slots = |count: usize| {
        (0..count).map(|index| {
            let mut slot = slot.clone();
            slot["id"] = (u32::MAX - 64 + u32::try_from(index).unwrap()).into();
            serde_json::from_value(slot).unwrap()
        })
    };
    let mut header = LOCKED.clone();
    header.fields.epoch = KeyEpoch::new(u32::MAX);
    header.fields.name = "\u{10000}".repeat(64);
    header.fields.sse.key_id = Some("\u{10000}".repeat(2_048));
    header.fields.slots = slots(SLOTS_MAX).collect();
    let text = header.encode();
    assert!(text.len() <= HEADER_BYTES_MAX, "{} bytes", text.len());
    assert_eq!(Header::decode(&text), Ok(header.clone()));
    header.fields.slots = slots(SLOTS_MAX + 1).collect();
    assert_eq!(Header::decode(&header.encode()), Err(HeaderError::Range { field: "slots" }));
    let long = vec![b' '; HEADER_BYTES_MAX + 1];
    assert_eq!(Header::decode(&long), Err(HeaderError::TooLong { found: long.len() }));
}

#[test]
fn the_newer_readable_copy_counts() {
    let (old, new) = (fresh().encode(), LOCKED.encode());
    let choose = |first: Option<&[u8]>, second: Option<&[u8]>| {
        choose_copy(first, second)
            .map(|found| (found.header.generation(), found.first_is_stale, found.second_is_stale))
    };
    assert_eq!(choose(Some(&new), Some(&new)), Ok((2, false, false)));
    assert_eq!(choose(Some(&new), Some(&old)), Ok((2, false, true)));
    assert_eq!(choose(Some(&old), Some(&new)), Ok((2, true, false)));
    assert_eq!(choose(Some(&new), None), Ok((2, false, true)));
    assert_eq!(choose(None, Some(&new)), Ok((2, true, false)));
    assert_eq!(choose(Some(&new[1..]), Some(&old)), Ok((1, true, false)));
    assert_eq!(choose(Some(&new), Some(b"")), Ok((2, false, true)));
}

#[test]
fn copies_that_cannot_be_trusted_are_refused() {
    let text = fresh().encode();
    assert_eq!(choose_copy(None, None), Err(HeaderError::Missing));
    assert!(matches!(choose_copy(Some(b"{"), Some(b"")), Err(HeaderError::Malformed { .. })));
    assert!(matches!(choose_copy(None, Some(b"")), Err(HeaderError::Malformed { .. })));
    let later = &br#"{"sealgate_volume": 2}"#[..];
    let version = Err(HeaderError::Version { found: 2 });
    assert_eq!(choose_copy(Some(later), Some(&text)), version);
    assert_eq!(choose_copy(Some(&text), Some(later)), version);
    let mut foreign = fresh();
    foreign.fields.volume_id = VolumeId::from_bytes([8; 16]);
    let foreign = foreign.encode();
    assert_eq!(choose_copy(Some(&text), Some(&foreign)), Err(HeaderError::ForeignCopy));
}

proptest! {
    #[test]
    fn foreign_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Header::decode(&bytes).is_err());
    }

    /// Method: cut a piece out of a real header and put other text there.
    #[test]
    fn spliced_text_is_refused(
        start in 0_usize..1_300,
        cut in 0_usize..40,
        patch in "[0-9a-z\"{}:,\\[\\] ]{0,40}",
    ) {
        let text = LOCKED.encode();
        let start = start.min(text.len());
        let end = (start + cut).min(text.len());
        let spliced = [&text[..start], patch.as_bytes(), &text[end..]].concat();
        prop_assume!(spliced != text);
        prop_assert!(Header::decode(&spliced).is_err());
    }
}
