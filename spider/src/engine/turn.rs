//! One turn of a worker: a request from its lease to its acknowledgement.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use silkroute_core::{Request, Response, redact_url};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::climb::Verdict;
use super::retry::Next;
use super::{Engine, host_of};
use crate::error::panicked;
use crate::key::KeyMaker;
use crate::schedule::{Place, Turn};
use crate::stats::{Answer, Way};
use crate::{CrawlError, CrawlOver, FailureKind, Output, Page, Spider, Visit};

/// A request that was sent.
pub(super) struct Sent<S: Spider> {
    pub(super) place: Place,
    pub(super) lease: u64,
    pub(super) visit: Arc<Visit<S::Step>>,
    /// What was marked as seen on its way.
    pub(super) seen: Option<u128>,
}

impl<S: Spider> Engine<S> {
    pub(super) async fn work(self: Arc<Self>) {
        while let Some(turn) = self.control.next().await {
            match turn {
                Turn::Send(place) => self.send(place).await,
                Turn::Robots(place) => {
                    if let Some(policy) = &self.settings.robots {
                        self.fetch_robots(&place, policy).await;
                    }
                }
                Turn::Wait => {}
            }
        }
    }

    async fn send(self: &Arc<Self>, place: Place) {
        let leased = match self.frontier.lease(&place.lane).await {
            Ok(leased) => leased,
            Err(source) => {
                self.control.fail(CrawlError::frontier("give out a request", source));
                None
            }
        };
        let Some(lease) = leased else {
            return self.skip(&place, None).await;
        };
        {
            let mut state = self.control.lock();
            state.pending -= 1;
            state.schedule.leased(&place, lease.next, Instant::now());
            if state.schedule.has_more() {
                self.control.work.notify_last();
            }
        }
        let mut visit = match self.codec.read(&lease.record, lease.priority) {
            Ok(visit) => visit,
            Err(source) => {
                self.control.fail(CrawlError::frontier("give back a request", source));
                return self.skip(&place, None).await;
            }
        };
        if let Some(why) = place.robots.as_ref().and_then(|rules| rules.why_unavailable()) {
            let why = why.to_owned().into();
            self.control.lock().schedule.unsent(&place);
            let sent = Sent::new(place, lease.id, Arc::new(visit));
            return self.go_on(sent, Next::GiveUp(why), FailureKind::Fetch).await;
        }
        if !self.robots_allow(&place, visit.url()) {
            return self.skip(&place, Some(lease.id)).await;
        }
        if self.reroute(&place, &lease, &visit).await {
            return self.skip(&place, None).await;
        }
        visit.settle_referer();
        let visit = Arc::new(visit);
        self.learn_session_limit(&place).await;
        let request = self.in_guise(&place.host, &visit).await;
        let fetched = self.sessions.fetch_shared(request).await;
        let sent = Sent::new(place, lease.id, visit);
        match fetched {
            Ok(response) => self.received(sent, response).await,
            Err(error) => {
                let proxy = error.as_fetch().and_then(|error| error.get("proxy"));
                self.free(&sent.place, proxy, None);
                self.on_failure(sent, error).await;
            }
        }
    }

    async fn received(self: &Arc<Self>, mut sent: Sent<S>, mut response: Box<dyn Response>) {
        self.free(&sent.place, response.proxy(), Some(Answer::of(response.as_ref())));
        let verdict = self.verdict(&sent.visit, response.as_ref()).await;
        let blocked = !matches!(verdict, Verdict::Page);
        let asked = self.observe(&sent, response.as_ref(), blocked);
        if blocked {
            self.meters.blocked.increment(1);
            let mut state = self.control.lock();
            let session = state.schedule.session_name(sent.place.session);
            state.stats.blocked(Way {
                session: &session,
                host: &sent.place.host,
                proxy: response.proxy(),
            });
        }
        match verdict {
            Verdict::Page => self.climbed(&sent, response.as_mut()),
            Verdict::Blocked => return self.on_block(sent, response.as_ref(), asked).await,
            Verdict::Climb(to, reason) => return self.climb(sent, to, reason, asked).await,
        }
        match self.is_wanted(&mut sent, response.as_ref()).await {
            Ok(true) => self.parse(sent, response).await,
            Ok(false) => {
                self.done_with(sent.lease).await;
                self.finish(false);
            }
            Err(error) => {
                self.control.fail(error);
                self.finish(false);
            }
        }
    }

