//! Closures of the session's own, before a page and on it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_core::{Error, Fetch, FetchErrorKind, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{DynamicSession, DynamicSessionBuilder, PageOptions, SelectorState, StepOutcome};
use silkroute_testkit::site::TestSite;
use support::{fetched, started};

fn page(site: &TestSite, path: &str, options: PageOptions) -> Fetch {
    Fetch::from(site.http_url(path)).with(options).unwrap()
}

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

#[tokio::test(flavor = "multi_thread")]
async fn setups_and_actions_are_found_by_their_names() {
    let builder = once()
        .page_setup("mark", |page| {
            Box::pin(async move {
                let source = "globalThis.marked = 'before the page'";
                let command = silkroute_browser::cdp::RawCommand::new(
                    "Page.addScriptToEvaluateOnNewDocument",
                    serde_json::json!({ "source": source }),
                )?;
                page.tab().session().send(command, page.deadline()).await?;
                Ok(())
            })
        })
        .page_action("greet", |page| {
            Box::pin(async move {
                page.fill("#name", "Ada").await?;
                page.click("#more").await?;
                page.press("Tab").await?;
                page.click("#submit").await?;
                page.wait_for_selector("#greeting:not(:empty)", SelectorState::Attached)
                    .await?;
                let marked: String = page.evaluate_in_page("globalThis.marked").await?;
                page.evaluate::<()>(&format!("void (document.title = '{marked}')"))
                    .await
                    .ok();
                Ok(())
            })
        })
        .page_action("fail", |_| {
            Box::pin(async { Err(Error::invalid("the page", "it is not as it should be")) })
        });
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    let named = |setup: Option<&str>, action: &str| PageOptions {
        page_setup: setup.map(str::to_owned),
        page_action: Some(action.to_owned()),
        ..PageOptions::default()
    };
    let response = fetched(&session, &page(&site, "/js/click", named(Some("mark"), "greet"))).await;
    let text = response.0.text().into_owned();
    assert!(text.contains("Hello, Ada!"), "{text}");
    assert!(
        text.contains("pointerdown trusted=true buttons=1 pressure=0.5"),
        "{text}"
    );
    assert!(text.contains("<title>before the page</title>"), "{text}");
    assert_eq!(response.step("page_action").unwrap().outcome, StepOutcome::Done);

    let error = session
        .fetch(&page(&site, "/js/click", named(None, "fail")))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("page_action 'fail' failed: the page is not usable"),
        "{error}"
    );
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Page);

    let error = session
        .fetch(&page(&site, "/js/click", named(None, "gret")))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Options { .. }), "{error:?}");
    assert!(
        text.contains("dynamic.page_action") && text.contains("'gret'") && text.contains("fail, greet"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_setup_told_its_tab_does_not_reach_the_next_page() {
    let builder = once().page_setup("mark", |page| {
        Box::pin(async move {
            let command = silkroute_browser::cdp::RawCommand::new(
                "Page.addScriptToEvaluateOnNewDocument",
                serde_json::json!({ "source": "globalThis.marked = 1" }),
            )?;
            page.tab().session().send(command, page.deadline()).await?;
            Ok(())
        })
    });
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    let script = "addEventListener('load', () => { document.title = typeof globalThis.marked })";
    for (setup, title) in [(Some("mark"), "number"), (None, "undefined")] {
        let options = PageOptions {
            page_setup: setup.map(str::to_owned),
            init_scripts: Some(vec![script.into()]),
            ..PageOptions::default()
        };
        let response = fetched(&session, &page(&site, "/page/10k", options)).await;
        assert!(
            response.0.text().contains(&format!("<title>{title}</title>")),
            "{setup:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_never_ends_ends_with_the_fetch() {
    let builder = once().page_action("sleep", |_| {
        Box::pin(async {
            std::future::pending::<()>().await;
            Ok(())
        })
    });
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    let options = PageOptions {
        page_action: Some("sleep".into()),
        ..PageOptions::default()
    };
    // Enough to get as far as the action.
    let request = page(&site, "/js/list", options).timeout(Duration::from_secs(12));
    let error = session.fetch(&request).await.unwrap_err();
    assert!(
        error.is_timeout() && error.to_string().contains("page_action 'sleep'"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_leads_elsewhere_gives_the_page_it_led_to() {
    let builder = once().page_action("follow", |page| {
        Box::pin(async move { page.click("#list a.product").await })
    });
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    let options = PageOptions {
        page_action: Some("follow".into()),
        ..PageOptions::default()
    };
    let response = fetched(&session, &page(&site, "/js/list", options)).await;
    assert_eq!(response.0.url().path(), "/shop/product/1");
    let way: Vec<_> = response
        .0
        .history()
        .iter()
        .map(|hop| hop.url.path().to_owned())
        .collect();
    assert_eq!(way, ["/js/list"]);
}
