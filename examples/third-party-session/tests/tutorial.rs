//! `docs/writing-a-session.md` is about this crate: every line of Rust and TOML that it shows stands in these files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_code_block_of_the_tutorial_is_taken_from_this_crate() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../../docs/writing-a-session.md")).unwrap();
    let mut sources = Vec::new();
    read_all(here, &mut sources);

    let blocks = code_blocks(&page);
    assert!(blocks.len() >= 8, "the tutorial has only {} blocks", blocks.len());
    for block in blocks {
        // A line of dots stands for what is left out; each piece between must be there, in one file, in order.
        let pieces: Vec<_> = block.split("// ...\n").map(trim_indent).collect();
        let found = sources.iter().any(|(_, source)| {
            let mut rest = trim_indent(source);
            pieces.iter().all(|piece| match rest.find(piece.as_str()) {
                Some(at) => {
                    rest = rest.split_off(at + piece.len());
                    true
                }
                None => false,
            })
        });
        assert!(
            found,
            "this block of docs/writing-a-session.md is in no file of the crate:\n{block}"
        );
    }
}

fn read_all(folder: &Path, sources: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, sources);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "toml")
        {
            let source = fs::read_to_string(&path).unwrap();
            sources.push((path, source));
        }
    }
}

fn code_blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        block = match (block.take(), line) {
            (None, "```rust" | "```toml") => Some(String::new()),
            (Some(done), "```") => {
                blocks.push(done);
                None
            }
            (Some(text), line) => Some(text + line + "\n"),
            (None, _) => None,
        };
    }
    blocks
}

/// Without indentation: an excerpt starts at the margin.
fn trim_indent(text: &str) -> String {
    text.lines().map(|line| line.trim_start().to_owned() + "\n").collect()
}
