//! What the manager reports through the `metrics` crate.
//!
//! The handles of a session are made at its first fetch: install a recorder before that.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};
use silkroute_core::{Error, Result};

/// The handles of one session.
#[derive(Default)]
pub(crate) struct Meters {
    handles: OnceLock<Handles>,
}

struct Handles {
    succeeded: Counter,
    failed: Counter,
    queued: Histogram,
    total: Histogram,
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}

impl Meters {
    /// Counts a fetch: `silkroute_fetches_total{session, kind, outcome}`, and in seconds
    /// `silkroute_fetch_seconds{session, kind}` and `silkroute_queue_seconds{session, kind}`.
    pub(crate) fn record<T>(
        &self,
        id: &str,
        kind: &'static str,
        result: &Result<T>,
        queued: Duration,
        total: Duration,
    ) {
        let handles = self.handles.get_or_init(|| Handles {
            succeeded: counter!("silkroute_fetches_total", "session" => id.to_owned(), "kind" => kind, "outcome" => "ok"),
            failed: counter!("silkroute_fetches_total", "session" => id.to_owned(), "kind" => kind, "outcome" => "error"),
            queued: histogram!("silkroute_queue_seconds", "session" => id.to_owned(), "kind" => kind),
            total: histogram!("silkroute_fetch_seconds", "session" => id.to_owned(), "kind" => kind),
        });
        handles.queued.record(queued);
        handles.total.record(total);
        match result {
            Ok(_) => handles.succeeded.increment(1),
            Err(error) => {
                handles.failed.increment(1);
                counter!("silkroute_fetch_errors_total", "session" => id.to_owned(), "kind" => kind, "error" => reason(error))
                    .increment(1);
            }
        }
    }
}

fn reason(error: &Error) -> &'static str {
    match error {
        Error::Start { .. } => "start",
        Error::Closed { .. } => "closed",
        Error::Options { .. } => "options",
        Error::Unsupported { .. } => "unsupported",
        Error::Fetch(error) => error.kind().as_str(),
        _ => "other",
    }
}
