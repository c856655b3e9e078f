//! A crawl that runs, from outside.

use std::fmt;
use std::sync::Arc;

use super::Ended;
use crate::Stats;
use crate::engine::Control;

/// A crawl that runs: to look at it, to pause it, to stop it. A cheap clone.
#[derive(Clone)]
pub struct CrawlHandle {
    control: Arc<Control>,
}

impl CrawlHandle {
    pub(super) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Ends the crawl when the pages under way are done, or the [drain timeout](crate::Settings::drain_timeout) has
    /// passed. One that is ending already, by an earlier call, a signal or a limit, it ends at once. On a frontier that
    /// outlives the process, what is fetched already is kept first. That takes some milliseconds, and up to 2 s where a
    /// session does not say what it keeps; a disk that does not answer is given 5 s for the last pages, 5 s for the state of
    /// the crawl and its exports, and 5 s to let go of the frontier.
    pub fn stop(&self) {
        self.control.interrupt();
    }

    /// Like the first [`stop`](Self::stop), and no more than that.
    pub(super) fn end(&self) {
        self.control.end(&mut self.control.lock(), Ended::Stopped);
    }

    /// Sends nothing more until [`resume`](Self::resume). What is under way goes on.
    pub fn pause(&self) {
        self.control.pause(true);
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.control.pause(false);
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.control.lock().is_paused()
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.control.stats()
    }

    /// Why it ended; `None` while it goes on. Pages may still be under way.
    pub fn ended(&self) -> Option<Ended> {
        self.control.lock().ended
    }
}

impl fmt::Debug for CrawlHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrawlHandle")
            .field("paused", &self.is_paused())
            .field("ended", &self.ended())
            .finish()
    }
}
