//! Headers that belong to the connection, which the browser makes.

use http::HeaderMap;

use crate::{Error, Result};

/// Those that `network::IsRequestHeaderSafe` of Chromium refuses, by name: a request that has one is not sent.
const REFUSED: [&str; 9] = [
    "content-length",
    "cookie2",
    "host",
    "keep-alive",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether the browser refuses to send a header because it makes it by itself, or has none.
pub(crate) fn is_refused(name: &http::HeaderName) -> bool {
    REFUSED.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

/// # Errors
/// [`Error::Invalid`] when the browser would refuse a request because of one of these headers.
pub(super) fn check(what: &str, headers: &HeaderMap) -> Result<()> {
    match headers.keys().find(|name| is_refused(name)) {
        Some(name) => Err(Error::invalid(
            what,
            format!("Chromium refuses requests with `{name}`, which is for the browser to say; leave it out"),
        )),
        None => Ok(()),
    }
}
