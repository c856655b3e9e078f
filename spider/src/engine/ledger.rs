//! Crawls that outlive their process: what a page left goes into the frontier in one piece.
//!
//! Workers hand what their pages left to one task, which takes all that waits and gives it to the frontier in one
//! transaction. From then on a kill takes nothing of them, and their workers go on. A second task brings them to the disk,
//! with the exports: then a loss of power takes nothing of them either, they are counted, and their items are given out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::RandomState;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use silkroute_core::cookies::StorageState;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::exported::Exported;
use super::{Admission, Control, Engine, Going, Sink};
use crate::crawl::Ended;
use crate::error::panicked;
use crate::frontier::{Durable, Outcome};
use crate::{CrawlError, Spider};

/// The part of an engine that a crawl which outlives its process has besides.
pub(super) struct Ledger<I> {
    pages: Mutex<Option<mpsc::Sender<Left<I>>>>,
    inbox: Mutex<Option<mpsc::Receiver<Left<I>>>>,
    /// Pages that are kept together, at most: as many as there are workers.
    group: usize,
    /// Pages that are kept, and yet to be brought to the disk. When they are as many as there are workers, those wait.
    room: Semaphore,
    /// What exports have of the items.
    pub(super) exported: Mutex<Exported>,
    /// What sessions kept in the run before, until they were given it.
    pub(super) sessions: Mutex<BTreeMap<String, Arc<Before>>>,
    /// How many start requests an earlier run took.
    pub(super) starts: Mutex<Starts>,
    /// What was saved last, as hashes.
    pub(super) saved: Mutex<HashMap<String, u64>>,
    pub(super) hasher: RandomState,
    /// When the states of sessions that are large were kept.
    pub(super) large: Mutex<HashMap<String, Instant>>,
    /// Sessions that have no state to keep.
    pub(super) stateless: Mutex<HashSet<String>>,
}

/// What a session kept in the run before.
pub(super) struct Before {
    pub(super) state: StorageState,
    /// Held while the session is given it: who comes next finds it there, and puts newer ones on top.
    pub(super) giving: tokio::sync::Mutex<()>,
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
    page: PageItems<I>,
    /// Its worker, which waits until it is kept.
    worker: oneshot::Sender<()>,
}

/// The items of a page, on their way to the disk and to who gets them.
pub(super) struct PageItems<I> {
    pub(super) items: Vec<I>,
    /// For the exports that take them so.
    pub(super) json: Vec<Vec<u8>>,
    /// Who waits for the items, to give them to a stream when they are on the disk.
    streamer: Option<oneshot::Sender<Kept<I>>>,
}

/// The items of a page that is on the disk, on their way to a stream. Wherever the way ends, the page has ended then, as one
/// that is done.
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
    pub(super) fn new(workers: usize) -> Self {
        // A worker waits until its page is kept, so a kill costs no more pages than there are workers.
        let (pages, inbox) = mpsc::channel(workers);
        Self {
            group: workers,
            room: Semaphore::new(workers),
            pages: Mutex::new(Some(pages)),
            inbox: Mutex::new(Some(inbox)),
            exported: Mutex::default(),
            sessions: Mutex::default(),
            starts: Mutex::default(),
            saved: Mutex::default(),
            hasher: RandomState::new(),
            large: Mutex::default(),
            stateless: Mutex::default(),
        }
    }
}

