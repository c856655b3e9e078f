//! Which browser a program is, by its own words, and without a start of it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use silkroute_core::identity::{Browser, BrowserVersion};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use super::executable::find;
use super::options::LaunchOptions;
use super::tree;
use crate::Deadline;

/// A browser by its name and its version.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installed {
    /// Which one.
    pub browser: Browser,
    /// The first number of its version.
    pub version: BrowserVersion,
}

/// How long a program may take to say what it is. A browser takes some 40 ms.
const LONGEST: Duration = Duration::from_secs(5);
/// What it may say, in bytes. A browser says one line.
const MOST: u64 = 4 << 10;

/// A program, and when it was installed.
type Key = (PathBuf, Option<SystemTime>);
type Cell = Arc<OnceCell<Option<Installed>>>;

static KNOWN: LazyLock<Mutex<HashMap<Key, Cell>>> = LazyLock::new(Mutex::default);

/// Which browser [`Browser::launch`](crate::Browser::launch) would run. The program that [`find`] finds is asked, with
/// `--version` and the variables of [`LaunchOptions::env`]: it says so and ends, no browser starts, and no profile is looked at.
/// What it said is remembered while this process runs, until another is installed.
///
/// `None`: there is no program; or it does not say within five seconds that it is Chromium, Google Chrome or Microsoft Edge. So it
/// is with other makers' browsers, Chrome for Testing among them, with the headless shell, which says that it is Chromium and is
/// told by its name, and on Windows, where the question would open a window.
///
/// Dropping the future ends what was asked.
///
/// ```no_run
/// use silkroute_browser::{LaunchOptions, launch};
///
/// # async fn example() {
/// if let Some(installed) = launch::installed(&LaunchOptions::default()).await {
///     println!("{} {}", installed.browser, installed.version);
/// }
/// # }
/// ```
pub async fn installed(options: &LaunchOptions) -> Option<Installed> {
    if cfg!(windows) {
        return None;
    }
    let program = find(options).ok()?;
    if is_headless_shell(&program) {
        return None;
    }
    let since = program.metadata().and_then(|metadata| metadata.modified()).ok();
    let cell = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry((program.clone(), since)).or_default())
    };
    let asked = cell.get_or_try_init(async || ask(&program, options).await.map(|said| read(&said)));
    let told = match Deadline::after(LONGEST).run("its answer to --version", asked).await {
        Ok(Ok(told)) => return *told,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::debug!(program = %program.display(), reason = told, "a program does not say which browser it is");
    None
}

/// A program that is asked, which leads a process group as a browser does. Dropped before its end, it is killed with all that it
/// started.
struct Asked(Child);

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(pid) = self.0.id() {
            tree::kill(pid, &tree::processes(pid));
        }
    }
}

async fn ask(program: &Path, options: &LaunchOptions) -> io::Result<Vec<u8>> {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .envs(options.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let mut asked = Asked(command.spawn()?);
    let mut said = Vec::new();
    if let Some(output) = asked.0.stdout.take() {
        output.take(MOST + 1).read_to_end(&mut said).await?;
    }
    if said.len() as u64 > MOST {
        return Err(io::Error::other("it says more than a version"));
    }
    match asked.0.wait().await? {
        status if status.success() => Ok(said),
        status => Err(io::Error::other(status.to_string())),
    }
}

/// What a program said.
fn read(said: &[u8]) -> Option<Installed> {
    let said = std::str::from_utf8(said).ok()?.trim();
    let known = [
        ("Chromium ", Browser::Chromium),
        ("Google Chrome ", Browser::Chrome),
        ("Microsoft Edge ", Browser::Edge),
    ];
    let (rest, browser) = known
        .into_iter()
        .find_map(|(name, browser)| Some((said.strip_prefix(name)?, browser)))?;
    // Behind it stands the channel, or who built it.
    let numbers = rest.split_whitespace().next()?.split('.').map(str::parse::<u16>);
    let numbers: Vec<u16> = numbers.collect::<Result<_, _>>().ok()?;
    let [major, _, _, _] = numbers[..] else { return None };
    Some(Installed {
        browser,
        version: BrowserVersion::major_only(major),
    })
}

/// By its name, which may be that of a link.
fn is_headless_shell(program: &Path) -> bool {
    let named = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().contains("headless"))
    };
    named(program) || program.canonicalize().is_ok_and(|target| named(&target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_what_they_say_and_others_are_not() {
        let told = |said: &str| read(said.as_bytes()).map(|found| (found.browser, found.version.major()));
        for (said, browser, major) in [
            (
                "Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)\n",
                Browser::Chromium,
                156,
            ),
            ("Chromium 149.0.7827.53 snap\n", Browser::Chromium, 149),
            ("Google Chrome 149.0.7827.102 \n", Browser::Chrome, 149),
            ("Google Chrome 151.0.7900.3 beta\n", Browser::Chrome, 151),
            ("Google Chrome 152.0.7950.0 dev", Browser::Chrome, 152),
            ("Microsoft Edge 150.0.4100.12 \n", Browser::Edge, 150),
        ] {
            assert_eq!(told(said), Some((browser, major)), "{said}");
        }
        for said in [
            "",
            "Chromium",
            "Chromium \n",
            "Google Chrome for Testing 149.0.7827.53 \n",
            "Brave Browser 149.1.82.161 \n",
            "Vivaldi 7.9.3900.12 stable",
            "HeadlessChrome 156.0.8078.79",
            "Chromium-Gost 149.0.7827.53",
            "Chromium 156",
            "Chromium 156.0.8078.79.1",
            "Chromium 99999.0.1.2",
            "Chromium -1.0.1.2",
            "a warning\nChromium 156.0.8078.79",
            "Mozilla Firefox 150.0",
        ] {
            assert_eq!(told(said), None, "{said}");
        }
        assert_eq!(read(b"Chromium 156.0.8078.79 \xff"), None);
    }

    #[test]
    fn the_headless_shell_is_told_by_its_name() {
        assert!(is_headless_shell(Path::new("/usr/bin/chromium-headless-shell")));
        assert!(is_headless_shell(Path::new("/opt/headless_shell")));
        assert!(!is_headless_shell(Path::new("/opt/headless/chromium")));
        let folder = tempfile::tempdir().unwrap();
        let (shell, link) = (folder.path().join("headless-shell"), folder.path().join("browser"));
        std::fs::write(&shell, "").unwrap();
        std::os::unix::fs::symlink(&shell, &link).unwrap();
        assert!(is_headless_shell(&link));
    }
}
