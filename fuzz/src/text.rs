//! Text that people, their files, the store and WebDAV clients give us.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sealgate::crypto::SecretId;
use sealgate::daemon::config::Config;
use sealgate::daemon::{read_credentials, read_secret_stream};
use sealgate::keyslot::{Header, choose_copy};
use sealgate::store::StoreUrl;
use sealgate::webdav::{fuzz_if, fuzz_path, fuzz_xml};

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

/// An address that parses prints as the same address. The label of a directory is for people: its
/// path may hold anything; and so may escaped values.
pub fn store_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(url) = StoreUrl::parse(text) else { return };
    let label = url.to_string();
    assert!(label.starts_with(url.scheme()));
    if url.as_directory().is_none() && !text.contains('%') {
        assert_eq!(StoreUrl::parse(&label).ok().as_ref(), Some(&url));
    }
}

/// A config file is taken or refused; the refusal never quotes a value.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = Config::parse(text, Path::new("sealgate.toml")) {
        assert!(error.to_string().contains("sealgate.toml"), "the refusal names the file");
    }
}

static CREDENTIALS: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::temp_dir().join(format!("sealgate-fuzz-credentials-{}", std::process::id()))
});

/// A credentials file is taken or refused; what is taken is the text of its one key.
pub fn credentials(data: &[u8]) {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&*CREDENTIALS);
    file.and_then(|mut file| file.write_all(data)).expect("a temporary file");
    let secret = read_credentials(&CREDENTIALS);
    std::fs::remove_file(&*CREDENTIALS).expect("the file just written");
    if let Ok(secret) = secret {
        assert!(std::str::from_utf8(data).is_ok_and(|text| text.contains("secret")));
        assert!(secret.len() <= data.len());
    }
    let _ = read_secret_stream(data);
}

/// A path that is taken is taken again as it is written, and never leaves the volume.
pub fn webdav_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(href) = fuzz_path(text) {
        assert!(href.starts_with('/') && !href.split('/').any(|part| part == "." || part == ".."));
        assert_eq!(fuzz_path(&href).as_deref(), Some(href.as_str()));
    }
}

/// XML that is taken means the same after it was written back.
pub fn webdav_xml(data: &[u8]) {
    if let Some(text) = fuzz_xml(data) {
        // Declarations may make it longer than a body may be.
        if let Some(again) = fuzz_xml(text.as_bytes()) {
            assert_eq!(again, text);
        } else {
            assert!(text.len() > 32 << 10, "what is written is read again: {text:?}");
        }
    }
}

pub fn webdav_if(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(tokens) = fuzz_if(text) {
        assert!(tokens.iter().all(|token| text.contains(token.as_str())));
    }
}
