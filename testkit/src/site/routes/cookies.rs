//! Cookies, set and shown.

use std::fmt::Write as _;

use http::StatusCode;
use http::header::SET_COOKIE;
use serde_json::{Map, Value};

use super::Visit;
use super::reply::{Reply, ReplyExt as _, json, redirect};

pub(super) fn list(visit: &Visit) -> Reply {
    let cookies: Map<_, _> = visit
        .request
        .cookies()
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    json(&cookies)
}

/// Every parameter is a cookie; those with a leading underscore say how it is set.
pub(super) fn set(visit: &Visit) -> Reply {
    let mut attributes = String::new();
    for (name, text) in [
        ("_path", "Path"),
        ("_domain", "Domain"),
        ("_max_age", "Max-Age"),
        ("_expires", "Expires"),
        ("_same_site", "SameSite"),
    ] {
        if let Some(value) = visit.param(name) {
            // Writing to a string cannot fail.
            let _ = write!(attributes, "; {text}={value}");
        }
    }
    for (name, text) in [("_secure", "Secure"), ("_http_only", "HttpOnly")] {
        if visit.param(name).is_some() {
            let _ = write!(attributes, "; {text}");
        }
    }
    let cookies: Vec<_> = visit
        .request
        .query_pairs()
        .into_iter()
        .filter(|(name, _)| !name.starts_with('_') || name.starts_with("__"))
        .collect();
    let reply = if visit.param("_redirect").is_some() {
        redirect(StatusCode::FOUND, "/cookies")
    } else {
        let set: Map<_, _> = cookies
            .iter()
            .map(|(name, value)| (name.clone(), Value::String(value.clone())))
            .collect();
        json(&set)
    };
    cookies.iter().fold(reply, |reply, (name, value)| {
        reply.with_header(SET_COOKIE, &format!("{name}={value}{attributes}"))
    })
}

/// One cookie of each sort, among them those that a client must refuse.
pub(super) fn attributes(visit: &Visit) -> Reply {
    let host = visit.request.host_name();
    let same_domain = format!("domain=1; Domain={host}; Path=/");
    let cookies = [
        "plain=1",
        "root=1; Path=/",
        "deep=1; Path=/cookies/deep",
        "session-only=1; Path=/; HttpOnly",
        "lasting=1; Path=/; Max-Age=3600",
        "dated=1; Path=/; Expires=Fri, 31 Dec 2100 23:59:59 GMT",
        "expired=1; Path=/; Max-Age=0",
        "secure=1; Path=/; Secure",
        "strict=1; Path=/; SameSite=Strict",
        "quoted=\"a b\"; Path=/",
        "empty=; Path=/",
        "equals=a=b=c; Path=/",
        "__Host-good=1; Path=/; Secure",
        "__Host-bad-path=1; Path=/cookies; Secure",
        "__Secure-bad=1; Path=/",
        "foreign=1; Domain=unrelated.example; Path=/",
        "everyone=1; Domain=com; Path=/",
        same_domain.as_str(),
    ];
    let reply = json(&Map::from_iter([("set".to_owned(), Value::from(cookies.len()))]));
    cookies
        .iter()
        .fold(reply, |reply, cookie| reply.with_header(SET_COOKIE, cookie))
}
