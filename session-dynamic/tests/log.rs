//! What is in the log of fetches that go well.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use silkroute_core::{Fetch, Retry, Session as _};
use silkroute_session_dynamic::DynamicSession;
use silkroute_testkit::site::TestSite;
use support::{fetched, started};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps warnings and errors, as lines.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_fetched_leave_no_warning() {
    let warnings = Warnings::default();
    tracing::subscriber::set_global_default(warnings.clone()).unwrap();
    tracing::warn!("seen");
    assert_eq!(warnings.0.lock().unwrap().len(), 1, "it keeps what it should");
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
    let said = warnings.0.lock().unwrap();
    assert_eq!(said.len(), 1, "{said:#?}");
}
