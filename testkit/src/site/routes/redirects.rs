//! Redirects, good and bad.

use http::StatusCode;
use http::header::LOCATION;

use super::Visit;
use super::reply::{Reply, bad_request, page, redirect};

pub(super) fn to(location: &str) -> Reply {
    redirect(StatusCode::FOUND, location)
}

pub(super) fn chain(count: &str) -> Reply {
    match count.parse::<u32>() {
        Ok(0) => page("Arrived", "<h1>Arrived</h1>"),
        Ok(left) => to(&format!("/redirect/{}", left - 1)),
        Err(_) => bad_request("how many redirects?"),
    }
}

pub(super) fn to_param(visit: &Visit) -> Reply {
    let status = u16::try_from(visit.number("status", 302))
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    match (visit.param("url"), status) {
        (Some(url), Some(status)) if status.is_redirection() => redirect(status, &url),
        _ => bad_request("where to (url), and how (status)?"),
    }
}

pub(super) fn cross(visit: &Visit) -> Reply {
    to(&visit.on_other_scheme("/echo?from=cross"))
}

pub(super) fn without_location() -> Reply {
    let mut reply = to("/");
    reply.headers_mut().remove(LOCATION);
    reply
}
