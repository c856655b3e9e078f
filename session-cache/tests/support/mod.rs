//! What the tests share.

#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use silkroute_core::{Fetch, Request, Response, Result, Retry, Session};
use silkroute_session_cache::{CacheMode, CacheSession, CacheSessionBuilder, STATUS_META};
use silkroute_session_http::HttpSession;
use silkroute_testkit::site::TestSite;

/// Nothing here takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A cache before an HTTP session.
pub(crate) fn cache(directory: &Path) -> CacheSessionBuilder {
    CacheSession::builder(HttpSession::builder().retry(Retry::none()).build().unwrap(), directory)
}

pub(crate) async fn started(builder: CacheSessionBuilder) -> CacheSession {
    let mut session = builder.build().unwrap();
    session.start().await.unwrap();
    session
}

pub(crate) async fn in_mode(directory: &Path, mode: CacheMode) -> CacheSession {
    started(cache(directory).mode(mode)).await
}

/// Fetches, in less time than it takes to hang.
pub(crate) async fn fetch(session: &dyn Session, request: &dyn Request) -> Result<Box<dyn Response>> {
    tokio::time::timeout(PATIENCE, session.fetch(request))
        .await
        .expect("the fetch hangs")
}

pub(crate) async fn fetch_ok(session: &dyn Session, request: &dyn Request) -> Box<dyn Response> {
    fetch(session, request).await.unwrap()
}

pub(crate) fn get(site: &TestSite, path: &str) -> Fetch {
    Fetch::from(site.http_url(path))
}

/// What the cache did.
pub(crate) fn status(response: &dyn Response) -> String {
    response.meta()[STATUS_META].as_str().unwrap().to_owned()
}

/// The records in a directory.
pub(crate) fn records(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(directory).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            found.push(file.unwrap().path());
        }
    }
    found
}
