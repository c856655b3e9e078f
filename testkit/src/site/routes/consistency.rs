//! What a browser says of itself in a page, its frames and its workers.

use http::StatusCode;

use super::Visit;
use super::assets::{filled, html, plain, script};
use super::reply::{Reply, ReplyExt as _, bad_request, text};

/// Where the browser is asked: each place sends one report.
pub const CONSISTENCY_PLACES: [&str; 8] = [
    "page",
    "same-site-frame",
    "cross-site-frame",
    "worker",
    "blob-worker",
    "cross-site-worker",
    "shared-worker",
    "service-worker",
];

/// Those of them that belong to one page: itself, its frames and its dedicated workers.
pub const CONSISTENCY_PAGE_PLACES: &[&str] = CONSISTENCY_PLACES.split_at(6).0;

pub(super) fn route(visit: &Visit, path: &[&str]) -> Reply {
    match path {
        [] => {
            let run = plain(&visit.param("run").unwrap_or_else(|| "1".to_owned()));
            let gaps = [("run", run.as_str()), ("other", &visit.on_other_site(""))];
            filled(include_str!("../assets/consistency/page.html"), &gaps)
        }
        ["frame"] => html(include_str!("../assets/consistency/frame.html")),
        ["table.js"] => script(include_str!("../assets/consistency/table.js")),
        ["worker.js"] => script(include_str!("../assets/consistency/worker.js")),
        ["report"] => report(visit),
        _ => super::reply::not_found(),
    }
}

/// The report is in the record of requests; here it is only looked at.
fn report(visit: &Visit) -> Reply {
    let place = visit.param("place").unwrap_or_default();
    if !CONSISTENCY_PLACES.contains(&place.as_str()) {
        return bad_request("which place?");
    }
    match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&visit.request.body) {
        Ok(_) => text("noted\n"),
        Err(error) => text(error.to_string()).with_status(StatusCode::BAD_REQUEST),
    }
}
