//! A delay between the requests to a host that follows how the host fares.

use std::time::Duration;

use crate::CrawlError;

/// Adapts the delay between requests to each host: towards its latency divided by the concurrency aimed at, at once
/// when that is longer, by halves when it is shorter, and twice as long after every response that is an error or a
/// block. What a cache had says nothing of the host, and does not count.
///
/// ```
/// use std::time::Duration;
/// use silkroute_spider::AutoThrottle;
///
/// let throttle = AutoThrottle::default().start_delay(Duration::from_secs(1)).target_concurrency(2.0);
/// # let _ = throttle;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AutoThrottle {
    start_delay: Duration,
    max_delay: Duration,
    target_concurrency: Option<f64>,
    block_backoff: bool,
}

impl Default for AutoThrottle {
    fn default() -> Self {
        Self {
            start_delay: Duration::from_secs(5),
            max_delay: Duration::from_secs(60),
            target_concurrency: None,
            block_backoff: true,
        }
    }
}

impl AutoThrottle {
    /// The delay before anything is known of a host; 5 s.
    #[must_use]
    pub fn start_delay(mut self, delay: Duration) -> Self {
        self.start_delay = delay;
        self
    }

    /// The longest delay it comes to; 60 s. A longer one that the crawl or a host's robots.txt asks for is kept.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How many requests a host shall have in hand on average. The concurrency per host where that is limited, else 1.
    #[must_use]
    pub fn target_concurrency(mut self, requests: f64) -> Self {
        self.target_concurrency = Some(requests);
        self
    }

    /// Whether an error or a block lengthens the delay; it does.
    #[must_use]
    pub fn block_backoff(mut self, back_off: bool) -> Self {
        self.block_backoff = back_off;
        self
    }

    /// Looks at what it aims at.
    pub(crate) fn settle(&self) -> Result<Throttle, CrawlError> {
        let refused = |reason: &str| CrawlError::Setting {
            setting: "throttle",
            reason: reason.to_owned(),
        };
        if !self
            .target_concurrency
            .is_none_or(|target| target > 0.0 && target.is_finite())
        {
            return Err(refused("the target concurrency must be more than 0"));
        }
        if self.max_delay < self.start_delay {
            return Err(refused("the longest delay is shorter than the first one"));
        }
        Ok(Throttle {
            start: self.start_delay,
            max: self.max_delay,
            target: self.target_concurrency,
            block_backoff: self.block_backoff,
        })
    }
}

/// How a response came back, as far as the delay is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    pub(crate) latency: Duration,
    /// A response of 2xx that is no block.
    pub(crate) ok: bool,
    pub(crate) retry_after: Option<Duration>,
}

/// The rule of a crawl: from one delay of a host to the next. `floor` is the delay that the crawl or the host's
/// robots.txt asks for.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    start: Duration,
    max: Duration,
    target: Option<f64>,
    block_backoff: bool,
}

impl Throttle {
    pub(crate) fn first(&self, floor: Duration) -> Duration {
        self.start.min(self.max).max(floor)
    }

