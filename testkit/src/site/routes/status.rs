//! Statuses, and failures that pass after a while.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::json;

use super::reply::{Reply, ReplyExt as _, bad_request, bytes, json, text};
use super::{Visit, faults};

pub(super) fn status(code: &str) -> Reply {
    let code = code
        .parse()
        .ok()
        .filter(|code| *code >= 200)
        .and_then(|code| StatusCode::from_u16(code).ok());
    match code {
        Some(code @ (StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)) => {
            bytes("", Bytes::new()).with_status(code)
        }
        Some(code) => text(format!("{code}\n")).with_status(code),
        None => bad_request("which status, 200 to 999?"),
    }
}

/// Whether this visit is still one of the first `times` under its key.
fn is_early(visit: &Visit, route: &str) -> bool {
    let key = visit.param("key").unwrap_or_default();
    visit.state.count(format!("{route}\0{key}")) <= visit.number("times", 1)
}

pub(super) fn retry_after(visit: &Visit) -> Reply {
    if !is_early(visit, "retry-after") {
        return text("ready\n");
    }
    let seconds = visit.number("seconds", 1);
    let value = if visit.param("date").is_some() {
        httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds))
    } else {
        seconds.to_string()
    };
    let status = match visit.number("status", 503) {
        429 => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    text("later\n").with_status(status).with_header(RETRY_AFTER, &value)
}

pub(super) async fn flaky(visit: &Visit) -> Reply {
    if !is_early(visit, "flaky") {
        return text("well\n");
    }
    match visit.param("how").as_deref() {
        Some("reset") => faults::reset(visit).await,
        Some("drop") => faults::drop(visit).await,
        Some("403") => text("not you\n").with_status(StatusCode::FORBIDDEN),
        _ => text("unwell\n").with_status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

pub(super) fn count(visit: &Visit, key: &str) -> Reply {
    json(&json!({ "key": key, "count": visit.state.count(format!("count\0{key}")) }))
}
