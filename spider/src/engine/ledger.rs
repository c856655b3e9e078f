//! Crawls that outlive their process: what a page left goes into the frontier in one piece.
//!
//! Workers hand what their pages left to one task and go on. It takes all that waits, writes the items to the exports, and gives
//! everything to the frontier in one transaction, with how far the exports were written. A crawl that goes on cuts the
//! exports back to there; so an item stands in a file once, even if the process died between the two.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::RandomState;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use silkroute_core::cookies::StorageState;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Admission, Control, Engine, Going, Sink};
use crate::crawl::Ended;
use crate::export::{Refused, write};
use crate::frontier::{Durable, Outcome, Values};
use crate::{BoxError, CrawlError, FailureKind, Result, Spider};

const EXPORT: &str = "export/";

/// The part of an engine that a crawl which outlives its process has besides.
pub(super) struct Ledger<I> {
    pages: Mutex<Option<mpsc::Sender<Left<I>>>>,
    inbox: Mutex<Option<mpsc::Receiver<Left<I>>>>,
    /// Pages that are kept together, at most.
    group: usize,
    /// What sessions kept in the run before, until they were given it.
    pub(super) sessions: Mutex<BTreeMap<String, StorageState>>,
    /// Held while one of them is given: who comes next finds it there, and puts newer ones on top.
    pub(super) giving: tokio::sync::Mutex<()>,
    /// Start requests that an earlier run took.
    pub(super) starts: Mutex<Starts>,
    /// What was saved last, as hashes.
    pub(super) saved: Mutex<HashMap<String, u64>>,
    pub(super) hasher: RandomState,
    /// When the states of sessions that are large were kept.
    pub(super) large: Mutex<HashMap<String, Instant>>,
    /// Sessions that have no state to keep.
    pub(super) stateless: Mutex<HashSet<String>>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Starts {
    pub(super) taken: u64,
    pub(super) done: bool,
}

/// What a page left, on its way into the frontier.
struct Left<I> {
    outcome: Outcome,
    /// The requests of the outcome, for the schedule.
    going: Going,
    items: Vec<I>,
    /// Who waits for the items, to give them to a stream when they are kept.
    streamer: Option<oneshot::Sender<Kept<I>>>,
}

/// The items of a page that is kept, on their way to a stream. Wherever the way ends, the page has ended then, as one that
/// is done.
struct Kept<I> {
    items: Vec<I>,
    control: Arc<Control>,
}

impl<I> Drop for Kept<I> {
    fn drop(&mut self) {
        self.control.finish(true);
    }
}

/// What `parse` gave out, held back until its page is done.
pub(crate) struct Held<I> {
    pub(crate) requests: Admission,
    pub(crate) items: Vec<I>,
    pub(crate) json: Vec<Vec<u8>>,
}

impl<I> Ledger<I> {
    pub(super) fn new(concurrency: usize) -> Self {
        // While the disk is busy with some, others are fetched. What waits for it is fetched again after a kill: so it is no
        // more than what is fetched at one time, and as much is being kept.
        let group = concurrency;
        let (pages, inbox) = mpsc::channel(group);
        Self {
            group,
            pages: Mutex::new(Some(pages)),
            inbox: Mutex::new(Some(inbox)),
            sessions: Mutex::default(),
            giving: tokio::sync::Mutex::default(),
            starts: Mutex::default(),
            saved: Mutex::default(),
            hasher: RandomState::new(),
            large: Mutex::default(),
            stateless: Mutex::default(),
        }
    }

    /// Whether an earlier run took a start request of this number, from 0.
    pub(super) fn had_start(&self, number: u64) -> bool {
        number < lock(&self.starts).taken
    }
}

impl<S: Spider> Engine<S> {
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
        let Ok(mut kept) = kept.await else {
            return self.finish(false);
        };
        for item in std::mem::take(&mut kept.items) {
            if stream.send(item).await.is_err() {
                let mut state = self.control.lock();
                self.control.end(&mut state, Ended::Stopped);
                break;
            }
        }
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
                let control = Arc::clone(&self.control);
                // A page that was cut off meanwhile is kept all the same.
                drop(streamer.send(Kept { items, control }));
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
            for item in items.iter().flatten() {
                match write(&mut **export, item) {
                    Ok(()) => {}
                    Err(Refused::Crawl(error)) => return Err(error),
                    Err(Refused::Item(error)) => failures.push(error),
                }
            }
            let position = export.checkpoint();
            let position = position.map_err(|source| CrawlError::Export {
                attempted: "write",
                path: export.path(),
                source,
            })?;
            if let Some(position) = position {
                values.insert(format!("{EXPORT}{}", export.path()), position.to_string().into_bytes());
            }
        }
        Ok((failures, values))
    }

    /// Cuts the exports back to what was kept.
    pub(super) fn begin_exports(&self, values: &Values) -> Result<(), CrawlError> {
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
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
