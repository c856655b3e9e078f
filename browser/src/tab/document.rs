//! What a navigation came to.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};
use silkroute_core::{RedactedHeaders, redact_url};
use url::Url;

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
    /// A download. Its body is there where [`Navigation::download_limit`](crate::Navigation::download_limit) asked for it, of a
    /// browser that was launched with a fresh profile; else the download was refused, and its body is empty.
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

/// A step on the way to the document. Its `Debug` shows no credentials.
#[derive(Clone)]
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

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect")
            .field("kind", &self.kind)
            .field("url", &shown_url(&self.url))
            .field("status", &self.status)
            .field("headers", &RedactedHeaders(&self.headers))
            .finish()
    }
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

/// The document that is shown in the end, whatever led to it. Its `Debug` shows no credentials.
#[non_exhaustive]
#[derive(Clone)]
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

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("kind", &self.kind)
            .field("url", &shown_url(&self.url))
            .field("status", &self.status)
            .field("headers", &RedactedHeaders(&self.headers))
            .field("request_headers", &RedactedHeaders(&self.request_headers))
            .field("redirects", &self.redirects)
            .field("mime_type", &self.mime_type)
            .field("remote_addr", &self.remote_addr)
            .field("protocol", &self.protocol)
            .field("from_cache", &self.from_cache)
            .field("timing", &self.timing)
            .field("loader_id", &self.loader_id)
            .finish()
    }
}

/// A URL as text, as it may be shown. What does not parse may have a password anywhere.
pub(super) fn shown_url(url: &str) -> String {
    Url::parse(url).map_or_else(|_| "***".to_owned(), |url| redact_url(&url))
}

impl Document {
    /// Whether its body is rendered HTML.
    pub fn is_html(&self) -> bool {
        self.kind == DocumentKind::Html
    }
}

/// A response as `Network.responseReceived` tells it.
#[derive(Clone, Default, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Captured, Navigation};

    #[test]
    fn debug_shows_no_secret() {
        let mut secret = HeaderMap::new();
        for name in ["cookie", "set-cookie", "authorization"] {
            secret.insert(HeaderName::from_static(name), HeaderValue::from_static("hush"));
        }
        let url = "http://user:hush@shop.test/a";
        let redirect = Redirect {
            kind: RedirectKind::Http,
            url: url.to_owned(),
            status: 302,
            headers: secret.clone(),
        };
        let document = Document {
            kind: DocumentKind::Html,
            url: url.to_owned(),
            status: 200,
            headers: secret.clone(),
            request_headers: secret.clone(),
            redirects: vec![redirect.clone()],
            mime_type: String::new(),
            remote_addr: None,
            protocol: None,
            from_cache: false,
            timing: DocumentTiming::default(),
            loader_id: String::new(),
        };
        let navigation = Navigation {
            body: Some("password=hush".into()),
            headers: secret.clone(),
            referrer: Some(url.to_owned()),
            ..Navigation::to(Url::parse(url).unwrap())
        };
        let captured = Captured {
            url: url.to_owned(),
            method: "GET".to_owned(),
            status: 200,
            headers: secret.clone(),
            request_headers: secret,
            body: Ok("hush".into()),
        };
        for shown in [
            format!("{redirect:?}"),
            format!("{document:?}"),
            format!("{navigation:?}"),
            format!("{captured:?}"),
        ] {
            assert!(shown.contains("shop.test/a") && !shown.contains("hush"), "{shown}");
        }
        assert_eq!(shown_url("//user:hush@"), "***");
    }
}
