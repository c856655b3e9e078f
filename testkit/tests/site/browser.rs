//! A browser, as its command line offers one: it shows a page and prints what came of it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
/// The machine may be busy.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The program, unless there is none and that is allowed.
fn program() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(
            std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
            "none of {NAMES:?} is in the path"
        );
        eprintln!("BROWSER TESTS DID NOT RUN: none of {NAMES:?} is in the path");
    }
    found
}

/// A browser that shows a page until it is dropped. It takes any certificate.
pub(crate) struct Window {
    _child: Child,
    _profile: tempfile::TempDir,
}

fn command(url: &url::Url, flags: &[&str]) -> Option<(Command, tempfile::TempDir)> {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(program()?);
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--ignore-certificate-errors",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(flags)
        .arg(url.as_str())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Some((command, profile))
}

pub(crate) fn open(url: &url::Url) -> Option<Window> {
    let (mut command, profile) = command(url, &[])?;
    Some(Window {
        _child: command.stdout(Stdio::null()).spawn().unwrap(),
        _profile: profile,
    })
}

/// The document as it is after so many milliseconds of the page's own time.
pub(crate) async fn rendered(url: &url::Url, milliseconds: u32) -> Option<String> {
    let budget = format!("--virtual-time-budget={milliseconds}");
    let (mut command, _profile) = command(url, &["--dump-dom", &budget])?;
    let output = tokio::time::timeout(LONG, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    Some(String::from_utf8(output.stdout).unwrap())
}
