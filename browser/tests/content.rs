//! What comes of a page: its document by its kind, and what its scripts fetched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_browser::{CaptureFilter, Captured, DocumentKind, Error, Navigation, TabOptions, WaitUntil};
use support::{Answer, Site, browser, go, open, soon, tab};

#[tokio::test]
async fn documents_of_every_kind() {
    let Some(browser) = browser().await else { return };
    let html = [("content-type", "text/html")];
    let site = Site::start(&[
        (
            "/",
            Answer::of(
                200,
                &[("content-type", "text/html"), ("x-seen", "yes"), ("set-cookie", "a=1")],
                "<!doctype html><title>t</title><p id=p>old</p><script>p.textContent='new'</script>",
            ),
        ),
        ("/404", Answer::of(404, &html, "<h1>no</h1>")),
        ("/500", Answer::of(500, &html, "")),
        ("/404-empty", Answer::of(404, &[], "")),
        ("/204", Answer::of(204, &[("x-seen", "204")], "")),
        (
            "/json",
            Answer::of(200, &[("content-type", "application/json")], "{\"a\": 1}"),
        ),
        ("/text", Answer::of(200, &[("content-type", "text/plain")], "plain <b>")),
        (
            "/download",
            Answer::of(
                200,
                &[
                    ("content-type", "text/csv"),
                    ("content-disposition", "attachment; filename=\"x.csv\""),
                ],
                "a,b",
            ),
        ),
        ("/zip", Answer::of(200, &[("content-type", "application/zip")], "PK")),
        ("/empty", Answer::of(200, &html, "")),
    ])
    .await;
    let tab = tab(&browser).await;

    let document = go(&tab, &site, "/").await.unwrap();
    assert_eq!((document.status, document.url.as_str()), (200, site.url("/").as_str()));
    assert_eq!(document.headers["x-seen"], "yes");
    assert_eq!(document.headers["set-cookie"], "a=1");
    assert!(
        document.request_headers.contains_key("user-agent"),
        "{:?}",
        document.request_headers
    );
    assert_eq!(document.remote_addr.unwrap().port(), site.port);
    assert!(document.timing.load.is_some() && document.redirects.is_empty());
    let body = tab.body(&document, 1 << 20, soon()).await.unwrap();
    assert!(
        body.starts_with(b"<!DOCTYPE html>") && String::from_utf8_lossy(&body).contains("new"),
        "{body:?}"
    );
    assert!(matches!(
        tab.body(&document, 3, soon()).await,
        Err(Error::TooLarge { .. })
    ));

    let document = go(&tab, &site, "/404").await.unwrap();
    assert_eq!((document.status, document.is_html()), (404, true));
    assert!(document.request_headers["cookie"].to_str().unwrap().contains("a=1"));
    for (path, status) in [("/500", 500), ("/404-empty", 404), ("/204", 204)] {
        let document = go(&tab, &site, path).await.unwrap();
        assert_eq!(
            (document.status, document.kind.clone()),
            (status, DocumentKind::Empty),
            "{path}"
        );
        assert_eq!(document.url, site.url(path).as_str());
        assert!(tab.body(&document, 1, soon()).await.unwrap().is_empty());
    }
    for (path, text) in [("/json", "{\"a\": 1}"), ("/text", "plain <b>")] {
        let document = go(&tab, &site, path).await.unwrap();
        assert_eq!(
            (document.status, document.kind.clone()),
            (200, DocumentKind::Raw),
            "{path}"
        );
        assert_eq!(tab.body(&document, 1 << 20, soon()).await.unwrap(), text);
    }
    for (path, name) in [("/download", "x.csv"), ("/zip", "zip")] {
        let document = go(&tab, &site, path).await.unwrap();
        let DocumentKind::Download { file_name } = &document.kind else {
            panic!("{document:?}")
        };
        assert!(file_name.as_deref().unwrap_or_default().contains(name), "{file_name:?}");
        assert_eq!(document.status, 200);
    }
    assert_eq!(go(&tab, &site, "/empty").await.unwrap().status, 200);
    assert_eq!(go(&tab, &site, "/").await.unwrap().status, 200);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_page_that_the_server_says_is_unchanged_has_its_own_headers() {
    let Some(browser) = browser().await else { return };
    let page = [
        ("content-type", "text/html"),
        ("etag", "\"one\""),
        ("cache-control", "no-cache"),
        ("x-page", "yes"),
    ];
    let site = Site::start(&[("/", Answer::of(200, &page, "<p>kept</p>"))]).await;
    let tab = tab(&browser).await;
    go(&tab, &site, "/").await.unwrap();
    go(&tab, &site, "/other").await.unwrap();
    let unchanged = [("etag", "\"one\""), ("set-cookie", "fresh=1"), ("x-page", "still")];
    site.set("/", Answer::of(304, &unchanged, ""));
    let document = go(&tab, &site, "/").await.unwrap();
    let asked = site.asked("/").pop().unwrap().head.to_ascii_lowercase();
    assert!(asked.contains("if-none-match: \"one\""), "{asked}");
    assert_eq!(document.status, 200);
    let value = |name: &str| document.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(value("content-type"), Some("text/html"));
    assert_eq!((value("x-page"), value("set-cookie")), (Some("still"), Some("fresh=1")));
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_long_body_is_there_up_to_the_limit_and_too_large_beyond_it() {
    let Some(browser) = browser().await else { return };
    // No text, which would be laid out, and no picture either.
    let long = "x".repeat(30_000_000);
    let site = Site::start(&[("/long", Answer::of(200, &[("content-type", "image/png")], &long))]).await;
    for body_limit in [Some(64 << 20), None] {
        let options = TabOptions {
            body_limit,
            ..TabOptions::default()
        };
        let tab = open(&browser.default_context(), options).await;
        let document = tab.navigate(&Navigation::to(site.url("/long")), soon()).await.unwrap();
        match (body_limit, tab.body(&document, 64 << 20, soon()).await) {
            (Some(_), body) => assert_eq!(body.unwrap(), long),
            (None, body) => assert!(matches!(body, Err(Error::TooLarge { .. })), "{}", body.is_ok()),
        }
    }
}

#[tokio::test]
async fn what_frames_of_other_sites_ask_for_is_captured_with_its_body() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[]).await;
    let frame = |host: &str, from: &str| format!("<iframe src='{}'></iframe>", site.on(host, from));
    let script = |whose: &str| {
        format!("<script>fetch('/api/{whose}').then(r => r.text()).then(t => document.title = t)</script>")
    };
    site.set("/", Answer::html(&(script("page") + &frame("localhost", "/frame"))));
    site.set(
        "/frame",
        Answer::html(&(script("frame") + &frame("other.localhost", "/inner"))),
    );
    site.set("/inner", Answer::html(&script("inner")));
    for whose in ["page", "frame", "inner"] {
        let json = format!("{{\"of\": \"{whose}\"}}");
        let headers = [("content-type", "application/json")];
        site.set(&format!("/api/{whose}"), Answer::of(200, &headers, &json));
    }
    let options = TabOptions {
        capture: Some(CaptureFilter::new(|url| url.contains("/api/"))),
        ..TabOptions::default()
    };
    let tab = open(&browser.default_context(), options).await;
    let navigation = Navigation {
        wait_until: WaitUntil::NetworkIdle,
        ..Navigation::to(site.url("/"))
    };
    tab.navigate(&navigation, soon()).await.unwrap();
    // Idle is the page's own network: its frames' may still be busy.
    let all = async {
        loop {
            let captured = tab.captured(soon()).await.unwrap();
            let late = |one: &Captured| one.body.as_ref().is_err_and(|reason| reason.contains("complete"));
            if captured.len() == 3 && !captured.iter().any(late) {
                return captured;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut bodies: Vec<_> = soon()
        .run("the frames", all)
        .await
        .unwrap()
        .into_iter()
        .map(|one| String::from_utf8(one.body.unwrap().to_vec()).unwrap())
        .collect();
    bodies.sort();
    assert_eq!(
        bodies,
        [r#"{"of": "frame"}"#, r#"{"of": "inner"}"#, r#"{"of": "page"}"#]
    );
    // Those of a frame that is gone are gone with it.
    tab.evaluate::<()>("document.querySelector('iframe').remove()", soon())
        .await
        .ok();
    let gone = async {
        while tab
            .captured(soon())
            .await
            .unwrap()
            .iter()
            .filter(|one| one.body.is_err())
            .count()
            < 2
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon().run("the frames' end", gone).await.unwrap();
    browser.close().await.unwrap();
}
