//! Alive -> Draining -> Idle, or out of the manager.

use std::sync::Arc;
use std::time::Duration;

use silkroute_core::{Error, FetchError, FetchErrorKind, Result, Session};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::running::{Handover, close};
use super::{Generation, Life, Outcome, Settle, Slot, State};

/// How long a fetch that was cancelled gets to let go.
const LETTING_GO: Duration = Duration::from_millis(500);

/// What becomes of a session that is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Closed, and started again by the next request.
    Rest,
    /// Closed, and taken out of the manager.
    Remove,
    /// Taken out of the manager as it is.
    HandOver,
}

/// What a stop has to do next.
enum Step {
    Done,
    Take(Box<dyn Session>),
    Drain(Generation, Settle),
    Wait(Outcome),
    Refuse(Error),
}

impl Slot {
    /// Stops the session in a task of the manager's own: a caller who gives up does not undo it.
    ///
    /// # Errors
    /// The session could not be closed, or is gone.
    pub(crate) async fn stop(self: &Arc<Self>, then: Then) -> Result<Option<Box<dyn Session>>> {
        let runtime = tokio::runtime::Handle::current();
        let stopping = Arc::clone(self).run_stop(then);
        let task = self.tasks.spawn_on(stopping.in_current_span(), &runtime);
        match task.await {
            Ok(result) => result.map(|handover| handover.map(Handover::accept)),
            Err(_) => Err(self.runtime_ended()),
        }
    }

    async fn run_stop(self: Arc<Self>, then: Then) -> Result<Option<Handover>> {
        loop {
            match self.next_step(then) {
                Step::Done => return Ok(None),
                Step::Take(session) => return Ok(self.hand_over(then, session)),
                Step::Drain(generation, settle) => return self.drain(generation, then, settle).await,
                // How the other transition went is told to those who asked for it; here only its end matters.
                Step::Wait(mut outcome) => {
                    if outcome.wait_for(Option::is_some).await.is_err() {
                        return Err(self.runtime_ended());
                    }
                }
                Step::Refuse(error) => return Err(error),
            }
        }
    }

    fn next_step(&self, then: Then) -> Step {
        let mut state = self.state();
        if then != Then::Rest {
            self.shut_locked(&mut state);
        }
        self.unstick(&mut state);
        let (life, step) = match std::mem::replace(&mut state.life, Life::Gone) {
            Life::Idle(session) if then == Then::Rest => (Life::Idle(session), Step::Done),
            Life::Idle(session) => (Life::Gone, Step::Take(session)),
            Life::Alive(generation) => {
                let (settle, outcome) = watch::channel(None);
                (Life::Draining(outcome), Step::Drain(generation, settle))
            }
            Life::Starting(attempt) => {
                attempt.cancel.cancel();
                let outcome = attempt.outcome.clone();
                (Life::Starting(attempt), Step::Wait(outcome))
            }
            Life::Draining(outcome) => (Life::Draining(outcome.clone()), Step::Wait(outcome)),
            Life::Stuck(home) => (Life::Stuck(home), Step::Refuse(self.stuck())),
            // Whoever took it out ends it: a close that comes upon it meanwhile has nothing left to do.
            Life::Gone if then == Then::Rest => (Life::Gone, Step::Done),
            Life::Gone => (Life::Gone, Step::Refuse(self.closed("it was taken out of its manager"))),
        };
        state.life = life;
        step
    }

    /// Begins to stop a live session without waiting for it.
    pub(super) fn begin_stop(self: &Arc<Self>, state: &mut State, then: Then) {
        match std::mem::replace(&mut state.life, Life::Gone) {
            Life::Alive(generation) => {
                let (settle, outcome) = watch::channel(None);
                state.life = Life::Draining(outcome);
                let slot = Arc::clone(self);
                self.tasks.spawn(async move {
                    let id = Arc::clone(&slot.id);
                    if let Err(error) = slot.drain(generation, then, settle).await {
                        tracing::warn!(session = %id, %error, "session did not close cleanly");
                    }
                });
            }
            other => state.life = other,
        }
    }

    async fn drain(self: Arc<Self>, generation: Generation, then: Then, settle: Settle) -> Result<Option<Handover>> {
        // A life that ends in order has not failed, however short it was.
        if generation.running.is_alive() || generation.since.elapsed() >= self.limits.stable_after {
            self.state().failure = None;
        }
        let mut session = match come_home(generation, self.limits.drain_timeout, &self.shutdown).await {
            Ok(session) => session,
            Err(stuck) => {
                self.state().life = Life::Stuck(stuck);
                settle.send_replace(Some(Ok(())));
                return Err(self.stuck());
            }
        };
        let closed = if then == Then::HandOver {
            Ok(())
        } else {
            close(session.as_mut(), self.limits.close_timeout).await
        };
        let mut state = self.state();
        let handed_over = if then == Then::Rest {
            state.life = Life::Idle(session);
            drop(state);
            None
        } else {
            state.life = Life::Gone;
            drop(state);
            self.hand_over(then, session)
        };
        // Whether it closed cleanly is for the one who closed it; those who wait to use it may go on.
        settle.send_replace(Some(Ok(())));
        closed
            .map(|()| handed_over)
            .inspect_err(|error| self.counters.note_error(error))
    }

    /// Gives a stopped session to the one who asked for it, if that is what was asked for.
    fn hand_over(&self, then: Then, session: Box<dyn Session>) -> Option<Handover> {
        (then == Then::HandOver)
            .then(|| Handover::new(session, tokio::runtime::Handle::current(), self.limits.close_timeout))
    }

    fn stuck(&self) -> Error {
        FetchError::new(
            FetchErrorKind::Timeout,
            format!(
                "a fetch on session '{}' did not let go of it within {:?}, and the session cannot be closed before",
                self.id,
                self.limits.drain_timeout.saturating_add(LETTING_GO)
            ),
        )
        .hint("drop or poll that fetch; the session closes then")
        .into()
    }
}

/// Waits for the last fetch to let go of the session: first for it to finish, then for it to be cancelled.
///
/// # Errors
/// Somebody holds a fetch without polling it. The session is closed when it is dropped, and comes home then.
pub(super) async fn come_home(
    generation: Generation,
    drain_timeout: Duration,
    shutdown: &CancellationToken,
) -> Result<Box<dyn Session>, oneshot::Receiver<Box<dyn Session>>> {
    let Generation { running, mut home, .. } = generation;
    let pulse = Arc::clone(&running.pulse);
    let weak = Arc::downgrade(&running);
    drop(running);
    let finished = tokio::select! {
        biased;
        session = &mut home => Some(session),
        () = tokio::time::sleep(drain_timeout) => None,
        () = shutdown.cancelled() => None,
    };
    let finished = match finished {
        Some(session) => Some(session),
        None => {
            pulse.cancel();
            tokio::time::timeout(LETTING_GO, &mut home).await.ok()
        }
    };
    match finished {
        Some(Ok(session)) => Ok(session),
        // A sender that is dropped unsent cannot be: only `Running::drop` drops it, and that sends.
        Some(Err(_)) => Err(home),
        None => {
            if let Some(running) = weak.upgrade() {
                running.condemn();
            }
            // It may have come home between the two: then there was nothing to condemn.
            home.try_recv().map_err(|_| home)
        }
    }
}
