//! A configuration, checked and ready to use.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use silkroute_core::{CookieJar, Error, Identity, Proxy, ProxyPool, Result, Retry, SessionOptions};

use crate::config::Pem;
use crate::profile::{self, Profile};
use crate::transport::{Resolver, TlsSources};
use crate::{HttpConfig, HttpOptions, HttpVersion, Redirects, headers};

/// A configuration, checked and ready to use.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) profile: Profile,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) retry: Retry,
    pub(crate) retry_statuses: Vec<StatusCode>,
    pub(crate) redirects: Redirects,
    pub(crate) max_redirects: u32,
    pub(crate) headers: HeaderMap,
    pub(crate) cookie_store: bool,
    pub(crate) jar: CookieJar,
    pub(crate) proxies: Proxies,
    pub(crate) verify: bool,
    pub(crate) ca_certificate: Option<Pem>,
    pub(crate) client_certificate: Option<Pem>,
    pub(crate) body_limit: u64,
    pub(crate) http_version: HttpVersion,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) google_search: bool,
    pub(crate) resolver: Resolver,
    pub(crate) pool_idle_timeout: Duration,
    pub(crate) max_idle_origins: usize,
    pub(crate) max_idle_per_origin: usize,
}

/// The proxies of a session.
#[derive(Clone, Debug)]
pub(crate) enum Proxies {
    Direct,
    One(Proxy),
    Pool(ProxyPool),
}

impl Settings {
    /// # Errors
    /// [`Error::Config`] or [`Error::Invalid`] naming what cannot be.
    pub(crate) fn new(config: HttpConfig, jar: CookieJar, assumed_public: Vec<String>) -> Result<Self> {
        let proxies = match (config.proxy, config.proxy_pool) {
            (Some(_), Some(_)) => {
                return Err(Error::config(
                    "proxy",
                    "`proxy` and `proxy_pool` are both set: keep one",
                ));
            }
            (Some(proxy), None) => Proxies::One(proxy),
            (None, Some(pool)) => Proxies::Pool(pool),
            (None, None) => Proxies::Direct,
        };
        for (name, time) in [("timeout", config.timeout), ("connect_timeout", config.connect_timeout)] {
            if time.is_zero() {
                return Err(Error::config(name, "no time at all: nothing could ever be fetched"));
            }
        }
        let mut headers = HeaderMap::with_capacity(config.headers.len());
        for (name, value) in &config.headers {
            let (name, value) = header(name, &value.0)?;
            headers.insert(name, value);
        }
        Ok(Self {
            profile: config.impersonate.resolve()?,
            timeout: config.timeout,
            // At the end of `timeout` itself nobody could tell a proxy that hangs from a site that does.
            connect_timeout: config.connect_timeout.min(config.timeout / 2),
            retry: config.retry,
            retry_statuses: statuses(&config.retry_statuses)?,
            redirects: config.redirects,
            max_redirects: config.max_redirects,
            headers,
            cookie_store: config.cookie_store,
            jar,
            proxies,
            verify: config.verify,
            ca_certificate: config.ca_certificate,
            client_certificate: config.client_certificate,
            body_limit: config.body_limit,
            http_version: config.http_version.check()?,
            local_address: config.local_address,
            google_search: config.google_search,
            resolver: Resolver::new(overrides(&config.resolve)?, assumed_public),
            pool_idle_timeout: config.pool_idle_timeout,
            max_idle_origins: config.max_idle_origins,
            max_idle_per_origin: config.max_idle_per_origin,
        })
    }

    /// Settings as they are when nothing is said.
    pub(crate) fn standard() -> Self {
        let config = HttpConfig::default();
        Self {
            profile: Profile::default_chrome(),
            timeout: config.timeout,
            connect_timeout: config.connect_timeout,
            retry: config.retry,
            retry_statuses: Vec::new(),
            redirects: config.redirects,
            max_redirects: config.max_redirects,
            headers: HeaderMap::new(),
            cookie_store: config.cookie_store,
            jar: CookieJar::new(),
            proxies: Proxies::Direct,
            verify: config.verify,
            ca_certificate: None,
            client_certificate: None,
            body_limit: config.body_limit,
            http_version: config.http_version,
            local_address: None,
            google_search: config.google_search,
            resolver: Resolver::default(),
            pool_idle_timeout: config.pool_idle_timeout,
            max_idle_origins: config.max_idle_origins,
            max_idle_per_origin: config.max_idle_per_origin,
        }
    }

