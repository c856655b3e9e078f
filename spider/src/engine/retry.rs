//! Sending a request again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use silkroute_core::{CacheOutcome, Error, Response, retry_after};
use tokio::time::Instant;

use super::Engine;
use super::control::Delayed;
use super::turn::Sent;
use crate::error::panicked;
use crate::key::KeyMaker;
use crate::schedule::after;
use crate::spider::blocked_by_default;
use crate::throttle::Observation;
use crate::{BoxError, CrawlError, FailureKind, Result, Spider, Visit};

/// What becomes of a request that has to be sent again.
pub(super) enum Next<S> {
    Again(Box<Visit<S>>, Duration),
    GiveUp(BoxError),
}

impl<S: Spider> Engine<S> {
    /// Whether a response is a block. A spider that cannot tell is asked no more: the default decides.
    pub(super) fn is_blocked(&self, response: &dyn Response) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.spider.is_blocked(response))).unwrap_or_else(|panic| {
            self.hook_failed(&panicked("is_blocked", &*panic));
            blocked_by_default(response)
        })
    }

    /// Tells the schedule how a host fares. Gives the `Retry-After` of a response that was not welcome. One from a cache says
    /// nothing of either.
    pub(super) fn observe(&self, sent: &Sent<S>, response: &dyn Response, blocked: bool) -> Option<Duration> {
        if response.cache() == Some(CacheOutcome::Hit) {
            return None;
        }
        let ok = response.status().is_success() && !blocked;
        let asked = if ok {
            None
        } else {
            retry_after(response.headers(), SystemTime::now())
        };
        let seen = Observation {
            latency: response.timing().total,
            ok,
            retry_after: asked,
        };
        let mut state = self.control.lock();
        let host = &sent.place.host;
        if let Some(delay) = state.schedule.observe(host, seen) {
            state.stats.throttled(host, delay);
        }
        if blocked && let Some(asked) = asked.filter(|asked| *asked <= self.settings.max_retry_after) {
            state.schedule.hold(host, after(Instant::now(), asked));
        }
        asked
    }

    /// A response was a block: sends its request again, or gives it up.
    pub(super) async fn on_block(&self, sent: Sent<S>, response: &dyn Response, asked: Option<Duration>) {
        let mut visit = (*sent.visit).clone();
        visit.blocks = visit.blocks.saturating_add(1);
        let status = response.status();
        let retry = &self.settings.blocked_retry;
        let next = if visit.blocks >= retry.max_attempts() {
            Next::GiveUp(format!("blocked with status {status} {} times", visit.blocks).into())
        } else if let Some(asked) = asked.filter(|asked| *asked > self.settings.max_retry_after) {
            let most = self.settings.max_retry_after;
            Next::GiveUp(
                format!("blocked with status {status}, to be asked again in {asked:?}; the longest wait is {most:?}")
                    .into(),
            )
        } else {
            let wait = retry.delay_with(visit.blocks, asked);
            let hook = || self.spider.retry_blocked(visit.clone(), response);
            match hooked("retry_blocked", hook) {
                Ok(Some(next)) => Next::Again(Box::new(counted(next, &visit)), wait),
                Ok(None) => Next::GiveUp(format!("blocked with status {status}, and retry_blocked gave it up").into()),
                Err(error) => {
                    self.hook_failed(&error);
                    Next::Again(Box::new(visit), wait)
                }
            }
        };
        self.go_on(sent, next, FailureKind::Blocked).await;
    }

    /// No response came: sends the request again, or gives it up.
    pub(super) async fn on_failure(&self, sent: Sent<S>, error: Error) {
        if let Some(visit) = self.back_up(&sent) {
            tracing::debug!(%error, "less was tried in vain");
            let next = Next::Again(Box::new(visit), Duration::ZERO);
            return self.go_on(sent, next, FailureKind::Fetch).await;
        }
        if self.rest_session(sent.place.session, &error) {
            return self.on_failed_start(sent, error).await;
        }
        let mut visit = (*sent.visit).clone();
        visit.failures = visit.failures.saturating_add(1);
        let retry = &self.settings.retry;
        let next = if visit.failures >= retry.max_attempts() {
            Next::GiveUp(error.into())
        } else {
            let again = self.retried(&visit, &error, retry.delay(visit.failures));
            again.unwrap_or_else(|| Next::GiveUp(error.into()))
        };
        self.go_on(sent, next, FailureKind::Fetch).await;
    }

    /// What the spider makes of a request that brought no response; `None`: it gives it up.
    pub(super) fn retried(&self, visit: &Visit<S::Step>, error: &Error, wait: Duration) -> Option<Next<S::Step>> {
        match hooked("retry_failed", || self.spider.retry_failed(visit.clone(), error)) {
            Ok(next) => next.map(|next| Next::Again(Box::new(counted(next, visit)), wait)),
            Err(hook) => {
                self.hook_failed(&hook);
                None
            }
        }
    }

    pub(super) async fn go_on(&self, sent: Sent<S>, next: Next<S::Step>, kind: FailureKind) {
        let error = match next {
            Next::Again(visit, wait) => match self.delay(&sent, &visit, wait).await {
                Ok(()) => return,
                Err(error) => error,
            },
            Next::GiveUp(error) => error,
        };
        {
            let mut state = self.control.lock();
            match kind {
                FailureKind::Blocked => state.stats.gave_up_blocked += 1,
                _ => state.stats.failed += 1,
            }
        }
        self.meters.failed.increment(1);
        self.came_back(&sent);
        self.report(kind, Some((*sent.visit).clone()), error).await;
        self.done_with(sent.lease).await;
        self.finish(false);
    }

    /// Sets a request aside until it is to be sent again.
    async fn delay(&self, sent: &Sent<S>, visit: &Visit<S::Step>, wait: Duration) -> Result {
        self.sessions.check(visit)?;
        let (entry, place) = self.entry(visit, &mut KeyMaker::default(), None)?;
        if let Some(durable) = self.frontier.durable()
            && let Err(source) = durable.update(sent.lease, entry.clone()).await
        {
            self.control
                .fail(CrawlError::frontier("note how often a request was sent", source));
        }
        let now = Instant::now();
        self.meters.retries.increment(1);
        {
            let mut state = self.control.lock();
            state.stats.retries += 1;
            let session = state.schedule.session(&place.session);
            let delayed = Delayed {
                due: after(now, wait),
                nth: state.stats.retries,
                lease: sent.lease,
                host: place.host,
                session,
                entry,
            };
            state.delayed.push(delayed);
        }
        self.control.clock.notify_one();
        self.finish(false);
        Ok(())
    }
}

/// The counts are the engine's: a hook that makes a new request does not start over.
fn counted<S>(mut next: Visit<S>, counts: &Visit<S>) -> Visit<S> {
    next.failures = counts.failures;
    next.blocks = counts.blocks;
    next.depth = counts.depth;
    // One that the hook sends elsewhere is not on a ladder's way any more.
    let same = next.parts.session == counts.parts.session;
    next.climb = counts.climb.clone().filter(|_| same);
    next
}

fn hooked<T>(name: &str, hook: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(hook)).unwrap_or_else(|panic| Err(panicked(name, &*panic)))
}

impl<S: Spider> Sent<S> {
    pub(super) fn new(place: crate::schedule::Place, lease: u64, visit: Arc<Visit<S::Step>>) -> Self {
        Self {
            place,
            lease,
            visit,
            seen: None,
        }
    }
}
