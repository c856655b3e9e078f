//! The running crawl.
//!
//! A fixed number of workers take turns ([`Control::next`]), each with one request at a time: send, judge, parse, queue
//! what was found, and, where the frontier outlives the process, keep it. A place among the requests under way is held
//! from the sending to the response; there are twice as many workers as places, so that slow spider code does not keep
//! the network idle, and no more, so that pages do not pile up before it.

mod along;
mod begun;
mod climb;
mod clock;
mod control;
mod exported;
mod items;
mod ledger;
mod meters;
#[cfg(feature = "progress")]
mod progress;
mod resume;
mod retry;
mod robots;
mod run;
mod starts;
mod turn;
mod unstarted;
mod visitor;

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use silkroute_core::{Registry, Request as _};
use silkroute_manager::SessionManager;
use tokio::time::Instant;
use url::{Position, Url};

use self::climb::Climber;
use self::exported::Exports;
use self::ledger::Ledger;
use self::meters::Meters;
use crate::codec::Codec;
use crate::error::panicked;
use crate::export::Export;
use crate::frontier::{Entry, Rank};
use crate::key::KeyMaker;
use crate::offsite::AllowedHosts;
use crate::{BoxError, CrawlError, Failure, FailureKind, Frontier, Result, Settings, Spider, Visit};

pub(crate) use self::control::Control;
pub(crate) use self::ledger::Held;
pub(crate) use self::run::{disk_hangs, late};

/// What the engine of one crawl holds.
pub(crate) struct Engine<S: Spider> {
    pub(crate) spider: S,
    pub(crate) sessions: SessionManager,
    pub(crate) settings: Settings,
    pub(crate) frontier: Arc<dyn Frontier>,
    pub(crate) allowed: AllowedHosts,
    pub(crate) control: Arc<Control>,
    pub(crate) codec: Codec<S::Step>,
    pub(crate) sink: Sink<S::Item>,
    exports: Exports<S::Item>,
    default_session: Arc<str>,
    registry: Registry,
    meters: Meters,
    /// Where the frontier outlives the process.
    ledger: Option<Ledger<S::Item>>,
    /// Where there is a ladder of sessions.
    climber: Option<Climber>,
}

/// Where the items end up.
pub(crate) enum Sink<I> {
    Collected(Mutex<Vec<I>>),
    Streamed(tokio::sync::mpsc::Sender<I>),
    /// In the exports alone.
    Exported,
}

/// Requests on their way into the frontier, and the count of those that do not go.
#[derive(Default)]
pub(crate) struct Admission {
    entries: Vec<Entry>,
    places: Vec<Lane>,
    offsite: u64,
    too_deep: u64,
}

/// What a lane is made of.
#[derive(Clone)]
struct Lane {
    host: Arc<str>,
    session: Arc<str>,
}

impl Admission {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.offsite == 0 && self.too_deep == 0
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.entries.append(&mut other.entries);
        self.places.append(&mut other.places);
        self.offsite += other.offsite;
        self.too_deep += other.too_deep;
    }

    /// What the frontier gets, and what the schedule gets when it has it.
    fn split(self) -> (Vec<Entry>, Going) {
        let lanes = self.entries.iter().map(|entry| Arc::clone(&entry.lane)).collect();
        let going = Going {
            lanes,
            places: self.places,
            offsite: self.offsite,
            too_deep: self.too_deep,
        };
        (self.entries, going)
    }
}

/// Requests that the frontier takes in.
struct Going {
    lanes: Vec<Arc<str>>,
    places: Vec<Lane>,
    offsite: u64,
    too_deep: u64,
}

/// The parts of an engine that a crawl decides.
pub(crate) struct Setup<S: Spider> {
    pub(crate) spider: S,
    pub(crate) sessions: SessionManager,
    pub(crate) settings: Settings,
    pub(crate) frontier: Arc<dyn Frontier>,
    pub(crate) allowed: AllowedHosts,
    pub(crate) control: Arc<Control>,
    pub(crate) sink: Sink<S::Item>,
    pub(crate) exports: Vec<Box<dyn Export<S::Item>>>,
}

impl<S: Spider> Engine<S> {
    pub(crate) fn new(setup: Setup<S>) -> Result<Self, CrawlError> {
        setup.settings.settle_sessions(&setup.sessions.session_ids())?;
        Ok(Self {
            climber: setup.settings.escalation.clone().map(Climber::new),
            default_session: setup.sessions.default_session_id()?.into(),
            registry: setup.spider.registry()?,
            meters: Meters::new(setup.spider.name()),
            ledger: setup.frontier.durable().map(|_| Ledger::new(workers(&setup.settings))),
            codec: Codec::new().map_err(|source| CrawlError::frontier("write the default step", source))?,
            spider: setup.spider,
            sessions: setup.sessions,
            settings: setup.settings,
            frontier: setup.frontier,
            allowed: setup.allowed,
            control: setup.control,
            sink: setup.sink,
            exports: Exports::new(setup.exports),
        })
    }

