//! Proxies, and pools of them.

mod health;
mod parse;
mod pool;
mod pool_config;
mod serde_form;

use std::borrow::Cow;
use std::fmt;

use url::Url;

pub use health::ProxyHealth;
pub use pool::{ProxyPool, Rotation};

/// How a proxy is spoken to.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProxyScheme {
    /// HTTP, with `CONNECT` for what is encrypted.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5; names are resolved on this side.
    Socks5,
    /// SOCKS 5; names are resolved by the proxy.
    Socks5h,
}

impl ProxyScheme {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Socks5, Self::Socks5h];

    /// The scheme as a URL has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    /// The port where none is given, as in browsers: 80, 443 or 1080.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1_080,
        }
    }
}

impl fmt::Display for ProxyScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A proxy: where it is, and the credentials it asks for.
///
/// It is read from `scheme://user:password@host:port`, with the scheme `http`, `https`, `socks5` or `socks5h`. What is
/// special in a URL (`@ : / % #`) is percent-encoded in user and password. Without a scheme it is `http`, and then
/// the port must be there; with one, the port is the scheme's own: 80, 443 or 1080.
///
/// `Debug` and `Display` show it without credentials. At rest it is the whole URL, credentials included; it is also
/// read from Playwright's form, `{"server": .., "username": .., "password": ..}`.
///
/// ```
/// use silkroute_core::{Proxy, ProxyScheme};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let proxy: Proxy = "socks5h://user:p%40ss@proxy.test".parse()?;
/// assert_eq!(proxy.scheme(), ProxyScheme::Socks5h);
/// assert_eq!(proxy.password().as_deref(), Some("p@ss"));
/// assert_eq!(proxy.to_string(), "socks5h://proxy.test:1080");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    scheme: ProxyScheme,
    /// As a URL has it: lower case, ASCII, an IPv6 address in brackets.
    host: String,
    port: u16,
    /// As the proxy gets it.
    username: Option<String>,
    password: Option<String>,
    /// All of it; always made from the above.
    url: Url,
}

impl Proxy {
    /// How it is spoken to.
    pub fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// Its host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user it asks for, decoded.
    pub fn username(&self) -> Option<Cow<'_, str>> {
        self.username.as_deref().map(Cow::Borrowed)
    }

    /// The password it asks for, decoded.
    pub fn password(&self) -> Option<Cow<'_, str>> {
        self.password.as_deref().map(Cow::Borrowed)
    }

    /// The same proxy with these credentials, given as the proxy gets them and not percent-encoded.
    #[must_use]
    pub fn with_credentials(self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.with(Some(username.into()), Some(password.into()))
    }

    /// All of it, credentials included, for the client that connects. Not for logs: that is [`label`](Self::label).
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// `scheme://host:port`, without credentials: fit for logs and metrics.
    pub fn label(&self) -> String {
        self.to_string()
    }
}

/// Without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// Without credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}
