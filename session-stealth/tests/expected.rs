//! Who a session will be is told before its browser starts, where that is certain.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use silkroute_core::{Identity, Session};
use silkroute_session_stealth::{CdpUrl, Fingerprint, GivesWay, Headless, StealthSession, StealthSessionBuilder};
use support::LONG;
use support::human::display;
use tempfile::TempDir;

/// A program that is this script. It is written by another process: one that this one has open while it starts others could
/// not be run.
fn script(folder: &TempDir, name: &str, body: &str) -> PathBuf {
    let path = folder.path().join(name);
    let written = std::process::Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\n%s\n' \"$1\" > \"$0\" && chmod 755 \"$0\""])
        .arg(&path)
        .arg(body)
        .status();
    assert!(written.unwrap().success());
    path
}

/// The browser, as a program of its own that nobody has asked yet, and that notes what it is started with.
struct Noting {
    folder: TempDir,
    program: PathBuf,
}

impl Noting {
    fn new() -> Option<Self> {
        if support::no_browser().is_some() {
            return None;
        }
        let browser = silkroute_session_stealth::find_browser().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let body = format!(
            "echo \"$1\" >> '{}'\nexec '{}' \"$@\"",
            notes.display(),
            browser.display()
        );
        let program = script(&folder, "noting", &body);
        Some(Self { folder, program })
    }

    fn builder(&self) -> StealthSessionBuilder {
        StealthSession::builder().executable_path(&self.program)
    }

    /// The first argument of each start.
    fn starts(&self) -> Vec<String> {
        let notes = std::fs::read_to_string(self.folder.path().join("notes")).unwrap_or_default();
        notes.lines().map(str::to_owned).collect()
    }
}

/// Whether nobody set this machine to another language than the English of the USA.
fn is_american() -> bool {
    let named = ["LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"].map(|name| std::env::var(name).unwrap_or_default());
    let american = |name: &String| name.is_empty() || name.starts_with("en_US") || name.starts_with('C');
    named.iter().all(american)
}

async fn expected(builder: StealthSessionBuilder) -> Option<Identity> {
    let session = builder.build().unwrap();
    let asked = session.expected_identity();
    // What is asked needs nothing of the session any more.
    drop(session);
    asked.await
}

#[tokio::test]
async fn it_is_who_it_was_expected_to_be_and_asking_starts_no_browser() {
    let Some(noting) = Noting::new() else { return };
    let Some(display) = display().await else { return };
    let profile = tempfile::tempdir().unwrap();
    let chrome = Identity::from_name("chrome149").unwrap();
    let giving_way = |gives_way| Fingerprint {
        gives_way,
        ..Fingerprint::from(&chrome)
    };
    let window = [
        "--ozone-platform=x11".to_owned(),
        format!("--display={}", display.name()),
    ];
    let mut sessions = vec![
        ("de-DE", noting.builder().locale("de-DE")),
        (
            "another browser",
            noting.builder().fingerprint(giving_way(GivesWay::Browser)),
        ),
        (
            "the installed one",
            noting.builder().fingerprint(giving_way(GivesWay::Identity)),
        ),
        (
            "a kept profile",
            noting.builder().user_data_dir(profile.path()).locale("fr-FR"),
        ),
    ];
    if is_american() {
        sessions.extend([
            ("defaults", noting.builder()),
            (
                "headless",
                noting
                    .builder()
                    .headless(Headless::New)
                    .timezone_id("Asia/Tokyo")
                    .block_webrtc(true),
            ),
            ("a window", noting.builder().headless(Headless::Off).extra_flags(window)),
        ]);
    } else {
        assert_eq!(expected(noting.builder()).await, None);
    }
    let mut asked = Vec::new();
    for (name, builder) in sessions {
        let session = builder.start_timeout(LONG).build().unwrap();
        let expected = session.expected_identity().await;
        assert!(expected.is_some() && !session.is_alive(), "{name}");
        assert_eq!(Session::identity(&session), None, "{name}");
        asked.push((name, expected, session));
    }
    assert_eq!(noting.starts(), ["--version"], "asked once, and nothing started");

    for (name, expected, session) in &mut asked {
        session.start().await.unwrap();
        assert_eq!(Session::identity(session), *expected, "{name}");
        assert_eq!(session.expected_identity().await, *expected, "{name}");
        assert_eq!(session.user_agent(), expected.as_ref().unwrap().user_agent(), "{name}");
        session.close().await.unwrap();
        // From here on it is known what the browser says of itself.
        assert_eq!(session.expected_identity().await, *expected, "{name}");
    }
    let asked = noting.starts().into_iter().filter(|first| first == "--version");
    assert_eq!(asked.count(), 1);
}

