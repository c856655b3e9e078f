//! Requests on their way up and down a ladder of sessions.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use silkroute_core::{CacheOutcome, Response, retry_after};
use tokio::time::Instant;

use super::Engine;
use super::retry::Next;
use super::turn::Sent;
use super::visitor::Visitor;
use crate::error::panicked;
use crate::escalation::{BlockReason, Climb, Escalation, Memory};
use crate::frontier::Lease;
use crate::key::KeyMaker;
use crate::schedule::Place;
use crate::spider::blocked_by_default;
use crate::{CrawlError, FailureKind, Spider, Visit};

/// A host, and the rungs from which and to which something of it goes.
pub(super) type Passage = (Arc<str>, usize, usize);

/// What a crawl with a ladder knows of it.
pub(super) struct Climber {
    pub(super) ladder: Escalation,
    memory: Mutex<Memory>,
    /// How often the cookies of a host could not go from one rung to another; [`WENT`](super::along::WENT): they did.
    pub(super) shared: Mutex<HashMap<Passage, u8>>,
    /// The rungs whose identities were compared.
    pub(super) compared: Mutex<HashSet<(usize, usize)>>,
    pub(super) visitor: Visitor,
}

/// What a response is taken for.
pub(super) enum Verdict {
    Page,
    Blocked,
    /// The request goes on to this rung.
    Climb(usize, BlockReason),
}

