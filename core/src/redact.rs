//! What may be shown of a request. Every `Debug` and every error of the workspace goes through here.

use std::fmt;

use http::{HeaderMap, HeaderName};
use url::Url;

/// What the names of headers contain whose values are credentials, whole or in part.
const SECRET_WORDS: [&str; 11] = [
    "access-key",
    "apikey",
    "api-key",
    "cookie",
    "credential",
    "csrf",
    "password",
    "secret",
    "session",
    "signature",
    "xsrf",
];

/// Names that look like those of credentials and are not.
const PLAIN: [&str; 7] = [
    "access-control-allow-credentials",
    "cache-key",
    "surrogate-key",
    "x-cache-key",
    // A number that is used once.
    "sec-websocket-key",
    // The questions, not the answers.
    "proxy-authenticate",
    "www-authenticate",
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
    let name = name.as_str();
    if PLAIN.contains(&name) {
        return false;
    }
    name.ends_with("-key")
        || names_authorization(name)
        || names_a_token(name)
        || SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// `auth`, `oauth2`, `authorization`, and neither an author nor an authority.
fn names_authorization(name: &str) -> bool {
    name.match_indices("auth").any(|(at, auth)| {
        let rest = &name[at + auth.len()..];
        !rest.starts_with("or") || rest.starts_with("oriz") || rest.starts_with("oris")
    })
}

/// A token, and not how many of them a rate limit leaves: those of language models are counted so.
fn names_a_token(name: &str) -> bool {
    let counted = name.contains("ratelimit") || name.contains("rate-limit");
    name.match_indices("token").any(|(at, token)| {
        let rest = &name[at + token.len()..];
        !(counted && (rest == "s" || rest.starts_with("s-")))
    })
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

/// The URL as text, with a password in it replaced by `***`. So is a user name that stands alone: where there is no password,
/// it is the token that APIs take in its place.
///
/// ```
/// use silkroute_core::redact_url;
///
/// let url = "http://user:secret@proxy.test:8080/".parse().unwrap();
/// assert_eq!(redact_url(&url), "http://user:***@proxy.test:8080/");
/// let url = "https://sk_live_4711:@api.test/".parse().unwrap();
/// assert_eq!(redact_url(&url), "https://***@api.test/");
/// ```
pub fn redact_url(url: &Url) -> String {
    let password = url.password().is_some_and(|password| !password.is_empty());
    if !password && url.username().is_empty() {
        return url.as_str().to_owned();
    }
    let mut shown = url.clone();
    let hidden = if password {
        shown.set_password(Some("***"))
    } else {
        shown.set_password(None).and_then(|()| shown.set_username("***"))
    };
    match hidden {
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

/// What serde says of a value that does not fit, without the value: it stands where a password, a header or a cookie may have
/// been meant. Its type and what was expected stay, and so do the names of unknown fields and variants, which are
/// misspelt more often than they are secret.
///
/// ```
/// use silkroute_core::redact_mismatch;
///
/// let error = serde_json::from_str::<Vec<String>>(r#""http://u:secret@proxy.test""#).unwrap_err();
/// assert_eq!(redact_mismatch(error), "invalid type: string, expected a sequence at line 1 column 28");
/// ```
pub fn redact_mismatch(error: impl fmt::Display) -> String {
    let text = error.to_string();
    ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|told| {
            let start = text.find(told)? + told.len();
            let opening = start + text[start..].find(['"', '`'])?;
            if text[start..opening].contains(", expected") {
                return None;
            }
            let end = opening + quoted_length(&text[opening..])?;
            Some(format!("{}{}", text[..opening].trim_end(), &text[end..]))
        })
        .unwrap_or(text)
}

/// The length of the value at the start of a text, quotes included. serde writes strings as `Debug` does, everything else
/// between backticks.
fn quoted_length(text: &str) -> Option<usize> {
    if text.starts_with('`') {
        return Some(text.find("`, expected")? + 1);
    }
    let mut escaped = false;
    let closing = text[1..].bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    Some(closing + 2)
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
    fn a_value_that_does_not_fit_is_not_repeated() {
        use serde::de::{Error as _, Unexpected};
        use serde_json::Error;

        let cases = [
            (Unexpected::Str("hush"), "string"),
            (Unexpected::Str(r#"hu", expected sh\"#), "string"),
            (Unexpected::Str("hu\"sh`, expected"), "string"),
            (Unexpected::Unsigned(4711), "integer"),
            (Unexpected::Char('`'), "character"),
            (Unexpected::Float(47.11), "floating point"),
            (Unexpected::Seq, "sequence"),
        ];
        for (value, shown) in cases {
            let wanted = format!("{shown}, expected a \"list\" of `proxies`");
            for (error, told) in [
                (Error::invalid_type(value, &"a \"list\" of `proxies`"), "invalid type"),
                (Error::invalid_value(value, &"a \"list\" of `proxies`"), "invalid value"),
            ] {
                assert_eq!(redact_mismatch(error), format!("{told}: {wanted}"));
            }
        }
        let plain = "unknown field `timeuot`, expected `timeout`";
        assert_eq!(redact_mismatch(plain), plain);
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
            "x-auth",
            "x-oauth2-user",
            "x-authid",
            "x-ms-authorisation",
            "authentication-info",
            "x-ratelimit-bypass-token",
            "x-ratelimit-secret-tokens",
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
        for name in [
            "access-control-allow-credentials",
            "x-author",
            "x-authority",
            "x-ratelimit-remaining-tokens",
            "anthropic-ratelimit-tokens-limit",
            "surrogate-key",
        ] {
            assert!(!is_secret_header(&HeaderName::from_static(name)), "{name}");
        }
    }
}
