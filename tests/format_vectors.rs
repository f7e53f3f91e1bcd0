//! Known answers: what is stored has the bytes that an independent implementation makes.
//!
//! The vectors in `conformance/format/vectors` come from `conformance/format/make_vectors.py`,
//! which shares nothing with this program but the specification. A missing or unknown file fails.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sealgate::base::{FileName, InodeId, KeyEpoch, Random, SegmentId, Timestamp, VolumeId};
use sealgate::crypto::aead::{Aead, RustCryptoAead, Xaes256Gcm};
use sealgate::crypto::{
    CipherSuite, FrameBinding, KeyTree, Passphrase, PasswordParams, RecordCipher, Secret, SecretId,
    derive_password,
};
use sealgate::format::Compression;
use sealgate::keyslot::{Engine, Header, NewVolume, SseFacts, SseMode};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;

const FILES: [&str; 8] = [
    "frame.vec",
    "handle_mac.vec",
    "header.vec",
    "key_tree.vec",
    "name_hash.vec",
    "record.vec",
    "secret_id.vec",
    "xaes.vec",
];

/// One case of a vector file: keys and their values, a repeated key with all of them.
struct Case {
    name: String,
    fields: BTreeMap<String, Vec<String>>,
}

impl Case {
    fn text(&self, key: &str) -> &str {
        match self.fields.get(key).map(Vec::as_slice) {
            Some([value]) => value,
            found => panic!("{}: `{key}` wants one value, found {found:?}", self.name),
        }
    }

    fn lines(&self, key: &str) -> String {
        let lines = self.fields.get(key).expect("the lines of a text");
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn bytes(&self, key: &str) -> Vec<u8> {
        let text = self.text(key);
        assert!(text.is_ascii() && text.len().is_multiple_of(2), "{}: `{key}`", self.name);
        let digits = |at: usize| text.get(at..at + 2).expect("an even number of digits");
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(digits(at), 16).expect("hexadecimal digits"))
            .collect()
    }

    fn array<const N: usize>(&self, key: &str) -> [u8; N] {
        self.bytes(key).try_into().unwrap_or_else(|_| panic!("{}: `{key}` length", self.name))
    }

    fn number(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap_or_else(|_| panic!("{}: `{key}` is no number", self.name))
    }

    fn u32(&self, key: &str) -> u32 {
        u32::try_from(self.number(key)).expect("a number of 32 bits")
    }

    fn volume(&self) -> VolumeId {
        VolumeId::from_bytes(self.array("volume_id"))
    }

    fn segment(&self) -> SegmentId {
        SegmentId::from_bytes(self.array("segment_id"))
    }

    fn suite(&self) -> CipherSuite {
        match self.text("suite") {
            "aes-256-gcm" => CipherSuite::Aes256Gcm,
            "none" => CipherSuite::None,
            other => panic!("{}: suite {other}", self.name),
        }
    }

    /// The key tree of a case; those without a suite are encrypted.
    fn tree(&self) -> KeyTree {
        let has_suite = self.fields.contains_key("suite");
        let suite = if has_suite { self.suite() } else { CipherSuite::Aes256Gcm };
        let key = secret(&self.array("volume_key"));
        KeyTree::new(suite, self.volume(), KeyEpoch::new(self.u32("epoch")), &key)
    }
}

/// Gives the bytes of a vector where the program draws random ones.
struct Script(Mutex<Vec<u8>>);

impl Script {
    fn new(bytes: Vec<u8>) -> Self {
        Self(Mutex::new(bytes))
    }

    fn is_used_up(&self) -> bool {
        self.0.lock().expect("one thread").is_empty()
    }
}

impl Random for Script {
    fn fill(&self, out: &mut [u8]) {
        let mut left = self.0.lock().expect("one thread");
        let rest = left.split_off(out.len());
        out.copy_from_slice(&left);
        *left = rest;
    }
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance/format/vectors")
}

fn cases(file: &str) -> Vec<Case> {
    let path = directory().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut cases = Vec::new();
    for (index, paragraph) in text.split("\n\n").enumerate() {
        let mut fields = BTreeMap::<String, Vec<String>>::new();
        for line in paragraph.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once(':').expect("a line is `key: value`");
            let value = value.strip_prefix(' ').unwrap_or(value);
            fields.entry(key.to_owned()).or_default().push(value.to_owned());
        }
        if !fields.is_empty() {
            cases.push(Case { name: format!("{file}, case {index}"), fields });
        }
    }
    assert!(!cases.is_empty(), "{file} holds no case");
    cases
}

fn secret(bytes: &[u8; 32]) -> Secret<32> {
    Secret::init(|out| *out = *bytes)
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap_or_else(|e| panic!("{e}"))
}

fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

#[test]
fn every_vector_file_is_read_by_a_test() {
    let found: BTreeSet<_> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, FILES.map(str::to_owned).into());
}

