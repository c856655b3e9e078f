//! Sessions that rest: nothing is sent through them, and what waits for them keeps its place in their rows.

use tokio::time::Instant;

use super::Schedule;

/// Whether requests of a session are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rest {
    No,
    Until(Instant),
    ForGood,
}

impl Schedule {
    /// Sends nothing through a session before this time.
    pub(crate) fn rest_session(&mut self, session: usize, until: Instant) {
        let rest = &mut self.sessions[session].rest;
        *rest = match *rest {
            Rest::No => Rest::Until(until),
            Rest::Until(before) => Rest::Until(before.max(until)),
            Rest::ForGood => Rest::ForGood,
        };
        self.come_back_all();
    }

    /// Sends nothing more through a session.
    pub(crate) fn close_session(&mut self, session: usize) {
        self.sessions[session].rest = Rest::ForGood;
        self.come_back_all();
    }

    /// Sends again through all sessions that were closed.
    pub(crate) fn reopen_sessions(&mut self) {
        for session in &mut self.sessions {
            if session.rest == Rest::ForGood {
                session.rest = Rest::No;
            }
        }
    }

    /// Whether all that waits is for sessions that are closed.
    pub(crate) fn is_stranded(&self) -> bool {
        let closed = |rest| rest == Rest::ForGood;
        self.in_flight == 0
            && self.timers.is_empty()
            && self.scouts.is_empty()
            && self.sessions.iter().any(|session| closed(session.rest))
            && self
                .sessions
                .iter()
                .all(|session| closed(session.rest) || session.row.is_empty())
    }

    /// When the sessions that rest for a while have done so.
    pub(super) fn rested(&self) -> Option<Instant> {
        let times = self.sessions.iter().filter_map(|session| match session.rest {
            Rest::Until(time) => Some(time),
            Rest::No | Rest::ForGood => None,
        });
        times.min()
    }

    pub(super) fn wake_sessions(&mut self, now: Instant) {
        for session in &mut self.sessions {
            if matches!(session.rest, Rest::Until(time) if time <= now) {
                session.rest = Rest::No;
            }
        }
    }
}
