//! A stealth session says of itself what a person's browser on this machine says, wherever it is asked.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use silkroute_core::identity::Screen;
use silkroute_core::{Fetch, RequestExt as _, Session};
use silkroute_session_dynamic::DynamicSession;
use silkroute_session_stealth::{Fingerprint, Headless, StealthOptions, StealthSession, StealthSessionBuilder};
use silkroute_testkit::site::{TestSite, known};
use support::human::{SCREEN, WINDOW, Window, display};
use support::{LONG, Tabs, started};

type Tables = BTreeMap<String, BTreeMap<String, Value>>;

/// What differs because this machine has no graphics: without a window Chromium falls back to its own renderer.
const GRAPHICS: [&str; 2] = ["graphics.webgl", "graphics.webgl2"];

async fn complete(site: &TestSite, run: &str) -> Tables {
    let waited = site
        .wait_until(
            |site| site.consistency(run).len() == known::CONSISTENCY_PLACES.len(),
            LONG,
        )
        .await;
    let tables = site.consistency(run);
    assert!(waited.is_ok(), "{run}: only {:?} reported", tables.keys());
    tables
}

async fn human(site: &TestSite, run: &str, flags: &[&str], env: &[(&str, &str)]) -> Option<Tables> {
    support::no_browser().map_or(Some(()), |_| None)?;
    let display = display().await?;
    let _window = Window::open(&display, &page(site, run), flags, env);
    Some(complete(site, run).await)
}

fn page(site: &TestSite, run: &str) -> url::Url {
    site.http_url(&format!("/consistency?run={run}"))
}

/// `session` waits for `#done`.
async fn of_session(site: &TestSite, session: &dyn Session, run: &str) -> Tables {
    let request = Fetch::get(page(site, run).as_str()).unwrap();
    visit(site, session, request, run).await
}

async fn visit(site: &TestSite, session: &dyn Session, request: Fetch, run: &str) -> Tables {
    if let Err(error) = session.fetch(&request).await {
        panic!("{error}: {:?} reported", site.consistency(run).keys());
    }
    complete(site, run).await
}

/// Waits for the reports, on a screen and in a window like a person's here.
fn waiting() -> StealthSessionBuilder {
    StealthSession::builder()
        .wait_selector("#done")
        .window_size(WINDOW.0, WINDOW.1)
        .fingerprint(like_the_display())
}

/// The screen of a window on a display without a taskbar.
fn like_the_display() -> Fingerprint {
    Fingerprint {
        screen: Some(Screen {
            width: SCREEN.0,
            height: SCREEN.1,
        }),
        taskbar: Some(0),
        ..Fingerprint::default()
    }
}

fn assert_same(one: &Tables, other: &Tables, spared: &[&str]) {
    let found = differences(one, other, spared);
    assert!(found.is_empty(), "these differ:\n{}", found.join("\n"));
}

/// All that differs, but for what is `spared`.
fn differences(one: &Tables, other: &Tables, spared: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for place in known::CONSISTENCY_PLACES {
        let names: BTreeSet<_> = one[place].keys().chain(other[place].keys()).collect();
        for name in names.into_iter().filter(|name| !spared.contains(&name.as_str())) {
            let (left, right) = (one[place].get(name), other[place].get(name));
            if left != right {
                found.push(format!("{place} {name}: {left:?} / {right:?}"));
            }
        }
    }
    found
}

#[tokio::test]
async fn without_a_window_it_says_what_a_persons_browser_says() {
    let site = TestSite::start().await.unwrap();
    let Some(person) = human(&site, "person", &[], &[]).await else {
        return;
    };
    let Some(session) = started(waiting()).await else {
        return;
    };
    let ours = of_session(&site, &session, "ours").await;
    assert_same(&person, &ours, &GRAPHICS);
}

