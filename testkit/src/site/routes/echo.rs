//! The request itself, given back as JSON.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::Visit;
use super::reply::{Reply, json};
use crate::site::Recorded;

pub(super) fn echo(visit: &Visit) -> Reply {
    let request = &*visit.request;
    let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let form = content_type
        .starts_with("application/x-www-form-urlencoded")
        .then(|| object(form_urlencoded::parse(&request.body).into_owned()));
    let text = str::from_utf8(&request.body).ok();
    let parsed: Option<Value> = content_type
        .contains("json")
        .then(|| serde_json::from_slice(&request.body).ok())
        .flatten();
    json(&json!({
        "method": request.method,
        "scheme": request.scheme,
        "host": request.host,
        "path": request.path,
        "query": object(request.query_pairs()),
        "query_string": request.query,
        "version": request.version,
        "headers": request.headers,
        "cookies": object(request.cookies()),
        "body": text,
        "body_base64": if text.is_none() { Some(BASE64_STANDARD.encode(&request.body)) } else { None },
        "form": form,
        "json": parsed,
        "remote_addr": request.peer,
        "connection": request.connection,
        "tls": request.tls,
        "h2": request.http2,
        "wire_error": request.wire_error,
    }))
}

pub(super) fn fingerprint(visit: &Visit) -> Reply {
    let Recorded {
        tls,
        http2,
        headers,
        wire_error,
        version,
        ..
    } = &*visit.request;
    json(&json!({ "version": version, "tls": tls, "h2": http2, "headers": headers, "wire_error": wire_error }))
}

pub(super) fn headers(visit: &Visit) -> Reply {
    json(&object(
        visit
            .request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone())),
    ))
}

/// Names that come more than once get a list.
fn object(pairs: impl IntoIterator<Item = (String, String)>) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in pairs {
        let value = Value::String(value);
        match object.get_mut(&name) {
            None => {
                object.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    object
}
