//! What all parts of a running crawl share, and what its handle turns.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Ended;
use crate::frontier::Entry;
use crate::schedule::{Schedule, Turn};
use crate::stats::LogCounts;
use crate::{CrawlError, Stats};

/// With so many requests waiting to be sent again, nothing new is sent.
const MOST_DELAYED: usize = 10_000;

/// With so many requests waiting, start requests are not asked for, even if all hosts of those are early.
const MOST_STARTS: i64 = 10_000;

pub(crate) struct Control {
    state: Mutex<State>,
    /// One place or one request came free.
    pub(super) work: Notify,
    /// Something is due earlier than was known.
    pub(super) clock: Notify,
    /// The start requests may give one more.
    pub(super) hungry: Notify,
    /// A place among the items came free, or there are as many as are wanted.
    pub(super) item_places: Notify,
    /// Nothing more is taken up.
    pub(super) over: CancellationToken,
    /// What is under way is cut off.
    pub(super) cut: CancellationToken,
}

pub(crate) struct State {
    pub(super) schedule: Schedule,
    pub(crate) stats: Stats,
    /// Where what is logged is counted, if it is.
    pub(crate) logs: Option<Arc<LogCounts>>,
    pub(super) delayed: BinaryHeap<Delayed>,
    /// Requests in the frontier. A lease may be counted before the push that it takes from, so for a moment less than
    /// none.
    pub(super) pending: i64,
    /// Turns taken and not ended.
    pub(super) active: usize,
    /// Requests that are pages, or may become some.
    pub(super) pages_taken: u64,
    /// Items that are kept, or about to be; where they are kept with their pages, those that a kill does not take.
    pub(super) items_taken: u64,
    pub(crate) starts: u64,
    pub(super) starts_done: bool,
    paused: bool,
    pub(crate) ended: Option<Ended>,
    pub(super) error: Option<CrawlError>,
    /// A session that will not start any more, and what comes of that when nothing else is left.
    pub(super) lost: Option<Lost>,
    /// Requests for such sessions fail at once.
    pub(super) gives_up: bool,
    pub(super) max_pages: Option<u64>,
    pub(super) begun: Instant,
    /// How long it took, once it is over.
    took: Option<std::time::Duration>,
    /// How long earlier runs took.
    pub(super) before: std::time::Duration,
    armed: Option<Instant>,
}

/// The session that was lost first.
pub(super) struct Lost {
    pub(super) error: CrawlError,
    /// Whether the frontier keeps what waits for it for another run.
    pub(super) kept: bool,
}

/// A request that waits to be sent again.
pub(super) struct Delayed {
    pub(super) due: Instant,
    pub(super) nth: u64,
    pub(super) lease: u64,
    pub(super) host: Arc<str>,
    pub(super) session: usize,
    pub(super) entry: Entry,
}

/// The one due first is the greatest, as the heap wants it.
impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.nth).cmp(&(self.due, self.nth))
    }
}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Delayed {}