    /// Whether a response that redirects led to stands where the crawl may go and has not been.
    async fn is_wanted(&self, sent: &mut Sent<S>, response: &dyn Response) -> Result<bool, CrawlError> {
        if response.history().is_empty() && response.url() == sent.visit.url() {
            return Ok(true);
        }
        if !self.allowed.allow(response.url()) {
            self.control.lock().stats.offsite += 1;
            return Ok(false);
        }
        if *host_of(response.url()) == *sent.place.host && !self.robots_allow(&sent.place, response.url()) {
            return Ok(false);
        }
        let parts = sent.visit.parts();
        if parts.method != http::Method::GET || sent.visit.again {
            return Ok(true);
        }
        let session = self.home(&sent.visit);
        let rules = &self.settings.fingerprint;
        let mut keys = KeyMaker::default();
        let target = keys.get(rules, response.url(), session);
        if target == keys.get(rules, sent.visit.url(), session) {
            return Ok(true);
        }
        let seen = self.frontier.seen(target).await;
        let seen = seen.map_err(|source| CrawlError::frontier("say what was seen", source))?;
        if seen {
            self.control.lock().stats.duplicates += 1;
        } else {
            sent.seen = Some(target);
        }
        Ok(!seen)
    }

    async fn parse(self: &Arc<Self>, sent: Sent<S>, response: Box<dyn Response>) {
        let mut out = Output::new(Arc::clone(self), sent.visit.depth);
        let page = Page::new(response, Arc::clone(&sent.visit));
        let span = tracing::debug_span!("parse", url = redact_url(page.url()), depth = page.depth());
        let parsed = AssertUnwindSafe(async { self.spider.parse(page, &mut out).await })
            .catch_unwind()
            .instrument(span)
            .await;
        let parsed = parsed.unwrap_or_else(|panic| Err(panicked("parse", &*panic)));
        let held = self.holds_items();
        let flushed = if held { Ok(()) } else { out.flush().await };
        if let Err(error) = parsed.and(flushed)
            && !error.is::<CrawlOver>()
        {
            self.control.lock().stats.parse_errors += 1;
            self.report(FailureKind::Parse, Some((*sent.visit).clone()), error)
                .await;
        }
        self.meters.pages.increment(1);
        if held {
            return self.keep_page(sent.lease, sent.seen, out.into_held()).await;
        }
        self.done_with(sent.lease).await;
        self.finish(true);
    }

    /// Gives back the place of a request, and counts what became of it.
    fn free(&self, place: &Place, proxy: Option<&str>, answer: Option<Answer>) {
        let mut state = self.control.lock();
        state.schedule.free(place);
        let session = state.schedule.session_name(place.session);
        let way = Way {
            session: &session,
            host: &place.host,
            proxy,
        };
        state.stats.fetched(way, answer);
        if state.schedule.has_more() {
            self.control.work.notify_last();
        }
    }

    /// Ends a turn in which nothing was sent.
    async fn skip(&self, place: &Place, lease: Option<u64>) {
        self.control.lock().schedule.unsent(place);
        if let Some(lease) = lease {
            self.done_with(lease).await;
        }
        self.finish(false);
    }

    pub(super) async fn done_with(&self, lease: u64) {
        if let Err(source) = self.frontier.acknowledge(lease).await {
            self.control
                .fail(CrawlError::frontier("note that a request is done", source));
        }
    }

    /// Ends a turn.
    pub(super) fn finish(&self, page: bool) {
        self.control.finish(page);
    }

    /// Asks a session how many requests it takes at once, before its first. It is started for that, as it would be
    /// anyway.
    async fn learn_session_limit(&self, place: &Place) {
        let name = {
            let mut state = self.control.lock();
            if !state.schedule.ask_limit(place.session) {
                return;
            }
            state.schedule.session_name(place.session)
        };
        let own = match self.sessions.get(&name) {
            Ok(handle) => handle.lease().await.map(|_| handle.concurrency()),
            Err(error) => Err(error),
        };
        let own = match own {
            Ok(own) => {
                self.give_state_back(&name, false).await;
                own.map_or(usize::MAX, std::num::NonZeroUsize::get)
            }
            Err(error) => {
                // The request itself meets the same error, and is the one to report it.
                tracing::debug!(session = %name, %error, "how many requests it takes at once is not known yet");
                self.control.lock().schedule.limit_unknown(place.session);
                return;
            }
        };
        let wanted = self
            .settings
            .session_concurrency
            .get(&*name)
            .copied()
            .unwrap_or(usize::MAX);
        let mut state = self.control.lock();
        state.schedule.limit_session(place.session, own.min(wanted));
        if state.schedule.has_more() {
            self.control.work.notify_last();
        }
    }
}
