//! What went wrong is told by kind, with what to do, and without secrets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::{Error, FetchErrorKind, RequestExt, Retry, Session};
use silkroute_session_http::HttpSession;
use support::{fetch, fetch_error, get, session, site, started};

#[tokio::test]
async fn each_failure_has_its_kind_and_says_what_to_do() {
    let site = site().await;
    let here = format!("127.0.0.1:{}", site.https_url("/").port().unwrap())
        .parse()
        .unwrap();
    let session = session(&site, |builder| {
        builder.retry(Retry::none()).resolve("wrong.test", here)
    })
    .await;
    let (_socket, closed) = support::refusing();
    let closed = format!("http://{closed}/");
    let plain_as_tls = site.http_url("/").as_str().replace("http:", "https:");
    let other_name = site.https_url("/").as_str().replace("localhost", "wrong.test");
    for (url, kind, said, retryable) in [
        (closed, FetchErrorKind::Connect, "no connection", true),
        (
            "http://no-such-host.invalid/".to_owned(),
            FetchErrorKind::Dns,
            "does not resolve",
            true,
        ),
        (plain_as_tls, FetchErrorKind::Tls, "no TLS", false),
        (other_name, FetchErrorKind::Tls, "ca_certificate", false),
        (
            site.http_url("/drop").into(),
            FetchErrorKind::Protocol,
            "gave no response",
            true,
        ),
        (
            site.http_url("/reset").into(),
            FetchErrorKind::Protocol,
            "gave no response",
            true,
        ),
        (
            site.https_url("/drop").into(),
            FetchErrorKind::Protocol,
            "gave no response",
            true,
        ),
        (
            site.http_url("/malformed/status").into(),
            FetchErrorKind::Protocol,
            "gave no response",
            true,
        ),
        (
            site.http_url("/malformed/header").into(),
            FetchErrorKind::Protocol,
            "gave no response",
            true,
        ),
        (
            site.http_url("/malformed/length").into(),
            FetchErrorKind::Protocol,
            "gave no response",
            true,
        ),
        (
            site.http_url("/malformed/chunk").into(),
            FetchErrorKind::Protocol,
            "broke off",
            true,
        ),
        (
            site.http_url("/drop-body").into(),
            FetchErrorKind::Protocol,
            "broke off",
            true,
        ),
        (
            site.https_url("/drop-body").into(),
            FetchErrorKind::Protocol,
            "broke off",
            true,
        ),
        (
            site.http_url("/gzip-broken").into(),
            FetchErrorKind::Decode,
            "decompress",
            false,
        ),
    ] {
        let error = fetch_error(&session, &get(&url)).await;
        assert_eq!(error.kind(), kind, "{url}: {error}");
        assert!(error.to_string().contains(said), "{url}: {error}");
        assert_eq!(error.is_retryable(), retryable, "{url}: {error}");
        assert!(
            error.to_string().starts_with("GET http") && std::error::Error::source(&error).is_some(),
            "{error}"
        );
    }
    site.close().await;
}

#[tokio::test]
async fn an_untrusted_certificate_names_both_ways_out() {
    let site = site().await;
    let session = started(HttpSession::builder()).await;
    let error = fetch_error(&session, &get(site.https_url("/"))).await;
    assert_eq!(error.kind(), FetchErrorKind::Tls);
    let text = error.to_string();
    assert!(
        text.contains("ca_certificate") && text.contains("verify") && text.contains("localhost"),
        "{text}"
    );
    site.wait_until(
        |site| !site.handshake_errors().is_empty() && site.open_connections() == 0,
        support::PATIENCE,
    )
    .await
    .unwrap();
    assert_eq!(
        (site.handshake_errors().len(), site.total_connections()),
        (1, 1),
        "tried once"
    );
    site.close().await;
}

#[tokio::test]
async fn a_missing_client_certificate_is_told() {
    let site = site().await;
    let session = session(&site, |builder| builder.retry(Retry::none())).await;
    let error = fetch_error(&session, &get(site.mtls_url("/"))).await;
    assert_eq!(error.kind(), FetchErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("client_certificate"), "{error}");
    site.close().await;
}

#[tokio::test]
async fn what_http_cannot_fetch_is_refused_at_once() {
    let session = started(HttpSession::builder()).await;
    for url in ["ftp://h/", "file:///etc/passwd", "ws://h/"] {
        let error = fetch_error(&session, &get(url)).await;
        assert_eq!(error.kind(), FetchErrorKind::Request);
        assert!(error.to_string().contains("http:") && !error.is_retryable(), "{error}");
    }
    let connect = get("http://127.0.0.1:1/").method("CONNECT").unwrap();
    assert!(matches!(
        fetch(&session, &connect).await,
        Err(Error::Unsupported { .. })
    ));
}

#[tokio::test]
async fn no_secret_is_in_any_error() {
    let site = site().await;
    let session = session(&site, |builder| {
        builder.retry(Retry::none()).header("X-Session-Key", "hush")
    })
    .await;
    // A token may stand where the password is, or alone.
    for (path, user, password) in [
        ("/drop", "me", "hush"),
        ("/stall", "me", "hush"),
        ("/drop-body", "hush", ""),
        ("/redirect/loop", "me", "hush"),
        ("/redirect/loop", "hush", ""),
    ] {
        let mut url = site.http_url(path);
        url.set_username(user).unwrap();
        url.set_password(Some(password)).unwrap();
        let request = get(&url)
            .header("Authorization", "Bearer hush")
            .unwrap()
            .cookie("sid", "hush")
            .timeout(std::time::Duration::from_millis(500));
        let error = fetch_error(&session, &request).await;
        let mut all = format!("{error} {error:?} {session:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            all.push_str(&format!("{cause} {cause:?}"));
            source = cause.source();
        }
        assert!(!all.contains("hush"), "{all}");
    }
    assert!(session.is_alive());
    site.close().await;
}
