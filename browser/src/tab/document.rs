//! What a navigation came to.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What kind of document is shown.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentKind {
    /// HTML: its body is the page as it was rendered.
    Html,
    /// Something else that the browser shows in a viewer of its own: its body is what was sent.
    Raw,
    /// Nothing is shown: a 204 or 205, or an error status without a body.
    Empty,
    /// A download. It was refused, and its body is not there.
    Download {
        /// The name that the server suggests, where it is known.
        file_name: Option<String>,
    },
}

/// How one document led to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectKind {
    /// By status and `Location`.
    Http,
    /// By the document itself: a script, a form, or a meta refresh.
    Client,
}

/// A step on the way to the document.
#[derive(Debug, Clone)]
pub struct Redirect {
    /// How it led on.
    pub kind: RedirectKind,
    /// What was asked for.
    pub url: String,
    /// The status of the answer; 0 where there was none, as with `about:blank`.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
}

/// When the steps of a navigation came to pass, counted from its beginning.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default)]
pub struct DocumentTiming {
    /// The headers of the document that is shown were there.
    pub response: Option<Duration>,
    /// The document was shown.
    pub commit: Option<Duration>,
    /// `DOMContentLoaded`.
    pub dom_content_loaded: Option<Duration>,
    /// `load`.
    pub load: Option<Duration>,
    /// Half a second without requests had passed.
    pub network_idle: Option<Duration>,
}

/// The document that is shown in the end, whatever led to it.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Its URL, without fragment as the network has it.
    pub url: String,
    /// Its status; 0 where there is none, as with `about:blank` and `data:`.
    pub status: u16,
    /// Its headers, `Set-Cookie` included where the browser tells.
    pub headers: HeaderMap,
    /// The headers of its request as they were sent, cookies included where the browser tells.
    pub request_headers: HeaderMap,
    /// The way to it, oldest first.
    pub redirects: Vec<Redirect>,
    /// Its media type in the browser's opinion, such as `text/html`.
    pub mime_type: String,
    /// Where it came from. Behind a proxy, the proxy.
    pub remote_addr: Option<SocketAddr>,
    /// How it was spoken: `http/1.1`, `h2`, `h3`.
    pub protocol: Option<String>,
    /// Whether it came from the browser's cache.
    pub from_cache: bool,
    /// When what happened.
    pub timing: DocumentTiming,
    /// The navigation's id in the browser, which is also the id of its request.
    pub loader_id: String,
}

impl Document {
    /// Whether its body is rendered HTML.
    pub fn is_html(&self) -> bool {
        self.kind == DocumentKind::Html
    }
}

/// A response as `Network.responseReceived` tells it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Response {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) headers: Map<String, Value>,
    pub(crate) mime_type: String,
    #[serde(rename = "remoteIPAddress")]
    pub(crate) remote_ip_address: Option<String>,
    pub(crate) remote_port: Option<u16>,
    pub(crate) protocol: Option<String>,
    pub(crate) from_disk_cache: bool,
    pub(crate) from_prefetch_cache: bool,
}

impl Response {
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        let ip = self
            .remote_ip_address
            .as_deref()?
            .trim_start_matches('[')
            .trim_end_matches(']');
        Some(SocketAddr::new(ip.parse().ok()?, self.remote_port?))
    }
}

/// Headers as the protocol has them: an object, several values of one name separated by line feeds.
pub(crate) fn headers(map: &Map<String, Value>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(map.len());
    for (name, value) in map {
        // HTTP/2 pseudo headers stand among them.
        let (Ok(name), Some(value)) = (HeaderName::try_from(name.as_str()), value.as_str()) else {
            continue;
        };
        for line in value.split('\n') {
            if let Ok(value) = HeaderValue::from_str(line) {
                headers.append(name.clone(), value);
            }
        }
    }
    headers
}