#[test]
fn secrets_give_the_ids_and_keys_of_the_vectors() {
    for case in cases("secret_id.vec") {
        let params = PasswordParams {
            memory_kib: case.u32("memory_kib"),
            passes: case.u32("passes"),
            lanes: case.u32("lanes"),
        };
        let salt = case.array("salt");
        let keys = derive_password(&passphrase(case.text("secret")), &salt, params).ok().unwrap();
        assert_eq!(keys.secret_id.to_string(), case.text("secret_id"), "{}", case.name);
        assert_eq!(SecretId::parse(case.text("secret_id")), Some(keys.secret_id));
        assert_eq!(keys.kek.expose(), &case.array("kek"), "{}", case.name);
    }
    let first = &cases("secret_id.vec")[0];
    assert_eq!(u64::from(PasswordParams::DEFAULT.memory_kib), first.number("memory_kib"));
    assert_eq!(u64::from(PasswordParams::DEFAULT.passes), first.number("passes"));
    assert_eq!(u64::from(PasswordParams::DEFAULT.lanes), first.number("lanes"));
}

/// Method: keys never leave the tree, so each is checked by what it does.
#[test]
fn the_key_tree_derives_the_keys_of_the_vectors() {
    for case in cases("key_tree.vec") {
        let (tree, volume, segment) = (case.tree(), case.volume(), case.segment());
        let mac = hmac_sha256(&case.bytes("header_key"), b"text");
        assert_eq!(tree.header().mac(b"text"), mac, "{}", case.name);
        let mac = hmac_sha256(&case.bytes("handle_key"), b"text");
        assert_eq!(tree.handles().mac(b"text"), mac[..16], "{}", case.name);
        let mac = hmac_sha256(&case.bytes("name_key"), b"\0\0\0\0\0\0\0\x01name");
        let place = u64::from_be_bytes(mac[..8].try_into().unwrap()) >> 1 & !0xF;
        let name = FileName::new(&b"name"[..]).unwrap();
        assert_eq!(tree.names().hash(InodeId::ROOT, &name), place.max(0x10), "{}", case.name);

        let sealed = tree.records().seal(b"key", b"value", &Script::new(vec![7; 24]));
        let aad = [
            &b"\0\0\0\x12sealgate record v1"[..],
            volume.as_bytes(),
            &case.u32("epoch").to_be_bytes(),
            b"\0\0\0\x03key",
        ];
        let mut value = *b"value";
        let cipher = Xaes256Gcm::new(&case.array("record_key"));
        let tag = cipher.seal(&[7; 24], &aad.concat(), &mut value);
        assert_eq!(sealed[29..], [&value[..], &tag].concat(), "{}", case.name);

        let mut segment_key = [0; 32];
        Hkdf::<Sha256>::new(Some(volume.as_bytes()), &case.bytes("content_root"))
            .expand_multi_info(&[b"sealgate v1 segment", segment.as_bytes()], &mut segment_key)
            .unwrap();
        assert_eq!(segment_key, case.array("segment_key"), "{}", case.name);
        let mut sealed = Vec::new();
        tree.segment(segment).seal_directory(volume, segment, b"", &mut sealed);
        let aad = [
            &b"\0\0\0\x1dsealgate segment directory v1"[..],
            volume.as_bytes(),
            segment.as_bytes(),
            &[0; 4],
        ];
        let nonce = [255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0];
        let tag = RustCryptoAead::new(&segment_key).seal(&nonce, &aad.concat(), &mut []);
        assert_eq!(sealed, tag, "{}", case.name);
    }
}

#[test]
fn xaes_gives_the_published_bytes() {
    let all = cases("xaes.vec");
    assert_eq!(all.iter().filter(|case| case.text("source") == "C2SP").count(), 2);
    for case in all {
        let cipher = Xaes256Gcm::new(&case.array("key"));
        let (nonce, aad) = (case.array("nonce"), case.bytes("aad"));
        let mut buf = case.bytes("plain");
        let tag = cipher.seal(&nonce, &aad, &mut buf);
        buf.extend_from_slice(&tag);
        assert_eq!(buf, case.bytes("sealed"), "{}", case.name);
        let (sealed, tag) = buf.split_last_chunk().unwrap();
        let mut out = vec![0; sealed.len()];
        cipher.open(&nonce, &aad, sealed, tag, &mut out).unwrap();
        assert_eq!(out, case.bytes("plain"), "{}", case.name);
    }
}

