//! Every fuzz target in one program; `SEALGATE_FUZZ_TARGET` names the one to run (see `run`).
//!
//! One program, because each would be linked against the whole of Sealgate: twenty links instead
//! of one would take longer than the fuzzing.
#![no_main]

mod content;
mod layouts;
mod operations;
mod procedures;
mod text;
mod wire;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

/// A target: its name and what it does with the fuzzer's bytes.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    // What the metadata engine and the store give back.
    ("inode", layouts::inode),
    ("dentry_bucket", layouts::dentry_bucket),
    ("extent_map", layouts::extent_map),
    ("segment_footer", layouts::segment_footer),
    ("segment_directory", layouts::segment_directory),
    ("counters", layouts::counters),
    ("property", layouts::property),
    ("record_key", layouts::record_key),
    ("sealed_record", content::sealed_record),
    ("frame", content::frame),
    ("volume_header", text::volume_header),
    // What people and their files say.
    ("secret_id", text::secret_id),
    ("store_url", text::store_url),
    ("config", text::config),
    ("credentials", text::credentials),
    // What clients send.
    ("nfs_record", wire::nfs_record),
    ("nfs_call", wire::nfs_call),
    ("nfs_procedures", procedures::nfs_procedures),
    ("dav_path", wire::dav_path),
    ("dav_if", wire::dav_if),
    ("dav_xml", wire::dav_xml),
    // What all of it does together.
    ("vfs_operations", operations::vfs_operations),
];

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    if std::env::var_os("SEALGATE_FUZZ_LIST").is_some() {
        TARGETS.iter().for_each(|(name, _)| println!("{name}"));
        std::process::exit(0);
    }
    let wanted = std::env::var("SEALGATE_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("SEALGATE_FUZZ_TARGET names no target: {wanted:?}")).1
});

fuzz_target!(
    init: { LazyLock::force(&TARGET); },
    |data: &[u8]| TARGET(data)
);
