//! What may be shown of a request. Every `Debug` and every error of the workspace goes through here.

use std::fmt;

use http::header::{PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName};
use url::Url;

/// What the names of headers contain whose values are credentials, whole or in part.
const SECRET_WORDS: [&str; 13] = [
    "access-key",
    "apikey",
    "api-key",
    "auth",
    "cookie",
    "credential",
    "csrf",
    "password",
    "secret",
    "session",
    "signature",
    "token",
    "xsrf",
];

/// Whether the value of this header is a credential by the header's name: it must not be shown, nor follow a redirect to
/// another origin. The names that sites invent are many, so it goes by the words in them: `api-key`, `auth`, `cookie`,
/// `secret`, `session`, `token` and the like, or `-key` at the end.
///
/// ```
/// use http::HeaderName;
/// use silkroute_core::is_secret_header;
///
/// assert!(is_secret_header(&http::header::SET_COOKIE));
/// assert!(is_secret_header(&HeaderName::from_static("x-session-id")));
/// assert!(!is_secret_header(&http::header::ACCEPT));
/// ```
pub fn is_secret_header(name: &HeaderName) -> bool {
    // The questions, not the answers.
    if *name == WWW_AUTHENTICATE || *name == PROXY_AUTHENTICATE {
        return false;
    }
    let name = name.as_str();
    name.ends_with("-key") || SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Shows headers in `Debug`, with the values of credentials left out.
///
/// ```
/// use http::HeaderMap;
/// use silkroute_core::RedactedHeaders;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("authorization", "Bearer abc".parse().unwrap());
/// assert_eq!(format!("{:?}", RedactedHeaders(&headers)), r#"{"authorization": "***"}"#);
/// ```
#[derive(Clone, Copy)]
pub struct RedactedHeaders<'a>(
    /// The headers to show.
    pub &'a HeaderMap,
);

impl fmt::Debug for RedactedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.0 {
            if is_secret_header(name) || value.is_sensitive() {
                map.entry(&name.as_str(), &"***");
            } else {
                map.entry(&name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
            }
        }
        map.finish()
    }
}

/// The URL as text, with a password in it replaced by `***`.
///
/// ```
/// use silkroute_core::redact_url;
///
/// let url = "http://user:secret@proxy.test:8080/".parse().unwrap();
/// assert_eq!(redact_url(&url), "http://user:***@proxy.test:8080/");
/// ```
pub fn redact_url(url: &Url) -> String {
    if url.password().is_none() {
        return url.as_str().to_owned();
    }
    let mut shown = url.clone();
    match shown.set_password(Some("***")) {
        Ok(()) => shown.into(),
        Err(()) => format!("{}://***", url.scheme()),
    }
}

/// The same for a text that did not parse as a URL. Nobody can tell where a password ends in it, so all between the scheme
/// and the last `@` goes.
pub(crate) fn redact_url_text(text: &str) -> String {
    let (scheme, rest) = text.find("//").map_or(("", text), |slashes| text.split_at(slashes + 2));
    match rest.rsplit_once('@') {
        Some((_, after)) => format!("{scheme}***@{after}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_url_loses_its_credentials_too() {
        assert_eq!(redact_url_text("http://u:p@ss@host:99999/x"), "http://***@host:99999/x");
        assert_eq!(redact_url_text("user:pass@host"), "***@host");
        assert_eq!(redact_url_text("http://u:pa/ss@host"), "http://***@host");
        assert_eq!(redact_url_text("http://host:x/a"), "http://host:x/a");
    }

    #[test]
    fn headers_that_look_like_credentials_are_hidden() {
        let mut headers = HeaderMap::new();
        for name in [
            "cookie",
            "x-amz-security-token",
            "x-api-key",
            "proxy-authorization",
            "set-cookie",
            "apikey",
            "x-session-id",
            "x-auth-user",
            "x-access-key-id",
            "x-signature",
            "x-password",
            "x-xsrf",
        ] {
            headers.insert(HeaderName::from_static(name), "hush".parse().unwrap());
        }
        headers.insert("accept", "text/html".parse().unwrap());
        headers.insert("www-authenticate", "Basic".parse().unwrap());
        headers.insert("x-keyboard", "qwerty".parse().unwrap());
        let shown = format!("{:?}", RedactedHeaders(&headers));
        assert!(!shown.contains("hush"), "{shown}");
        assert!(shown.contains("Basic") && shown.contains("qwerty"), "{shown}");
        assert!(shown.contains("text/html"), "{shown}");
    }
}
