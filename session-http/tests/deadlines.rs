//! One deadline for all of it, and what a fetch leaves behind when it ends early.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::{Duration, Instant};

use silkroute_core::{FetchErrorKind, RequestExt, Retry, Session};
use silkroute_session_http::HttpOptions;
use support::{PATIENCE, fetch_error, get, session, site};

/// Nothing comes of a fetch within this time, but a connection, and the head of a response where there is one: also on a
/// machine that stands still for a while.
const SHORT: Duration = Duration::from_secs(4);
/// Timers may be late on a busy machine, never early. What is waited for takes as long as the site stalls: much longer.
const LATE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn the_deadline_is_one_for_head_and_body_and_redirects_and_retries() {
    let site = site().await;
    // Nine attempts, and the waits between them, would take a minute.
    let session = session(&site, |builder| {
        builder.retry(Retry::attempts(9).base(Duration::from_secs(1)))
    })
    .await;
    let cases = [
        ("/stall".to_owned(), "waiting"),
        ("/stall-body".to_owned(), "reading the body"),
        // The head comes at once, then a minute of body: wreq would give the body a new deadline, and reads restart with
        // each chunk.
        ("/slow-body?ms=50&chunks=1200".to_owned(), "reading the body"),
        ("/drip?ms=20&bytes=3000".to_owned(), "reading the body"),
        (
            support::redirect_to(
                &site.http_url("/"),
                &support::redirect_to(&site.http_url("/"), "/stall", 302),
                302,
            ),
            "waiting",
        ),
        ("/flaky?times=99&key=deadline&how=drop".to_owned(), ""),
        ("/slow?ms=60000".to_owned(), "waiting"),
    ];
    // All of them at the same time: they wait and do nothing else.
    let fetches = cases.map(|(path, doing)| {
        let url = if path.starts_with("http") {
            path
        } else {
            site.http_url(&path).into()
        };
        let session = &session;
        async move {
            let start = Instant::now();
            let request = get(&url).timeout(SHORT);
            let error = fetch_error(session, &request).await;
            let took = start.elapsed();
            assert!(took < LATE, "{url}: {took:?}");
            if doing.is_empty() {
                // Either the attempts or the time ran out; both are fine, later than the deadline is not.
                return;
            }
            assert_eq!(error.kind(), FetchErrorKind::Timeout, "{url}: {error}");
            assert!(took >= SHORT, "{url}: {took:?}");
            let told = error.to_string();
            assert!(told.contains(doing) && told.contains(&format!("{SHORT:?}")), "{told}");
            assert!(error.is_retryable() && error.is_timeout());
        }
    });
    futures_util::future::join_all(fetches).await;
    site.close().await;
}

#[tokio::test]
async fn the_sessions_timeout_holds_where_the_request_has_none() {
    let site = site().await;
    let session = session(&site, |builder| builder.timeout(SHORT)).await;
    assert_eq!(session.timeout(), SHORT);
    let start = Instant::now();
    assert!(fetch_error(&session, &get(site.https_url("/stall"))).await.is_timeout());
    assert!(start.elapsed() < LATE);
    site.close().await;
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_ends_at_its_own_time() {
    let site = site().await;
    // A listener whose queue is never taken from answers the handshake of TCP and says nothing to that of TLS.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let session = session(&site, |builder| builder.retry(Retry::none())).await;
    let options = HttpOptions {
        connect_timeout: Some(SHORT),
        ..HttpOptions::default()
    };
    let request = get(format!("https://{}/", silent.local_addr().unwrap()))
        .with(options)
        .unwrap();
    let start = Instant::now();
    let error = fetch_error(&session, &request).await;
    assert_eq!(error.kind(), FetchErrorKind::Timeout);
    assert!(error.to_string().contains("connect_timeout"), "{error}");
    assert!(start.elapsed() < LATE);
    site.close().await;
}

#[tokio::test]
async fn a_fetch_that_is_dropped_frees_its_connection() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    for path in ["/stall", "/stall-body", "/drip?ms=50&bytes=1000"] {
        let request = get(site.http_url(path));
        let fetching = session.fetch(&request);
        let seen = site.wait_until(
            |site| !site.requests_to(path.split('?').next().unwrap()).is_empty(),
            PATIENCE,
        );
        tokio::select! {
            result = fetching => panic!("{result:?}"),
            seen = seen => seen.unwrap(),
        }
        // The future is gone; so is what it held.
        site.wait_until(|site| site.open_connections() == 0, PATIENCE)
            .await
            .unwrap();
    }
    // Over HTTP/2 the stream goes and the connection stays, for others use it.
    let request = get(site.https_url("/stall"));
    let in_flight = site.wait_until(|site| site.in_flight() == 1, PATIENCE);
    tokio::select! {
        result = session.fetch(&request) => panic!("{result:?}"),
        seen = in_flight => seen.unwrap(),
    }
    site.wait_until(|site| site.in_flight() == 0, PATIENCE).await.unwrap();
    support::fetch_ok(&session, &get(site.https_url("/echo"))).await;
    assert_eq!(site.open_connections(), 1);
    site.close().await;
}

#[tokio::test]
async fn a_deadline_that_passes_frees_the_connection_too() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    fetch_error(&session, &get(site.http_url("/stall")).timeout(SHORT)).await;
    site.wait_until(|site| site.open_connections() == 0, PATIENCE)
        .await
        .unwrap();
    site.close().await;
}
