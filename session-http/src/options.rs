//! What a request may say to an HTTP session alone.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::{Error, Result, Retry, SessionOptions};

use crate::Impersonate;

/// What a request may say to an HTTP session. What is left out is as the session has it.
///
/// Headers, cookies, body, timeout and proxy are not here: every session kind takes those from the request itself.
///
/// ```
/// use silkroute_core::{Fetch, RequestExt, Retry};
/// use silkroute_session_http::{HttpOptions, Redirects};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let request = Fetch::get("https://shop.test/")?.with(HttpOptions {
///     impersonate: Some("firefox".into()),
///     redirects: Some(Redirects::None),
///     retry: Some(Retry::none()),
///     ..HttpOptions::default()
/// })?;
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpOptions {
    /// Whom to impersonate for this request, whatever its [`identity`](silkroute_core::RequestParts::identity). From a list
    /// one is picked for each request. The session's cookies stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonate: Option<Impersonate>,
    /// Which redirects to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirects: Option<Redirects>,
    /// How many redirects in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_redirects: Option<u32>,
    /// How often to try, and how long to wait in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Statuses to try again for, besides 429 and 503 with `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_statuses: Option<Vec<u16>>,
    /// Whether certificates must be valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
    /// The longest body, in bytes after decompression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_limit: Option<u64>,
    /// The time for one connection, TLS included, up to the request's timeout.
    #[serde(with = "silkroute_core::duration::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub connect_timeout: Option<Duration>,
    /// The version of HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_version: Option<HttpVersion>,
    /// Whether to come from a Google search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google_search: Option<bool>,
    /// Whether the session's cookies are sent, and those of the response kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie_store: Option<bool>,
    /// What the response is for: `Accept`, `Sec-Fetch-*`, `Priority` and the order of headers follow. Default: a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
}

/// What a response is for, as browsers tell by the headers of a request
/// (<https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-dest-header>). All but documents are asked for by a page: name it
/// in `Referer`. Without one it is taken to be of the same origin, and not to tell.
///
/// Chromium's header sets are there, as version 156 sends them; with another identity, or with none, all but documents are
/// refused.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// A page that is navigated to.
    #[default]
    Document,
    /// Data for a script: `XMLHttpRequest` and `fetch()`.
    Fetch,
    /// An image of a page.
    Image,
    /// A script of a page's head.
    Script,
    /// A style sheet of a page's head.
    Style,
}

impl SessionOptions for HttpOptions {
    const KIND: &'static str = "http";
}

/// Which redirects are followed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Redirects {
    /// All but those from a public address into a private network: a page on the internet must not make this machine
    /// fetch what only this machine can reach. Decided by the address that is connected to. Through a proxy, which
    /// resolves names itself, only addresses written in the URL, and `localhost`, can be judged.
    #[default]
    Safe,
    /// All.
    All,
    /// None: the redirect is the response.
    None,
}

/// Which version of HTTP is spoken.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// What client and server agree on, as browsers do: HTTP/2 over TLS where the server has it, else HTTP/1.1.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1 alone. A browser would offer HTTP/2 all the same: this shows in the TLS fingerprint.
    #[serde(rename = "1")]
    Http1,
    /// HTTP/3. Not offered: the wire underneath has no QUIC. Who asks for it gets an error that says so.
    #[serde(rename = "3")]
    Http3,
}

impl HttpVersion {
    /// # Errors
    /// [`Error::Unsupported`] for what the wire does not have.
    pub(crate) fn check(self) -> Result<Self> {
        match self {
            Self::Auto | Self::Http1 => Ok(self),
            Self::Http3 => Err(Error::Unsupported {
                kind: HttpOptions::KIND.to_owned(),
                what: "HTTP/3".to_owned(),
                instead: "leave `http_version` at auto, which is HTTP/2 wherever the server has it".to_owned(),
            }),
        }
    }
}
