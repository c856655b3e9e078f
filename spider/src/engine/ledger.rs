//! Crawls that outlive their process: what a page left goes into the frontier in one piece.
//!
//! Workers hand what their pages left to one task and go on. It takes all that waits, writes the items to the exports, and gives
//! everything to the frontier in one transaction, with how far the exports were written. A crawl that goes on cuts the
//! exports back to there; so an item stands in a file once, even if the process died between the two.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use silkroute_core::Error;
use silkroute_core::cookies::StorageState;
use silkroute_manager::SessionState;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Admission, Engine, Going, Sink};
use crate::crawl::Ended;
use crate::escalation::Memory;
use crate::frontier::{Durable, Outcome, Values};
use crate::schedule::SavedHost;
use crate::{BoxError, CrawlError, FailureKind, Result, Spider, Stats};

/// So many times the concurrency of pages wait to be kept, at most, and as many are being kept together. While the disk is
/// busy with some, others are fetched.
const PAGES_PER_PLACE: usize = 2;
/// What changes all the time (statistics, delays, cookies) is kept this often, and at the end.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How long a session may take to say what it keeps.
const ASK_SESSION: Duration = Duration::from_secs(2);

const STATS: &str = "stats";
const HOSTS: &str = "hosts";
const STARTS: &str = "starts";
const LADDER: &str = "ladder";
const SESSION: &str = "session/";
const EXPORT: &str = "export/";

