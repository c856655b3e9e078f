//! Sessions that do not start, and what needs them.

use std::time::Duration;

use silkroute_core::Error;
use tokio::time::Instant;

use super::Engine;
use super::control::Lost;
use super::retry::Next;
use super::turn::Sent;
use crate::schedule::{Place, after};
use crate::{CrawlError, FailureKind, Spider};

impl<S: Spider> Engine<S> {
    /// Whether this is the error of a session that did not start. Nothing is sent through that then until it may be tried again.
    pub(super) fn rest_session(&self, number: usize, error: &Error) -> bool {
        let Error::Start { session, retry_in, .. } = error else {
            return false;
        };
        let mut state = self.control.lock();
        // One that a session holds in itself is that one's affair.
        if *state.schedule.session_name(number) != **session {
            return false;
        }
        if let Some(wait) = retry_in {
            state.schedule.rest_session(number, after(Instant::now(), *wait));
            return true;
        }
        if state.gives_up {
            return false;
        }
        state.schedule.close_session(number);
        if state.lost.is_none() {
            tracing::error!(%error, "requests for this session wait; those for others go on");
            state.lost = Some(Lost {
                error: CrawlError::SessionLost {
                    session: session.clone(),
                    source: error.clone(),
                },
                kept: self.ledger.is_some(),
            });
        }
        true
    }

    /// A session did not start. That is no failure of the request, which waits in its lane, unless the spider knows better.
    pub(super) async fn on_failed_start(&self, sent: Sent<S>, error: Error) {
        let next = match self.retried(&sent.visit, &error, Duration::ZERO) {
            Some(next) => next,
            // What may not pass is given up by default: that is not meant for all that waits.
            None if !error.is_retryable() => Next::Again(Box::new((*sent.visit).clone()), Duration::ZERO),
            None => Next::GiveUp(error.into()),
        };
        self.go_on(sent, next, FailureKind::Fetch).await;
    }

    /// Until when a robots.txt waits for a session that did not start, which says nothing of the host.
    pub(super) fn robots_wait(&self, place: &Place, error: &Error) -> Option<Instant> {
        let Error::Start { session, retry_in, .. } = error else {
            return None;
        };
        if self.sessions.get(session).is_err() {
            return None;
        }
        let number = self.control.lock().schedule.session(session);
        if !self.rest_session(number, error) {
            return None;
        }
        let now = Instant::now();
        if let Some(wait) = retry_in {
            return Some(after(now, *wait));
        }
        let mut state = self.control.lock();
        if number != place.session {
            // The one that waits does not read it itself, and nothing may be fetched unread.
            self.control.end_for_session(&mut state);
        }
        // Else what it is for waits for the same session.
        (number == place.session || state.ended.is_some()).then_some(now)
    }
}
