//! The response as one JSON object.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value};
use silkroute::core::redact_url;
use silkroute::{Cookie, Hop, Meta, Response};

use super::Fetched;

/// What `--json` prints, in this order.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    url: String,
    status: u16,
    headers: Map<String, Value>,
    session: &'a str,
    elapsed_ms: u64,
    attempts: u32,
    history: Vec<Redirect>,
    cookies: &'a [Cookie],
    meta: &'a Meta,
    #[serde(flatten)]
    body: Content,
}

/// A redirect that was followed.
#[derive(Serialize)]
struct Redirect {
    status: u16,
    url: String,
    headers: Map<String, Value>,
}

/// Where the body is.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    /// Here, as text.
    Body(String),
    /// Here, and no text.
    BodyBase64(String),
    /// In this file.
    Output(String),
}

/// Describes a response whose body is in a file, or goes along.
pub(super) fn of<'a>(fetched: &'a Fetched, file: Option<&Path>) -> Report<'a> {
    let response = &*fetched.response;
    Report {
        url: redact_url(response.url()),
        status: response.status().as_u16(),
        headers: headers(response.headers()),
        session: response.session().unwrap_or_default(),
        elapsed_ms: u64::try_from(fetched.elapsed.as_millis()).unwrap_or(u64::MAX),
        attempts: response.attempts(),
        history: response.history().iter().map(redirect).collect(),
        cookies: response.cookies(),
        meta: response.meta(),
        body: match file {
            Some(file) => Content::Output(file.display().to_string()),
            None => body(response),
        },
    }
}

fn redirect(hop: &Hop) -> Redirect {
    Redirect {
        status: hop.status.as_u16(),
        url: redact_url(&hop.url),
        headers: headers(&hop.headers),
    }
}

/// Each name with its value, or with the list of its values where it came more than once.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .keys()
        .map(|name| {
            let mut values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| Value::String(text(value)))
                .collect();
            let value = if values.len() == 1 {
                values.swap_remove(0)
            } else {
                Value::Array(values)
            };
            (name.as_str().to_owned(), value)
        })
        .collect()
}

/// UTF-8 where it is that, else one character for each byte, so that nothing is lost.
fn text(value: &HeaderValue) -> String {
    match str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

/// Text, where the body decodes without loss into something without NUL.
fn body(response: &dyn Response) -> Content {
    let bytes = response.body();
    let text = response.text();
    let lossless = str::from_utf8(bytes).is_ok() || !text.contains(char::REPLACEMENT_CHARACTER);
    if lossless && !text.contains('\0') {
        Content::Body(text.into_owned())
    } else {
        Content::BodyBase64(BASE64.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_headers_become_a_list() {
        let mut map = HeaderMap::new();
        map.append("a", HeaderValue::from_static("1"));
        map.append("b", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        map.append("a", HeaderValue::from_static("2"));
        assert_eq!(
            Value::Object(headers(&map)),
            serde_json::json!({"a": ["1", "2"], "b": "café"})
        );
    }
}
