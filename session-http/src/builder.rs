//! Building an HTTP session in code.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use silkroute_core::{CookieJar, Proxy, ProxyPool, Result, Retry};

use crate::config::{Pem, Secret};
use crate::settings::Settings;
use crate::{HttpConfig, HttpSession, HttpVersion, Impersonate, Redirects};

/// Builds an [`HttpSession`]. Every setting has a default; what cannot be shows at [`build`](Self::build).
///
/// ```
/// use std::time::Duration;
/// use silkroute_session_http::HttpSession;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let session = HttpSession::builder()
///     .impersonate("safari")
///     .timeout(Duration::from_secs(10))
///     .header("X-Shop", "de")
///     .build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct HttpSessionBuilder {
    config: HttpConfig,
    jar: Option<CookieJar>,
    assumed_public: Vec<String>,
}

impl HttpSessionBuilder {
    /// Starts from a configuration.
    pub fn from_config(config: HttpConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Whom to impersonate: a name, an identity, a list to pick one from, or `"none"`. Default: `"chrome"`, the newest
    /// that is offered.
    pub fn impersonate(mut self, who: impl Into<Impersonate>) -> Self {
        self.config.impersonate = who.into();
        self
    }

    /// The time for a whole fetch: all attempts, waits, redirects and the body. Default: 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = timeout;
        self
    }

    /// The time for one connection, TLS included. Default: 10 s. Never more than half of [`timeout`](Self::timeout), so that
    /// there is time for another attempt, and a [pool](Self::proxy_pool) learns of a proxy that hangs.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How often to try, and how long to wait in between. Default: three attempts in all.
    ///
    /// Tried again are transport errors, of idempotent methods whenever they happen and of others only when the server
    /// cannot have seen the request; and for idempotent methods the statuses 429 and 503 with a `Retry-After` that
    /// fits into the time, and those of [`retry_statuses`](Self::retry_statuses).
    pub fn retry(mut self, retry: Retry) -> Self {
        self.config.retry = retry;
        self
    }

    /// Statuses to try again for, with or without `Retry-After`. Default: none.
    pub fn retry_statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.config.retry_statuses = statuses.into_iter().collect();
        self
    }

    /// Which redirects to follow. Default: [`Redirects::Safe`].
    pub fn redirects(mut self, redirects: Redirects) -> Self {
        self.config.redirects = redirects;
        self
    }

    /// How many redirects in a row. Default: 30.
    pub fn max_redirects(mut self, max: u32) -> Self {
        self.config.max_redirects = max;
        self
    }

    /// A header of every request, in place of one that the identity has. A request's own of the same name replaces it.
    /// Like a request's, a credential does not follow a redirect to another origin. `Sec-CH-UA` and its like go where the
    /// identity's own would: to secure origins. `Host` is the URL's: a request to another is refused.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.headers.insert(name.into(), Secret(value.into()));
        self
    }

    /// The jar that cookies are kept in, which other sessions may share. Default: one of its own.
    pub fn cookie_jar(mut self, jar: CookieJar) -> Self {
        self.jar = Some(jar);
        self
    }

    /// Whether cookies are kept and sent. Default: yes.
    pub fn cookie_store(mut self, keep: bool) -> Self {
        self.config.cookie_store = keep;
        self
    }

    /// The proxy of every request. Default: none; the environment is not asked. A request's own replaces it.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.config.proxy = Some(proxy);
        self
    }

    /// Proxies that take turns, by attempt; [`Rotation::Sticky`](silkroute_core::Rotation::Sticky) goes by the host of
    /// the request.
    pub fn proxy_pool(mut self, pool: ProxyPool) -> Self {
        self.config.proxy_pool = Some(pool);
        self
    }

    /// Whether certificates must be valid. Default: yes.
    pub fn verify(mut self, verify: bool) -> Self {
        self.config.verify = verify;
        self
    }

    /// Root certificates to trust besides Mozilla's: PEM, or the path of a PEM file, which is read at the start.
    pub fn ca_certificate(mut self, pem: impl Into<Pem>) -> Self {
        self.config.ca_certificate = Some(pem.into());
        self
    }

    /// The client's own certificate with its chain and its key, the key in PKCS#8: PEM, or the path of a PEM file.
    pub fn client_certificate(mut self, pem: impl Into<Pem>) -> Self {
        self.config.client_certificate = Some(pem.into());
        self
    }

    /// The longest body, in bytes after decompression. Default: 64 MiB. A longer one is an error.
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.config.body_limit = bytes;
        self
    }

    /// The version of HTTP. Default: what client and server agree on.
    pub fn http_version(mut self, version: HttpVersion) -> Self {
        self.config.http_version = version;
        self
    }

    /// The address of this machine to connect from. Default: the system's choice.
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.config.local_address = Some(address);
        self
    }

    /// Whether a `GET` without a `Referer` comes from a Google search: `Referer: https://www.google.com/`. Default:
    /// no, for a site can check it, and an API call that comes from a search gives itself away.
    pub fn google_search(mut self, google: bool) -> Self {
        self.config.google_search = google;
        self
    }

    /// The address of a name, in place of what the system knows. The port counts where it is not 0 and the URL has
    /// none.
    pub fn resolve(mut self, name: impl Into<String>, address: SocketAddr) -> Self {
        self.config.resolve.insert(name.into(), address.to_string());
        self
    }

    /// How long a connection is kept that nobody uses. Default: 90 s.
    pub fn pool_idle_timeout(mut self, timeout: Duration) -> Self {
        self.config.pool_idle_timeout = timeout;
        self
    }

    /// For how many origins connections are kept that nobody uses: for those used last. Default: 128. Connections in use
    /// are not limited.
    pub fn max_idle_origins(mut self, max: usize) -> Self {
        self.config.max_idle_origins = max;
        self
    }

    /// How many connections to one origin are kept that nobody uses. Default: 256. There are never more than were in use
    /// at once; over HTTP/2 it is one.
    pub fn max_idle_per_origin(mut self, max: usize) -> Self {
        self.config.max_idle_per_origin = max;
        self
    }

    /// Makes a name count as public whatever it resolves to, so that tests on one machine can play the internet.
    #[doc(hidden)]
    pub fn assume_public(mut self, name: impl Into<String>) -> Self {
        self.assumed_public.push(name.into());
        self
    }

    /// Builds it, with no input or output.
    ///
    /// # Errors
    /// [`Error::Config`](silkroute_core::Error::Config) or [`Error::Invalid`](silkroute_core::Error::Invalid) naming the setting that cannot be.
    pub fn build(self) -> Result<HttpSession> {
        let jar = self.jar.unwrap_or_default();
        Settings::new(self.config, jar, self.assumed_public).map(HttpSession::with)
    }
}
