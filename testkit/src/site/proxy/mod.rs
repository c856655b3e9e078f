//! A forward proxy: HTTP (plain requests and CONNECT) and SOCKS5, each on a port of its own.
//!
//! It only ever connects to this machine: a target is an address of it, `localhost`, a name below `.localhost`, or a
//! name that was given an address with [`ProxyServer::set_target_override`].

mod http;
mod socks5;
mod targets;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

use super::builder::bind;
use super::tasks::{TaskOwner, Tasks};
use targets::Targets;

/// Settings of a [`ProxyServer`].
#[derive(Clone, Default)]
#[must_use]
pub struct ProxyOptions {
    credentials: Option<(String, String)>,
    http_port: u16,
    socks5_port: u16,
}

impl std::fmt::Debug for ProxyOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyOptions")
            .field("user", &self.credentials.as_ref().map(|(user, _)| user))
            .finish_non_exhaustive()
    }
}

impl ProxyOptions {
    /// Only who shows this user and password gets through. Default: everyone.
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Port for HTTP. Default 0: one that the system chooses.
    pub fn http_port(mut self, port: u16) -> Self {
        self.http_port = port;
        self
    }

    /// Port for SOCKS5. Default 0: one that the system chooses.
    pub fn socks5_port(mut self, port: u16) -> Self {
        self.socks5_port = port;
        self
    }
}

/// How a proxy treats its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ProxyMode {
    /// As it should.
    Working,
    /// Refuses every target: 502, or the SOCKS error "host unreachable".
    Failing,
    /// Closes every new connection at once.
    Dropping,
    /// Accepts, and never says a word.
    Stalling,
}

/// The way in which a request reached a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// A plain HTTP request with the whole URL.
    Http,
    /// An HTTP tunnel.
    Connect,
    /// A SOCKS5 tunnel.
    Socks5,
}

/// One request to a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProxyEntry {
    /// The way it came.
    pub protocol: ProxyProtocol,
    /// `host:port` as the client wrote it; a URL for plain HTTP; empty if SOCKS5 ended before it.
    pub target: String,
    /// The user that the client showed.
    pub user: Option<String>,
    /// Whether it was let through.
    pub authorized: bool,
}

/// A running proxy. Dropping it ends it; [`close`](Self::close) also waits until everything is gone.
pub struct ProxyServer {
    shared: Arc<Shared>,
    http: SocketAddr,
    socks5: SocketAddr,
    owner: TaskOwner,
}

/// What all connections of a proxy share.
struct Shared {
    credentials: Option<(String, String)>,
    targets: Targets,
    mode: AtomicU8,
    log: Mutex<Vec<ProxyEntry>>,
    changes: watch::Sender<()>,
    tasks: Tasks,
}

impl std::fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyServer")
            .field("http", &self.http)
            .field("socks5", &self.socks5)
            .finish_non_exhaustive()
    }
}

