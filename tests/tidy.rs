//! House rules that a compiler does not know: line and file lengths, leftovers, charters, paths.
#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

const COLUMNS_MAX: usize = 100;
const LINES_MAX: usize = 800;

/// A text file: its path below the repository, and its text.
struct Text {
    path: String,
    text: String,
}

/// What is left behind when work is put off. Taken apart, so that this file does not find itself.
fn leftovers() -> [String; 5] {
    [["todo", "!("], ["unimplemented", "!("], ["FIX", "ME"], ["TO", "DO"], ["XX", "X"]]
        .map(|parts| parts.concat())
}

/// Paths of one person's machine.
fn host_paths() -> [String; 6] {
    [
        ["/ho", "me/"],
        ["/Us", "ers/"],
        ["/ro", "ot/"],
        ["/wo", "rk/"],
        ["/tmp/", "wt/"],
        ["C:", "\\"],
    ]
    .map(|parts| parts.concat())
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn texts(folders: &[&str], extensions: &[&str]) -> Vec<Text> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let hidden =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if !hidden {
                open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            }
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        if path.is_file() && extensions.contains(&extension) {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push(Text { path: name, text: fs::read_to_string(path).unwrap() });
        }
    }
    found
}

fn sources() -> Vec<Text> {
    let found = texts(&["src", "tests"], &["rs"]);
    assert!(found.len() > 50, "the sources were found");
    found
}

/// What the project says about itself.
fn pages() -> Vec<Text> {
    let mut found = texts(
        &["docs", "examples", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"],
        &["md", "toml", "rs"],
    );
    found.retain(|page| !page.path.contains("/target/"));
    found
}

fn too_long(text: &Text) -> Vec<String> {
    let lines = (1..).zip(text.text.lines());
    let mut found: Vec<String> = lines
        .filter(|(_, line)| line.chars().count() > COLUMNS_MAX)
        .map(|(number, _)| format!("{}:{number}: more than {COLUMNS_MAX} columns", text.path))
        .collect();
    let lines = text.text.lines().count();
    if lines > LINES_MAX {
        found.push(format!("{}: {lines} lines, {LINES_MAX} are the limit", text.path));
    }
    found
}

fn contains_any(text: &Text, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.text.lines()) {
        for word in words.iter().filter(|word| line.contains(*word)) {
            found.push(format!("{}:{number}: `{word}`", text.path));
        }
    }
    found
}

fn lacks_charter(text: &Text) -> Option<String> {
    let is_module = Path::new(&text.path).file_name().is_some_and(|name| name == "mod.rs");
    let starts = text.text.starts_with("//! ");
    (is_module && !starts).then(|| format!("{}: a module starts with its charter", text.path))
}

fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn lines_and_files_are_short_enough_to_read() {
    none(sources().iter().flat_map(too_long).collect());
}

#[test]
fn nothing_is_put_off() {
    none(sources().iter().flat_map(|text| contains_any(text, &leftovers())).collect());
}

#[test]
fn every_module_starts_with_its_charter() {
    none(sources().iter().filter_map(lacks_charter).collect());
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    let mut all = sources();
    all.extend(pages());
    none(all.iter().flat_map(|text| contains_any(text, &host_paths())).collect());
}

#[test]
fn every_rule_is_broken_by_a_file_that_breaks_it() {
    let text = |path: &str, text: String| Text { path: path.to_owned(), text };
    assert_eq!(too_long(&text("a.rs", "x".repeat(101))).len(), 1);
    assert_eq!(too_long(&text("a.rs", "x".repeat(100))).len(), 0);
    assert_eq!(too_long(&text("a.rs", "x\n".repeat(801))).len(), 1);
    let leftover = format!("fn f() {{ {}) }}", leftovers()[0]);
    assert_eq!(contains_any(&text("a.rs", leftover), &leftovers()).len(), 1);
    let path = format!("see {}me/notes", host_paths()[0]);
    assert_eq!(contains_any(&text("a.md", path), &host_paths()).len(), 1);
    assert!(lacks_charter(&text("src/vfs/mod.rs", "mod a;".to_owned())).is_some());
    assert!(lacks_charter(&text("src/vfs/mod.rs", "//! The vfs.".to_owned())).is_none());
}
