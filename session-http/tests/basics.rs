//! Fetching, and the life of a session.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::{Fetch, FetchErrorKind, RequestExt, Session};
use silkroute_session_http::HttpSession;
use support::{fetch_error, fetch_ok, get, http, session, site};

#[tokio::test]
async fn a_page_comes_over_http1_and_http2_with_all_its_facts() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    for (url, version) in [
        (site.http_url("/echo"), http::Version::HTTP_11),
        (site.https_url("/echo"), http::Version::HTTP_2),
    ] {
        let response = fetch_ok(&session, &get(&url)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.url(), &url);
        assert_eq!((response.attempts(), response.proxy()), (1, None));
        assert!(response.history().is_empty() && response.meta().is_empty());
        assert!(response.timing().first_byte <= response.timing().total && !response.timing().total.is_zero());
        let http = http(&*response);
        assert_eq!(http.version, version);
        assert_eq!(http.remote_addr.unwrap().ip().to_string(), "127.0.0.1");
        assert_eq!(&*http.identity, "chrome149");
        assert!(
            http.request_headers["user-agent"]
                .to_str()
                .unwrap()
                .contains("Chrome/149")
        );
    }
    site.close().await;
}

#[tokio::test]
async fn every_kind_of_body_arrives() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let url = site.https_url("/echo");
    let upload = silkroute_core::Multipart::new().text("title", "a b");
    for (request, kind, body) in [
        (
            Fetch::post(url.as_str()).unwrap().form([("a", "1 2")]),
            "application/x-www-form-urlencoded",
            "a=1+2",
        ),
        (
            Fetch::put(url.as_str())
                .unwrap()
                .json(&serde_json::json!({"k": 1}))
                .unwrap(),
            "application/json",
            "{\"k\":1}",
        ),
        (Fetch::post(url.as_str()).unwrap().body("raw"), "", "raw"),
        (
            Fetch::post(url.as_str()).unwrap().body(upload),
            "multipart/form-data; boundary=----WebKitFormBoundary",
            "a b",
        ),
        (Fetch::new("PURGE", url.as_str()).unwrap(), "", ""),
        (Fetch::post(url.as_str()).unwrap(), "", ""),
    ] {
        site.clear();
        fetch_ok(&session, &request).await;
        let seen = &site.requests()[0];
        assert!(
            seen.header("content-type").unwrap_or_default().starts_with(kind),
            "{seen:?}"
        );
        assert!(seen.text().contains(body), "{seen:?}");
        assert_eq!(
            seen.header("content-length"),
            Some(seen.body.len().to_string().as_str())
        );
    }
    site.close().await;
}

#[tokio::test]
async fn a_session_that_is_not_alive_says_to_start_it() {
    let site = site().await;
    let mut session = HttpSession::builder().ca_certificate(site.ca_pem()).build().unwrap();
    for _ in 0..2 {
        assert!(!session.is_alive());
        let error = fetch_error(&session, &get(site.http_url("/"))).await;
        assert_eq!(error.kind(), FetchErrorKind::Cancelled);
        assert!(
            error.to_string().contains("start it") && !error.is_retryable(),
            "{error}"
        );
        session.start().await.unwrap();
        session.start().await.unwrap();
        fetch_ok(&session, &get(site.https_url("/cookies/set?a=1"))).await;
        session.close().await.unwrap();
        session.close().await.unwrap();
        site.wait_until(|site| site.open_connections() == 0, support::PATIENCE)
            .await
            .unwrap();
    }
    assert_eq!(session.cookie_jar().len(), 1, "the jar stays");
    site.close().await;
}

#[tokio::test]
async fn connections_are_reused() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    for _ in 0..5 {
        fetch_ok(&session, &get(site.http_url("/page/10k"))).await;
        fetch_ok(&session, &get(site.https_url("/page/10k"))).await;
        fetch_ok(&session, &get(site.https_url("/redirect/2"))).await;
    }
    assert_eq!(site.total_connections(), 2);
    site.close().await;
}

#[tokio::test]
async fn default_settings_fail_for_nobody() {
    let session = HttpSession::new();
    assert_eq!(session.identity().unwrap().name().to_string(), "chrome149");
    assert_eq!(session.kind(), "http");
    assert_eq!(session.timeout(), std::time::Duration::from_secs(30));
    assert_eq!(session.concurrency(), None);
    assert!(HttpSession::from_config(Default::default()).is_ok());
}

#[tokio::test]
async fn odd_urls_go_out_as_browsers_write_them() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    for (path, target) in [
        ("/echo/a|b^c~'()*!", "/echo/a|b^c~'()*!"),
        ("/echo/ä b\"<>`{}", "/echo/%C3%A4%20b%22%3C%3E%60%7B%7D"),
        ("/echo?q=[1]{2}|^`'\"<", "/echo?q=[1]{2}|^`%27%22%3C"),
        ("/echo?a=1&b=%2f%zz#f#g", "/echo?a=1&b=%2f%zz"),
        ("/echo/../echo/./x", "/echo/x"),
    ] {
        site.clear();
        fetch_ok(&session, &get(site.http_url("/").join(path).unwrap())).await;
        assert_eq!(site.requests()[0].target(), target);
    }
    site.close().await;
}
