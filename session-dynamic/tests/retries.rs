//! What is tried again, and what is not as its server may have done it already.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_core::{Fetch, FetchErrorKind, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::DynamicSession;
use silkroute_testkit::site::TestSite;
use support::started;
use tokio::net::TcpSocket;

async fn session() -> Option<DynamicSession> {
    let retry = Retry::attempts(3).base(Duration::from_millis(10));
    started(DynamicSession::builder().retry(retry)).await
}

/// Where nobody listens, as long as the socket is kept: nobody else can have its port.
fn nowhere() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    (socket, url)
}

fn post(url: &str) -> Fetch {
    Fetch::post(url).unwrap().body("order=1")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_may_have_done_is_not_asked_of_it_again() {
    let Some(session) = session().await else { return };
    let site = TestSite::start().await.unwrap();
    for path in ["/reset", "/drop"] {
        let error = session.fetch(&post(site.http_url(path).as_str())).await.unwrap_err();
        assert!(error.to_string().contains("attempts: 1"), "{path}: {error}");
        assert_eq!(site.requests_to(path).len(), 1, "{path}");
    }
    // What nobody did is asked again.
    let error = session.fetch(&Fetch::from(site.http_url("/reset"))).await.unwrap_err();
    assert!(error.to_string().contains("attempts: 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_nowhere_does_not_send_the_first_request_again() {
    let Some(session) = session().await else { return };
    let site = TestSite::start().await.unwrap();
    for status in ["303", "307"] {
        site.clear();
        let (_socket, nowhere) = nowhere();
        let there = post(site.http_url("/redirect-to").as_str()).query([("url", nowhere.as_str()), ("status", status)]);
        let error = session.fetch(&there).await.unwrap_err();
        assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Connect, "{error}");
        assert_eq!(site.requests_to("/redirect-to").len(), 1, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reached_no_server_is_tried_again_whatever_its_method() {
    let Some(session) = session().await else { return };
    let (_socket, nowhere) = nowhere();
    let error = session.fetch(&post(&nowhere)).await.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Connect, "{error}");
    assert!(error.to_string().contains("attempts: 3"), "{error}");
}
