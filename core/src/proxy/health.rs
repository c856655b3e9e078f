//! How a proxy of a pool fares: what counts for it and against it, and when it is to be left out.

use std::time::{Duration, Instant};

use serde::Serialize;

/// How many requests the moving averages look back on, as the plain average over so many would: the newest counts
/// 2 / (N + 1), and each one before it less by that share. 20 requests, and half of them failed, are also what Hystrix asks
/// for by default before it opens a circuit (`requestVolumeThreshold`, `errorThresholdPercentage`,
/// <https://github.com/Netflix/Hystrix/wiki/Configuration>). That a row of failures and a rate of them both put one out is
/// Finagle's "hybrid" failure accrual.
const WINDOW: u32 = 20;
/// The share of failures at which a proxy fails most of the time.
const MOSTLY: f64 = 0.5;
/// The least share of its turns that a proxy gets while it is not left out, so that one that is well again is noticed.
const LEAST_SHARE: f64 = 0.1;

/// What came of a request, as far as it tells of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Worked,
    /// It did its part, and the site did not want who came through it.
    Blocked,
    Failed,
}

#[derive(Clone, Default)]
pub(super) struct Health {
    successes: u64,
    blocks: u64,
    failures: u64,
    failures_in_a_row: u32,
    /// The share of the recent requests that failed, and of those that were blocked.
    failed: f64,
    blocked: f64,
    until: Option<Instant>,
    /// How often it was left out since it was last good.
    left_out: u32,
    /// The part of a turn that it has given up since it last gave up a whole one.
    given_up: f64,
}

impl Health {
    pub(super) fn is_cooling(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn cooling_for(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }

    /// From 1, for one that works, to 0.
    pub(super) fn score(&self) -> f64 {
        (1.0 - self.failed - self.blocked).max(0.0)
    }

    /// The share of its turns that it gets beside one with the best score.
    pub(super) fn share(&self, best: f64) -> f64 {
        if best > 0.0 {
            (self.score() / best).clamp(LEAST_SHARE, 1.0)
        } else {
            1.0
        }
    }

    /// Whether it takes its turn. One with a lower score than the best gives up a part of each, and now and then a whole one.
    pub(super) fn takes_turn(&mut self, best: f64) -> bool {
        self.given_up += 1.0 - self.share(best);
        if self.given_up < 1.0 {
            return true;
        }
        self.given_up -= 1.0;
        false
    }

    /// Counts what came of a request: whether the proxy is to be left out for it.
    pub(super) fn note(&mut self, outcome: Outcome, max_failures: u32, now: Instant) -> bool {
        match outcome {
            Outcome::Worked => self.successes += 1,
            Outcome::Blocked => self.blocks += 1,
            Outcome::Failed => self.failures += 1,
        }
        let failed = outcome == Outcome::Failed;
        if self.is_cooling(now) && (failed || self.fails_mostly()) {
            // Of a request that was under way when the proxy was left out: it tells nothing new.
            return false;
        }
        // Of a proxy with no failures before, the row that is allowed is never most of them.
        let window = WINDOW.max(max_failures.saturating_mul(4));
        let newest = 2.0 / (f64::from(window) + 1.0);
        self.failed += newest * (f64::from(failed) - self.failed);
        self.blocked += newest * (f64::from(outcome == Outcome::Blocked) - self.blocked);
        if failed {
            self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            return self.failures_in_a_row >= max_failures || self.fails_mostly();
        }
        self.failures_in_a_row = 0;
        if !self.fails_mostly() {
            self.until = None;
            self.left_out = 0;
        }
        false
    }

    /// Leaves it out, the first time for `base`, and twice as long each time it comes to that again before it is good.
    pub(super) fn leave_out(&mut self, base: Duration, max: Duration, now: Instant) {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        let cooldown = base.saturating_mul(2_u32.saturating_pow(self.left_out)).min(max);
        self.left_out = self.left_out.saturating_add(1);
        // One too long to add up never ends.
        self.until = now.checked_add(cooldown.min(CENTURY));
    }

    fn fails_mostly(&self) -> bool {
        self.failed >= MOSTLY
    }

    pub(super) fn told_of(&self, proxy: String, now: Instant) -> ProxyHealth {
        ProxyHealth {
            proxy,
            successes: self.successes,
            blocks: self.blocks,
            failures: self.failures,
            consecutive_failures: self.failures_in_a_row,
            score: self.score(),
            cooling_for: self.cooling_for(now),
        }
    }
}

/// How a proxy of a pool has fared.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProxyHealth {
    /// The proxy, without credentials.
    pub proxy: String,
    /// How often it worked.
    pub successes: u64,
    /// How often it worked, and the site blocked what came through it.
    pub blocks: u64,
    /// How often it failed.
    pub failures: u64,
    /// How often it failed since it last worked.
    pub consecutive_failures: u32,
    /// The share of the recent requests that neither failed nor were blocked: a moving average over about 20, from 1, where it
    /// begins, to 0.
    pub score: f64,
    /// How long it will still be left out; `None`: it is not.
    #[serde(with = "crate::duration::option")]
    pub cooling_for: Option<Duration>,
}
