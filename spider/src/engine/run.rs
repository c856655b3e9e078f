//! A crawl from its first task to its last.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument as _;

use super::control::State;
use super::{Control, Engine, workers};
use crate::crawl::Ended;
use crate::error::panicked;
use crate::frontier::Durable;
use crate::{CrawlError, Result, Spider};

/// How long pages that were fetched may take to be kept, and brought to the disk, when a crawl that is over has had its time
/// or is cut off; then how long its state and the ends of its exports may take; and then how long its frontier may take to let
/// go. A disk takes some milliseconds for that; pages that it does not take are fetched again by the next run.
const LAST: Duration = Duration::from_secs(5);

impl<S: Spider> Engine<S> {
    /// Runs until the crawl has ended and nothing of it is left. Dropping the future ends all its tasks.
    pub(crate) async fn run(self: &Arc<Self>) -> Result<(), CrawlError> {
        let mut began = self.resume().await?;
        if began {
            self.unless_drained(self.resume_sessions()).await;
            began = match self.start_spider().await {
                Ok(began) => began,
                Err(error) if self.ledger.is_none() => return Err(error),
                // The exports of an earlier run have lost their ends, and get them back.
                Err(error) => {
                    self.control.fail(error);
                    false
                }
            };
        }
        if began {
            self.unless_drained(self.resume_those_started()).await;
            tokio::select! {
                biased;
                () = self.meet_visitor() => {}
                () = self.drained() => {}
            }
            let mut ledger = JoinSet::new();
            ledger.spawn(Arc::clone(self).keep_ledger().in_current_span());
            self.crawl().await;
            self.close_ledger();
            self.last_pages(ledger).await;
        }
        let late = late(&self.control, self.settings.drain_timeout).boxed().shared();
        self.save_end(late.clone()).await;
        if began && let Err(error) = self.close_spider().await {
            self.hook_failed(&error);
        }
        let finished = self.finish_exports(late).await;
        let mut state = self.control.lock();
        state.settle_stats();
        // Why the crawl could not go on is the cause of what followed.
        match state.error.take() {
            Some(error) => Err(error),
            None => finished,
        }
    }

    /// Tells the spider that it begins; `false`: the crawl was ended before the spider was ready.
    async fn start_spider(&self) -> Result<bool, CrawlError> {
        let started = AssertUnwindSafe(async { self.spider.on_start(&self.sessions).await }).catch_unwind();
        let started = tokio::select! {
            biased;
            () = self.drained() => {
                tracing::warn!(spider = self.spider.name(), "on_start was cut off");
                return Ok(false);
            }
            started = started => started,
        };
        let started = started.unwrap_or_else(|panic| Err(panicked("on_start", &*panic)));
        started.map(|()| true).map_err(|source| CrawlError::OnStart {
            spider: self.spider.name().to_owned(),
            source,
        })
    }

    /// Tells the spider that it is over.
    async fn close_spider(&self) -> Result {
        let limit = self.settings.drain_timeout;
        let closed = AssertUnwindSafe(async { self.spider.on_close().await }).catch_unwind();
        tokio::select! {
            biased;
            closed = tokio::time::timeout(limit, closed) => match closed {
                Ok(closed) => closed.unwrap_or_else(|panic| Err(panicked("on_close", &*panic))),
                Err(_) => Err(format!("on_close did not come back within {limit:?}").into()),
            },
            () = self.control.cut.cancelled() => Err("on_close was cut off".into()),
        }
    }

