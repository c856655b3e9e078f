//! What a page comes to: redirects, statuses, downloads, raw bodies, dialogs, and what is noted besides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use serde_json::Value;
use silkroute_core::{Fetch, FetchErrorKind, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{
    DocumentKind, DynamicSession, DynamicSessionBuilder, OnTimeout, PageOptions, ScreenshotOptions, StepOutcome,
    Toggle, WaitUntil,
};
use silkroute_testkit::site::TestSite;
use support::{SOON, fetched, started};

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_of_every_kind_end_at_the_document_that_is_shown() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    for how in ["script", "late-script", "meta", "header"] {
        let mut request = Fetch::from(site.http_url(&format!("/js/redirect/{how}")));
        if how == "late-script" {
            let wait = PageOptions {
                wait_selector: Some("#list".into()),
                ..PageOptions::default()
            };
            request = request.with(wait).unwrap();
        }
        let response = fetched(&session, &request).await;
        assert_eq!(response.0.url().path(), "/js/list", "{how}");
        assert_eq!(response.0.status(), 200, "{how}");
        let first = &response.0.history()[0];
        assert_eq!(first.url.path(), format!("/js/redirect/{how}"));
    }
    let request = Fetch::from(site.http_url("/js/redirect/form"));
    let response = fetched(&session, &request).await;
    assert_eq!(response.0.url().path(), "/echo");
    assert_eq!(site.requests_to("/echo")[0].text(), "sent=by+script");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_has_a_result_of_its_own() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let response = fetched(&session, &Fetch::from(site.http_url("/status/204"))).await;
    assert_eq!(
        (response.0.status().as_u16(), &response.document),
        (204, &DocumentKind::Empty)
    );
    assert!(response.0.body().is_empty());

    let response = fetched(&session, &Fetch::from(site.http_url("/json"))).await;
    assert_eq!(response.document, DocumentKind::Raw);
    let json: Value = response.0.json().unwrap();
    assert!(json.is_object());

    let response = fetched(&session, &Fetch::from(site.http_url("/image.png"))).await;
    assert!(response.0.body().starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_comes_whole_however_early_it_is_taken() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let request = Fetch::from(site.http_url("/drip?ms=2&bytes=1500"))
        .with(PageOptions {
            wait_until: Some(WaitUntil::Commit),
            ..PageOptions::default()
        })
        .unwrap();
    let response = fetched(&session, &request).await;
    assert_eq!(response.document, DocumentKind::Raw);
    assert_eq!(response.0.body().len(), 1500);
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_and_actions_say_that_there_is_no_page_for_them() {
    let builder = once()
        .page_action("nothing", |_| Box::pin(async { Ok(()) }))
        .wait_selector("#for-pages");
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    // What the session says is for its pages.
    let response = fetched(&session, &Fetch::from(site.http_url("/robots.txt"))).await;
    assert_eq!(response.step("wait_selector").unwrap().outcome, StepOutcome::NoPage);
    let selector = PageOptions {
        wait_selector: Some("#never".into()),
        ..PageOptions::default()
    };
    let action = PageOptions {
        page_action: Some("nothing".into()),
        ..PageOptions::default()
    };
    for (option, options, path) in [
        ("wait_selector", selector, "/json"),
        ("page_action", action, "/status/204"),
    ] {
        let request = |options| Fetch::from(site.http_url(path)).with(options).unwrap();
        let error = session.fetch(&request(options.clone())).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Page, "{text}");
        assert!(text.contains(&format!("`{option}` needs a page")), "{text}");
        let anyway = PageOptions {
            on_timeout: Some(OnTimeout::Continue),
            ..options
        };
        let response = fetched(&session, &request(anyway)).await;
        assert_eq!(response.step(option).unwrap().outcome, StepOutcome::NoPage);
    }
    let idle = PageOptions {
        network_idle: Some(true),
        auto_scroll: Some(true.into()),
        wait: Some(Duration::from_secs(1)),
        ..PageOptions::default()
    };
    let response = fetched(&session, &Fetch::from(site.http_url("/json")).with(idle).unwrap()).await;
    let steps: Vec<_> = response.steps.iter().map(|step| (step.name, step.outcome)).collect();
    let none = StepOutcome::NoPage;
    let asked = ["network_idle", "wait_selector", "auto_scroll", "wait"];
    assert_eq!(steps, asked.map(|name| (name, none)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_a_body_within_the_limit_and_leaves_no_file() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let files = || {
        let browser = session.browser().unwrap();
        let line = std::fs::read(format!("/proc/{}/cmdline", browser.pid().unwrap())).unwrap();
        let line = String::from_utf8_lossy(&line).into_owned();
        let profile = line
            .split("--user-data-dir=")
            .nth(1)
            .unwrap()
            .split('\0')
            .next()
            .unwrap()
            .to_owned();
        let names = std::fs::read_dir(format!("{profile}/tmp")).unwrap().flatten();
        names
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name())
            .collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let response = fetched(&session, &Fetch::from(site.http_url("/download"))).await;
        let name = Some("silk.bin".to_owned());
        assert_eq!(response.document, DocumentKind::Download { file_name: name });
        assert_eq!(response.0.status(), 200);
        assert_eq!(response.0.body(), &vec![b'd'; 2048]);
    }
    let none_left = async |after: &str| {
        let end = tokio::time::Instant::now() + SOON;
        while !files().is_empty() {
            assert!(
                tokio::time::Instant::now() < end,
                "{:?} are left after {after}",
                files()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    none_left("a download").await;
    // A page whose script goes to a download is still the page that is shown.
    let request = Fetch::from(site.http_url("/js/download")).timeout(Duration::from_secs(20));
    let response = fetched(&session, &request).await;
    assert_eq!(response.document, DocumentKind::Html);
    assert_eq!(response.0.url().path(), "/js/download");
    none_left("a download by a script").await;
    let request = Fetch::from(site.http_url("/download"))
        .with(PageOptions {
            body_limit: Some(1_000),
            ..PageOptions::default()
        })
        .unwrap();
    let error = session.fetch(&request).await.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::BodyLimit, "{error}");
    none_left("a download that is too large").await;
    fetched(&session, &Fetch::from(site.http_url("/frames/download"))).await;
    none_left("a download in a frame, which is nobody's").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_says_what_it_is_encoded_in() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let response = fetched(&session, &Fetch::from(site.http_url("/encoding/windows-1252"))).await;
    assert_eq!(response.0.header("content-type"), Some("text/html; charset=utf-8"));
    let sent = response.server_headers["content-type"].to_str().unwrap();
    assert!(sent.contains("windows-1252"), "{sent}");
    std::str::from_utf8(response.0.body()).expect("the body is UTF-8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_breaks_off_is_no_page() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    for path in ["/drop", "/drop-body", "/reset", "/malformed/chunk"] {
        let error = session.fetch(&Fetch::from(site.http_url(path))).await.unwrap_err();
        let error = error.as_fetch().unwrap();
        assert!(error.is_retryable() && !error.is_timeout(), "{path}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_an_error() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let request = Fetch::from(site.http_url("/page/10k"))
        .with(PageOptions {
            body_limit: Some(1_000),
            ..PageOptions::default()
        })
        .unwrap();
    let error = session.fetch(&request).await.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::BodyLimit);
    assert!(error.to_string().contains("body_limit"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dialogs_are_answered_and_noted() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    for (kind, answer) in [("alert", "undefined"), ("confirm", "false"), ("prompt", "null")] {
        let response = fetched(&session, &Fetch::from(site.http_url(&format!("/js/dialog/{kind}")))).await;
        assert_eq!(response.dialogs, [kind]);
        assert!(
            response.0.text().contains(&format!("{kind}: {answer}")),
            "{}",
            response.0.text()
        );
    }
    let response = fetched(&session, &Fetch::from(site.http_url("/js/dialog/beforeunload"))).await;
    assert_eq!(response.0.status(), 200);
    let response = fetched(&session, &Fetch::from(site.http_url("/js/popup"))).await;
    assert_eq!(response.0.url().path(), "/js/popup", "a popup takes nothing over");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_every_sort_do_not_keep_a_page_from_loading() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    for which in ["same-site", "cross-site", "lazy", "204", "download", "nested", "many"] {
        let request = Fetch::from(site.http_url(&format!("/frames/{which}"))).timeout(Duration::from_secs(20));
        let response = fetched(&session, &request).await;
        assert_eq!(response.0.status(), 200, "{which}");
    }
    let response = fetched(&session, &Fetch::from(site.http_url("/workers"))).await;
    assert_eq!(response.0.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn captured_responses_have_their_bodies() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let request = Fetch::from(site.http_url("/js/xhr"))
        .with(PageOptions {
            capture_xhr: Some("/api/.*".into()),
            wait_selector: Some("[data-done]".into()),
            ..PageOptions::default()
        })
        .unwrap();
    let response = fetched(&session, &request).await;
    let captured: Vec<_> = response
        .captured_xhr
        .iter()
        .map(|one| (one.method.as_str(), one.status))
        .collect();
    assert_eq!(captured, [("GET", 200), ("POST", 200)]);
    let body = response.captured_xhr[1].body.as_ref().unwrap();
    let found: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(found["asked"]["query"], "silk");
    assert_eq!(response.captured_xhr[1].request_headers["x-token"], "token-of-the-page");
    // Nothing of it is left for the next use of the tab.
    let response = fetched(&session, &Fetch::from(site.http_url("/js/xhr"))).await;
    assert!(response.captured_xhr.is_empty());

    let bad = Fetch::from(site.http_url("/js/xhr"))
        .with(PageOptions {
            capture_xhr: Some("(".into()),
            ..PageOptions::default()
        })
        .unwrap();
    let error = session.fetch(&bad).await.unwrap_err();
    assert!(error.to_string().contains("`dynamic.capture_xhr`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_prints_are_taken() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let request = Fetch::from(site.http_url("/js/lazy"))
        .with(PageOptions {
            screenshot: Some(Toggle::On(ScreenshotOptions {
                full_page: true,
                ..ScreenshotOptions::default()
            })),
            pdf: Some(true.into()),
            ..PageOptions::default()
        })
        .unwrap();
    let response = fetched(&session, &request).await;
    let png = response.screenshot.as_deref().unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let height = u32::from_be_bytes(png[20..24].try_into().unwrap());
    assert!(height >= 8_000, "the whole page is in the picture, not {height} pixels");
    assert!(response.pdf.as_deref().unwrap().starts_with(b"%PDF-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_noted_where_it_is_asked_for() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let request = Fetch::from(site.http_url("/js/console"))
        .with(PageOptions {
            console: Some(true),
            wait: Some(Duration::from_millis(100)),
            ..PageOptions::default()
        })
        .unwrap();
    let response = fetched(&session, &request).await;
    let errors: Vec<_> = response.console_errors().map(|entry| entry.text.clone()).collect();
    assert!(errors.iter().any(|text| text == "an error"), "{errors:?}");
    assert!(errors.iter().any(|text| text.contains("uncaught")), "{errors:?}");
    let response = fetched(&session, &Fetch::from(site.http_url("/js/console"))).await;
    assert!(response.console.is_empty());
}
