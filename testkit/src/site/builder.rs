//! How a site is to be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::journal::Journal;
use super::listen::listen;
use super::proxy::{ProxyOptions, ProxyServer};
use super::state::{Addresses, State};
use super::tasks::TaskOwner;
use super::{PROXY_PASSWORD, PROXY_USER, TestSite};

/// Names that the site's certificate is valid for, besides those given to [`TestSiteBuilder::tls_name`].
pub const TLS_NAMES: [&str; 10] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "*.test.localhost",
    "fp.test",
    "public.example",
    "*.public.example",
    "other.example",
    "*.other.example",
    "third.example",
];

/// Settings of a [`TestSite`].
#[derive(Debug, Clone)]
#[must_use]
pub struct TestSiteBuilder {
    http_port: u16,
    https_port: u16,
    mtls_port: u16,
    record: bool,
    resumption: bool,
    tls_names: Vec<String>,
    robots_txt: Option<String>,
    files: Option<PathBuf>,
}

impl Default for TestSiteBuilder {
    fn default() -> Self {
        Self {
            http_port: 0,
            https_port: 0,
            mtls_port: 0,
            record: true,
            resumption: true,
            tls_names: TLS_NAMES.map(str::to_owned).to_vec(),
            robots_txt: None,
            files: None,
        }
    }
}

impl TestSiteBuilder {
    /// Port for plain HTTP. Default 0: one that the system chooses.
    pub fn http_port(mut self, port: u16) -> Self {
        self.http_port = port;
        self
    }

    /// Port for HTTPS. Default 0: one that the system chooses.
    pub fn https_port(mut self, port: u16) -> Self {
        self.https_port = port;
        self
    }

    /// Port for HTTPS with client certificates. Default 0: one that the system chooses.
    pub fn mtls_port(mut self, port: u16) -> Self {
        self.mtls_port = port;
        self
    }

    /// Whether requests are recorded and connections tapped for it. Default true; false is for benchmarks, which
    /// are to measure the client: `/echo` then lists headers in no particular order and knows no fingerprint.
    pub fn record(mut self, record: bool) -> Self {
        self.record = record;
        self
    }

    /// Whether TLS sessions can be resumed. Default true, as almost everywhere. A resumed connection's ClientHello has
    /// one extension more, and so another JA4.
    pub fn tls_resumption(mut self, resumption: bool) -> Self {
        self.resumption = resumption;
        self
    }

    /// One more name, or address, that the certificate is valid for.
    pub fn tls_name(mut self, name: impl Into<String>) -> Self {
        self.tls_names.push(name.into());
        self
    }

    /// What `/robots.txt` says, in place of the usual.
    pub fn robots_txt(mut self, text: impl Into<String>) -> Self {
        self.robots_txt = Some(text.into());
        self
    }

    /// A folder whose files are served below `/files`, as those of detectors that npm installed.
    pub fn files(mut self, folder: impl Into<PathBuf>) -> Self {
        self.files = Some(folder.into());
        self
    }

    /// Opens the listeners and begins to serve.
    ///
    /// # Errors
    /// When a port is taken, or the certificates cannot be made or written to the temporary folder.
    pub async fn start(self) -> io::Result<TestSite> {
        let authority = Authority::new(&self.tls_names)?;
        let acceptor = |demand_client| {
            authority
                .server_config(demand_client, self.resumption)
                .map(|config| Some(TlsAcceptor::from(Arc::new(config))))
        };
        let listeners = [
            (bind(self.http_port)?, None),
            (bind(self.https_port)?, acceptor(false)?),
            (bind(self.mtls_port)?, acceptor(true)?),
        ];
        let addresses = Addresses {
            http: listeners[0].0.local_addr()?,
            https: listeners[1].0.local_addr()?,
            mtls: listeners[2].0.local_addr()?,
        };
        let proxy = ProxyServer::start(ProxyOptions::default().credentials(PROXY_USER, PROXY_PASSWORD)).await?;
        let owner = TaskOwner::new();
        let journal = Journal::new();
        let state = Arc::new(State::new(
            journal,
            owner.tasks().clone(),
            addresses,
            self.record,
            self.robots_txt,
            self.files,
        ));
        for (listener, tls) in listeners {
            owner.tasks().spawn(listen(listener, tls, Arc::clone(&state)));
        }
        Ok(TestSite {
            state,
            authority,
            proxy,
            owner,
        })
    }
}

/// Connections that the system may hold for us until we accept them. With the usual 128, bursts of some hundred lose
/// their first packets and stall for a second. The system may have a lower limit (`net.core.somaxconn`).
const BACKLOG: u32 = 1024;

pub(super) fn bind(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    if cfg!(unix) {
        // As `TcpListener::bind` does: a port that was in use a moment ago can be had again.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}
