//! A browser as a person has it: with a window, on a display, and with nothing that drives it. It is only told, on its command
//! line, which page to open.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;

use silkroute_testkit::display::Display;
use tokio::process::{Child, Command};
use url::Url;

/// The display, as large as the screen that a session has unless told otherwise.
pub const SCREEN: (u32, u32) = (1920, 1080);

/// The window. One as large as the display is made a pixel smaller where no window manager is.
pub const WINDOW: (u32, u32) = (1600, 900);

/// A display of that size; `None` where there is no Xvfb.
pub async fn display() -> Option<Display> {
    match Display::start(SCREEN).await {
        Ok(display) => Some(display),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            super::missing("there is no Xvfb to show a window on; install xvfb");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A window on a page.
pub struct Window {
    _child: Child,
    _profile: tempfile::TempDir,
}

impl Window {
    /// Opens a page in a browser of its own. `flags`: what a person may have set, such as a language.
    pub fn open(display: &Display, url: &Url, flags: &[&str], env: &[(&str, &str)]) -> Self {
        let program = silkroute_browser::launch::find(&silkroute_browser::LaunchOptions::default()).unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut command = command(&program, profile.path());
        command
            .args(["--no-first-run", "--window-position=0,0"])
            .arg(format!("--window-size={},{}", WINDOW.0, WINDOW.1))
            .args(flags)
            .arg(url.as_str())
            .env("DISPLAY", display.name())
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        Self {
            _child: command.spawn().unwrap(),
            _profile: profile,
        }
    }
}

fn command(program: &Path, profile: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(format!("--user-data-dir={}", profile.display()));
    // Root has no sandbox; the bar that would say so is what `--test-type` takes away.
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        command.args(["--no-sandbox", "--test-type"]);
    }
    command
}
