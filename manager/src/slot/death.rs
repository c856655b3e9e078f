//! Alive, but dead: the browser crashed, the process was killed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use silkroute_core::{Error, FetchError, FetchErrorKind};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::running::close;
use super::start::new_attempt;
use super::stop::come_home;
use super::{Generation, Life, Outcome, Settle, Slot, State};

/// How long the fetches on a dead session get to say so themselves.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Slot {
    /// Clears away a session that was found dead, and starts it again: at once the first time, after a back-off when it
    /// keeps dying young.
    pub(super) fn begin_recovery(self: &Arc<Self>, state: &mut State) -> Outcome {
        let (attempt, settle, outcome) = new_attempt();
        match std::mem::replace(&mut state.life, Life::Starting(attempt.clone_handle())) {
            Life::Alive(generation) => {
                self.counters.deaths.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(session = %self.id, kind = self.kind, lived = ?generation.since.elapsed(), "session died");
                if generation.since.elapsed() >= self.limits.stable_after {
                    state.failure = None;
                }
                let died = FetchError::new(
                    FetchErrorKind::SessionDied,
                    format!("it died {:?} after it started", generation.since.elapsed()),
                )
                .into();
                let first = state.failure.is_none();
                let error = self.note_failure(state, died);
                let recovery = Arc::clone(self).run_recovery(generation, attempt.cancel, settle, error, first);
                self.tasks.spawn(recovery.in_current_span());
            }
            other => {
                state.life = other;
                settle.send_replace(Some(Ok(())));
            }
        }
        outcome
    }

    async fn run_recovery(
        self: Arc<Self>,
        generation: Generation,
        cancel: CancellationToken,
        settle: Settle,
        died: Error,
        restart: bool,
    ) {
        let grace = LAST_WORDS.min(self.limits.drain_timeout);
        let mut session = match come_home(generation, grace, &self.shutdown).await {
            Ok(session) => session,
            Err(stuck) => {
                self.state().life = Life::Stuck(stuck);
                settle.send_replace(Some(Err(died)));
                return;
            }
        };
        if let Err(error) = close(session.as_mut(), self.limits.close_timeout).await {
            tracing::warn!(session = %self.id, %error, "what a dead session left did not close cleanly");
        }
        if restart && !cancel.is_cancelled() {
            return self.run_start(session, cancel, settle).await;
        }
        self.state().life = Life::Idle(session);
        settle.send_replace(Some(Err(died)));
    }
}
