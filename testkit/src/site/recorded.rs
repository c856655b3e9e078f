//! A request as the site saw it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;
use url::form_urlencoded;

use super::wire::{ClientHello, Http2};

/// A request as it was on the wire.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Recorded {
    /// Method.
    pub method: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The `Host` header or the `:authority`, with the port if it had one.
    pub host: String,
    /// Path, as it was escaped.
    pub path: String,
    /// What stood after the question mark.
    pub query: Option<String>,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Headers in wire order; over HTTP/1.1 in the case they were written in. Pseudo-headers are left out.
    pub headers: Vec<(String, String)>,
    /// Body, whole.
    #[serde(serialize_with = "lossy")]
    pub body: Bytes,
    /// Where the connection came from: the proxy, for a request through one.
    pub peer: SocketAddr,
    /// Which of the site's connections it came on. Requests of one number shared a connection.
    pub connection: u64,
    /// The connection's ClientHello; `None` over plain HTTP.
    pub tls: Option<Arc<ClientHello>>,
    /// The connection's HTTP/2 opening; `None` over HTTP/1.
    pub http2: Option<Arc<Http2>>,
    /// What could not be read from the wire, and why. Header order is then the HTTP library's.
    pub wire_error: Option<String>,
    /// When it was complete.
    #[serde(skip)]
    pub at: Instant,
}

fn lossy<S: serde::Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

impl Recorded {
    /// The first value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All values of a header, whatever the case of its name.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Header names in wire order.
    #[must_use]
    pub fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Path and query.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Name and value pairs of the query.
    #[must_use]
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes())
            .into_owned()
            .collect()
    }

    /// The first value of a query parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<String> {
        self.query_pairs()
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// Cookies in the order in which they were sent.
    #[must_use]
    pub fn cookies(&self) -> Vec<(String, String)> {
        self.header_values("cookie")
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The body as text, with replacement characters where it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The host's name without the port.
    #[must_use]
    pub fn host_name(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &self.host,
        }
    }
}