#[tokio::test]
async fn languages_and_time_zone_are_the_same_everywhere() {
    let site = TestSite::start().await.unwrap();
    let berlin = [("TZ", "Europe/Berlin")];
    let Some(person) = human(&site, "person", &["--accept-lang=de-DE,de,en-US,en"], &berlin).await else {
        return;
    };
    let fingerprint = Fingerprint {
        locale: Some("de-DE".into()),
        timezone: Some("Europe/Berlin".into()),
        ..like_the_display()
    };
    let Some(session) = started(waiting().fingerprint(fingerprint)).await else {
        return;
    };
    let ours = of_session(&site, &session, "ours").await;
    // The browser here may not have been translated; then a person's scripts speak English whatever the page is asked for in.
    // A session's speak German, as with a browser that has.
    let translated = ["collator", "day", "localDay", "locale", "number"].map(|name| format!("placeAndTime.{name}"));
    let spared: Vec<_> = GRAPHICS
        .into_iter()
        .chain(translated.iter().map(String::as_str))
        .collect();
    assert_same(&person, &ours, &spared);
    for place in known::CONSISTENCY_PLACES {
        let table = &ours[place];
        assert_eq!(
            table["headers.accept-language"], "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
            "{place}"
        );
        assert_eq!(table["placeAndTime.locale"], "de-DE", "{place}");
        assert_eq!(table["placeAndTime.localDay"], "14.7.2024, 14:00:00", "{place}");
        assert_eq!(table["placeAndTime.timeZone"], "Europe/Berlin", "{place}");
        assert_eq!(table["navigator.language"], "de-DE", "{place}");
    }
}

#[tokio::test]
async fn with_a_window_nothing_differs_at_all() {
    let site = TestSite::start().await.unwrap();
    let Some(person) = human(&site, "person", &[], &[]).await else {
        return;
    };
    let Some(display) = display().await else { return };
    let builder = StealthSession::builder()
        .wait_selector("#done")
        .headless(Headless::Off)
        .window_size(WINDOW.0, WINDOW.1)
        .extra_flags([
            "--window-position=0,0".to_owned(),
            "--ozone-platform=x11".to_owned(),
            format!("--display={}", display.name()),
        ]);
    let Some(session) = started(builder).await else { return };
    let ours = of_session(&site, &session, "ours").await;
    assert_same(&person, &ours, &[]);
}

#[tokio::test]
async fn a_session_that_does_nothing_about_it_is_recognised() {
    let site = TestSite::start().await.unwrap();
    let Some(person) = human(&site, "person", &[], &[]).await else {
        return;
    };
    let mut plain = DynamicSession::builder()
        .start_timeout(LONG)
        .timeout(LONG)
        .wait_selector("#done")
        .build()
        .unwrap();
    plain.start().await.unwrap();
    let theirs = of_session(&site, &plain, "plain").await;
    plain.close().await.unwrap();
    let found = differences(&person, &theirs, &GRAPHICS).join("\n");
    for trace in [
        "page navigator.webdriver",
        "cross-site-frame navigator.webdriver",
        "page media.pointer",
        "page navigator.userAgent",
        "worker navigator.userAgent",
        "shared-worker navigator.userAgent",
        "service-worker headers.user-agent",
        "page screen.availHeight",
    ] {
        assert!(found.contains(trace), "{trace} is not among:\n{found}");
    }
}

#[tokio::test]
async fn the_hundredth_page_of_a_tab_says_what_the_first_said() {
    let site = TestSite::start().await.unwrap();
    let tabs = Tabs::default();
    let builder = tabs.noted_by(waiting()).recycle_tabs_after(1000).max_pages(1);
    let Some(session) = started(builder).await else {
        return;
    };
    let first = of_session(&site, &session, "first").await;
    let plain = Fetch::get(site.http_url("/js/list").as_str())
        .unwrap()
        .with(StealthOptions {
            wait_selector: Some("#list".into()),
            ..StealthOptions::default()
        })
        .unwrap();
    for _ in 0..98 {
        session.fetch(&plain).await.expect("the page is fetched");
    }
    let last = of_session(&site, &session, "last").await;
    assert_same(&first, &last, &[]);
    tabs.assert_one(100);
}