#[tokio::test]
async fn what_is_not_certain_is_not_told() {
    let Some(noting) = Noting::new() else { return };
    let profile = tempfile::tempdir().unwrap();
    let elsewhere = CdpUrl::new("http://127.0.0.1:9").unwrap();
    let other = Fingerprint::from(&Identity::from_name("chrome100").unwrap());
    for (why, builder) in [
        (
            "it runs elsewhere",
            StealthSession::builder().cdp_url(elsewhere).locale("de-DE"),
        ),
        (
            "the profile may ask for other languages",
            noting.builder().user_data_dir(profile.path()),
        ),
        (
            "it says something else",
            noting.builder().extra_header("accept-language", "fr").unwrap(),
        ),
        (
            "nobody gives way, and it will not start",
            noting.builder().fingerprint(other),
        ),
        (
            "there is no such program",
            StealthSession::builder()
                .executable_path(profile.path().join("none"))
                .locale("de-DE"),
        ),
    ] {
        assert_eq!(expected(builder).await, None, "{why}");
    }
    assert!(noting.starts().iter().all(|first| first == "--version"));
}

/// Whether a process runs. One that has ended and waits for its parent to look does not.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| !state.starts_with('Z'))
}

/// Waits until none of the processes runs that a script noted: itself and its child.
async fn gone(notes: &Path) {
    let noted = std::fs::read_to_string(notes).unwrap();
    let pids: Vec<&str> = noted.split_whitespace().collect();
    assert_eq!(pids.len(), 2, "{noted}");
    let gone = async {
        while pids.iter().any(|pid| runs(pid)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, gone).await.expect("all are gone");
}

#[tokio::test]
async fn a_program_that_does_not_say_what_it_is_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let notes = |name: &str| folder.path().join(format!("{name}.pids"));
    // A shell, and a process of its own that has its output too. It begins when both are noted: what it says may be the end of both.
    let with_child = |name: &str, child: &str| {
        let notes = notes(name);
        let notes = notes.display();
        let body = format!("(until [ -s '{notes}' ]; do :; done; {child}) & echo $$ $! > '{notes}'\nwait");
        script(&folder, name, &body)
    };
    let said = |name: &str, says: &str| script(&folder, name, says);
    let asked = [
        said("another", "echo Brave Browser 149.1.82.161"),
        said("testing", "echo Google Chrome for Testing 156.0.8078.79"),
        said("failing", "echo Chromium 156.0.8078.79; exit 1"),
        said("silent", ":"),
        said("headless-shell", "echo Chromium 156.0.8078.79"),
        with_child("hanging", "exec sleep 600"),
        with_child("endless", "while :; do echo Chromium 156.0.8078.79; done"),
    ]
    .map(|program| {
        let builder = StealthSession::builder().executable_path(program).locale("de-DE");
        tokio::spawn(expected(builder))
    });
    let begun = std::time::Instant::now();
    for expected in asked {
        assert_eq!(expected.await.unwrap(), None);
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    gone(&notes("hanging")).await;
    gone(&notes("endless")).await;

    // Nor is one whose answer nobody waits for any more.
    let forgotten = with_child("forgotten", "exec sleep 600");
    let builder = StealthSession::builder().executable_path(forgotten).locale("de-DE");
    let asked = tokio::spawn(expected(builder));
    let notes = notes("forgotten");
    let started = async {
        while std::fs::read_to_string(&notes).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, started).await.expect("it starts");
    let noted = std::fs::read_to_string(&notes).unwrap();
    assert!(noted.split_whitespace().all(runs), "{noted}");
    asked.abort();
    gone(&notes).await;
}

#[tokio::test]
async fn a_program_that_says_what_it_is_is_believed_until_another_is_installed() {
    let folder = tempfile::tempdir().unwrap();
    let install = |version: u16| {
        script(
            &folder,
            "browser",
            &format!("echo 'Google Chrome {version}.0.7827.53 beta'"),
        )
    };
    let builder = || StealthSession::builder().locale("de-DE");
    let expected_of = async |program: PathBuf| expected(builder().executable_path(program)).await.unwrap();
    let program = install(149);
    assert_eq!(
        expected_of(program.clone()).await,
        Identity::from_name("chrome149")
            .unwrap()
            .locale("de-DE")
            .screen(1920, 1080)
    );
    let newer = install(150);
    std::fs::File::open(&newer)
        .unwrap()
        .set_modified(std::time::SystemTime::now() + Duration::from_secs(60))
        .unwrap();
    assert_eq!(newer, program);
    assert_eq!(expected_of(newer).await.name().to_string(), "chrome150");
}
