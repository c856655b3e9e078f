//! A local web site for tests: pages to crawl, every way to go wrong, and a record of what was asked.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use silkroute_testkit::site::TestSite;
//!
//! let site = TestSite::start().await?;
//! println!("{} {}", site.http_url("/shop"), site.https_url("/echo"));
//! // ... fetch ...
//! assert!(site.requests_to("/shop").is_empty());
//! site.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! The routes are listed on the site's own index page, and in this crate's README.

mod authority;
mod builder;
mod journal;
mod listen;
pub mod proxy;
mod recorded;
mod routes;
mod state;
mod tasks;
pub mod wire;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub use authority::ClientIdentity;
pub use builder::{TLS_NAMES, TestSiteBuilder};
pub use journal::KEPT_REQUESTS;
pub use proxy::{ProxyEntry, ProxyMode, ProxyOptions, ProxyProtocol, ProxyServer};
pub use recorded::Recorded;
pub use routes::{ChallengeAttempt, known};

use authority::Authority;
use state::State;
use tasks::TaskOwner;

/// User of the site's own proxy.
pub const PROXY_USER: &str = "user";
/// Password of the site's own proxy; the space in it needs escaping in a URL.
pub const PROXY_PASSWORD: &str = "pass word";

/// A running site. Dropping it ends it; [`close`](Self::close) also waits until everything is gone.
pub struct TestSite {
    state: Arc<State>,
    authority: Authority,
    proxy: ProxyServer,
    owner: TaskOwner,
}

impl std::fmt::Debug for TestSite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestSite")
            .field("addresses", &self.state.addresses)
            .finish_non_exhaustive()
    }
}

impl TestSite {
    /// A site with the default settings.
    ///
    /// # Errors
    /// When no port can be had, or the certificates cannot be made or written to the temporary folder.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Settings for a site that is not the default.
    pub fn builder() -> TestSiteBuilder {
        TestSiteBuilder::default()
    }

    /// A URL on the plain listener, by address: `http://127.0.0.1:PORT/...`.
    ///
    /// # Panics
    /// When the path makes no URL.
    #[must_use]
    pub fn http_url(&self, path: &str) -> Url {
        url("http", "127.0.0.1", self.state.addresses.http.port(), path)
    }

    /// A URL on the TLS listener, by name: `https://localhost:PORT/...`. Its certificate is good for [`TLS_NAMES`].
    ///
    /// # Panics
    /// When the path makes no URL.
    #[must_use]
    pub fn https_url(&self, path: &str) -> Url {
        url("https", "localhost", self.state.addresses.https.port(), path)
    }

    /// A URL on the listener that only lets clients in that show a certificate of this site's authority.
    ///
    /// # Panics
    /// When the path makes no URL.
    #[must_use]
    pub fn mtls_url(&self, path: &str) -> Url {
        url("https", "localhost", self.state.addresses.mtls.port(), path)
    }