impl Climber {
    pub(super) fn new(ladder: Escalation) -> Self {
        Self {
            visitor: Visitor::new(&ladder),
            ladder,
            memory: Mutex::default(),
            shared: Mutex::default(),
            compared: Mutex::default(),
        }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Spider> Engine<S> {
    /// The session that a request asked for.
    pub(super) fn home<'a>(&'a self, visit: &'a Visit<S::Step>) -> &'a str {
        match &visit.climb {
            Some(climb) => &climb.from,
            None => self.session_of(visit),
        }
    }

    /// The session that a request goes to.
    pub(super) fn session_of<'a>(&'a self, visit: &'a Visit<S::Step>) -> &'a str {
        visit.parts.session.as_deref().unwrap_or(&self.default_session)
    }

    /// Sends a request that stands in the wrong lane to the right one: what works for its host was learnt since it was
    /// queued, or it is its turn to try if less is enough.
    pub(super) async fn reroute(&self, place: &Place, lease: &Lease, visit: &Visit<S::Step>) -> bool {
        let Some(climber) = &self.climber else {
            return false;
        };
        let Some(other) = self.other_way(climber, &place.host, visit) else {
            return false;
        };
        if !self.can_send(&other, self.session_of(&other)).await {
            return false;
        }
        self.share_cookies(climber, visit, &other, &place.host).await;
        let entry = self.entry(&other, &mut KeyMaker::default(), None);
        let released = match entry {
            Ok((entry, to)) => {
                let lane = Arc::clone(&entry.lane);
                let released = self.frontier.release(lease.id, entry).await;
                released.map(|rank| (rank, lane, to))
            }
            Err(error) => Err(error),
        };
        match released {
            Ok((rank, lane, to)) => {
                let mut state = self.control.lock();
                state.pending += 1;
                let session = state.schedule.session(&to.session);
                state.schedule.offer(&to.host, &lane, session, rank, Instant::now());
            }
            Err(source) => self
                .control
                .fail(CrawlError::frontier("move a request to another session", source)),
        }
        true
    }

    fn other_way(&self, climber: &Climber, host: &str, visit: &Visit<S::Step>) -> Option<Visit<S::Step>> {
        let ladder = &climber.ladder;
        if visit
            .climb
            .as_ref()
            .is_some_and(|climb| !climb.remembered || climb.retried_lower)
        {
            return None;
        }
        let home = ladder.rung(self.home(visit))?;
        let now = ladder.rung(self.session_of(visit))?;
        let mut memory = climber.memory();
        let known = memory.of(host, ladder, false).filter(|known| known.rung > home);
        let right = known.as_ref().map_or(home, |known| known.rung);
        // Counted when it stands where it is sent from. What a lower one would have from above is not for a request that says
        // itself who it is.
        let known = if right == now {
            memory.of(host, ladder, visit.parts.identity.is_none())
        } else {
            known
        };
        drop(memory);
        let lower = known
            .as_ref()
            .and_then(|known| known.try_lower)
            .filter(|_| right > home);
        if right == now && lower.is_none() {
            return None;
        }
        let mut other = visit.clone();
        let from = self.home(visit).to_owned();
        // Those below take turns: where the next one is no use, a lower one may be, with the cookies of the one that worked.
        let down = lower.map_or(0, |try_number| 1 + try_number as usize % (right - home));
        let lower = lower.is_some();
        other.parts.session = ladder.ladder.get(right - down).cloned();
        other.climb = known.filter(|known| known.rung > home).map(|known| Climb {
            from,
            reason: known.reason,
            remembered: !lower,
            retried_lower: lower,
        });
        Some(other)
    }

    /// Whether a session can look like a request says. Only one that has started knows that: it is started to be asked, as it
    /// would be for the request. Where it cannot start, the request itself is told.
    async fn can_send(&self, visit: &Visit<S::Step>, session: &str) -> bool {
        let Some(identity) = &visit.parts.identity else {
            return true;
        };
        let Ok(handle) = self.sessions.get(session) else {
            return true;
        };
        match handle.lease().await {
            Ok(running) => running.can_be(identity),
            Err(_) => true,
        }
    }

    /// The next rung that can send a request.
    async fn rung_above(&self, ladder: &Escalation, rung: usize, visit: &Visit<S::Step>) -> Option<usize> {
        for (above, session) in ladder.ladder.iter().enumerate().skip(rung + 1) {
            if self.can_send(visit, session).await {
                return Some(above);
            }
        }
        None
    }

    /// Whether a response is the page, a block, or one that another session may get past.
    pub(super) async fn verdict(&self, visit: &Visit<S::Step>, response: &dyn Response) -> Verdict {
        let hook = self.is_blocked(response);
        let plain = if hook { Verdict::Blocked } else { Verdict::Page };
        let Some(ladder) = self.climber.as_ref().map(|climber| &climber.ladder) else {
            return plain;
        };
        let Some(rung) = ladder.rung(self.session_of(visit)) else {
            return plain;
        };
        let asked = catch_unwind(AssertUnwindSafe(|| ladder.detection.reason(response)));
        let reason = asked.unwrap_or_else(|panic| {
            self.hook_failed(&panicked("the predicate of the block detection", &*panic));
            None
        });
        // What the spider alone can tell.
        let told = hook && !blocked_by_default(response);
        let reason = reason.or_else(|| told.then(|| BlockReason::Predicate("is_blocked".to_owned())));
        let Some(reason) = reason else {
            return plain;
        };
        match self.rung_above(ladder, rung, visit).await {
            Some(_) if reason.says_later() && self.waits(visit, response) => Verdict::Blocked,
            Some(above) => Verdict::Climb(above, reason),
            None if !reason.is_suspicion() => Verdict::Blocked,
            None => plain,
        }
    }

    /// Whether a request that was told to come later does so before it climbs: the first time on this rung, unless it only tries
    /// if less is enough than what works for its host.
    fn waits(&self, visit: &Visit<S::Step>, response: &dyn Response) -> bool {
        let asked = retry_after(response.headers(), SystemTime::now());
        let tries_less = visit.climb.as_ref().is_some_and(|climb| climb.retried_lower);
        visit.blocks == 0
            && !tries_less
            && self.settings.blocked_retry.max_attempts() > 1
            && asked.is_none_or(|asked| asked <= self.settings.max_retry_after)
            && response.cache() != Some(CacheOutcome::Hit)
    }

    /// Sends a request to the next rung.
    pub(super) async fn climb(&self, sent: Sent<S>, rung: usize, reason: BlockReason, asked: Option<Duration>) {
        let Some(climber) = &self.climber else { return };
        let ladder = &climber.ladder.ladder;
        let mut visit = (*sent.visit).clone();
        visit.climb = Some(Climb {
            from: self.home(&sent.visit).to_owned(),
            reason: reason.clone(),
            remembered: false,
            retried_lower: false,
        });
        visit.parts.session = ladder.get(rung).cloned();
        // It has its attempts on every rung.
        visit.blocks = 0;
        let (from, to) = (self.session_of(&sent.visit), self.session_of(&visit));
        tracing::debug!(url = %silkroute_core::redact_url(visit.url()), from, to, %reason, "the request climbs");
        {
            let mut state = self.control.lock();
            state.stats.escalated(from, to, &reason);
            let below: Vec<_> = ladder[..rung].iter().map(|name| state.schedule.session(name)).collect();
            let to = state.schedule.session(to);
            state.schedule.send_ahead(&sent.place.host, &below, to, Instant::now());
        }
        self.share_cookies(climber, &sent.visit, &visit, &sent.place.host).await;
        let wait = asked
            .filter(|asked| *asked <= self.settings.max_retry_after)
            .unwrap_or_default();
        self.go_on(sent, Next::Again(Box::new(visit), wait), FailureKind::Blocked)
            .await;
    }

    /// A request got its page: remembers what worked, and notes on the response how it came there.
    pub(super) fn climbed(&self, sent: &Sent<S>, response: &mut dyn Response) {
        let (Some(climber), Some(climb)) = (&self.climber, &sent.visit.climb) else {
            return;
        };
        if let Ok(noted) = serde_json::to_value(climb) {
            response.parts_mut().meta.insert("escalation".to_owned(), noted);
        }
        let session = self.session_of(&sent.visit);
        let Some(rung) = climber.ladder.rung(session) else {
            return;
        };
        let host = &sent.place.host;
        self.compare_identities(climber, host, &climb.from, session);
        let suspect = || {
            catch_unwind(AssertUnwindSafe(|| climber.ladder.detection.reason(&*response)))
                .ok()
                .flatten()
        };
        if climb.retried_lower {
            climber.memory().lowered(host, rung, &climber.ladder);
        } else if !climb.remembered && suspect().is_none() {
            // A page that looks empty on the last rung too is so: the rung did not help.
            climber.memory().worked(host, rung, &climb.reason, &climber.ladder);
        }
        self.came_back(sent);
    }

    /// Those of its host that wait for what becomes of a request that climbed go on.
    pub(super) fn came_back(&self, sent: &Sent<S>) {
        if sent.visit.climb.is_none() {
            return;
        }
        let mut state = self.control.lock();
        state.schedule.came_back(&sent.place.host);
        if state.schedule.has_more() {
            self.control.work.notify_last();
        }
    }

    /// A request that tried less than works for its host goes back to that.
    pub(super) fn back_up(&self, sent: &Sent<S>) -> Option<Visit<S::Step>> {
        let climber = self.climber.as_ref()?;
        let tried = sent.visit.climb.as_ref().filter(|climb| climb.retried_lower)?;
        let here = climber.ladder.rung(self.session_of(&sent.visit))?;
        let known = climber.memory().of(&sent.place.host, &climber.ladder, false);
        let up = known.map_or(here + 1, |known| known.rung);
        let session = climber.ladder.ladder.get(up).filter(|_| up > here)?;
        let mut visit = (*sent.visit).clone();
        visit.parts.session = Some(session.clone());
        // Not as remembered: it could be its turn to try less once more.
        visit.climb = Some(Climb {
            retried_lower: false,
            ..tried.clone()
        });
        Some(visit)
    }
}
