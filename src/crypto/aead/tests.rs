use super::*;
use crate::base::{KeyEpoch, OsRandom, SegmentId, VolumeId};
use crate::crypto::{CipherSuite, KeyTree, SecretId};
use proptest::prelude::*;

proptest! {
    #[test]
    fn both_providers_give_the_same_bytes(
        key: [u8; 32],
        nonce: [u8; 12],
        aad in proptest::collection::vec(any::<u8>(), 0..200),
        plain in proptest::collection::vec(any::<u8>(), 0..5_000),
    ) {
        let (fast, portable) = (AwsLcAead::new(&key), RustCryptoAead::new(&key));
        let (mut one, mut two) = (plain.clone(), plain.clone());
        let tag = fast.seal(&nonce, &aad, &mut one);
        prop_assert_eq!(tag, portable.seal(&nonce, &aad, &mut two));
        prop_assert_eq!(&one, &two);
        let mut out = vec![0; plain.len()];
        prop_assert_eq!(portable.open(&nonce, &aad, &one, &tag, &mut out), Ok(()));
        prop_assert_eq!(&out, &plain);
        out.fill(0);
        prop_assert_eq!(fast.open(&nonce, &aad, &one, &tag, &mut out), Ok(()));
        prop_assert_eq!(&out, &plain);
    }
}

proptest! {
    #[test]
    fn foreign_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let key = Secret::random(&OsRandom);
        let (volume, segment) = (VolumeId::from_bytes([1; 16]), SegmentId::from_bytes([2; 16]));
        for suite in [CipherSuite::Aes256Gcm, CipherSuite::None] {
            let tree = KeyTree::new(suite, volume, KeyEpoch::FIRST, &key);
            prop_assert_eq!(tree.records().open(b"key", &bytes), Err(OpenError));
            let opened = tree.segment(segment).open_directory(volume, segment, b"", &bytes);
            prop_assert_eq!(opened, Err(OpenError));
        }
        prop_assert_eq!(unwrap_key(&key, &slot(1), &bytes).err(), Some(OpenError));
        if let Some(id) = std::str::from_utf8(&bytes).ok().and_then(SecretId::parse) {
            prop_assert_eq!(id.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn a_secret_id_reads_from_one_text_only(text in "[A-Za-z0-9+/]{22}==:[A-Za-z0-9+/]{43}=") {
        // Most such texts have bits beyond the last byte; those are not canonical.
        let canonical = |c: char, allowed: &str| allowed.contains(c);
        let is_canonical = canonical(text.chars().nth(21).unwrap(), "AQgw")
            && canonical(text.chars().nth(67).unwrap(), "AEIMQUYcgkosw048");
        let read = SecretId::parse(&text).map(|id| id.to_string());
        prop_assert_eq!(read, is_canonical.then_some(text));
    }
}

#[test]
fn no_provider_opens_altered_bytes() {
    let providers: [Box<dyn Aead>; 3] = [
        Box::new(AwsLcAead::new(&[1; 32])),
        Box::new(RustCryptoAead::new(&[1; 32])),
        Box::new(UnkeyedTag),
    ];
    for aead in providers {
        let mut sealed = *b"bytes";
        let tag = aead.seal(&[2; 12], b"aad", &mut sealed);
        let mut out = [0; 5];
        assert_eq!(aead.open(&[2; 12], b"aad", &sealed, &tag, &mut out), Ok(()));
        assert_eq!(&out, b"bytes");
        let mut altered = sealed;
        altered[4] ^= 0x80;
        let mut other_tag = tag;
        other_tag[15] ^= 1;
        assert_eq!(aead.open(&[2; 12], b"aad", &altered, &tag, &mut out), Err(OpenError));
        assert_eq!(aead.open(&[2; 12], b"aad", &sealed, &other_tag, &mut out), Err(OpenError));
        assert_eq!(aead.open(&[2; 12], b"aae", &sealed, &tag, &mut out), Err(OpenError));
        assert_eq!(aead.open(&[3; 12], b"aad", &sealed, &tag, &mut out), Err(OpenError));
        assert_eq!(aead.open(&[2; 12], b"aad", &sealed, &tag, &mut out[..4]), Err(OpenError));
    }
}

fn slot(epoch: u32) -> SlotBinding {
    SlotBinding {
        volume: VolumeId::from_bytes([1; 16]),
        epoch: KeyEpoch::new(epoch),
        slot: 0,
        kind: "passphrase",
        kdf: b"costs and salt".to_vec(),
    }
}

#[test]
fn a_wrapped_key_opens_only_in_its_own_slot_and_under_its_own_kek() {
    let kek = Secret::random(&OsRandom);
    let key = Secret::random(&OsRandom);
    let wrapped = wrap_key(&kek, &slot(1), &key, &OsRandom);
    assert!(
        unwrap_key(&kek, &slot(1), &wrapped).unwrap_or_else(|_| Secret::init(|_| ())).ct_eq(&key)
    );
    assert_eq!(unwrap_key(&kek, &slot(2), &wrapped).err(), Some(OpenError));
    assert_eq!(unwrap_key(&key, &slot(1), &wrapped).err(), Some(OpenError));
    for len in 0..wrapped.len() {
        assert_eq!(unwrap_key(&kek, &slot(1), &wrapped[..len]).err(), Some(OpenError));
    }
    let longer = [&wrapped[..], &[0]].concat();
    assert_eq!(unwrap_key(&kek, &slot(1), &longer).err(), Some(OpenError));
}
