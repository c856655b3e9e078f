//! Waits, scrolling, and what each of them came to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_core::{Fetch, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{
    AutoScroll, DynamicSession, OnTimeout, PageOptions, SelectorState, StepOutcome, Toggle, WaitUntil,
};
use silkroute_testkit::site::TestSite;
use support::{SOON, fetched, started};

fn page(site: &TestSite, path: &str, options: PageOptions) -> Fetch {
    Fetch::from(site.http_url(path)).with(options).unwrap()
}

fn once() -> silkroute_session_dynamic::DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_a_script_makes_is_in_the_body() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let options = PageOptions {
        wait_selector: Some("#list .item".into()),
        ..PageOptions::default()
    };
    let response = fetched(&session, &page(&site, "/js/list", options)).await;
    assert_eq!(response.0.status(), 200);
    assert_eq!(response.0.text().matches("class=\"item\"").count(), 30);
    assert!(response.0.text().starts_with("<!DOCTYPE html>"));
    let step = response.step("wait_selector").unwrap();
    assert_eq!(step.outcome, StepOutcome::Done);
    assert!(response.document_timing.load.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_is_waited_for_in_every_state() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    for (selector, state) in [
        ("#late", SelectorState::Attached),
        ("#veiled", SelectorState::Visible),
        ("#placeholder", SelectorState::Hidden),
        ("#placeholder", SelectorState::Detached),
    ] {
        let options = PageOptions {
            wait_selector: Some(selector.into()),
            wait_selector_state: Some(state),
            ..PageOptions::default()
        };
        let response = fetched(&session, &page(&site, "/js/lazy?ms=400", options)).await;
        assert!(response.0.text().contains("after 400 ms"), "{selector} {state:?}");
    }
    let options = PageOptions {
        wait_selector: Some("]".into()),
        ..PageOptions::default()
    };
    let error = session.fetch(&page(&site, "/js/lazy", options)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("wait_selector") && !error.is_timeout(), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_not_met_is_an_error_or_a_note() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let missing = PageOptions {
        wait_selector: Some("#never".into()),
        wait_timeout: Some(Duration::from_millis(300)),
        ..PageOptions::default()
    };
    let error = session
        .fetch(&page(&site, "/js/list", missing.clone()))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(error.is_timeout(), "{text}");
    assert!(
        text.contains("#never") && text.contains("while: wait_selector"),
        "{text}"
    );
    assert!(text.contains("on_timeout"), "{text}");

    let noted = PageOptions {
        on_timeout: Some(OnTimeout::Continue),
        ..missing
    };
    let response = fetched(&session, &page(&site, "/js/list", noted)).await;
    assert_eq!(response.step("wait_selector").unwrap().outcome, StepOutcome::TimedOut);
    assert_eq!(response.0.status(), 200);

    // Without a time of its own it leaves enough of the fetch's for the body.
    let shared = PageOptions {
        wait_selector: Some("#never".into()),
        on_timeout: Some(OnTimeout::Continue),
        ..PageOptions::default()
    };
    let request = page(&site, "/js/list", shared).timeout(Duration::from_secs(15));
    let response = fetched(&session, &request).await;
    assert_eq!(response.step("wait_selector").unwrap().outcome, StepOutcome::TimedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn network_idle_waits_for_requests_that_follow_one_another() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let idle = PageOptions {
        network_idle: Some(true),
        ..PageOptions::default()
    };
    let response = fetched(&session, &page(&site, "/js/xhr", idle)).await;
    assert!(response.0.text().contains("data-done=\"true\""));
    assert_eq!(response.step("network_idle").unwrap().outcome, StepOutcome::Done);

    let until = PageOptions {
        wait_until: Some(WaitUntil::NetworkIdle),
        ..PageOptions::default()
    };
    let response = fetched(&session, &page(&site, "/js/xhr", until)).await;
    assert!(response.0.text().contains("data-done=\"true\""));
    assert!(response.document_timing.network_idle.is_some());

    let never = PageOptions {
        network_idle: Some(true),
        wait_timeout: Some(Duration::from_millis(800)),
        on_timeout: Some(OnTimeout::Continue),
        ..PageOptions::default()
    };
    let response = fetched(&session, &page(&site, "/js/hanging/fetch", never)).await;
    assert_eq!(response.step("network_idle").unwrap().outcome, StepOutcome::TimedOut);
    assert!(response.0.text().contains("Here."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_over_leaves_the_page_as_it_is() {
    let builder = once().page_action("until it is there", |page| {
        Box::pin(async move { page.wait_for_selector("#late", SelectorState::Attached).await })
    });
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    // Not there yet when the wait for the network ends.
    let fetching = "addEventListener('load', async () => { \
        const answer = await fetch('/slow?ms=5000'); \
        document.body.append(Object.assign(document.createElement('p'), {id: 'late', textContent: answer.status})); })";
    let options = PageOptions {
        init_scripts: Some(vec![fetching.into()]),
        network_idle: Some(true),
        wait_timeout: Some(Duration::from_millis(500)),
        on_timeout: Some(OnTimeout::Continue),
        page_action: Some("until it is there".into()),
        ..PageOptions::default()
    };
    let response = fetched(&session, &page(&site, "/page/10k", options)).await;
    assert_eq!(response.step("network_idle").unwrap().outcome, StepOutcome::TimedOut);
    assert!(
        response.0.text().contains("<p id=\"late\">200</p>"),
        "{:?}",
        response.steps
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_never_loads_can_be_had_before_it_does() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let soon = PageOptions {
        wait_until: Some(WaitUntil::DomContentLoaded),
        ..PageOptions::default()
    };
    let response = fetched(&session, &page(&site, "/js/hanging/image", soon)).await;
    assert!(response.0.text().contains("Here."));

    let limited = PageOptions {
        navigation_timeout: Some(Duration::from_millis(500)),
        ..PageOptions::default()
    };
    let error = session
        .fetch(&page(&site, "/js/hanging/image", limited))
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_while_is_waited_at_the_end_and_refused_when_there_is_no_time_for_it() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let wait = |time| PageOptions {
        wait: Some(time),
        ..PageOptions::default()
    };
    let request = page(&site, "/js/lazy?ms=300", wait(Duration::from_secs(3)));
    let response = fetched(&session, &request).await;
    assert!(response.0.text().contains("after 300 ms"));
    assert!(response.step("wait").unwrap().took >= Duration::from_secs(3));

    let request = page(&site, "/js/list", wait(SOON * 4)).timeout(SOON * 2);
    let began = tokio::time::Instant::now();
    let error = session.fetch(&request).await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("`wait`"), "{error}");
    assert!(began.elapsed() < SOON, "it is told at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_while_is_cut_short_where_the_page_is_to_be_taken_as_it_is() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    // Of what the first leaves, the second leaves enough for the body.
    let options = PageOptions {
        wait_selector: Some("#never".into()),
        wait_timeout: Some(Duration::from_millis(500)),
        wait: Some(SOON),
        on_timeout: Some(OnTimeout::Continue),
        ..PageOptions::default()
    };
    let request = page(&site, "/js/list", options).timeout(Duration::from_secs(15));
    let response = fetched(&session, &request).await;
    assert_eq!(response.step("wait_selector").unwrap().outcome, StepOutcome::TimedOut);
    assert_eq!(response.step("wait").unwrap().outcome, StepOutcome::TimedOut);
    assert_eq!(response.0.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn scrolling_ends_where_the_page_does_or_at_its_bound() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let patient = |max_scrolls, quiet| PageOptions {
        auto_scroll: Some(Toggle::On(AutoScroll { max_scrolls, quiet })),
        ..PageOptions::default()
    };
    let all = patient(100, Duration::from_secs(4));
    let response = fetched(&session, &page(&site, "/js/scroll?pages=3", all)).await;
    assert!(response.0.text().contains("that was all"));
    assert_eq!(response.0.text().matches("class=\"item\"").count(), 30);
    let outcome = response.step("auto_scroll").unwrap().outcome;
    assert!(
        matches!(outcome, StepOutcome::Scrolled(scrolls) if scrolls > 0),
        "{outcome:?}"
    );

    let few = patient(2, SOON);
    let response = fetched(&session, &page(&site, "/js/scroll?pages=0", few)).await;
    assert_eq!(
        response.step("auto_scroll").unwrap().outcome,
        StepOutcome::StillGrowing(2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scrolling_that_runs_out_of_its_time_is_an_error_or_a_note() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let endless = PageOptions {
        auto_scroll: Some(Toggle::On(AutoScroll {
            max_scrolls: 100_000,
            quiet: SOON,
        })),
        wait_timeout: Some(Duration::from_millis(700)),
        ..PageOptions::default()
    };
    let request = page(&site, "/js/scroll?pages=0", endless.clone());
    let error = session.fetch(&request).await.unwrap_err();
    let text = error.to_string();
    assert!(error.is_timeout() && text.contains("while: auto_scroll"), "{text}");

    let noted = PageOptions {
        on_timeout: Some(OnTimeout::Continue),
        // Enough for the first of what is below.
        wait_timeout: Some(Duration::from_secs(4)),
        ..endless
    };
    let response = fetched(&session, &page(&site, "/js/scroll?pages=0", noted)).await;
    assert_eq!(response.step("auto_scroll").unwrap().outcome, StepOutcome::TimedOut);
    assert!(response.0.text().contains("class=\"item\""));
}