    /// `places` is how many requests the host may have at once, where that is limited.
    pub(crate) fn next(
        &self,
        current: Duration,
        floor: Duration,
        places: Option<usize>,
        seen: Observation,
    ) -> Duration {
        let aim = self.target.unwrap_or(places.unwrap_or(1) as f64);
        let target = Duration::try_from_secs_f64(seen.latency.as_secs_f64() / aim).unwrap_or(Duration::MAX);
        let mut next = (current.saturating_add(target) / 2).max(target);
        if !seen.ok {
            let penalty = if self.block_backoff {
                seen.retry_after.unwrap_or(current.saturating_mul(2))
            } else {
                current
            };
            next = next.max(penalty).max(current);
        }
        next.min(self.max).max(floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: Duration = Duration::ZERO;

    fn secs(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn throttle(settings: AutoThrottle) -> Throttle {
        settings.settle().unwrap()
    }

    fn seen(latency: f64, ok: bool, retry_after: Option<f64>) -> Observation {
        Observation {
            latency: secs(latency),
            ok,
            retry_after: retry_after.map(secs),
        }
    }

    #[test]
    fn it_starts_at_the_start_delay_or_at_a_longer_floor() {
        assert_eq!(throttle(AutoThrottle::default()).first(ZERO), secs(5.0));
        assert_eq!(throttle(AutoThrottle::default()).first(secs(9.0)), secs(9.0));
        assert_eq!(throttle(AutoThrottle::default()).first(secs(99.0)), secs(99.0));
    }

    #[test]
    fn the_longest_delay_does_not_undercut_the_floor() {
        let rule = throttle(AutoThrottle::default());
        for (latency, ok) in [(0.1, true), (0.1, false), (1_000.0, true)] {
            assert_eq!(
                rule.next(secs(120.0), secs(120.0), None, seen(latency, ok, None)),
                secs(120.0)
            );
        }
    }

    #[test]
    fn each_block_doubles_the_delay() {
        let rule = throttle(AutoThrottle::default());
        let mut delay = secs(1.0);
        let delays: Vec<_> = (0..5)
            .map(|_| {
                delay = rule.next(delay, ZERO, None, seen(0.01, false, None));
                delay.as_secs()
            })
            .collect();
        assert_eq!(delays, [2, 4, 8, 16, 32]);
        let calm = throttle(AutoThrottle::default().block_backoff(false));
        assert_eq!(calm.next(secs(4.0), ZERO, None, seen(0.01, false, None)), secs(4.0));
    }

    #[test]
    fn a_spike_is_taken_at_once_and_recovery_by_halves() {
        let rule = throttle(AutoThrottle::default());
        assert_eq!(rule.next(secs(1.0), ZERO, None, seen(10.0, true, None)), secs(10.0));
        let settled = (0..20).fold(secs(1.0), |delay, _| {
            rule.next(delay, ZERO, None, seen(2.0, true, None))
        });
        assert_eq!(settled, secs(2.0));
        assert_eq!(rule.next(secs(10.0), ZERO, None, seen(2.0, true, None)), secs(6.0));
        let four = throttle(AutoThrottle::default().target_concurrency(4.0));
        let settled = (0..60).fold(secs(8.0), |delay, _| {
            four.next(delay, ZERO, None, seen(2.0, true, None))
        });
        assert!(settled.abs_diff(secs(0.5)) < Duration::from_millis(1), "{settled:?}");
    }

    #[test]
    fn retry_after_sets_the_delay_within_bounds_and_never_speeds_up() {
        let rule = throttle(AutoThrottle::default());
        assert_eq!(
            rule.next(secs(1.0), ZERO, None, seen(0.1, false, Some(3_600.0))),
            secs(60.0)
        );
        assert_eq!(
            rule.next(secs(10.0), ZERO, None, seen(0.1, false, Some(0.0))),
            secs(10.0)
        );
        assert_eq!(rule.next(secs(1.0), ZERO, None, seen(0.1, false, Some(7.0))), secs(7.0));
        assert_eq!(rule.next(secs(1.0), secs(3.0), None, seen(0.1, true, None)), secs(3.0));
    }

    #[test]
    fn an_aim_that_cannot_be_reached_gives_the_longest_delay() {
        let rule = throttle(AutoThrottle::default().target_concurrency(f64::MIN_POSITIVE));
        assert_eq!(rule.next(secs(1.0), ZERO, None, seen(2.0, true, None)), secs(60.0));
    }

    #[test]
    fn what_cannot_be_aimed_at_is_refused() {
        assert!(AutoThrottle::default().target_concurrency(0.0).settle().is_err());
        assert!(AutoThrottle::default().max_delay(secs(1.0)).settle().is_err());
    }

    #[test]
    fn it_aims_at_the_places_of_the_host_unless_told_otherwise() {
        let next = |rule: Throttle| rule.next(ZERO, ZERO, Some(8), seen(4.0, true, None));
        assert_eq!(next(throttle(AutoThrottle::default())), secs(0.5));
        assert_eq!(
            next(throttle(AutoThrottle::default().target_concurrency(2.0))),
            secs(2.0)
        );
    }
}
