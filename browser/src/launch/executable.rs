//! Where the browser is.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::options::{Headless, LaunchOptions};
use crate::{Error, Result};

const CHROME: &[&str] = &["google-chrome-stable", "google-chrome", "google-chrome-beta"];
const CHROME_PLACES: &[&str] = &[
    "/opt/google/chrome/chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const CHROMIUM: &[&str] = &["chromium", "chromium-browser"];
const CHROMIUM_PLACES: &[&str] = &[
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/lib/chromium/chromium",
    "/snap/bin/chromium",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const SHELL: &[&str] = &[
    "chromium-headless-shell",
    "chrome-headless-shell",
    "headless_shell",
    "headless-shell",
];

const CHROMIUM_FROM: &str = "install one (Debian: `apt-get install chromium`, Fedora: `dnf install chromium`, macOS: \
    `brew install --cask chromium`), or name one with executable_path or the variable CHROME";
const CHROME_FROM: &str = "get it from https://www.google.com/chrome/, name it with executable_path, or run Chromium by \
    leaving real_chrome out";
const SHELL_FROM: &str = "install it (Debian: `apt-get install chromium-headless-shell`, elsewhere \
    https://googlechromelabs.github.io/chrome-for-testing/), or name it with executable_path";

/// The program that [`Browser::launch`](crate::Browser::launch) would run: `executable_path` if given; else what the
/// variable `CHROME` names; else Google Chrome, the headless shell or Chromium, as asked for, on the `PATH` and where they
/// are usually installed.
///
/// # Errors
/// [`Error::NotFound`], with how to install one.
pub fn find(options: &LaunchOptions) -> Result<PathBuf> {
    if let Some(path) = &options.executable_path {
        return usable(path).ok_or_else(|| Error::NotFound {
            reason: format!("executable_path {} is no program that can be run", path.display()),
            instead: CHROMIUM_FROM,
        });
    }
    if options.real_chrome {
        return first(CHROME, CHROME_PLACES).ok_or_else(|| Error::NotFound {
            reason: "Google Chrome is asked for and not installed".to_owned(),
            instead: CHROME_FROM,
        });
    }
    if options.headless == Headless::Shell {
        return first(SHELL, &[]).ok_or_else(|| Error::NotFound {
            reason: format!(
                "the headless shell is asked for and not on the PATH as {}",
                SHELL.join(", ")
            ),
            instead: SHELL_FROM,
        });
    }
    if let Some(path) = env::var_os("CHROME").filter(|path| !path.is_empty()) {
        return usable(Path::new(&path)).ok_or_else(|| Error::NotFound {
            reason: format!(
                "the variable CHROME names {}, which is no program that can be run",
                path.display()
            ),
            instead: CHROMIUM_FROM,
        });
    }
    first(CHROMIUM, CHROMIUM_PLACES)
        .or_else(|| first(CHROME, CHROME_PLACES))
        // It knows more places than we do.
        .or_else(|| chromiumoxide::detection::default_executable(Default::default()).ok())
        .ok_or_else(|| Error::NotFound {
            reason: "neither Chromium nor Chrome is on the PATH or where it usually is".into(),
            instead: CHROMIUM_FROM,
        })
}

fn first(names: &[&str], places: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = names.iter().find_map(|name| on(&path, name));
    on_path.or_else(|| places.iter().find_map(|place| usable(Path::new(place))))
}

fn on(path: &OsStr, name: &str) -> Option<PathBuf> {
    env::split_paths(path).find_map(|dir| usable(&dir.join(name)))
}

fn usable(path: &Path) -> Option<PathBuf> {
    let data = path.metadata().ok()?;
    (data.is_file() && data.permissions().mode() & 0o111 != 0).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_an_error_that_says_how_to_get_one() {
        let options = LaunchOptions {
            executable_path: Some("no/such/browser".into()),
            ..LaunchOptions::default()
        };
        let text = find(&options).unwrap_err().to_string();
        assert!(
            text.contains("no/such/browser") && text.contains("apt-get install chromium"),
            "{text}"
        );
    }
}