#[test]
fn frames_and_directories_have_the_bytes_of_the_vectors() {
    for case in cases("frame.vec") {
        let cipher = case.tree().segment(case.segment());
        let (sealed, plain) = (case.bytes("sealed"), case.bytes("plain"));
        let mut buf = plain.clone();
        match case.text("kind") {
            "frame" => {
                let at = FrameBinding {
                    volume: case.volume(),
                    segment: case.segment(),
                    frame: case.u32("frame"),
                    codec: case.text("codec").parse().unwrap(),
                    plain_len: case.u32("plain_len"),
                };
                cipher.seal(&at, &mut buf);
                assert_eq!(cipher.open(&at, &sealed).as_ref(), Ok(&plain), "{}", case.name);
            }
            "directory" => {
                let (volume, segment, footer) =
                    (case.volume(), case.segment(), case.bytes("footer"));
                cipher.seal_directory(volume, segment, &footer, &mut buf);
                let opened = cipher.open_directory(volume, segment, &footer, &sealed);
                assert_eq!(opened.as_ref(), Ok(&plain), "{}", case.name);
            }
            other => panic!("{}: kind {other}", case.name),
        }
        assert_eq!(buf, sealed, "{}", case.name);
    }
}

#[test]
fn records_have_the_bytes_of_the_vectors() {
    for case in cases("record.vec") {
        let tree = case.tree();
        let (key, sealed) = (case.bytes("key"), case.bytes("sealed"));
        let random = Script::new(case.bytes("random"));
        let made = tree.records().seal(&key, &case.bytes("plain"), &random);
        assert_eq!(made, sealed, "{}", case.name);
        assert!(random.is_used_up());
        assert_eq!(tree.records().open(&key, &sealed), Ok(case.bytes("plain")), "{}", case.name);
        assert_eq!(RecordCipher::epoch_of(&sealed), Ok(tree.epoch()));
    }
}

#[test]
fn names_have_the_places_of_the_vectors() {
    for case in cases("name_hash.vec") {
        let parent = InodeId::new(case.number("parent")).unwrap();
        let name = FileName::new(case.bytes("name")).unwrap();
        assert_eq!(case.tree().names().hash(parent, &name), case.number("hash"), "{}", case.name);
    }
}

#[test]
fn file_handles_have_the_macs_of_the_vectors() {
    for case in cases("handle_mac.vec") {
        let tree = case.tree();
        let bytes = case.bytes("bytes");
        assert_eq!(tree.handles().mac(&bytes), case.array("mac"), "{}", case.name);
        assert!(tree.handles().verify(&bytes, &case.bytes("mac")));
    }
}

fn new_volume(case: &Case) -> NewVolume {
    let seconds = i64::try_from(case.number("created")).expect("a time of this century");
    NewVolume {
        volume_id: case.volume(),
        name: case.text("name").to_owned(),
        created: Timestamp::new(seconds, 0),
        encryption: case.suite(),
        compression: match case.text("compression") {
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            other => panic!("compression {other}"),
        },
        extent_bytes: case.u32("extent_bytes"),
        inline_bytes_max: case.u32("inline_bytes_max"),
        engine: Engine::Slate,
        sse: SseFacts {
            mode: match case.text("sse") {
                "kms" => SseMode::Kms,
                "customer" => SseMode::Customer,
                other => panic!("sse {other}"),
            },
            key_id: Some(case.text("sse_key_id").to_owned()).filter(|id| !id.is_empty()),
        },
    }
}

#[test]
fn headers_have_the_text_of_the_vectors() {
    let mut kinds = BTreeSet::new();
    for case in cases("header.vec") {
        kinds.insert(case.text("kind").to_owned());
        let text = case.lines("line");
        let stored = Header::decode(text.as_bytes()).unwrap();
        let header = Header::create(new_volume(&case)).unwrap();
        let header = match case.text("kind") {
            "secret" => {
                let secret = passphrase(case.text("secret"));
                let random = Script::new(case.bytes("random"));
                let now = Timestamp::new(i64::try_from(case.number("set_at")).unwrap(), 5);
                let (verified, _) = header.set_first_secret(&secret, now, &random).unwrap();
                assert!(random.is_used_up());
                let (unlocked, ring) = stored.unlock(&secret).unwrap();
                assert_eq!(unlocked, verified);
                assert_eq!(ring.current().header().mac(b"x"), volume_mac(&case, b"x"));
                verified.into_header()
            }
            "plain" => {
                let (verified, ring) = stored.open_plain().unwrap();
                assert_eq!(ring.current().header().mac(b"x"), volume_mac(&case, b"x"));
                assert_eq!(verified.header(), &header);
                header
            }
            _ => header,
        };
        assert_eq!(String::from_utf8(header.encode()).unwrap(), text, "{}", case.name);
        assert_eq!(header, stored);
    }
    assert_eq!(kinds, ["new", "plain", "secret"].map(str::to_owned).into());
}

/// The MAC that the header key of a case gives.
fn volume_mac(case: &Case, bytes: &[u8]) -> [u8; 32] {
    let key = secret(&case.array("volume_key"));
    KeyTree::new(case.suite(), case.volume(), KeyEpoch::FIRST, &key).header().mac(bytes)
}