    /// Adds a request to a batch, if it may go.
    pub(crate) fn admit(&self, visit: &Visit<S::Step>, keys: &mut KeyMaker, batch: &mut Admission) -> Result {
        if self.settings.max_depth.is_some_and(|most| visit.depth > most) {
            batch.too_deep += 1;
            return Ok(());
        }
        if !self.allowed.allow(visit.url()) {
            batch.offsite += 1;
            return Ok(());
        }
        self.sessions.check(visit)?;
        if !visit.parts().options.is_empty() {
            self.registry.check(visit)?;
        }
        let (entry, place) = self.entry(visit, keys, batch.entries.last().zip(batch.places.last()))?;
        batch.entries.push(entry);
        batch.places.push(place);
        Ok(())
    }

    /// What the frontier keeps of a request, with its host and its session. Neighbours mostly share a lane.
    fn entry(
        &self,
        visit: &Visit<S::Step>,
        keys: &mut KeyMaker,
        last: Option<(&Entry, &Lane)>,
    ) -> Result<(Entry, Lane)> {
        let session = self.session_of(visit);
        let host = host_of(&visit.parts.url);
        let (lane, place) = match last {
            Some((entry, place)) if *place.host == *host && &*place.session == session => {
                (Arc::clone(&entry.lane), place.clone())
            }
            _ => (
                Arc::from(format!("{session} {host}")),
                Lane {
                    host: Arc::from(&*host),
                    session: Arc::from(session),
                },
            ),
        };
        let entry = Entry {
            key: keys.key(&self.settings.fingerprint, visit, self.home(visit)),
            again: visit.again,
            lane,
            priority: visit.priority,
            record: self.codec.write(visit)?,
        };
        Ok((entry, place))
    }

    /// Puts a batch into the frontier, and those that were new into their rows.
    pub(crate) async fn push(&self, batch: Admission) -> Result<(), CrawlError> {
        let (entries, going) = batch.split();
        let pushed = if entries.is_empty() {
            Ok(Vec::new())
        } else {
            self.frontier.push(entries).await
        };
        self.pushed(going, pushed)
    }

    /// The same with start requests.
    async fn push_starts(&self, batch: Admission) -> Result<(), CrawlError> {
        let (entries, going) = batch.split();
        let pushed = match self.frontier.durable() {
            _ if entries.is_empty() => Ok(Vec::new()),
            Some(durable) => durable.push_starts(entries).await,
            None => self.frontier.push(entries).await,
        };
        self.pushed(going, pushed)
    }

    fn pushed(&self, going: Going, pushed: Result<Vec<Option<Rank>>>) -> Result<(), CrawlError> {
        let ranks = match pushed {
            Ok(ranks) => ranks,
            Err(source) => {
                self.control.fail(CrawlError::frontier("take in requests", source));
                return Err(CrawlError::frontier("take in requests", "see the crawl's own error"));
            }
        };
        self.offer(going, ranks);
        Ok(())
    }

    /// Puts requests that are in the frontier into their rows, those that were new.
    fn offer(&self, going: Going, ranks: Vec<Option<Rank>>) {
        let now = Instant::now();
        let mut state = self.control.lock();
        state.stats.offsite += going.offsite;
        state.stats.too_deep += going.too_deep;
        for ((rank, lane), place) in ranks.into_iter().zip(going.lanes).zip(going.places) {
            let Some(rank) = rank else {
                state.stats.duplicates += 1;
                continue;
            };
            state.pending += 1;
            let session = state.schedule.session(&place.session);
            state.schedule.offer(&place.host, &lane, session, rank, now);
        }
        if state.schedule.has_more() {
            self.control.work.notify_last();
        }
    }

    /// Logs what failed, and tells the spider.
    async fn report(&self, kind: FailureKind, visit: Option<Visit<S::Step>>, error: BoxError) {
        let failure = Failure { kind, visit, error };
        tracing::warn!(spider = self.spider.name(), %failure, "a part of the crawl failed");
        let told = AssertUnwindSafe(async { self.spider.on_error(failure).await })
            .catch_unwind()
            .await;
        if let Err(panic) = told {
            self.hook_failed(&panicked("on_error", &*panic));
        }
    }

    /// Counts an error of a hook that nothing else comes of.
    fn hook_failed(&self, error: &BoxError) {
        tracing::warn!(spider = self.spider.name(), %error, "a hook failed");
        self.control.lock().stats.hook_errors += 1;
    }
}

/// How many requests are worked on at once: as many again as are being fetched.
fn workers(settings: &Settings) -> usize {
    settings.concurrency.saturating_mul(2)
}

/// What a host is to a crawl: an origin, such as `https://shop.test` or `http://127.0.0.1:8080`. robots.txt goes by it.
fn host_of(url: &Url) -> Cow<'_, str> {
    if url.username().is_empty() && url.password().is_none() {
        Cow::Borrowed(&url[..Position::AfterPort])
    } else {
        let (scheme, host) = (url.scheme(), &url[Position::BeforeHost..Position::AfterPort]);
        Cow::Owned(format!("{scheme}://{host}"))
    }
}
