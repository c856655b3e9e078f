//! Starts and lives that failed, and how long requests are refused for it.

use std::sync::Arc;

use silkroute_core::Error;
use tokio::time::Instant;

use super::{Slot, State};

/// Failures in a row, and when the next start is due.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    in_a_row: u32,
    /// `None`: not before somebody calls for it.
    until: Option<Instant>,
    error: Arc<Error>,
}

impl Slot {
    /// Why a request must not start the session now.
    pub(super) fn refusal(&self, state: &State) -> Option<Error> {
        let failure = state.failure.as_ref()?;
        let retry_in = match failure.until {
            Some(until) => Some(
                until
                    .checked_duration_since(Instant::now())
                    .filter(|left| !left.is_zero())?,
            ),
            None => None,
        };
        Some(Error::Start {
            session: self.id.to_string(),
            attempt: failure.in_a_row,
            retry_in,
            source: Arc::clone(&failure.error),
        })
    }

    /// Notes a failed start or life, and gives the error that everybody waiting for it gets.
    pub(super) fn note_failure(&self, state: &mut State, error: Error) -> Error {
        let in_a_row = state
            .failure
            .as_ref()
            .map_or(0, |failure| failure.in_a_row)
            .saturating_add(1);
        let wait = (in_a_row < self.limits.failures_in_a_row.get()).then(|| self.limits.backoff_after(in_a_row));
        let failure = Failure {
            in_a_row,
            until: wait.and_then(|wait| Instant::now().checked_add(wait)),
            error: Arc::new(error),
        };
        let shared = Error::Start {
            session: self.id.to_string(),
            attempt: in_a_row,
            retry_in: wait,
            source: Arc::clone(&failure.error),
        };
        state.failure = Some(failure);
        self.counters.note_error(&shared);
        shared
    }
}