    /// Certificate of the authority that signed the site's, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.authority.ca_pem()
    }

    /// The same in a file, which is there as long as the site.
    #[must_use]
    pub fn ca_path(&self) -> &Path {
        self.authority.ca_path()
    }

    /// A client certificate that [`mtls_url`](Self::mtls_url) accepts.
    #[must_use]
    pub fn client_identity_pem(&self) -> &ClientIdentity {
        self.authority.client()
    }

    /// The same in one file, certificate first; it is there as long as the site.
    #[must_use]
    pub fn client_identity_path(&self) -> &Path {
        self.authority.client_path()
    }

    /// The site's own proxy. It asks for [`PROXY_USER`] and [`PROXY_PASSWORD`].
    #[must_use]
    pub fn proxy(&self) -> &ProxyServer {
        &self.proxy
    }

    /// Makes a host name lead to this site for clients of `proxy`: port 443 to the TLS listener, others to the plain
    /// one. With a name of [`TLS_NAMES`] such as `public.example`, https works too.
    pub fn serve_host(&self, proxy: &ProxyServer, host: &str) {
        proxy.set_target_override(host, self.state.addresses.http);
        proxy.set_port_override(host, 443, self.state.addresses.https);
    }

    /// All requests seen, the oldest first; at most the last [`KEPT_REQUESTS`].
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<Recorded>> {
        self.state.journal.requests()
    }

    /// The requests to one path, whatever their query.
    #[must_use]
    pub fn requests_to(&self, path: &str) -> Vec<Arc<Recorded>> {
        let mut requests = self.requests();
        requests.retain(|request| request.path == path);
        requests
    }

    /// Why TLS handshakes failed, the oldest first: what the client said of the certificate, for instance.
    #[must_use]
    pub fn handshake_errors(&self) -> Vec<String> {
        self.state.journal.handshake_errors()
    }

    /// All attempts at challenges, the oldest first, with what the widget saw and why it refused.
    #[must_use]
    pub fn challenges(&self) -> Vec<ChallengeAttempt> {
        self.state.challenges()
    }

    /// What was reported to `/consistency?run=..` so far: for each of [`known::CONSISTENCY_PLACES`] a table of properties.
    /// Among them are, as `headers.*`, the headers of the report itself that tell who the browser is. Needs the record.
    #[must_use]
    pub fn consistency(&self, run: &str) -> BTreeMap<String, BTreeMap<String, serde_json::Value>> {
        let reports = self.requests_to("/consistency/report").into_iter();
        reports
            .filter(|request| request.param("run").as_deref() == Some(run))
            .filter_map(|request| Some((request.param("place")?, consistency_table(&request)?)))
            .collect()
    }

    /// Forgets requests, failed handshakes, the peak, the counters of `/count`, `/flaky` and the like, logins, and
    /// challenges.
    pub fn clear(&self) {
        self.state.journal.clear();
        self.state.forget();
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.state.journal.open_connections()
    }

    /// Connections that were ever opened.
    #[must_use]
    pub fn total_connections(&self) -> u64 {
        self.state.journal.total_connections()
    }

    /// Requests that were begun and have no response head yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.state.journal.requests_in_flight()
    }

    /// The most requests that were in flight at one time since the start or the last [`clear`](Self::clear).
    #[must_use]
    pub fn peak_in_flight(&self) -> usize {
        self.state.journal.peak_in_flight()
    }

    /// Waits until the site has seen what `predicate` looks for. It is asked now and after every change: a request,
    /// a response, a connection opened or closed, a failed handshake.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut) when it has not come within `deadline`.
    pub async fn wait_until(&self, mut predicate: impl FnMut(&Self) -> bool, deadline: Duration) -> io::Result<()> {
        let mut changes = self.state.journal.changes();
        let seen = async {
            loop {
                changes.mark_unchanged();
                if predicate(self) || changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(deadline, seen).await.map_err(|_| {
            let seen = self.requests().len();
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "not seen within {deadline:?}; {seen} requests, {} connections open",
                    self.open_connections()
                ),
            )
        })
    }

    /// Serves until `signal` comes, then closes: the main function of a program that is a test site.
    pub async fn run_until<F: Future>(self, signal: F) -> F::Output {
        let output = signal.await;
        self.close().await;
        output
    }

    /// Ends the site and its proxy. When this returns, no port is open and no task is left.
    pub async fn close(self) {
        self.owner.close().await;
        self.proxy.close().await;
    }
}

fn consistency_table(report: &Recorded) -> Option<BTreeMap<String, serde_json::Value>> {
    const WHO: [&str; 6] = [
        "user-agent",
        "accept-language",
        "accept-encoding",
        "sec-ch-ua",
        "sec-ch-ua-mobile",
        "sec-ch-ua-platform",
    ];
    let mut table: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&report.body).ok()?;
    for name in WHO {
        table.insert(format!("headers.{name}"), report.header(name).into());
    }
    Some(table)
}

fn url(scheme: &str, host: &str, port: u16, path: &str) -> Url {
    match Url::parse(&format!("{scheme}://{host}:{port}{path}")) {
        Ok(url) => url,
        Err(error) => panic!("{path:?} makes no URL: {error}"),
    }
}
