//! What must not be left lying about in the sources.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace;

/// A file is a room: one with more lines than this is two.
const LONG: usize = 500;

/// Marks of unfinished work, taken apart so that this file does not hold them. Attributes count at the start of a line.
const UNFINISHED: &[(&str, &str)] = &[
    (
        concat!("#[", "ignore"),
        "a test that nobody runs: mend it or take it out",
    ),
    (concat!("to", "do!("), "unfinished code: finish it"),
    (
        concat!("unimpl", "emented!("),
        "unfinished code: finish it, or return an error that says what is not supported",
    ),
];

/// Looks through all Rust sources. Long files are warned of.
pub(crate) fn check() -> Result<(), String> {
    let mut files = Vec::new();
    collect(workspace::root(), &mut files)?;
    let mut found = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).map_err(|error| format!("reading {}: {error}", file.display()))?;
        let shown = file.strip_prefix(workspace::root()).unwrap_or(file).display();
        let lines = text.lines().count();
        if lines > LONG {
            println!("    warning: {shown} has {lines} lines; a file is one idea, take it apart");
        }
        found.extend(unfinished(&text).map(|(line, why)| format!("{shown}:{line}: {why}")));
    }
    println!("    {} Rust files", files.len());
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("\n  "))
    }
}

/// The lines with marks, counted from 1. Comments may speak of them.
fn unfinished(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim_start();
        if line.starts_with("//") {
            return None;
        }
        let is_marked = |mark: &str| {
            if mark.starts_with('#') {
                line.starts_with(mark)
            } else {
                line.contains(mark)
            }
        };
        let (_, why) = UNFINISHED.iter().find(|(mark, _)| is_marked(mark))?;
        Some((index + 1, *why))
    })
}

/// The Rust files below a folder, without what is built or hidden.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("reading the folder {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, files)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_found_and_talk_of_it_is_not() {
        let ignored = concat!("#[", "ignore = \"slow\"]");
        let marked = concat!("to", "do!(\"later\")");
        let text = format!("fn a() {{}}\n    {ignored}\n    let x = {marked};\n// {marked}\n/// {ignored}\n");
        assert_eq!(unfinished(&text).map(|(line, _)| line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn sources_are_found_and_artefacts_are_not() {
        let mut files = Vec::new();
        collect(workspace::root(), &mut files).unwrap();
        assert!(files.iter().any(|file| file.ends_with("xtask/src/main.rs")));
        assert!(
            files
                .iter()
                .all(|file| !file.starts_with(workspace::root().join("target")))
        );
    }
}
