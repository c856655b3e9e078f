//! What an HTTP session can be configured with.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::{Proxy, ProxyPool, Retry};

use crate::{HttpVersion, Impersonate, Redirects};

/// What an HTTP session can be configured with, as configuration files write it. All of it may be left out.
///
/// ```
/// use silkroute_session_http::{HttpConfig, HttpSession};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: HttpConfig = toml::from_str(r#"
///     impersonate = "firefox"
///     timeout = "10s"
///     proxy = "http://user:secret@proxy.test:3128"
///     [headers]
///     Accept-Language = "de"
/// "#)?;
/// let session = HttpSession::from_config(config)?;
/// assert!(!format!("{session:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Whom to impersonate: a browser by name, an identity, a list to pick one from, or "none".
    pub impersonate: Impersonate,
    /// The time for a whole fetch: all attempts, waits, redirects and the body.
    #[serde(with = "silkroute_core::duration")]
    #[schemars(with = "String")]
    pub timeout: Duration,
    /// The time for one connection, TLS included; half of `timeout` at most.
    #[serde(with = "silkroute_core::duration")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// How often to try, and how long to wait in between.
    pub retry: Retry,
    /// Statuses to try again for, besides 429 and 503 with `Retry-After`.
    pub retry_statuses: Vec<u16>,
    /// Which redirects to follow: safe, all or none.
    pub redirects: Redirects,
    /// How many redirects in a row.
    pub max_redirects: u32,
    /// Headers of every request. A request's own of the same name replace them.
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: IndexMap<String, Secret>,
    /// Whether cookies are kept and sent.
    pub cookie_store: bool,
    /// The proxy of every request. Not together with `proxy_pool`.
    pub proxy: Option<Proxy>,
    /// Proxies to take turns. Not together with `proxy`.
    pub proxy_pool: Option<ProxyPool>,
    /// Whether certificates must be valid.
    pub verify: bool,
    /// Root certificates to trust besides Mozilla's: PEM, or the path of a PEM file.
    pub ca_certificate: Option<Pem>,
    /// The client's own certificate and its key (PKCS#8): PEM, or the path of a PEM file.
    pub client_certificate: Option<Pem>,
    /// The longest body, in bytes after decompression.
    pub body_limit: u64,
    /// The version of HTTP: auto or 1.
    pub http_version: HttpVersion,
    /// The address of this machine to connect from.
    pub local_address: Option<IpAddr>,
    /// Whether a GET without a `Referer` comes from a Google search.
    pub google_search: bool,
    /// Addresses of names, in place of those that the system knows: "127.0.0.1", or "127.0.0.1:8443" with a port that
    /// counts where the URL has none.
    pub resolve: BTreeMap<String, String>,
    /// How long a connection is kept that nobody uses.
    #[serde(with = "silkroute_core::duration")]
    #[schemars(with = "String")]
    pub pool_idle_timeout: Duration,
    /// For how many origins connections are kept that nobody uses. Those in use are not limited.
    pub max_idle_origins: usize,
    /// How many connections to one origin are kept that nobody uses.
    pub max_idle_per_origin: usize,
}

impl HttpConfig {
    /// 64 MiB.
    pub const DEFAULT_BODY_LIMIT: u64 = 64 * 1024 * 1024;
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            impersonate: Impersonate::default(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            retry: Retry::default(),
            retry_statuses: Vec::new(),
            redirects: Redirects::default(),
            max_redirects: 30,
            headers: IndexMap::new(),
            cookie_store: true,
            proxy: None,
            proxy_pool: None,
            verify: true,
            ca_certificate: None,
            client_certificate: None,
            body_limit: Self::DEFAULT_BODY_LIMIT,
            http_version: HttpVersion::default(),
            local_address: None,
            google_search: false,
            resolve: BTreeMap::new(),
            pool_idle_timeout: Duration::from_secs(90),
            max_idle_origins: 128,
            max_idle_per_origin: 256,
        }
    }
}

/// PEM text, or the path of a file that holds it; which of both is seen by its `-----BEGIN`. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Pem(String);

impl Pem {
    /// The path, where it is one.
    pub(crate) fn path(&self) -> Option<&str> {
        (!self.0.contains("-----BEGIN")).then_some(&self.0)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Pem {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => write!(f, "Pem({path:?})"),
            None => f.write_str("Pem(***)"),
        }
    }
}

/// A header's value, which may be a credential: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(pub(crate) String);

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
