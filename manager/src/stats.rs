//! What a manager knows of its sessions.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use silkroute_core::Error;

/// Where a session is in its life.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Not running: it never was, or it was closed.
    Idle,
    /// On its way up.
    Starting,
    /// Ready to fetch.
    Alive,
    /// Was alive, and was found dead: its browser crashed, say. The next request starts it again.
    Dead,
    /// Finishing what it has in hand, then closing.
    Draining,
    /// Its last start or life failed, and the back-off has not passed.
    Failed,
    /// No longer in the manager.
    Gone,
}

/// What a manager knows of one session.
#[non_exhaustive]
#[derive(Clone, Debug, Serialize)]
pub struct SessionStats {
    /// Its name.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// Whether it starts on first use only.
    pub lazy: bool,
    /// Where it is in its life.
    pub state: SessionState,
    /// Fetches that it was asked for.
    pub requests: u64,
    /// Fetches that run at this moment.
    pub in_flight: u64,
    /// Requests that wait for it to start or for a place in it.
    pub waiting: u64,
    /// Fetches that brought a response, of any status.
    pub succeeded: u64,
    /// Fetches that ended in an error.
    pub failed: u64,
    /// Fetches whose caller gave up on them.
    pub cancelled: u64,
    /// Starts that succeeded.
    pub starts: u64,
    /// Starts that failed.
    pub failed_starts: u64,
    /// Times it was found dead.
    pub deaths: u64,
    /// The text of its latest error, of a fetch or a start.
    pub last_error: Option<String>,
}

/// The counters behind [`SessionStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) starts: AtomicU64,
    pub(crate) failed_starts: AtomicU64,
    pub(crate) deaths: AtomicU64,
    last_error: Mutex<Option<Error>>,
}

impl Counters {
    pub(crate) fn note_error(&self, error: &Error) {
        *crate::slot::lock(&self.last_error) = Some(error.clone());
    }

    pub(crate) fn snapshot(&self, id: &str, kind: &'static str, lazy: bool, state: SessionState) -> SessionStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (in_flight, waiting) = (read(&self.in_flight), read(&self.waiting));
        let (succeeded, failed, requests) = (read(&self.succeeded), read(&self.failed), read(&self.requests));
        SessionStats {
            id: id.to_owned(),
            kind,
            lazy,
            state,
            requests,
            in_flight,
            waiting,
            succeeded,
            failed,
            cancelled: requests.saturating_sub(succeeded + failed + in_flight + waiting),
            starts: read(&self.starts),
            failed_starts: read(&self.failed_starts),
            deaths: read(&self.deaths),
            last_error: crate::slot::lock(&self.last_error).as_ref().map(ToString::to_string),
        }
    }
}

/// Counts one up for as long as it lives.
#[derive(Debug)]
pub(crate) struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    pub(crate) fn up(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
