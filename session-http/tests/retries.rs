//! What is tried again, how often, and what is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::{Duration, Instant};

use silkroute_core::{FetchErrorKind, RequestExt, Retry};
use silkroute_session_http::HttpOptions;
use support::{fetch_error, fetch_ok, get, post, session, site};

fn quick(attempts: u32) -> Retry {
    Retry::attempts(attempts).base(Duration::from_millis(5)).jitter(false)
}

#[tokio::test]
async fn transport_errors_of_idempotent_methods_are_tried_again() {
    let site = site().await;
    let session = session(&site, |builder| builder.retry(quick(3))).await;
    for (how, method) in [("drop", "GET"), ("reset", "PUT"), ("drop", "DELETE")] {
        let key = format!("{how}{method}");
        let request = get(site.http_url(&format!("/flaky?times=2&key={key}&how={how}")))
            .method(method)
            .unwrap();
        let response = fetch_ok(&session, &request).await;
        assert_eq!((response.status().as_u16(), response.attempts()), (200, 3), "{key}");
    }
    let error = fetch_error(&session, &get(site.http_url("/drop"))).await;
    assert_eq!(error.kind(), FetchErrorKind::Protocol, "{error}");
    assert_eq!(error.get("attempts"), Some("3"));
    assert_eq!(site.requests_to("/drop").len(), 3);
    // A body that breaks off is a transport error too.
    assert_eq!(
        fetch_error(&session, &get(site.http_url("/drop-body")))
            .await
            .get("attempts"),
        Some("3")
    );
    site.close().await;
}

#[tokio::test]
async fn what_a_server_may_have_done_is_not_done_again() {
    let site = site().await;
    let session = session(&site, |builder| builder.retry(quick(3)).retry_statuses([503])).await;
    let error = fetch_error(&session, &post(site.http_url("/drop")).body("order")).await;
    assert_eq!(error.get("attempts"), Some("1"), "{error}");
    assert_eq!(site.requests_to("/drop").len(), 1);
    // Not for a status either.
    let response = fetch_ok(
        &session,
        &post(site.http_url("/retry-after?seconds=0&times=1&key=post")).body("order"),
    )
    .await;
    assert_eq!((response.status().as_u16(), response.attempts()), (503, 1));
    // Nor when only what came after the redirect broke.
    site.clear();
    let to = support::redirect_to(&site.http_url("/"), "/drop", 303);
    assert_eq!(
        fetch_error(&session, &post(to).body("order")).await.get("attempts"),
        Some("1")
    );
    site.close().await;
}

#[tokio::test]
async fn what_cannot_have_been_seen_is_sent_again_whatever_the_method() {
    let site = site().await;
    let session = session(&site, |builder| builder.retry(quick(3))).await;
    let (_socket, address) = support::refusing();
    let error = fetch_error(&session, &post(format!("http://{address}/")).body("order")).await;
    assert_eq!(error.kind(), FetchErrorKind::Connect, "{error}");
    assert_eq!(error.get("attempts"), Some("3"));
    site.close().await;
}

#[tokio::test]
async fn retry_after_is_waited_for_if_there_is_time() {
    let site = site().await;
    let session = session(&site, |builder| builder.retry(quick(3))).await;
    for (status, key) in [(503, "a"), (429, "b")] {
        let start = Instant::now();
        let url = site.https_url(&format!("/retry-after?seconds=1&times=1&status={status}&key={key}"));
        let response = fetch_ok(&session, &get(&url)).await;
        assert_eq!((response.status().as_u16(), response.attempts()), (200, 2));
        assert!(start.elapsed() >= Duration::from_secs(1));
    }
    // An hour does not fit into the time: the response as it is, at once.
    let start = Instant::now();
    let response = fetch_ok(
        &session,
        &get(site.https_url("/retry-after?seconds=3600&times=9&key=c")),
    )
    .await;
    assert_eq!((response.status().as_u16(), response.attempts()), (503, 1));
    assert!(start.elapsed() < Duration::from_secs(5));
    site.close().await;
}

#[tokio::test]
async fn other_statuses_are_tried_again_only_when_asked_for() {
    let site = site().await;
    let session = session(&site, |builder| builder.retry(quick(3))).await;
    let response = fetch_ok(&session, &get(site.http_url("/flaky?times=1&key=a"))).await;
    assert_eq!(
        (response.status().as_u16(), response.attempts()),
        (503, 1),
        "503 without Retry-After"
    );
    let options = HttpOptions {
        retry_statuses: Some(vec![503]),
        retry: Some(quick(5)),
        ..HttpOptions::default()
    };
    let request = get(site.http_url("/flaky?times=4&key=b")).with(options).unwrap();
    let response = fetch_ok(&session, &request).await;
    assert_eq!((response.status().as_u16(), response.attempts()), (200, 5));
    site.close().await;
}

#[tokio::test]
async fn nothing_is_tried_again_when_nothing_shall_be() {
    let site = site().await;
    let session = session(&site, |builder| builder.retry(Retry::none())).await;
    fetch_error(&session, &get(site.http_url("/drop"))).await;
    fetch_ok(&session, &get(site.http_url("/retry-after?seconds=0&times=1&key=x"))).await;
    assert_eq!(site.requests().len(), 2);
    site.close().await;
}