impl ProxyServer {
    /// Opens both ports and begins to serve.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start(options: ProxyOptions) -> io::Result<Self> {
        let (http_listener, socks5_listener) = (bind(options.http_port)?, bind(options.socks5_port)?);
        let (http, socks5) = (http_listener.local_addr()?, socks5_listener.local_addr()?);
        let owner = TaskOwner::new();
        let shared = Arc::new(Shared {
            credentials: options.credentials,
            targets: Targets::default(),
            mode: AtomicU8::new(ProxyMode::Working as u8),
            log: Mutex::default(),
            changes: watch::Sender::new(()),
            tasks: owner.tasks().clone(),
        });
        owner
            .tasks()
            .spawn(accept(http_listener, Arc::clone(&shared), ProxyProtocol::Http));
        owner
            .tasks()
            .spawn(accept(socks5_listener, Arc::clone(&shared), ProxyProtocol::Socks5));
        Ok(Self {
            shared,
            http,
            socks5,
            owner,
        })
    }

    /// `http://user:password@127.0.0.1:PORT`, with the credentials that let one through.
    #[must_use]
    pub fn url_http(&self) -> Url {
        self.url("http", self.http, self.shared.credentials.as_ref())
    }

    /// The same for SOCKS5, where the client looks names up.
    #[must_use]
    pub fn url_socks5(&self) -> Url {
        self.url("socks5", self.socks5, self.shared.credentials.as_ref())
    }

    /// The same for SOCKS5, where the proxy looks names up: what names with a target override need.
    #[must_use]
    pub fn url_socks5h(&self) -> Url {
        self.url("socks5h", self.socks5, self.shared.credentials.as_ref())
    }

    /// Where it listens for HTTP: for URLs without credentials, or with others.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// Where it listens for SOCKS5: for URLs without credentials, or with others.
    #[must_use]
    pub fn socks5_addr(&self) -> SocketAddr {
        self.socks5
    }

    /// Makes a host name lead to an address, on whichever port it is asked for.
    pub fn set_target_override(&self, host: &str, target: SocketAddr) {
        self.shared.targets.set(host, None, target);
    }

    /// Makes a host name lead to an address on one port; goes before [`set_target_override`](Self::set_target_override).
    pub fn set_port_override(&self, host: &str, port: u16, target: SocketAddr) {
        self.shared.targets.set(host, Some(port), target);
    }

    /// Changes how clients are treated from now on; tunnels that are open stay.
    pub fn set_mode(&self, mode: ProxyMode) {
        self.shared.mode.store(mode as u8, Ordering::SeqCst);
    }

    /// All requests so far, the oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<ProxyEntry> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until the log holds what `predicate` looks for.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut) when it has not come within `deadline`.
    pub async fn wait_until(
        &self,
        mut predicate: impl FnMut(&[ProxyEntry]) -> bool,
        deadline: Duration,
    ) -> io::Result<()> {
        let mut changes = self.shared.changes.subscribe();
        let seen = changes.wait_for(|()| predicate(&self.log()));
        match tokio::time::timeout(deadline, seen).await {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("not seen within {deadline:?}"),
            )),
        }
    }

    /// Ends the proxy. When this returns, no port is open and no task is left.
    pub async fn close(self) {
        self.owner.close().await;
    }

    fn url(&self, scheme: &str, address: SocketAddr, credentials: Option<&(String, String)>) -> Url {
        let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let user = credentials.map(|(user, password)| format!("{}:{}@", escape(user), escape(password)));
        match Url::parse(&format!("{scheme}://{}{address}", user.unwrap_or_default())) {
            Ok(url) => url,
            Err(error) => unreachable!("an address makes a URL: {error}"),
        }
    }
}

impl Shared {
    fn mode(&self) -> ProxyMode {
        let mode = self.mode.load(Ordering::SeqCst);
        [ProxyMode::Failing, ProxyMode::Dropping, ProxyMode::Stalling]
            .into_iter()
            .find(|known| *known as u8 == mode)
            .unwrap_or(ProxyMode::Working)
    }

    /// Writes a request down and says whether it may go on.
    fn admit(&self, protocol: ProxyProtocol, target: String, shown: Option<(String, String)>) -> bool {
        let authorized = self.credentials.is_none() || self.credentials == shown;
        let entry = ProxyEntry {
            protocol,
            target,
            user: shown.map(|(user, _)| user),
            authorized,
        };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        self.changes.send_replace(());
        authorized
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        if self.mode() == ProxyMode::Failing {
            return Err(io::Error::new(io::ErrorKind::HostUnreachable, "this proxy is failing"));
        }
        let stream = TcpStream::connect(self.targets.resolve(host, port)?).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, protocol: ProxyProtocol) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let _ = client.set_nodelay(true);
        let of_client = Arc::clone(&shared);
        shared.tasks.spawn(async move {
            match of_client.mode() {
                ProxyMode::Dropping => {}
                ProxyMode::Stalling => stall(client).await,
                // How a connection ends is its client's business.
                _ if protocol == ProxyProtocol::Socks5 => drop(socks5::serve(client, &of_client).await),
                _ => http::serve(client, of_client).await,
            }
        });
    }
}

/// Reads until the client gives up.
async fn stall(mut client: TcpStream) {
    let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
}