    /// The profile of the identity that a request shall look like.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where this session cannot be it.
    pub(crate) fn profile_for(&self, identity: &Identity) -> Result<Profile> {
        let refused = |instead: String| Error::Unsupported {
            kind: HttpOptions::KIND.to_owned(),
            what: format!("looking like `{}`", identity.name()),
            instead,
        };
        if self.profile.identity.is_none() {
            return Err(refused(
                "the session impersonates nobody: set its `impersonate`, or leave the request's `identity` out"
                    .to_owned(),
            ));
        }
        if let Some(own) = self.says_who() {
            return Err(refused(format!(
                "the session's own header `{own}` says who it is: leave that or the request's `identity` out"
            )));
        }
        if self.profile.identity.as_ref().map(shown) == Some(shown(identity)) {
            return Ok(self.profile.clone());
        }
        profile::find_shared(&shown(identity)).map_err(|error| refused(error.to_string()))
    }

    /// Whether it can look like an identity with that one's own wire.
    pub(crate) fn can_be_exactly(&self, identity: &Identity) -> bool {
        self.profile_for(identity).is_ok() && profile::find(&shown(identity)).is_ok()
    }

    /// The header of the session's own, if it has one, that an identity would have said.
    pub(crate) fn says_who(&self) -> Option<&HeaderName> {
        self.headers
            .keys()
            .find(|name| [USER_AGENT, ACCEPT_LANGUAGE].contains(name) || headers::is_hint(name))
    }

    /// The certificates, read from where they are.
    ///
    /// # Errors
    /// [`Error::Config`] when a file cannot be read.
    pub(crate) fn tls_sources(&self) -> Result<TlsSources> {
        let read = |field: &str, pem: &Pem| match pem.path() {
            None => Ok(pem.text().to_owned()),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Error::config(field, format!("cannot read {path}: {error}"))),
        };
        Ok(TlsSources {
            roots: self
                .ca_certificate
                .iter()
                .map(|pem| read("ca_certificate", pem))
                .collect::<Result<_>>()?,
            client: self
                .client_certificate
                .as_ref()
                .map(|pem| read("client_certificate", pem))
                .transpose()?,
        })
    }
}

/// What HTTP shows of an identity: the rest does not take a client of its own.
fn shown(identity: &Identity) -> Identity {
    let mut identity = identity.clone();
    (identity.timezone, identity.screen) = (None, None);
    identity
}

/// Reads statuses by their numbers.
///
/// # Errors
/// [`Error::Config`] for a number that is no status.
pub(crate) fn statuses(codes: &[u16]) -> Result<Vec<StatusCode>> {
    codes
        .iter()
        .map(|&code| {
            StatusCode::from_u16(code).map_err(|_| Error::config("retry_statuses", format!("{code} is no HTTP status")))
        })
        .collect()
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let place = || format!("headers.{}", name.escape_debug());
    let parsed =
        HeaderName::try_from(name).map_err(|_| Error::config(place(), "this cannot be the name of a header"))?;
    let value = HeaderValue::try_from(value)
        .map_err(|_| Error::config(place(), "its value holds a line break or another control character"))?;
    Ok((parsed, value))
}

fn overrides(resolve: &std::collections::BTreeMap<String, String>) -> Result<HashMap<String, Vec<SocketAddr>>> {
    let mut overrides = HashMap::new();
    for (name, address) in resolve {
        let address: SocketAddr = address
            .parse()
            .or_else(|_| address.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0)))
            .map_err(|_| {
                Error::config(
                    format!("resolve.{name}"),
                    format!("`{}` is no IP address", address.escape_debug()),
                )
            })?;
        overrides.insert(name.to_ascii_lowercase(), vec![address]);
    }
    Ok(overrides)
}
