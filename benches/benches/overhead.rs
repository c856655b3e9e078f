//! The cost of the manager, and of session-http, over the same wreq client called directly: GET of a 10 KB page on
//! loopback, plain and TLS, 1, 16 and 64 at a time; and 256 at a time from a server that takes its time, for caps that
//! nobody asked for.
//!
//! wreq sends what its profile leaves out and the browser sends as well, so that both send the same request.
//!
//! wreq is given its URL as text, which it barely reads; a request of ours holds a URL that is parsed, as links come to a
//! crawl. What the parsing costs is shown by a contender of its own, which does it for each fetch.
//!
//! `cargo bench -p silkroute-benches --bench overhead [-- BLOCKS]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot run has nothing to report"
)]

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use silkroute_benches::fetches::{Contender, compare, turn};
use silkroute_benches::{Server, median, serve_if_asked};
use silkroute_core::{Fetch, FetchError, FetchErrorKind, Request, Response, ResponseParts, Result, Session};
use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;

const PAGE: usize = silkroute_testkit::site::known::PAGE_10K_LENGTH;

fn main() {
    if serve_if_asked() {
        return;
    }
    let blocks = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(8);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let server = Server::start();
    runtime.block_on(async {
        for (title, root) in [("http", &server.http), ("https", &server.https)] {
            let url = format!("{root}/page/10k");
            let bare_client = {
                let left_out = left_out(&format!("{root}/headers"), &server.ca_pem).await;
                let ca_pem = &server.ca_pem;
                move || client(ca_pem, left_out.clone())
            };
            let manager = async || {
                let [first, again] = [thin(&url, bare_client()), thin(&url, bare_client())];
                vec![first, again, managed(&url, bare_client()).await]
            };
            let kind = async || {
                vec![
                    bare(&url, bare_client()),
                    bare(&url, bare_client()),
                    session(&url, &server.ca_pem).await,
                    session_from_text(&url, &server.ca_pem).await,
                    managed_session(&url, &server.ca_pem).await,
                ]
            };
            for concurrency in [1, 16, 64] {
                compare(title, manager, concurrency, blocks, PAGE).await;
                compare(title, kind, concurrency, blocks, PAGE).await;
            }
        }
        let patient = session(&format!("{}/slow?ms=50", server.http), &server.ca_pem).await;
        no_hidden_cap(&patient, blocks).await;
    });
}

/// How near to `concurrency / latency` a session comes.
async fn no_hidden_cap(session: &std::sync::Arc<Contender>, blocks: usize) {
    const AT_A_TIME: usize = 256;
    const POSSIBLE: f64 = AT_A_TIME as f64 / 0.050;
    const ANSWER: usize = "after 50 ms\n".len();
    // The first round opens the connections.
    turn(session, AT_A_TIME, AT_A_TIME * 2, ANSWER).await;
    let mut shares = Vec::new();
    for _ in 0..blocks {
        shares.push(turn(session, AT_A_TIME, AT_A_TIME * 40, ANSWER).await.rate / POSSIBLE);
    }
    println!(
        "\nhttp, {AT_A_TIME} at a time, 50 ms each: {} at {:.1} % of {POSSIBLE:.0} req/s",
        session.name,
        median(shares) * 100.0
    );
}

/// The headers that a session sends and wreq's profile does not.
async fn left_out(echo: &str, ca_pem: &str) -> HeaderMap {
    let headers = async |client: wreq::Client| {
        let body = client.get(echo).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice::<BTreeMap<String, String>>(&body).unwrap()
    };
    let fetched = started(ca_pem).await.fetch(&Fetch::from(parsed(echo))).await.unwrap();
    let ours: BTreeMap<String, String> = serde_json::from_slice(fetched.body()).unwrap();
    let theirs = headers(client(ca_pem, HeaderMap::new())).await;
    let left_out: HeaderMap = ours
        .iter()
        .filter(|(name, _)| !theirs.contains_key(*name))
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            )
        })
        .collect();
    // Over HTTP/1.1 the profile has a `Priority` that browsers have not.
    let theirs = headers(client(ca_pem, left_out.clone())).await;
    assert!(ours.keys().all(|name| theirs.contains_key(name)), "{theirs:?}");
    left_out
}

