//! Dynamic sessions in the hands of a manager: they come back from the dead, and close in the middle of a navigation.
#![cfg(all(feature = "dynamic", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::time::Duration;

use silkroute::Limits;
use silkroute::dynamic::DynamicSession;
use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;
use tokio::time::{Instant, timeout};

/// For everything that should come at once; long, as the machine may be busy.
const SOON: Duration = Duration::from_secs(30);

/// A live session, unless there is no browser and that is allowed.
async fn started() -> Option<DynamicSession> {
    let mut session = DynamicSession::builder().retry(Retry::none()).build().unwrap();
    match session.start().await {
        Ok(()) => Some(session),
        Err(error) if error.to_string().contains("no browser to run") => {
            assert!(
                std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
                "{error}"
            );
            eprintln!("BROWSER TESTS DID NOT RUN: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_starts_a_session_whose_browser_died_again() {
    let Some(session) = started().await else { return };
    let browser = session.browser().unwrap().clone();
    let site = TestSite::start().await.unwrap();
    let manager = SessionManager::new();
    manager.add("pages", session).unwrap();
    let request = || Fetch::from(site.http_url("/js/list"));
    manager.fetch(request()).await.unwrap();
    let pid = browser.pid().unwrap().to_string();
    let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
    assert!(killed.unwrap().success());
    timeout(SOON, browser.closed())
        .await
        .expect("the browser's end is noticed");
    // One that comes before the manager has looked may fail; none hangs.
    let end = Instant::now() + SOON;
    loop {
        match timeout(SOON, manager.fetch(request())).await.expect("no fetch hangs") {
            Ok(response) => {
                assert_eq!(response.status(), 200);
                break;
            }
            Err(error) => assert!(error.is_retryable() && Instant::now() < end, "{error}"),
        }
    }
    assert_eq!(
        manager.stats()[0].starts,
        1,
        "it was alive when it came, and was started once"
    );
    manager.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_closes_ends_a_navigation_that_does_not() {
    let Some(session) = started().await else { return };
    let browser = session.browser().unwrap().clone();
    let site = TestSite::start().await.unwrap();
    let manager = SessionManager::with_limits(Limits::default().drain_timeout(Duration::from_millis(500)));
    manager.add("pages", session).unwrap();
    let request = Fetch::from(site.http_url("/stall")).timeout(Duration::from_secs(120));
    let closing = async {
        site.wait_until(|site| site.in_flight() == 1, SOON).await.unwrap();
        manager.close().await
    };
    let (result, closed) = timeout(SOON, async { tokio::join!(manager.fetch(request), closing) })
        .await
        .expect("both end long before the fetch's deadline");
    closed.unwrap();
    let error = result.unwrap_err();
    assert!(!error.is_timeout(), "{error}");
    assert!(!browser.is_alive());
}
