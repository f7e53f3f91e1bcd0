use super::*;
use crate::base::{KeyEpoch, OsRandom, VolumeId};
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
