//! What happens by itself when its time has come.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::Engine;
use crate::{CrawlError, Spider};

impl<S: Spider> Engine<S> {
    /// Sleeps until the next thing is due, for as long as the crawl goes on. The only timer of a crawl.
    pub(super) async fn tick(self: Arc<Self>) {
        while !self.control.over.is_cancelled() {
            let due = self.control.lock().due();
            let sleep = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {
                    self.send_again().await;
                    self.control.lock().schedule.open_due(Instant::now());
                    self.control.work.notify_one();
                }
                () = self.control.clock.notified() => {}
                () = self.control.over.cancelled() => {}
            }
        }
    }

    /// Puts the requests that have waited long enough back into the frontier.
    async fn send_again(&self) {
        loop {
            let now = Instant::now();
            let delayed = {
                let mut state = self.control.lock();
                if state.delayed.peek().is_none_or(|delayed| delayed.due > now) {
                    return;
                }
                // It counts as active on its way, so that the crawl does not end meanwhile.
                state.active += 1;
                state.delayed.pop()
            };
            let Some(delayed) = delayed else { return };
            let lane = Arc::clone(&delayed.entry.lane);
            let released = self.frontier.release(delayed.lease, delayed.entry).await;
            let mut state = self.control.lock();
            state.active -= 1;
            match released {
                Ok(rank) => {
                    state.pending += 1;
                    state.schedule.offer(&delayed.host, &lane, delayed.session, rank, now);
                }
                Err(source) => {
                    drop(state);
                    return self.control.fail(CrawlError::frontier("take a request back", source));
                }
            }
        }
    }
}
