//! What the tests with a browser share: whether there is one.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::time::Duration;

use silkroute_core::{Fetch, Response, Session};
use silkroute_session_dynamic::{CdpUrl, DynamicSession, DynamicSessionBuilder, PageResponse};
use tokio::time::Instant;

/// For everything that should come at once; long, as the machine may be busy.
pub const SOON: Duration = Duration::from_secs(30);

/// Why no test with a browser can run here; none where one can. It is a failure where browsers are required.
pub fn no_browser() -> Option<String> {
    let error = silkroute_browser::launch::find(&silkroute_browser::LaunchOptions::default()).err()?;
    assert!(
        std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
        "{error}"
    );
    eprintln!("BROWSER TESTS DID NOT RUN: {error}");
    Some(error.to_string())
}

/// A live session, unless there is no browser and that is allowed. What is to succeed has longer than by default.
pub async fn started(builder: DynamicSessionBuilder) -> Option<DynamicSession> {
    if no_browser().is_some() {
        return None;
    }
    let patient = builder.start_timeout(SOON * 2).timeout(SOON * 2);
    let mut session = patient.build().expect("the session can be built");
    session.start().await.expect("the session starts");
    Some(session)
}

/// A browser that somebody else started, with these flags besides, where it is, and its folder. It ends with what is given back.
pub async fn elsewhere(flags: &[&str]) -> Option<(tokio::process::Child, CdpUrl, tempfile::TempDir)> {
    if no_browser().is_some() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let child = tokio::process::Command::new(silkroute_session_dynamic::find_browser().unwrap())
        .args([
            "--headless=new",
            "--no-sandbox",
            "--no-first-run",
            "--remote-debugging-port=0",
            "about:blank",
        ])
        .args(flags)
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // The file comes once it listens; there is no event for it.
    let end = Instant::now() + SOON * 2;
    let port = loop {
        let text = std::fs::read_to_string(folder.path().join("DevToolsActivePort")).unwrap_or_default();
        match text.lines().next().map(str::parse::<u16>) {
            Some(Ok(port)) => break port,
            _ => assert!(Instant::now() < end, "the browser listens"),
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    };
    let url = CdpUrl::new(&format!("http://127.0.0.1:{port}")).unwrap();
    Some((child, url, folder))
}

/// The response to a fetch that must succeed, as this kind makes it.
pub async fn fetched(session: &dyn Session, request: &Fetch) -> Fetched {
    Fetched(session.fetch(request).await.expect("the page is fetched"))
}

/// A response of a browser session.
#[derive(Debug)]
pub struct Fetched(pub Box<dyn Response>);

impl std::ops::Deref for Fetched {
    type Target = PageResponse;

    fn deref(&self) -> &PageResponse {
        self.0.downcast_ref().expect("a browser session gives page responses")
    }
}
