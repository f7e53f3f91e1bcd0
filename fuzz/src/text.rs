//! Text that people, their files and the store give us.

use std::fmt::Write;
use std::path::Path;

use sealgate::crypto::SecretId;
use sealgate::daemon::config::Config;
use sealgate::daemon::parse_credentials;
use sealgate::keyslot::{Header, choose_copy};
use sealgate::store::StoreUrl;

/// A header that decodes is the exact text that would be written again.
pub fn volume_header(data: &[u8]) {
    if let Ok(header) = Header::decode(data) {
        assert_eq!(header.encode(), data);
    }
    let (first, second) = data.split_at(data.len() / 2);
    if let Ok(copies) = choose_copy(Some(first), Some(second)) {
        assert!(!copies.first_is_stale || !copies.second_is_stale, "one of them was chosen");
    }
}

pub fn secret_id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(id) = SecretId::parse(text) {
        assert_eq!(id.to_string(), text, "one secret id, one spelling");
    }
}

/// An address that parses prints as an address of the same store, and never as its credentials.
pub fn store_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(url) = StoreUrl::parse(text) {
        let label = url.to_string();
        if let Ok(again) = StoreUrl::parse(&label) {
            assert_eq!(again.to_string(), label);
            assert_eq!(again.scheme(), url.scheme());
        }
    }
}

/// A configuration is taken or refused; the same text gets the same answer.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let answer = || Config::parse(text, Path::new("file")).map_err(|error| error.to_string());
    if let Err(error) = answer() {
        assert_eq!(answer().err(), Some(error));
    }
}

/// Any text can be a secret once its characters are escaped, and no other text does harm.
pub fn credentials(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = parse_credentials(text, Path::new("file"));
    let mut file = "secret = \"".to_owned();
    for c in text.chars() {
        write!(file, "\\U{:08x}", u32::from(c)).expect("a string takes everything");
    }
    file.push_str("\"\n");
    match parse_credentials(&file, Path::new("file")) {
        Ok(secret) => assert_eq!(*secret, text),
        Err(error) => panic!("{file:?}: {error}"),
    }
}
