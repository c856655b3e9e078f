//! The site's answers on record, for sessions that replay.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

use super::words::{Must as _, SOON};
use crate::site::TestSite;

/// A request of the suite and the site's answer to it, as they were on the wire. A redirect is an exchange of its own.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method; always `GET`: a `HEAD` is answered by the same without the body.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The response's headers.
    pub headers: HeaderMap,
    /// The response's body.
    pub body: Bytes,
    /// How long it took from the request to the last byte. A session that replays has to take as long, or deadlines and
    /// cancellation cannot be seen.
    pub took: Duration,
}

/// What the suite asks for. Fetching it follows redirects, so that all of a chain is recorded.
const PATHS: &[&str] = &[
    "/json",
    "/empty",
    "/page/10k",
    "/image.png",
    "/redirect/3",
    "/status/404",
    "/status/500",
    "/status/503",
    "/encoding/utf-8",
    "/encoding/windows-1252",
    "/encoding/shift_jis",
    "/encoding/meta",
    "/encoding/bom",
    "/bytes/65537",
    "/bytes/1000000",
];

/// As many bodies of different sizes as are fetched at the same time.
pub(super) const SIZES: std::ops::RangeInclusive<usize> = 1..=50;

/// Answers that take their time, and how much of it.
const SLOW: &[(&str, Duration)] = &[
    ("/stall", Duration::from_secs(60)),
    (super::limits::SLOW_PATH, super::limits::SLOW),
];

/// Everything that the suite asks a session for which has no [`Capability::Live`](super::Capability::Live).
///
/// The site forgets the requests that this makes. Nothing waits: answers that take long are made up.
///
/// # Panics
/// The site does not answer.
pub async fn record(site: &TestSite) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    let mut client = Client::connect(site).await;
    let sizes = SIZES.map(|size| format!("/bytes/{size}"));
    for path in PATHS.iter().map(|&path| path.to_owned()).chain(sizes) {
        let mut next = Some(site.http_url(&path));
        while let Some(url) = next {
            let exchange = client.get(url).await;
            next = exchange.redirect();
            exchanges.push(exchange);
        }
    }
    exchanges.extend(SLOW.iter().map(|(path, took)| slow(site.http_url(path), *took)));
    drop(client);
    site.wait_until(|site| site.open_connections() == 0, SOON)
        .await
        .must("the recorder's connection closes");
    site.clear();
    exchanges
}

fn slow(url: Url, took: Duration) -> Exchange {
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Exchange {
        method: Method::GET,
        url,
        status: StatusCode::OK,
        headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type)]),
        body: Bytes::from_static(b"you waited\n"),
        took,
    }
}

impl Exchange {
    /// Where it leads on to, if it does.
    fn redirect(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        self.url.join(location).ok()
    }
}

/// One connection to the site.
struct Client {
    requests: SendRequest<Empty<Bytes>>,
    host: String,
}

impl Client {
    async fn connect(site: &TestSite) -> Self {
        let url = site.http_url("/");
        let address: SocketAddr = url.socket_addrs(|| None).must("the site has an address")[0];
        let stream = TcpStream::connect(address).await.must("the site takes connections");
        let (requests, connection) = handshake(TokioIo::new(stream)).await.must("the site speaks HTTP");
        tokio::spawn(connection);
        Self {
            requests,
            host: address.to_string(),
        }
    }

    async fn get(&mut self, url: Url) -> Exchange {
        let request = http::Request::get(&url[url::Position::BeforePath..])
            .header("host", &self.host)
            .body(Empty::new())
            .must("the suite's own requests are right");
        self.requests.ready().await.must("the site keeps the connection");
        let begun = Instant::now();
        let (head, body) = self
            .requests
            .send_request(request)
            .await
            .must("the site answers")
            .into_parts();
        let body = body.collect().await.must("the site answers to the end").to_bytes();
        Exchange {
            method: Method::GET,
            url,
            status: head.status,
            headers: head.headers,
            body,
            took: begun.elapsed(),
        }
    }
}
