//! What the tests share.

#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use silkroute_core::{Fetch, FetchError, Request, Response, Result, Session};
use silkroute_session_http::{HttpResponse, HttpSession, HttpSessionBuilder};
use silkroute_testkit::site::TestSite;
use tokio::net::TcpSocket;
use url::Url;

/// Nothing here takes this long unless it hangs. Less than the site stalls.
pub(crate) const PATIENCE: Duration = Duration::from_secs(50);

/// A running site.
pub(crate) async fn site() -> TestSite {
    TestSite::start().await.unwrap()
}

/// A session that trusts the site, with the settings that `with` makes.
pub(crate) async fn session(
    site: &TestSite,
    with: impl FnOnce(HttpSessionBuilder) -> HttpSessionBuilder,
) -> HttpSession {
    let builder = HttpSession::builder().ca_certificate(site.ca_pem());
    started(with(builder)).await
}

/// A started session.
pub(crate) async fn started(builder: HttpSessionBuilder) -> HttpSession {
    let mut session = builder.build().unwrap();
    session.start().await.unwrap();
    session
}

pub(crate) fn get(url: impl AsRef<str>) -> Fetch {
    Fetch::get(url.as_ref()).unwrap()
}

pub(crate) fn post(url: impl AsRef<str>) -> Fetch {
    Fetch::post(url.as_ref()).unwrap()
}

/// Fetches, in less time than it takes to hang.
pub(crate) async fn fetch(session: &HttpSession, request: &dyn Request) -> Result<Box<dyn Response>> {
    tokio::time::timeout(PATIENCE, session.fetch(request))
        .await
        .expect("the fetch hangs")
}

pub(crate) async fn fetch_ok(session: &HttpSession, request: &dyn Request) -> Box<dyn Response> {
    fetch(session, request).await.unwrap()
}

pub(crate) async fn fetch_error(session: &HttpSession, request: &dyn Request) -> FetchError {
    match fetch(session, request).await {
        Ok(response) => panic!("{response:?} where an error should be"),
        Err(error) => error
            .as_fetch()
            .unwrap_or_else(|| panic!("not a fetch error: {error}"))
            .clone(),
    }
}

pub(crate) fn http(response: &dyn Response) -> &HttpResponse {
    response.downcast_ref().unwrap()
}

/// An address where nobody listens, nor can anybody else for as long as the socket is there.
pub(crate) fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A `/redirect-to` of the site.
pub(crate) fn redirect_to(from: &Url, to: &str, status: u16) -> String {
    let mut url = from.join("/redirect-to").unwrap();
    url.query_pairs_mut()
        .append_pair("url", to)
        .append_pair("status", &status.to_string());
    url.into()
}
