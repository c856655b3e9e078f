//! Idle -> Starting -> Alive, or back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use silkroute_core::{Error, FetchError, FetchErrorKind, Result, Session};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::running::{close, panicked};
use super::{Attempt, Life, Outcome, Settle, Slot, State};

impl Slot {
    /// Starts the session if it is idle, whatever failed before; joins a start that is under way.
    pub(crate) fn start(self: &Arc<Self>) -> Result<Option<Outcome>> {
        let mut state = self.state();
        self.check_open(&state)?;
        self.unstick(&mut state);
        state.failure = None;
        match &state.life {
            Life::Idle(_) => self.begin_start(&mut state).map(Some),
            Life::Starting(attempt) => Ok(Some(attempt.outcome.clone())),
            Life::Alive(generation) if generation.running.is_alive() => Ok(None),
            Life::Alive(_) => Ok(Some(self.begin_recovery(&mut state))),
            Life::Draining(outcome) => Ok(Some(outcome.clone())),
            Life::Stuck(_) => Err(self.closed("a fetch that is no longer polled still holds it; drop that fetch")),
            Life::Gone => Err(self.closed("it was taken out of its manager")),
        }
    }

    /// Takes an idle session up in a task of its own.
    pub(super) fn begin_start(self: &Arc<Self>, state: &mut State) -> Result<Outcome> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            Error::invalid(
                format!("the start of session '{}'", self.id),
                "there is no tokio runtime here",
            )
        })?;
        let (attempt, settle, outcome) = new_attempt();
        match std::mem::replace(&mut state.life, Life::Starting(attempt.clone_handle())) {
            Life::Idle(session) => {
                let starting = Arc::clone(self).run_start(session, attempt.cancel, settle);
                self.tasks.spawn_on(starting.in_current_span(), &runtime);
                Ok(outcome)
            }
            other => {
                state.life = other;
                Err(self.closed("it was not idle when it should have been started"))
            }
        }
    }

    /// Starts the session, and puts it to work or back to rest.
    pub(super) async fn run_start(
        self: Arc<Self>,
        mut session: Box<dyn Session>,
        cancel: CancellationToken,
        settle: Settle,
    ) {
        let started = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            () = self.shutdown.cancelled() => None,
            result = self.try_start(session.as_mut()) => Some(result),
        };
        let failed = !matches!(started, Some(Ok(())));
        if failed && let Err(error) = close(session.as_mut(), self.limits.close_timeout).await {
            tracing::warn!(session = %self.id, %error, "what a failed start left did not close cleanly");
        }
        let outcome = {
            let mut state = self.state();
            match started {
                Some(Ok(())) => {
                    self.counters.starts.fetch_add(1, Ordering::Relaxed);
                    state.life = Life::Alive(self.generation(session, tokio::runtime::Handle::current()));
                    Ok(())
                }
                Some(Err(error)) => {
                    self.counters.failed_starts.fetch_add(1, Ordering::Relaxed);
                    state.life = Life::Idle(session);
                    Err(self.note_failure(&mut state, error))
                }
                None => {
                    state.life = Life::Idle(session);
                    Err(self.closed("it was closed while it started"))
                }
            }
        };
        match &outcome {
            Ok(()) => tracing::debug!(session = %self.id, kind = self.kind, "session started"),
            Err(error) => tracing::warn!(session = %self.id, kind = self.kind, %error, "session did not start"),
        }
        settle.send_replace(Some(outcome));
    }

    async fn try_start(&self, session: &mut dyn Session) -> Result<()> {
        let limit = self.limits.start_timeout;
        let kind = self.kind;
        match tokio::time::timeout(limit, AssertUnwindSafe(session.start()).catch_unwind()).await {
            Ok(Ok(result)) => result?,
            Ok(Err(panic)) => return Err(panicked("start", kind, &*panic)),
            Err(_) => {
                return Err(
                    FetchError::new(FetchErrorKind::Timeout, format!("it was not ready within {limit:?}"))
                        .hint("raise Limits::start_timeout if it needs longer")
                        .into(),
                );
            }
        }
        if session.is_alive() {
            Ok(())
        } else {
            Err(FetchError::new(FetchErrorKind::SessionDied, "it started, and was not alive afterwards").into())
        }
    }
}

/// A start that can be waited for and cancelled.
pub(super) fn new_attempt() -> (Attempt, Settle, Outcome) {
    let (settle, outcome) = watch::channel(None);
    let attempt = Attempt {
        outcome: outcome.clone(),
        cancel: CancellationToken::new(),
    };
    (attempt, settle, outcome)
}

impl Attempt {
    pub(super) fn clone_handle(&self) -> Self {
        Self {
            outcome: self.outcome.clone(),
            cancel: self.cancel.clone(),
        }
    }
}