fn client(ca_pem: &str, more: HeaderMap) -> wreq::Client {
    let store = wreq::tls::trust::CertStore::builder()
        .add_pem_cert(ca_pem)
        .build()
        .unwrap();
    let emulation = wreq_util::Emulation::builder()
        .profile(wreq_util::Profile::Chrome149)
        .platform(wreq_util::Platform::Linux)
        .build();
    wreq::Client::builder()
        .emulation(emulation)
        .default_headers(more)
        .tls_cert_store(store)
        .build()
        .unwrap()
}

/// The wreq client by itself.
fn bare(url: &str, client: wreq::Client) -> std::sync::Arc<Contender> {
    let url = url.to_owned();
    Contender::new("wreq", move || {
        let get = client.get(&url);
        async move { get.send().await.unwrap().bytes().await.unwrap().len() }
    })
}

/// The same client as the thinnest session there can be.
struct Thin(wreq::Client);

impl std::fmt::Debug for Thin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Thin")
    }
}

#[async_trait]
impl Session for Thin {
    fn kind(&self) -> &'static str {
        "thin"
    }
    fn is_alive(&self) -> bool {
        true
    }
    async fn start(&mut self) -> Result<()> {
        Ok(())
    }
    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let parts = request.parts();
        let failed = |error: wreq::Error| FetchError::new(FetchErrorKind::Other, error.to_string());
        let response = self.0.get(parts.url.as_str()).send().await.map_err(failed)?;
        let mut reply = ResponseParts::new(response.status(), parts.url.clone());
        reply.headers = response.headers().clone();
        reply.body = response.bytes().await.map_err(failed)?;
        Ok(Box::new(Reply(reply)))
    }
    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct Reply(ResponseParts);

impl Response for Reply {
    fn parts(&self) -> &ResponseParts {
        &self.0
    }
    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.0
    }
}

/// The thin session without a manager: what the manager adds is the difference to it.
fn thin(url: &str, client: wreq::Client) -> std::sync::Arc<Contender> {
    let (session, url) = (std::sync::Arc::new(Thin(client)), parsed(url));
    Contender::new("a thin session on wreq", move || {
        let (session, request) = (std::sync::Arc::clone(&session), Fetch::from(url.clone()));
        async move { session.fetch(&request).await.unwrap().body().len() }
    })
}

async fn managed(url: &str, client: wreq::Client) -> std::sync::Arc<Contender> {
    let manager = SessionManager::new();
    manager.add("thin", Thin(client)).unwrap();
    by_manager("the same session under the manager", manager, url).await
}

async fn started(ca_pem: &str) -> std::sync::Arc<HttpSession> {
    let mut session = HttpSession::builder().ca_certificate(ca_pem).build().unwrap();
    session.start().await.unwrap();
    std::sync::Arc::new(session)
}

async fn session(url: &str, ca_pem: &str) -> std::sync::Arc<Contender> {
    let (session, url) = (started(ca_pem).await, parsed(url));
    Contender::new("session-http", move || {
        let (session, request) = (std::sync::Arc::clone(&session), Fetch::from(url.clone()));
        async move { session.fetch(&request).await.unwrap().body().len() }
    })
}

async fn session_from_text(url: &str, ca_pem: &str) -> std::sync::Arc<Contender> {
    let (session, url) = (started(ca_pem).await, url.to_owned());
    Contender::new("session-http, URL parsed each time", move || {
        let (session, request) = (std::sync::Arc::clone(&session), Fetch::get(&url).unwrap());
        async move { session.fetch(&request).await.unwrap().body().len() }
    })
}

fn parsed(url: &str) -> url::Url {
    url.parse().unwrap()
}

async fn managed_session(url: &str, ca_pem: &str) -> std::sync::Arc<Contender> {
    let manager = SessionManager::new();
    manager
        .add("http", HttpSession::builder().ca_certificate(ca_pem).build().unwrap())
        .unwrap();
    by_manager("session-http under the manager", manager, url).await
}

async fn by_manager(name: &'static str, manager: SessionManager, url: &str) -> std::sync::Arc<Contender> {
    manager.start().await.unwrap();
    let url = parsed(url);
    Contender::new(name, move || {
        let (manager, request) = (manager.clone(), Fetch::from(url.clone()));
        async move { manager.fetch(request).await.unwrap().body().len() }
    })
}
