//! The list of checks holds all that there are.

use std::path::Path;

use silkroute_testkit::conformance::CHECKS;

/// A check that is written and not listed would never run.
#[test]
fn every_check_is_listed_once() {
    let rooms = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance");
    let mut written = Vec::new();
    for file in std::fs::read_dir(rooms).unwrap() {
        let path = file.unwrap().path();
        let room = path.file_stem().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        for line in source.lines().filter(|line| line.ends_with("(bench: &Bench) {")) {
            let name = line.strip_prefix("pub async fn ").unwrap().split('(').next().unwrap();
            written.push(format!("{room}::{name}"));
        }
    }
    written.sort();
    let mut listed: Vec<_> = CHECKS
        .iter()
        .map(|check| format!("{}::{}", check.room, check.name))
        .collect();
    listed.sort();
    assert_eq!(written, listed);
}
