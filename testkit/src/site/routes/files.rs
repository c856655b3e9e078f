//! Files of a folder that a test has, and the page that runs detectors from there.

use std::path::{Component, Path};

use super::Visit;
use super::assets::html;
use super::reply::{HTML, JSON, Reply, TEXT, bytes, not_found};

pub(super) fn file(visit: &Visit, path: &[&str]) -> Reply {
    let Some(folder) = &visit.state.files else {
        return not_found();
    };
    let relative: &Path = &path.iter().collect::<std::path::PathBuf>();
    // Nothing outside of the folder: not by `..`, and not by a name that is a whole path.
    let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return not_found();
    }
    match std::fs::read(folder.join(relative)) {
        Ok(content) => bytes(kind(relative), content),
        Err(_) => not_found(),
    }
}

fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("html") => HTML,
        Some("json") => JSON,
        _ => TEXT,
    }
}

pub(super) fn detectors() -> Reply {
    html(include_str!("../assets/detectors/page.html"))
}
