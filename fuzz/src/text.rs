//! Text that people, their files and the store give us.

use sealgate::crypto::SecretId;
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
