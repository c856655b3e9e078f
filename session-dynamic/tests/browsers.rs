//! Which browser it is: one that runs elsewhere, a profile that is kept, tabs that are used again; and configurations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use serde_json::json;
use silkroute_core::{Error, Fetch, FetchErrorKind, Registry, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{CdpUrl, DynamicSession, DynamicSessionBuilder, PageOptions};
use silkroute_testkit::site::TestSite;
use support::{SOON, elsewhere, fetched, no_browser, started};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_runs_elsewhere_is_used_and_left_running() {
    let Some((mut child, url, _folder)) = elsewhere(&[]).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    for (default, kept) in [(false, false), (true, true)] {
        let mut session = started(once().cdp_url(url.clone()).cdp_default_context(default))
            .await
            .unwrap();
        assert!(session.browser().unwrap().pid().is_none());
        let request = Fetch::from(site.http_url(&format!("/cookies/set?of{default}=1&_path=/")));
        assert_eq!(fetched(&session, &request).await.0.status(), 200);
        session.close().await.unwrap();
        assert!(child.try_wait().unwrap().is_none(), "it is not ours to end");
        // Another session, with a jar of its own, sees what is in the browser's own context.
        let session = started(once().cdp_url(url.clone()).cdp_default_context(true))
            .await
            .unwrap();
        fetched(&session, &Fetch::from(site.http_url("/echo/look"))).await;
        let seen = site.requests_to("/echo/look").pop().unwrap().cookies();
        let found = seen.iter().any(|(name, _)| *name == format!("of{default}"));
        assert_eq!(
            found, kept,
            "its own context is left alone unless it is asked for: {seen:?}"
        );
    }
    child.kill().await.unwrap();
    let mut gone = once().cdp_url(url).build().unwrap();
    let error = gone.start().await.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Connect, "{error}");
}

/// The pages that a browser has open, by their ids.
async fn pages(url: &CdpUrl) -> std::collections::BTreeSet<String> {
    let options = silkroute_browser::ConnectOptions::new(url.url().clone());
    let browser = silkroute_browser::Browser::connect(&options).await.unwrap();
    let command = silkroute_browser::cdp::RawCommand::new("Target.getTargets", json!({})).unwrap();
    let deadline = silkroute_browser::Deadline::after(SOON);
    let targets: serde_json::Value = browser.session().send_as(command, deadline).await.unwrap();
    let targets = targets["targetInfos"].as_array().unwrap().iter();
    let pages = targets.filter(|target| target["type"] == "page");
    pages.map(|page| page["targetId"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_opened_in_somebody_elses_browser_is_closed_again() {
    let Some((_child, url, _folder)) = elsewhere(&[]).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let before = pages(&url).await;
    assert!(!before.is_empty(), "the user has a page of their own");
    for default in [true, false] {
        let builder = once().cdp_url(url.clone()).cdp_default_context(default).max_pages(3);
        let mut session = started(builder).await.unwrap();
        // One tab is idle by then, and one is in use.
        fetched(&session, &Fetch::from(site.http_url("/page/10k"))).await;
        let used = Fetch::from(site.http_url("/stall"));
        let during = async {
            site.wait_until(|site| site.in_flight() == 1, SOON).await.unwrap();
            fetched(&session, &Fetch::from(site.http_url("/page/10k"))).await;
            pages(&url).await
        };
        let during = tokio::select! {
            result = session.fetch(&used) => panic!("it never ends: {result:?}"),
            during = during => during,
        };
        assert!(during.len() > before.len(), "{during:?}");
        session.close().await.unwrap();
        site.clear();
        assert_eq!(pages(&url).await, before, "cdp_default_context: {default}");
    }
}

/// Passes a port on, until it is cut.
async fn forwarder(to: u16) -> (u16, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut from, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut there = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut there).await;
            });
        }
    });
    (port, task.abort_handle())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_ends_the_session_and_its_fetches() {
    let Some((_child, url, dir)) = elsewhere(&[]).await else {
        return;
    };
    let (port, cut) = forwarder(url.url().port().unwrap()).await;
    // The port's own answer to /json/version would lead around the forwarder.
    let text = std::fs::read_to_string(dir.path().join("DevToolsActivePort")).unwrap();
    let path = text.lines().nth(1).unwrap();
    let url = CdpUrl::new(&format!("ws://127.0.0.1:{port}{path}")).unwrap();
    let session = started(once().cdp_url(url)).await.unwrap();
    let site = TestSite::start().await.unwrap();
    fetched(&session, &Fetch::from(site.http_url("/page/10k"))).await;
    let request = Fetch::from(site.http_url("/stall")).timeout(Duration::from_secs(60));
    let cutting = async {
        site.wait_until(|site| site.in_flight() == 1, SOON).await.unwrap();
        cut.abort();
    };
    let (result, ()) = timeout(SOON, async { tokio::join!(session.fetch(&request), cutting) })
        .await
        .expect("the fetch ends long before its deadline");
    let error = result.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::SessionDied, "{error}");
    let browser = session.browser().unwrap();
    timeout(SOON, browser.closed()).await.expect("the end is noticed");
    assert!(!session.is_alive());
}

fn script(source: &str) -> PageOptions {
    PageOptions {
        init_scripts: Some(vec![source.into()]),
        ..PageOptions::default()
    }
}

