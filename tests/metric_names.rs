//! Every metric is described, and every description belongs to a metric that is counted.

use std::collections::BTreeSet;
use std::path::Path;

use sealgate::telemetry::names;

/// Reads every source file of the library except the table itself.
fn sources(dir: &Path, out: &mut String) {
    for entry in std::fs::read_dir(dir).expect("the source is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if !path.ends_with("telemetry/names.rs") {
            out.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

/// Text in quotes that looks like the name of a metric.
fn quoted_names(source: &str) -> BTreeSet<&str> {
    let ours = |text: &&str| {
        text.starts_with("sealgate_") && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    // The header's first field, and what the recorder adds to the name of a histogram.
    let others = ["sealgate_volume", "sealgate_store_request_seconds_bucket"];
    source.split('"').filter(ours).filter(|name| !others.contains(name)).collect()
}

/// The constants of the table by name: `pub const NAME: &str = "text";`.
fn constants(table: &str) -> Vec<(&str, &str)> {
    let one = |line| {
        let (name, text) = str::split_once(str::strip_prefix(line, "pub const ")?, ": &str = \"")?;
        Some((name, text.strip_suffix("\";")?))
    };
    table.lines().filter_map(one).collect()
}

#[test]
fn every_metric_is_described_and_every_described_metric_is_counted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut source = String::new();
    sources(&root.join("src"), &mut source);
    let table = std::fs::read_to_string(root.join("src/telemetry/names.rs")).expect("the table");
    let mut counted = quoted_names(&source);
    // The name is the first argument of a macro, on whatever line the formatter put it.
    let dense: String = source.split_whitespace().collect();
    for (constant, name) in constants(&table) {
        let uses = [format!("!({constant}"), format!("!(names::{constant}")];
        if uses.iter().any(|call| dense.contains(call)) {
            counted.insert(name);
        }
    }
    let described: BTreeSet<&str> = names::ALL.iter().map(|row| row.0).collect();
    let undescribed: Vec<_> = counted.difference(&described).collect();
    assert!(undescribed.is_empty(), "not in telemetry/names.rs: {undescribed:?}");
    let uncounted: Vec<_> = described.difference(&counted).collect();
    assert!(uncounted.is_empty(), "described but counted nowhere: {uncounted:?}");
    assert!(described.len() > 20, "the table was read");
}
