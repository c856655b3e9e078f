//! What the engine knows of one host.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::scout::Scout;
use crate::RobotsRules;
use crate::frontier::Rank;
use crate::host_settings::Pace;

/// A host, as far as its turn is concerned.
pub(super) struct Host {
    pub(super) pace: Pace,
    /// Its lanes, one for each session that has had work for it; few.
    pub(super) lanes: Vec<Lane>,
    /// Whether its lanes stand in the sessions' rows. Closed while it is full, early, or its robots.txt is on the way.
    pub(super) open: bool,
    pub(super) in_flight: usize,
    /// No request starts before.
    pub(super) not_before: Instant,
    /// What the throttle came to; `None` before its first response.
    pub(super) delay: Option<Duration>,
    pub(super) robots: Robots,
    /// The rules that have expired, while it is asked for new ones.
    pub(super) former: Option<Arc<RobotsRules>>,
    /// How often its robots.txt was asked for in vain.
    pub(super) robots_failures: u32,
    pub(super) scout: Scout,
    /// When a timer opens it.
    pub(super) timed: Option<Instant>,
    /// Whether it stands among those that may be forgotten.
    pub(super) listed_idle: bool,
}

/// The requests of one session for one host.
pub(super) struct Lane {
    pub(super) session: usize,
    /// What the frontier calls it.
    pub(super) name: Arc<str>,
    /// The rank of its first request; `None`: it has none, as far as is known.
    pub(super) head: Option<Rank>,
}

#[derive(Clone)]
pub(super) enum Robots {
    Unknown,
    /// It was asked for in vain, and is again when the host is due.
    Waiting,
    /// One request fetches it; the others wait.
    Loading,
    Known {
        rules: Arc<RobotsRules>,
        until: Instant,
    },
}

impl Host {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            lanes: Vec::new(),
            open: true,
            in_flight: 0,
            not_before: now,
            delay: None,
            robots: Robots::Unknown,
            former: None,
            robots_failures: 0,
            scout: Scout::Unsent,
            timed: None,
            listed_idle: false,
        }
    }

    /// Whether it has as many requests under way as it may.
    pub(super) fn is_full(&self) -> bool {
        self.pace.concurrency.is_some_and(|places| self.in_flight >= places)
    }

    /// The delay that the crawl or its robots.txt asks for.
    pub(super) fn floor(&self) -> Duration {
        let asked = match &self.robots {
            Robots::Known { rules, .. } => rules.crawl_delay().unwrap_or_default(),
            Robots::Unknown | Robots::Waiting | Robots::Loading => Duration::ZERO,
        };
        self.pace.delay.max(asked)
    }

    /// Whether nothing would be lost but what was learnt of it.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.in_flight == 0
            && self.not_before <= now
            && !matches!(self.robots, Robots::Loading)
            && self.lanes.iter().all(|lane| lane.head.is_none())
    }
}
