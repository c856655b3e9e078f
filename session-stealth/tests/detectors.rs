//! What published detectors make of a session, and of a person's browser here.
//!
//! `cargo xtask test` installs them; by hand: `npm install --prefix FOLDER @fingerprintjs/botd@2.0.0 fpscanner@1.0.2`, and
//! `SILKROUTE_DETECTORS=FOLDER`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::path::PathBuf;

use serde_json::Value;
use silkroute_core::{Fetch, RequestExt as _, Session};
use silkroute_session_dynamic::DynamicSession;
use silkroute_session_stealth::{Headless, StealthOptions, StealthSession};
use silkroute_testkit::site::TestSite;
use support::human::{WINDOW, Window, display};
use support::{LONG, Tabs, started};

const WAIT: &str = "body[data-done]";

/// The folder that they are in.
fn detectors() -> Option<PathBuf> {
    let named = std::env::var_os("SILKROUTE_DETECTORS").map(PathBuf::from);
    let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/detectors");
    let folder = named.unwrap_or(usual);
    if folder.join("node_modules/fpscanner").is_dir() && folder.join("node_modules/@fingerprintjs/botd").is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var("SILKROUTE_REQUIRE_DETECTORS").as_deref() != Ok("1"),
        "no detectors in {}",
        folder.display()
    );
    eprintln!(
        "DETECTOR TESTS DID NOT RUN: no detectors in {}; `cargo xtask test` installs them",
        folder.display()
    );
    None
}

async fn site() -> Option<TestSite> {
    let folder = detectors()?;
    support::no_browser().map_or(Some(()), |_| None)?;
    Some(TestSite::builder().files(folder).start().await.unwrap())
}

fn page(site: &TestSite, run: &str) -> url::Url {
    site.http_url(&format!("/detectors?run={run}"))
}

/// What was reported for a run: the detectors' verdicts.
async fn verdict(site: &TestSite, run: &str) -> Value {
    let of_run = |site: &TestSite| {
        let all = site.requests_to("/echo/detectors").into_iter();
        all.into_iter()
            .find(|request| request.param("run").as_deref() == Some(run))
    };
    site.wait_until(|site| of_run(site).is_some(), LONG).await.unwrap();
    serde_json::from_str(&of_run(site).unwrap().text()).unwrap()
}

async fn of_session(site: &TestSite, session: &dyn Session, run: &str) -> Value {
    let request = Fetch::get(page(site, run).as_str()).unwrap();
    session.fetch(&request).await.expect("the page is fetched");
    verdict(site, run).await
}

fn found(verdict: &Value) -> Vec<&str> {
    verdict["fpscanner"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

#[tokio::test]
async fn they_find_nothing_that_a_persons_browser_does_not_show() {
    let Some(site) = site().await else { return };
    let Some(display) = display().await else { return };
    let window = Window::open(&display, &page(&site, "person"), &[], &[]);
    let person = verdict(&site, "person").await;
    drop(window);
    assert_eq!(person["botd"]["bot"], false, "{person}");

    let hidden = StealthSession::builder().wait_selector(WAIT);
    let shown = StealthSession::builder()
        .wait_selector(WAIT)
        .headless(Headless::Off)
        .window_size(WINDOW.0, WINDOW.1)
        .extra_flags([
            "--ozone-platform=x11".to_owned(),
            format!("--display={}", display.name()),
        ]);
    for (name, builder) in [("hidden", hidden), ("shown", shown)] {
        let Some(mut session) = started(builder).await else {
            return;
        };
        let ours = of_session(&site, &session, name).await;
        session.close().await.unwrap();
        assert_eq!(ours["botd"]["bot"], false, "{name}: {ours}");
        let more: Vec<_> = found(&ours)
            .into_iter()
            .filter(|one| !found(&person).contains(one))
            // Chromium's own renderer, which a machine without graphics has only without a window.
            .filter(|one| name == "shown" || *one != "hasSwiftshaderRenderer")
            .collect();
        assert!(
            more.is_empty(),
            "{name}: {more:?}, and a person's browser: {:?}",
            found(&person)
        );
    }
}

#[tokio::test]
async fn they_find_nothing_more_on_the_hundredth_page_of_a_tab() {
    let Some(site) = site().await else { return };
    let tabs = Tabs::default();
    let builder = tabs
        .noted_by(StealthSession::builder())
        .recycle_tabs_after(1000)
        .max_pages(1);
    let Some(session) = started(builder.wait_selector(WAIT)).await else {
        return;
    };
    let first = of_session(&site, &session, "first").await;
    let plain = StealthOptions {
        wait_selector: Some("body".into()),
        ..StealthOptions::default()
    };
    let plain = Fetch::get(site.http_url("/shop").as_str())
        .unwrap()
        .with(plain)
        .unwrap();
    for _ in 0..98 {
        session.fetch(&plain).await.expect("the page is fetched");
    }
    let last = of_session(&site, &session, "last").await;
    tabs.assert_one(100);
    assert_eq!(last["botd"]["bot"], false, "{last}");
    assert_eq!(found(&last), found(&first));
}

#[tokio::test]
async fn they_find_a_session_that_does_nothing_about_it() {
    let Some(site) = site().await else { return };
    let mut plain = DynamicSession::builder()
        .start_timeout(LONG)
        .timeout(LONG)
        .wait_selector(WAIT)
        .build()
        .unwrap();
    plain.start().await.unwrap();
    let theirs = of_session(&site, &plain, "plain").await;
    plain.close().await.unwrap();
    assert_eq!(theirs["botd"]["bot"], true, "{theirs}");
    for trace in ["hasWebdriver", "hasBotUserAgent"] {
        assert!(found(&theirs).contains(&trace), "{theirs}");
    }
}
