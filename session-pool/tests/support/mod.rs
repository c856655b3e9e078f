//! What the tests share.

#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

pub(crate) mod login;
pub(crate) mod puppet;

use std::time::Duration;

use serde_json::Value;
use silkroute_core::{Fetch, Request, Response, Result, Retry, Session};
use silkroute_session_http::{HttpSession, HttpSessionBuilder};
use silkroute_session_pool::{IDENTITY_META, Member, SessionPool};
use silkroute_testkit::site::{ProxyOptions, ProxyServer, TestSite};

/// Nothing here takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const BROWSERS: [&str; 3] = ["chrome", "firefox", "safari"];

/// The HTTP session of an identity: its browser, its proxy.
pub(crate) fn http(member: &Member) -> HttpSessionBuilder {
    let builder = HttpSession::builder()
        .impersonate(member.pick(BROWSERS))
        .retry(Retry::none());
    match member.proxy() {
        Some(proxy) => builder.proxy(proxy.clone()),
        None => builder,
    }
}

pub(crate) fn make(member: &Member) -> Result<HttpSession> {
    http(member).build()
}

pub(crate) async fn started(mut pool: SessionPool) -> SessionPool {
    pool.start().await.unwrap();
    pool
}

/// Fetches, in less time than it takes to hang.
pub(crate) async fn fetch(session: &dyn Session, request: &dyn Request) -> Result<Box<dyn Response>> {
    tokio::time::timeout(PATIENCE, session.fetch(request))
        .await
        .expect("the fetch hangs")
}

pub(crate) async fn fetch_ok(session: &dyn Session, request: &dyn Request) -> Box<dyn Response> {
    fetch(session, request).await.unwrap()
}

pub(crate) fn get(site: &TestSite, path: &str) -> Fetch {
    Fetch::from(site.http_url(path))
}

/// The identity that fetched it.
pub(crate) fn who(response: &dyn Response) -> String {
    response.meta()[IDENTITY_META].as_str().unwrap().to_owned()
}

/// A header of the request, as `/echo` tells it.
pub(crate) fn header(echo: &Value, name: &str) -> Option<String> {
    let pairs = echo["headers"].as_array().unwrap();
    let found = pairs
        .iter()
        .find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))?;
    Some(found[1].as_str().unwrap().to_owned())
}

/// So many proxies, each with a user of its own.
pub(crate) async fn proxies(count: usize) -> Vec<ProxyServer> {
    let mut servers = Vec::new();
    for index in 0..count {
        let options = ProxyOptions::default().credentials(format!("user-{index}"), "hush");
        servers.push(ProxyServer::start(options).await.unwrap());
    }
    servers
}

pub(crate) fn url(server: &ProxyServer) -> silkroute_core::Proxy {
    server.url_http().as_str().parse().unwrap()
}

/// A request that a puppet answers.
pub(crate) fn ask(host: &str) -> Fetch {
    Fetch::get(&format!("http://{host}/")).unwrap()
}
