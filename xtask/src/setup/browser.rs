//! Finding a browser where the browser kinds will.

use std::path::{Path, PathBuf};

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// Where else it may be.
const PLACES: &[&str] = &[
    "/usr/lib/chromium/chromium",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// The browser: what the variable CHROME names, or the first that is installed.
pub(crate) fn find() -> Option<String> {
    if let Some(named) = std::env::var_os("CHROME").filter(|named| !named.is_empty()) {
        return Path::new(&named)
            .is_file()
            .then(|| PathBuf::from(&named).display().to_string());
    }
    on_path(NAMES).or_else(|| {
        let place = PLACES.iter().find(|place| Path::new(place).is_file())?;
        Some((*place).to_owned())
    })
}

/// The first of these programs that is on the path.
pub(crate) fn on_path(names: &[&str]) -> Option<String> {
    let folders = std::env::var_os("PATH")?;
    names
        .iter()
        .flat_map(|name| std::env::split_paths(&folders).map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
        .map(|path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_the_first_name_that_is_there() {
        let found = on_path(&["no-such-browser", "cargo"]);
        assert!(found.is_some_and(|path| path.ends_with("/cargo")) || cfg!(not(unix)));
        assert_eq!(on_path(&["no-such-browser"]), None);
    }
}