/// The part of an engine that a crawl which outlives its process has besides.
pub(super) struct Ledger<I> {
    pages: Mutex<Option<mpsc::Sender<Left<I>>>>,
    inbox: Mutex<Option<mpsc::Receiver<Left<I>>>>,
    /// Pages that are kept together, at most.
    group: usize,
    /// What sessions kept in the run before, until they are first used.
    sessions: Mutex<BTreeMap<String, StorageState>>,
    /// Start requests that an earlier run took.
    starts: Mutex<Starts>,
    /// What was saved last, as hashes.
    saved: Mutex<HashMap<String, u64>>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Starts {
    taken: u64,
    done: bool,
}

/// What a page left, on its way into the frontier.
struct Left<I> {
    outcome: Outcome,
    /// The requests of the outcome, for the schedule.
    going: Going,
    items: Vec<I>,
    /// Who waits for the items, to give them to a stream when they are kept, and ends the page then.
    streamer: Option<oneshot::Sender<Vec<I>>>,
}

/// What `parse` gave out, held back until its page is done.
pub(crate) struct Held<I> {
    pub(crate) requests: Admission,
    pub(crate) items: Vec<I>,
    pub(crate) json: Vec<Vec<u8>>,
}

impl<I> Ledger<I> {
    pub(super) fn new(concurrency: usize) -> Self {
        let group = concurrency * PAGES_PER_PLACE;
        let (pages, inbox) = mpsc::channel(group);
        Self {
            group,
            pages: Mutex::new(Some(pages)),
            inbox: Mutex::new(Some(inbox)),
            sessions: Mutex::default(),
            starts: Mutex::default(),
            saved: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Whether an earlier run took a start request of this number, from 0.
    pub(super) fn had_start(&self, number: u64) -> bool {
        number < lock(&self.starts).taken
    }

    /// What an earlier run left of a session's state; given once.
    pub(super) fn state_of(&self, session: &str) -> Option<StorageState> {
        lock(&self.sessions).remove(session)
    }
}

impl<S: Spider> Engine<S> {
    /// Takes up what an earlier run left.
    pub(super) async fn resume(&self) -> Result<(), CrawlError> {
        let (Some(ledger), Some(durable)) = (&self.ledger, self.frontier.durable()) else {
            return Ok(());
        };
        let failed = |source: BoxError| CrawlError::frontier("say what an earlier run left", source);
        let resumed = durable.resume(self.spider.name()).await.map_err(failed)?;
        let mut values = resumed.values;
        self.begin_exports(&values)?;
        let starts = read::<Starts>(&values, STARTS).map_err(failed)?.unwrap_or_default();
        *lock(&ledger.starts) = starts;
        let stats = values
            .remove(STATS)
            .map(|saved| Stats::load(&saved))
            .transpose()
            .map_err(failed)?;
        let hosts = read::<Vec<SavedHost>>(&values, HOSTS)
            .map_err(failed)?
            .unwrap_or_default();
        if let (Some(climber), Some(saved)) = (&self.climber, values.get(LADDER)) {
            *climber.memory() = Memory::load(saved).map_err(|error| failed(error.into()))?;
        }
        for (name, data) in values.range(SESSION.to_owned()..) {
            let Some(session) = name.strip_prefix(SESSION) else {
                break;
            };
            let state = std::str::from_utf8(data).map_err(BoxError::from);
            let state = state.and_then(|text| Ok(StorageState::from_json(text)?));
            lock(&ledger.sessions).insert(session.to_owned(), state.map_err(failed)?);
        }
        {
            let now = Instant::now();
            let mut state = self.control.lock();
            if let Some(mut stats) = stats {
                stats.set_to(&state.stats);
                state.before = stats.elapsed;
                state.stats = stats;
            }
            // These were counted with what they count.
            (state.stats.pages, state.stats.items) = (resumed.pages, resumed.items);
            (state.pages_taken, state.items_taken) = (resumed.pages, resumed.items);
            state.pending = i64::try_from(resumed.pending).unwrap_or(i64::MAX);
            state.starts_done = starts.done;
            if starts.done {
                state.starts = starts.taken;
            }
            for host in hosts {
                state.schedule.restore(host, now);
            }
            for (lane, rank) in &resumed.lanes {
                let (session, host) = lane.rsplit_once(' ').unwrap_or((lane, ""));
                if !self.sessions.contains(session) {
                    return Err(CrawlError::frontier("go on", self.without_session(session)));
                }
                let session = state.schedule.session(session);
                state.schedule.offer(&Arc::from(host), lane, session, *rank, now);
            }
        }
        if resumed.pages > 0 || resumed.pending > 0 {
            let (pages, pending) = (resumed.pages, resumed.pending);
            tracing::info!(
                spider = self.spider.name(),
                pages,
                pending,
                "the crawl goes on where it was"
            );
        }
        let running = self.sessions.stats().into_iter();
        for session in running.filter(|session| session.state == SessionState::Alive) {
            self.give_state_back(&session.id).await;
        }
        Ok(())
    }

    fn without_session(&self, session: &str) -> Error {
        let available = self.sessions.session_ids();
        Error::UnknownSession {
            id: session.to_owned(),
            available,
        }
    }

    /// Gives a session the cookies it had in the run before. It has started.
    pub(super) async fn give_state_back(&self, session: &str) {
        let Some(state) = self.ledger.as_ref().and_then(|ledger| ledger.state_of(session)) else {
            return;
        };
        let given = async {
            self.sessions
                .get(session)?
                .lease()
                .await?
                .load_storage_state(&state)
                .await
        };
        if let Err(error) = given.await {
            tracing::warn!(session, %error, "it goes on without the cookies of the run before");
        }
    }

    /// Hands on what a page left, to be kept; then it ends. Waits where many pages wait to be kept, and in a stream until
    /// the reader has taken its items.
    pub(super) async fn keep_page(&self, lease: u64, seen: Option<u128>, held: Held<S::Item>) {
        let Held { requests, items, json } = held;
        let (entries, going) = requests.split();
        let outcome = Outcome {
            lease,
            requests: entries,
            seen: seen.into_iter().collect(),
            items: json,
            page: true,
        };
        let (streamer, kept) = oneshot::channel();
        let streams = matches!(self.sink, Sink::Streamed(_));
        let left = Left {
            outcome,
            going,
            items,
            streamer: streams.then_some(streamer),
        };
        let pages = self.ledger.as_ref().and_then(|ledger| lock(&ledger.pages).clone());
        let Some(pages) = pages else { return self.finish(false) };
        if pages.send(left).await.is_err() {
            // Why nothing is kept any more has been said.
            return self.finish(false);
        }
        let Sink::Streamed(stream) = &self.sink else { return };
        let Ok(items) = kept.await else {
            return self.finish(false);
        };
        for item in items {
            if stream.send(item).await.is_err() {
                let mut state = self.control.lock();
                self.control.end(&mut state, Ended::Stopped);
                break;
            }
        }
        self.finish(true);
    }

    /// Keeps what pages left until no more come.
    pub(super) async fn keep_ledger(self: Arc<Self>) {
        let (Some(ledger), Some(durable)) = (&self.ledger, self.frontier.durable()) else {
            return;
        };
        let Some(mut inbox) = lock(&ledger.inbox).take() else {
            return;
        };
        let limit = ledger.group;
        let mut group = Vec::new();
        while inbox.recv_many(&mut group, limit).await > 0 {
            if let Err(error) = self.keep_group(durable, std::mem::take(&mut group)).await {
                return self.control.fail(error);
            }
        }
    }

    /// No more pages come: `keep_ledger` ends when it has kept those that came.
    pub(super) fn close_ledger(&self) {
        if let Some(ledger) = &self.ledger {
            lock(&ledger.pages).take();
        }
    }

    async fn keep_group(self: &Arc<Self>, durable: &dyn Durable, group: Vec<Left<S::Item>>) -> Result<(), CrawlError> {
        let mut outcomes = Vec::with_capacity(group.len());
        let mut items = Vec::with_capacity(group.len());
        let mut pages = Vec::with_capacity(group.len());
        for left in group {
            outcomes.push(left.outcome);
            items.push(left.items);
            pages.push((left.going, left.streamer));
        }
        let count = items.iter().map(Vec::len).sum::<usize>() as u64;
        let (items, values) = self.export_durably(items).await?;
        let all = durable.commit(outcomes, values).await;
        let all = all.map_err(|source| CrawlError::frontier("keep what pages left", source))?;
        self.meters.items.increment(count);
        {
            let mut state = self.control.lock();
            state.stats.items += count;
            if self.settings.max_items.is_some_and(|most| state.stats.items >= most) {
                self.control.end(&mut state, Ended::MaxItems);
            }
        }
        for (((going, streamer), ranks), mut items) in pages.into_iter().zip(all).zip(items) {
            self.offer(going, ranks);
            if let Some(streamer) = streamer {
                // A page that was cut off meanwhile is kept all the same.
                let _ = streamer.send(items);
                continue;
            }
            if let Sink::Collected(all) = &self.sink {
                lock(all).append(&mut items);
            }
            self.finish(true);
        }
        Ok(())
    }

    /// Writes items to the exports, down to the disk. Gives them back, with how far the exports are.
    async fn export_durably(
        self: &Arc<Self>,
        items: Vec<Vec<S::Item>>,
    ) -> Result<(Vec<Vec<S::Item>>, Values), CrawlError> {
        if lock(&self.exports).is_empty() || items.iter().all(Vec::is_empty) {
            return Ok((items, Values::new()));
        }
        let engine = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || {
            let (failures, values) = engine.write_exports(&items)?;
            Ok::<_, CrawlError>((items, failures, values))
        });
        let written = written.await.map_err(|error| CrawlError::Engine(error.to_string()))?;
        let (items, failures, values) = written?;
        for error in failures {
            self.control.lock().stats.items_failed += 1;
            self.report(FailureKind::Item, None, error).await;
        }
        Ok((items, values))
    }

    fn write_exports(&self, items: &[Vec<S::Item>]) -> Result<(Vec<BoxError>, Values), CrawlError> {
        let (mut failures, mut values) = (Vec::new(), Values::new());
        for export in lock(&self.exports).iter_mut() {
            let failed = |attempted: &'static str, path: String, source| CrawlError::Export {
                attempted,
                path,
                source,
            };
            for item in items.iter().flatten() {
                match export.write(item).map_err(|error| error.downcast::<std::io::Error>()) {
                    Ok(()) => {}
                    // The disk is the crawl's concern, an item that does not fit its own.
                    Err(Ok(source)) => return Err(failed("write", export.path(), *source)),
                    Err(Err(error)) => failures.push(error),
                }
            }
            let position = export.checkpoint();
            let position = position.map_err(|source| failed("write", export.path(), source))?;
            if let Some(position) = position {
                values.insert(format!("{EXPORT}{}", export.path()), position.to_string().into_bytes());
            }
        }
        Ok((failures, values))
    }

