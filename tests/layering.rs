//! The layer table of docs/architecture.md, held over every `crate::` path of the sources.
//!
//! One crate means that the compiler does not guard the layers; this test does.
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom. A module may name what stands in a later row; the modules of one row never
/// name each other.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["daemon"],
    &["admin", "nfs", "webdav"],
    &["vfs"],
    &["volume"],
    &["block", "meta"],
    &["store"],
    &["keyslot"],
    &["format"],
    &["crypto"],
    &["telemetry"],
    &["base"],
];
/// May be named from everywhere: log fields and metric names belong to no layer.
const NAMED_BY_ALL: &str = "telemetry";
/// May name everything and is named by nobody: tests alone use it.
const TESTKIT: &str = "testkit";

/// A source file: its path below `src`, and its text.
struct Source {
    path: String,
    text: String,
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// Why `from` may not name `to`, if it may not.
fn objection(from: &str, to: &str) -> Option<String> {
    if from == to || from == TESTKIT || to == NAMED_BY_ALL {
        return None;
    }
    let (Some(from_rank), Some(to_rank)) = (rank(from), rank(to)) else {
        return Some(format!("`{from}` names `{to}`: one of them is not in the table"));
    };
    (to_rank <= from_rank).then(|| format!("`{from}` names `{to}`, which does not stand below it"))
}

/// The code of a line: what stands before a comment. Paths never stand in string literals here.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(before, _)| before)
}

/// The identifiers that follow each `prefix` in `line`; a `{` or `*` stands for itself.
fn named<'l>(line: &'l str, prefix: &str) -> Vec<&'l str> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices(prefix) {
        // `my_crate::x` is not `crate::x`.
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        found.push(if end == 0 { rest.get(..1).unwrap_or("") } else { &rest[..end] });
    }
    found
}

/// How many `super::` lead from the file's module to the crate root.
fn depth(path: &str) -> usize {
    let parts = path.split('/').count();
    if path.ends_with("/mod.rs") { parts - 1 } else { parts }
}

fn check(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let path = source.path.as_str();
    let module = path.split('/').next().unwrap_or("").trim_end_matches(".rs");
    let climb = "super::".repeat(depth(path));
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = code(line);
        let mut say = |text: String| complaints.push(format!("{path}:{number}: {text}"));
        for to in named(line, "crate::") {
            match to {
                "{" => say("a grouped `crate::{` hides its edges: one `use` per module".into()),
                "*" => say("`crate::*` names everything".into()),
                "" => {}
                to if path == "main.rs" => say(format!("main.rs names `crate::{to}`")),
                to if path == "lib.rs" => say(format!("lib.rs names `crate::{to}`")),
                to => objection(module, to).into_iter().for_each(&mut say),
            }
        }
        // A climb of `super`s to the crate root is an edge in disguise.
        let climbed = named(line, &climb).into_iter().filter(|to| rank(to).is_some());
        climbed.for_each(|to| objection(module, to).into_iter().for_each(&mut say));
        for to in named(line, "sealgate::") {
            // A log filter names its targets by their paths, in a string.
            let quoted = line.contains('"') && module == NAMED_BY_ALL;
            if !quoted && (path != "main.rs" || to != "cli") {
                say(format!("`sealgate::{to}`: main.rs calls cli, everything else says `crate::`"));
            }
        }
    }
    complaints
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.clone()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source { path: name, text: fs::read_to_string(path).unwrap() });
            }
        }
    }
    found
}

#[test]
fn no_module_names_what_does_not_stand_below_it() {
    let sources = sources();
    assert!(sources.len() > 50, "the sources were found");
    let complaints: Vec<String> = sources.iter().flat_map(check).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_module_of_the_crate_stands_in_the_table() {
    let sources = sources();
    let lib = sources.iter().find(|source| source.path == "lib.rs").unwrap();
    let modules: Vec<&str> = lib
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(modules.contains(&"vfs"), "the modules were found");
    for module in modules {
        assert!(module == TESTKIT || rank(module).is_some(), "`{module}` is not in the table");
    }
}

fn complaints_about(path: &str, text: &str) -> Vec<String> {
    check(&Source { path: path.to_owned(), text: text.to_owned() })
}

#[test]
fn a_forbidden_edge_is_found_however_it_is_written() {
    for (path, text) in [
        ("vfs/error.rs", "use crate::nfs::Nfsstat3;"),
        ("nfs/status.rs", "fn f() { crate::webdav::g() }"),
        ("meta/keys.rs", "use crate::block::Blocks;"),
        ("block/mod.rs", "use crate::meta::Records;"),
        ("volume/open.rs", "use crate::vfs::Vfs;"),
        ("base/ids.rs", "use crate::format::Reader;"),
        ("vfs/ops/read.rs", "use crate::testkit::World;"),
        ("store/mod.rs", "pub use super::vfs::Vfs;"),
        ("vfs/ops/read.rs", "use super::super::super::nfs::Handle;"),
        ("vfs/mod.rs", "use crate::{base, block};"),
        ("vfs/mod.rs", "use crate::*;"),
        ("vfs/mod.rs", "use crate::helpers::Thing;"),
        ("main.rs", "fn main() { sealgate::daemon::run() }"),
        ("vfs/mod.rs", "use sealgate::base::InodeId;"),
    ] {
        assert_eq!(complaints_about(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn a_lawful_edge_passes() {
    for (path, text) in [
        ("vfs/error.rs", "use crate::block::BlockError;"),
        ("vfs/ops/read.rs", "use crate::vfs::Error;"),
        ("base/ids.rs", "use crate::telemetry::names;"),
        ("testkit/world.rs", "use crate::volume::Volume;"),
        ("vfs/ops/read.rs", "use super::super::access::check_read;"),
        ("vfs/mod.rs", "// not like `crate::nfs::Status`"),
        ("main.rs", "fn main() { sealgate::cli::main() }"),
        ("vfs/mod.rs", "use my_crate::nfs::Thing;"),
    ] {
        assert_eq!(complaints_about(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