    /// Waits for sessions, which may take their time. What they were not given is there for the next run.
    async fn unless_drained(&self, given: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = given => {}
            () = self.drained() => {
                tracing::warn!(spider = self.spider.name(), "sessions go without the state of the run before");
            }
        }
    }

    /// Comes back when a crawl that is over has had its time, or is cut off.
    pub(super) async fn drained(&self) {
        self.control.over.cancelled().await;
        had_its_time(&self.control, self.settings.drain_timeout).await;
    }

    /// Waits until what the last pages left is on the disk, or has had its time too.
    async fn last_pages(&self, mut ledger: JoinSet<()>) {
        let late = async {
            self.drained().await;
            sleep(LAST).await;
        };
        tokio::select! {
            biased;
            Some(joined) = ledger.join_next() => {
                if let Err(error) = joined {
                    self.control.fail(CrawlError::Engine(error.to_string()));
                }
            }
            () = late => {
                let active = self.control.lock().active;
                tracing::warn!(spider = self.spider.name(), active, "the disk did not take the last pages in time");
                ledger.shutdown().await;
            }
        }
    }

    async fn crawl(self: &Arc<Self>) {
        let begun = {
            let mut state = self.control.lock();
            state.begun = Instant::now();
            state.stats.started_at.get_or_insert_with(SystemTime::now);
            self.end_if_enough(&mut state);
            state.begun
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(self).feed().in_current_span());
        tasks.spawn(Arc::clone(self).tick().in_current_span());
        tasks.spawn(Arc::clone(self).save_now_and_then().in_current_span());
        #[cfg(feature = "progress")]
        tasks.spawn(Arc::clone(self).show_progress());
        for _ in 0..workers(&self.settings) {
            tasks.spawn(Arc::clone(self).work().in_current_span());
        }
        let time_is_up = async {
            match self.settings.max_time.and_then(|most| begun.checked_add(most)) {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(time_is_up);
        let drained = self.drained();
        tokio::pin!(drained);
        let mut timed = false;
        loop {
            tokio::select! {
                biased;
                task = tasks.join_next() => match task {
                    None => return,
                    Some(Ok(())) => {}
                    Some(Err(error)) => self.control.fail(CrawlError::Engine(error.to_string())),
                },
                () = &mut time_is_up, if !timed => {
                    timed = true;
                    let mut state = self.control.lock();
                    self.control.end(&mut state, Ended::MaxTime);
                }
                () = &mut drained => {
                    let active = self.control.lock().active;
                    tracing::warn!(spider = self.spider.name(), active, "pages under way were cut off");
                    tasks.abort_all();
                    while tasks.join_next().await.is_some() {}
                    return;
                }
            }
        }
    }

    /// Ends a crawl that an earlier run brought to its end or to its limit: no page will come that does.
    fn end_if_enough(&self, state: &mut State) {
        let reached = |limit: Option<u64>, count: u64| limit.is_some_and(|most| count >= most);
        self.control.end_if_done(state);
        if reached(self.settings.max_pages, state.stats.pages) {
            self.control.end(state, Ended::MaxPages);
        } else if reached(self.settings.max_items, state.stats.items) {
            self.control.end(state, Ended::MaxItems);
        }
    }

    /// After a failure as well: what can be kept is kept.
    async fn save_end(&self, late: impl Future<Output = ()>) {
        let Some(durable) = self.frontier.durable() else { return };
        let saved = tokio::select! {
            biased;
            saved = self.save(true) => saved,
            () = late => Err(disk_hangs("keep the state of the crawl", durable)),
        };
        if let Err(error) = saved {
            self.control.fail(error);
        }
    }

    async fn finish_exports(self: &Arc<Self>, late: impl Future<Output = ()>) -> Result<(), CrawlError> {
        if self.ledger.is_none() {
            return self.exports.finish();
        }
        tokio::select! {
            biased;
            finished = self.on_exports(|engine| engine.exports.finish()) => finished,
            () = late => Err(self.exports.leave()),
        }
    }
}

async fn had_its_time(control: &Control, drain_timeout: Duration) {
    tokio::select! {
        () = sleep(drain_timeout) => {}
        () = control.cut.cancelled() => {}
    }
}

/// Comes back when the disk has had its time for what is left of a crawl: as long as pages under way have, and a little more;
/// no more than that little where the crawl is cut off.
pub(crate) async fn late(control: &Control, drain_timeout: Duration) {
    had_its_time(control, drain_timeout).await;
    sleep(LAST).await;
}

/// That a frontier does not come back.
pub(crate) fn disk_hangs(attempted: &'static str, frontier: &dyn Durable) -> CrawlError {
    let home = frontier.home();
    let told = format!(
        "the disk of {home} did not answer in time; pages that were counted are safe, and the next run fetches those that it does not \
         find: look after the disk first, then run the crawl on it again"
    );
    CrawlError::frontier(attempted, told)
}