impl Control {
    pub(crate) fn new(schedule: Schedule, stats: Stats, max_pages: Option<u64>) -> Self {
        let state = State {
            schedule,
            stats,
            logs: None,
            delayed: BinaryHeap::new(),
            pending: 0,
            active: 0,
            pages_taken: 0,
            items_taken: 0,
            starts: 0,
            starts_done: false,
            paused: false,
            ended: None,
            error: None,
            lost: None,
            gives_up: false,
            max_pages,
            begun: Instant::now(),
            took: None,
            before: std::time::Duration::ZERO,
            armed: None,
        };
        Self {
            state: Mutex::new(state),
            work: Notify::new(),
            clock: Notify::new(),
            hungry: Notify::new(),
            item_places: Notify::new(),
            over: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the crawl for this reason, unless it has ended already. What is under way is finished.
    pub(crate) fn end(&self, state: &mut State, ended: Ended) {
        if state.ended.is_none() {
            tracing::debug!(?ended, "the crawl ends");
            state.ended = Some(ended);
            self.over.cancel();
        }
    }

    pub(super) fn fail(&self, error: CrawlError) {
        tracing::error!(%error, "the crawl cannot go on");
        let mut state = self.lock();
        state.error.get_or_insert(error);
        self.end(&mut state, Ended::Failed);
    }

    /// Ends the crawl if nothing is left that could go on.
    pub(super) fn end_if_done(&self, state: &mut State) {
        if state.starts_done && state.active == 0 && state.pending <= 0 && state.delayed.is_empty() {
            self.end(state, Ended::Finished);
        }
        self.end_if_stranded(state);
    }

    /// Ends the crawl if all that is left is for sessions that do not start any more.
    fn end_if_stranded(&self, state: &mut State) {
        if state.is_stranded() {
            self.end_for_session(state);
        }
    }

    /// Ends the crawl for the session that was lost. Where nobody would keep what is left, and pages were fetched that are not to
    /// be lost with it, it goes on, and requests for such sessions fail.
    pub(super) fn end_for_session(&self, state: &mut State) {
        let Some(lost) = state.lost.take() else { return };
        if lost.kept || state.stats.pages == 0 {
            tracing::error!(error = %lost.error, "the crawl cannot go on");
            state.error.get_or_insert(lost.error);
            self.end(state, Ended::Failed);
        } else {
            state.gives_up = true;
            state.schedule.reopen_sessions();
            self.work.notify_one();
        }
    }

    /// Ends a turn, in which a page was done or not.
    pub(super) fn finish(&self, page: bool) {
        let mut state = self.lock();
        state.active -= 1;
        if page {
            state.stats.pages += 1;
            if state.max_pages.is_some_and(|most| state.stats.pages >= most) {
                self.end(&mut state, Ended::MaxPages);
            }
        } else {
            state.pages_taken -= 1;
            self.work.notify_one();
        }
        self.end_if_done(&mut state);
    }

    /// Takes the next turn, for a worker; `None`: the crawl is over.
    pub(super) async fn next(&self) -> Option<Turn> {
        loop {
            {
                let mut state = self.lock();
                if state.ended.is_some() {
                    return None;
                }
                let turn = state.take();
                if state.due() != state.armed {
                    state.armed = state.due();
                    self.clock.notify_one();
                }
                if state.wants_starts() {
                    self.hungry.notify_one();
                }
                if !matches!(turn, Turn::Wait) {
                    // One wakes the next, for as long as there is something to do.
                    if state.schedule.has_more() {
                        self.work.notify_last();
                    }
                    return Some(turn);
                }
                self.end_if_stranded(&mut state);
            }
            tokio::select! {
                () = self.work.notified() => {}
                () = self.over.cancelled() => return None,
            }
        }
    }

    /// Ends the crawl, or, when it is ending, cuts off what is under way. Says whether it was the first.
    pub(crate) fn interrupt(&self) -> bool {
        let mut state = self.lock();
        let first = state.ended.is_none();
        if first {
            self.end(&mut state, Ended::Stopped);
        } else {
            self.cut.cancel();
        }
        first
    }

    /// Comes back when what is under way is cut off.
    pub(crate) async fn cut(&self) {
        self.cut.cancelled().await;
    }

    pub(crate) fn pause(&self, paused: bool) {
        self.lock().paused = paused;
        if !paused {
            self.work.notify_one();
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().current_stats()
    }
}

impl State {
    fn take(&mut self) -> Turn {
        let enough = self.max_pages.is_some_and(|most| self.pages_taken >= most);
        if self.paused || enough || self.delayed.len() >= MOST_DELAYED {
            return Turn::Wait;
        }
        let turn = self.schedule.take(Instant::now());
        match &turn {
            Turn::Send(_) => {
                self.active += 1;
                self.pages_taken += 1;
            }
            Turn::Robots(_) => self.active += 1,
            Turn::Wait => {}
        }
        turn
    }

    fn is_stranded(&self) -> bool {
        self.lost.is_some()
            && self.active == 0
            && !self.paused
            && self.delayed.is_empty()
            && (self.starts_done || !self.wants_starts())
            && self.schedule.is_stranded()
    }

    /// Requests that wait, in the frontier or to be sent again, and those that were cut off.
    pub(crate) fn left(&self) -> u64 {
        let waiting = u64::try_from(self.pending).unwrap_or_default();
        waiting + self.delayed.len() as u64 + self.active as u64
    }

    /// Its statistics change no more.
    pub(super) fn settle_stats(&mut self) {
        self.took = Some(self.begun.elapsed());
        self.stats = self.current_stats();
    }

    pub(super) fn current_stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.elapsed = self.before + self.took.unwrap_or_else(|| self.begun.elapsed());
        if let Some(logs) = &self.logs {
            stats.log_counts = logs.so_far();
        }
        stats
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// When something happens by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        let delayed = self.delayed.peek().map(|delayed| delayed.due);
        self.schedule.next_due().into_iter().chain(delayed).min()
    }

    /// Whether fewer requests wait than could be under way, or those that wait are all for hosts whose time has not
    /// come.
    pub(super) fn wants_starts(&self) -> bool {
        let waiting = self.pending + (self.delayed.len() as i64);
        !self.starts_done
            && !self.paused
            && (waiting < self.stats.concurrency as i64 || (waiting < MOST_STARTS && self.schedule.is_short()))
    }
}