impl<S: Spider> Engine<S> {
    /// Hands on what a page left, and waits until it is kept; it ends when it is on the disk. Waits too where many pages wait
    /// for the disk, and in a stream until the reader has taken its items.
    pub(super) async fn keep_page(&self, lease: u64, seen: Option<u128>, held: Held<S::Item>) {
        let Some(ledger) = &self.ledger else {
            return self.finish(false);
        };
        let Held { requests, items, json } = held;
        let (entries, going) = requests.split();
        let (streamer, on_disk) = oneshot::channel();
        let streams = matches!(self.sink, Sink::Streamed(_));
        let (worker, kept) = oneshot::channel();
        let left = Left {
            going,
            page: PageItems {
                items,
                json: if lock(&ledger.exported).by_json {
                    json.clone()
                } else {
                    Vec::new()
                },
                streamer: streams.then_some(streamer),
            },
            outcome: Outcome {
                lease,
                requests: entries,
                seen: seen.into_iter().collect(),
                items: json,
                page: true,
            },
            worker,
        };
        let pages = lock(&ledger.pages).clone();
        let Some(pages) = pages else { return self.finish(false) };
        if pages.send(left).await.is_err() || kept.await.is_err() {
            // Why nothing is kept any more has been said.
            return self.finish(false);
        }
        // Given back when the page is on the disk; closed when none will be.
        if let Ok(room) = ledger.room.acquire().await {
            room.forget();
        }
        let Sink::Streamed(stream) = &self.sink else { return };
        let Ok(mut kept) = on_disk.await else {
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

    /// Keeps what pages left until no more come, and brings it to the disk. However it ends, no worker waits for it then.
    pub(super) async fn keep_ledger(self: Arc<Self>) {
        let (Some(ledger), Some(durable)) = (&self.ledger, self.frontier.durable()) else {
            return;
        };
        let kept = AssertUnwindSafe(self.keep_pages(ledger, durable)).catch_unwind().await;
        // A frontier may be another's.
        let kept = kept.unwrap_or_else(|panic| {
            let panic = panicked("its task", &*panic);
            Err(CrawlError::frontier("keep what pages left", panic))
        });
        if let Err(error) = kept {
            self.control.fail(error);
        }
        ledger.room.close();
    }

    async fn keep_pages(self: &Arc<Self>, ledger: &Ledger<S::Item>, durable: &dyn Durable) -> Result<(), CrawlError> {
        let Some(mut inbox) = lock(&ledger.inbox).take() else {
            return Ok(());
        };
        // Never full: the room there is, and those whose workers wait for it.
        let (kept, on_their_way) = mpsc::channel(2 * ledger.group);
        let keep = async {
            let mut group = Vec::new();
            while inbox.recv_many(&mut group, ledger.group).await > 0 {
                // Pages that others are about to hand on come along.
                tokio::task::yield_now().await;
                while group.len() < ledger.group
                    && let Ok(page) = inbox.try_recv()
                {
                    group.push(page);
                }
                for page in self.keep_group(durable, std::mem::take(&mut group)).await? {
                    if kept.send(page).await.is_err() {
                        return Ok(());
                    }
                }
            }
            drop(kept);
            Ok(())
        };
        let bring = self.bring_to_disk(ledger, durable, on_their_way);
        tokio::try_join!(keep, bring).map(drop)
    }

    /// No more pages come: `keep_ledger` ends when it has kept those that came.
    pub(super) fn close_ledger(&self) {
        if let Some(ledger) = &self.ledger {
            lock(&ledger.pages).take();
        }
    }

    /// Keeps pages in one transaction. A kill takes nothing of them afterwards, so what they found may be sent.
    async fn keep_group(
        self: &Arc<Self>,
        durable: &dyn Durable,
        group: Vec<Left<S::Item>>,
    ) -> Result<Vec<PageItems<S::Item>>, CrawlError> {
        let mut outcomes = Vec::with_capacity(group.len());
        let mut goings = Vec::with_capacity(group.len());
        let mut pages = Vec::with_capacity(group.len());
        for left in group {
            outcomes.push(left.outcome);
            goings.push((left.going, left.worker));
            pages.push(left.page);
        }
        let count = pages.iter().map(|page| page.items.len()).sum::<usize>() as u64;
        let (pages, values) = self.export_before(pages).await?;
        let all = durable.commit(outcomes, values).await;
        let all = all.map_err(|source| CrawlError::frontier("keep what pages left", source))?;
        {
            let mut state = self.control.lock();
            state.items_taken += count;
            if self.settings.max_items.is_some_and(|most| state.items_taken >= most) {
                self.control.end(&mut state, Ended::MaxItems);
            }
        }
        for ((going, worker), ranks) in goings.into_iter().zip(all) {
            self.offer(going, ranks);
            // A page that was cut off meanwhile is kept all the same.
            let _ = worker.send(());
        }
        Ok(pages)
    }

    /// Brings the pages that are kept to the disk, and ends them.
    async fn bring_to_disk(
        self: &Arc<Self>,
        ledger: &Ledger<S::Item>,
        durable: &dyn Durable,
        mut kept: mpsc::Receiver<PageItems<S::Item>>,
    ) -> Result<(), CrawlError> {
        let mut pages = Vec::new();
        while kept.recv_many(&mut pages, 2 * ledger.group).await > 0 {
            self.export_behind(durable, &mut pages).await?;
            let synced = durable.sync().await;
            synced.map_err(|source| CrawlError::frontier("bring what pages left to the disk", source))?;
            ledger.room.add_permits(pages.len());
            for page in pages.drain(..) {
                self.give_out(page);
            }
        }
        Ok(())
    }

    fn give_out(&self, page: PageItems<S::Item>) {
        let PageItems {
            mut items, streamer, ..
        } = page;
        let count = items.len() as u64;
        self.meters.items.increment(count);
        self.control.lock().stats.items += count;
        if let Some(streamer) = streamer {
            let control = Arc::clone(&self.control);
            // One that was cut off meanwhile is done all the same.
            drop(streamer.send(Kept { items, control }));
            return;
        }
        if let Sink::Collected(all) = &self.sink {
            lock(all).append(&mut items);
        }
        self.finish(true);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