/// Leaves something at the site.
async fn leave_word(session: &DynamicSession, site: &TestSite) {
    let leaves = script("localStorage.setItem('kept', 'yes')");
    let request = Fetch::from(site.http_url("/page/10k")).with(leaves).unwrap();
    fetched(session, &request).await;
}

/// Whether a page finds it there.
async fn finds_word(session: &DynamicSession, site: &TestSite) -> bool {
    let show = script("addEventListener('DOMContentLoaded', () => { document.title = localStorage.getItem('kept') })");
    let request = Fetch::from(site.http_url("/page/10k")).with(show).unwrap();
    let html = fetched(session, &request).await.0.text().into_owned();
    assert!(
        html.contains("<title>yes</title>") || html.contains("<title>null</title>"),
        "{html:.200}"
    );
    html.contains("<title>yes</title>")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_kept_keeps_what_sites_stored() {
    if no_browser().is_some() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = TestSite::start().await.unwrap();
    let keep = || once().user_data_dir(dir.path());
    for builder in [keep(), keep().reuse_tabs(false)] {
        let mut session = started(builder).await.unwrap();
        leave_word(&session, &site).await;
        assert!(finds_word(&session, &site).await, "the next page of the session");
        session.close().await.unwrap();
    }
    let mut session = started(keep()).await.unwrap();
    assert!(finds_word(&session, &site).await, "the next session");
    // A context that is made for one request is not the profile.
    let request = Fetch::from(site.http_url("/page/10k")).cookie("own", "1");
    fetched(&session, &request).await;
    assert!(finds_word(&session, &site).await);
    session.close().await.unwrap();
    assert!(dir.path().join("Default").exists());

    let session = started(keep().clear_storage(true)).await.unwrap();
    assert!(finds_word(&session, &site).await);
    assert!(!finds_word(&session, &site).await, "it was cleared, as was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sites_stored_for_the_user_of_a_browser_stays_and_in_contexts_of_ours_it_goes() {
    let Some((_child, url, _folder)) = elsewhere(&[]).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    for (default, stays) in [(true, true), (false, false)] {
        let session = started(once().cdp_url(url.clone()).cdp_default_context(default))
            .await
            .unwrap();
        leave_word(&session, &site).await;
        assert_eq!(
            finds_word(&session, &site).await,
            stays,
            "cdp_default_context: {default}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_are_used_again_as_often_as_asked_for() {
    let site = TestSite::start().await.unwrap();
    for (builder, most) in [(once().recycle_tabs_after(2), 3), (once().reuse_tabs(false), 7)] {
        let Some(session) = started(builder.page_action("note", |page| {
            Box::pin(async move {
                let id = page.tab().id().to_owned();
                page.evaluate::<()>(&format!("void (document.title = '{id}')"))
                    .await
                    .ok();
                Ok(())
            })
        }))
        .await
        else {
            return;
        };
        let mut tabs = std::collections::BTreeSet::new();
        for _ in 0..6 {
            let options = PageOptions {
                page_action: Some("note".into()),
                ..PageOptions::default()
            };
            let request = Fetch::from(site.http_url("/page/10k")).with(options).unwrap();
            let text = fetched(&session, &request).await.0.text().into_owned();
            tabs.insert(
                text.split("<title>")
                    .nth(1)
                    .unwrap()
                    .split('<')
                    .next()
                    .unwrap()
                    .to_owned(),
            );
        }
        assert!(tabs.len() >= 3 && tabs.len() <= most, "{tabs:?}");
    }
}

#[tokio::test]
async fn a_missing_browser_is_an_error_that_says_how_to_get_one() {
    let mut session = once().executable_path("/no/such/browser").build().unwrap();
    let error = session.start().await.unwrap_err().to_string();
    assert!(
        error.contains("/no/such/browser") && error.contains("apt-get install chromium"),
        "{error}"
    );
    assert!(!session.is_alive());
    session.close().await.unwrap();
}

#[tokio::test]
async fn configurations_are_read_with_their_units_and_refused_by_their_place() {
    let registry = Registry::discover().unwrap();
    let config = json!({
        "max_pages": 4, "timeout": "20s", "headless": "off", "wait_until": "network_idle", "disable_resources": ["image"],
        "auto_scroll": {"max_scrolls": 3}, "screenshot": true, "dns_over_https": true, "window_size": [800, 600],
        "extra_headers": {"X-Shop": "de"}, "retry": {"attempts": 2}, "cookies": [
            {"name": "a", "value": "hush", "domain": "shop.test", "path": "/", "expires": -1, "httpOnly": false, "secure": false}],
    });
    let session = registry.build("dynamic", config).unwrap();
    assert_eq!(session.timeout(), Duration::from_secs(20));
    assert_eq!(session.concurrency().unwrap().get(), 4);
    assert!(!format!("{session:?}").contains("hush"));
    for (config, place) in [
        (json!({"max_page": 4}), "max_page"),
        (json!({"timeout": 20}), "timeout"),
        (json!({"wait_until": "loaded"}), "wait_until"),
        (json!({"extra_headers": {"X A": "1"}}), "extra_headers"),
        (json!({"cdp_url": "ftp://x"}), "cdp_url"),
        (json!({"page_action": "none"}), "page_action"),
    ] {
        let error = registry.build("dynamic", config).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error:?}");
        assert!(error.to_string().contains(place), "{place}: {error}");
    }
}
