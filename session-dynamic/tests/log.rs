//! What is in the log of fetches that go well.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::{Fetch, Retry, Session as _};
use silkroute_session_dynamic::DynamicSession;
use silkroute_testkit::site::TestSite;
use silkroute_testkit::warnings::Warnings;
use support::{fetched, started};

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_fetched_leave_no_warning() {
    let warnings = Warnings::default();
    tracing::subscriber::set_global_default(warnings.clone()).unwrap();
    tracing::warn!("seen");
    assert_eq!(warnings.all().len(), 1, "it keeps what it should");
    let Some(mut session) = started(DynamicSession::builder().retry(Retry::none())).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    for _ in 0..2 {
        for path in ["/js/list", "/workers", "/frames/many", "/js/redirect/script"] {
            fetched(&session, &Fetch::from(site.http_url(path))).await;
        }
    }
    session.close().await.unwrap();
    let said = warnings.all();
    assert_eq!(said.len(), 1, "{said:#?}");
}
