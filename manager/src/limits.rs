//! What bounds the lives of the sessions.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

/// What bounds the lives of a manager's sessions. Nothing a manager does waits longer than these say.
///
/// ```
/// use std::time::Duration;
/// use silkroute_manager::{Limits, SessionManager};
///
/// let manager = SessionManager::with_limits(Limits::default().drain_timeout(Duration::from_secs(5)));
/// # let _ = manager;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    #[serde(with = "silkroute_core::duration")]
    pub(crate) start_timeout: Duration,
    #[serde(with = "silkroute_core::duration")]
    pub(crate) drain_timeout: Duration,
    #[serde(with = "silkroute_core::duration")]
    pub(crate) close_timeout: Duration,
    #[serde(with = "silkroute_core::duration")]
    pub(crate) backoff_base: Duration,
    #[serde(with = "silkroute_core::duration")]
    pub(crate) backoff_max: Duration,
    pub(crate) failures_in_a_row: NonZeroU32,
    #[serde(with = "silkroute_core::duration")]
    pub(crate) stable_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(10),
            backoff_base: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            failures_in_a_row: NonZeroU32::MIN.saturating_add(7),
            stable_after: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// The time a session may take to start; 60 s. One that takes longer has failed to start.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// The time that running fetches get to finish when their session is closed, popped, removed, recycled or found
    /// dead; 30 s. Then they are cancelled.
    #[must_use]
    pub fn drain_timeout(mut self, limit: Duration) -> Self {
        self.drain_timeout = limit;
        self
    }

    /// The time a session may take to close; 10 s. One that takes longer is given up and reported.
    #[must_use]
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.close_timeout = limit;
        self
    }

    /// How long requests are refused after a failed start: `base`, doubled with each further failure up to `max`, less up
    /// to a quarter at random so that many processes do not come back at once. 1 s and 60 s.
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.backoff_base = base;
        self.backoff_max = max;
        self
    }

    /// How many starts or lives may fail in a row before the manager stops trying by itself; 8. A session that dies
    /// before [`stable_after`](Self::stable_after) has failed too.
    #[must_use]
    pub fn failures_in_a_row(mut self, limit: u32) -> Self {
        self.failures_in_a_row = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// How long a session that dies must have lived for its earlier failures to be forgotten; 30 s. One that is alive when it
    /// is closed, however soon, has them forgotten too.
    #[must_use]
    pub fn stable_after(mut self, lifetime: Duration) -> Self {
        self.stable_after = lifetime;
        self
    }

    pub(crate) fn backoff_after(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let full = self.backoff_base.saturating_mul(1 << doublings).min(self.backoff_max);
        full.mul_f64(1.0 - 0.25 * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_limit_with_a_quarter_of_jitter() {
        let limits = Limits::default().backoff(Duration::from_secs(1), Duration::from_secs(8));
        for (failures, full) in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (u32::MAX, 8.0)] {
            for _ in 0..100 {
                let wait = limits.backoff_after(failures).as_secs_f64();
                assert!((full * 0.75..=full).contains(&wait), "{failures} failures: {wait}");
            }
        }
    }
}