    /// Cuts the exports back to what was kept.
    fn begin_exports(&self, values: &Values) -> Result<(), CrawlError> {
        for export in lock(&self.exports).iter_mut() {
            let path = export.path();
            let kept = values.get(&format!("{EXPORT}{path}"));
            let position = kept.and_then(|kept| std::str::from_utf8(kept).ok()?.parse().ok());
            let begun = export.begin(position);
            begun.map_err(|source| CrawlError::Export {
                attempted: "go on with",
                path,
                source,
            })?;
        }
        Ok(())
    }

    /// Keeps now and then what changes all the time.
    pub(super) async fn save_now_and_then(self: Arc<Self>) {
        if self.ledger.is_none() {
            return;
        }
        let over = self.control.over.cancelled();
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = tokio::time::sleep(SAVE_EVERY) => {}
                // The end is saved when nothing changes any more.
                () = &mut over => return,
            }
            if let Err(error) = self.save().await {
                return self.control.fail(error);
            }
        }
    }

    /// Keeps statistics, delays and the state of the sessions, as far as they changed.
    pub(super) async fn save(&self) -> Result<(), CrawlError> {
        let (Some(ledger), Some(durable)) = (&self.ledger, self.frontier.durable()) else {
            return Ok(());
        };
        let failed = |source: BoxError| CrawlError::frontier("keep the state of the crawl", source);
        let mut values = Values::new();
        {
            let state = self.control.lock();
            let stats = state.current_stats();
            let hosts = state.schedule.save(Instant::now());
            let starts = Starts {
                taken: state.starts.max(lock(&ledger.starts).taken),
                done: state.starts_done,
            };
            drop(state);
            values.insert(STATS.to_owned(), stats.save().map_err(failed)?);
            values.insert(
                HOSTS.to_owned(),
                serde_json::to_vec(&hosts).map_err(|error| failed(error.into()))?,
            );
            values.insert(
                STARTS.to_owned(),
                serde_json::to_vec(&starts).map_err(|error| failed(error.into()))?,
            );
        }
        if let Some(climber) = &self.climber {
            let saved = climber.memory().save().map_err(|error| failed(error.into()))?;
            values.insert(LADDER.to_owned(), saved);
        }
        for session in self.sessions.stats() {
            if session.state != SessionState::Alive || lock(&ledger.sessions).contains_key(&session.id) {
                continue;
            }
            let asked = async {
                self.sessions
                    .get(&session.id)?
                    .lease()
                    .await?
                    .storage_state()
                    .await?
                    .to_json()
            };
            match tokio::time::timeout(ASK_SESSION, asked).await {
                Ok(Ok(json)) => drop(values.insert(format!("{SESSION}{}", session.id), json.into_bytes())),
                Ok(Err(Error::Unsupported { .. })) => {}
                Ok(Err(error)) => tracing::warn!(session = %session.id, %error, "its cookies are not kept"),
                Err(_) => tracing::warn!(session = %session.id, "its cookies are not kept: it does not answer"),
            }
        }
        {
            let mut saved = lock(&ledger.saved);
            values.retain(|name, data| {
                let hash = ledger.hasher.hash_one(&*data);
                saved.insert(name.clone(), hash) != Some(hash)
            });
        }
        if values.is_empty() {
            return Ok(());
        }
        durable.commit(Vec::new(), values).await.map(drop).map_err(failed)
    }
}

fn read<T: serde::de::DeserializeOwned>(values: &Values, name: &str) -> Result<Option<T>> {
    values
        .get(name)
        .map(|data| serde_json::from_slice(data).map_err(|error| format!("its value `{name}`: {error}").into()))
        .transpose()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
