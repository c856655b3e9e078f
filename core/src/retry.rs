//! How often to try again, and when.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often a session tries a request that may succeed later, and how long it waits in between.
///
/// The wait doubles with each failure, from `base` up to `max`. With jitter it is a random length between half of that
/// and all of it, so that those who failed together do not come back together.
///
/// ```
/// use std::time::Duration;
/// use silkroute_core::Retry;
///
/// let retry = Retry::attempts(5).base(Duration::from_millis(200)).jitter(false);
/// assert_eq!(retry.delay(1), Duration::from_millis(200));
/// assert_eq!(retry.delay(3), Duration::from_millis(800));
/// assert_eq!(retry.delay(99), Duration::from_secs(30));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// How many attempts in all, the first included. 3 by default; 0 counts as 1.
    attempts: u32,
    /// The wait after the first failure, such as "1s", which is the default.
    #[serde(with = "crate::duration")]
    #[schemars(with = "String")]
    base: Duration,
    /// The longest wait, such as "30s", which is the default.
    #[serde(with = "crate::duration")]
    #[schemars(with = "String")]
    max: Duration,
    /// Whether the wait is a random length between half and all of it. True by default.
    jitter: bool,
}

/// Three attempts in all, a second after the first failure and two after the second, with jitter.
impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_secs(1),
            max: Duration::from_secs(30),
            jitter: true,
        }
    }
}

impl Retry {
    /// So many attempts in all, the first included. 0 counts as 1.
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts: attempts.max(1),
            ..Self::default()
        }
    }

    /// One attempt and no more.
    pub fn none() -> Self {
        Self::attempts(1)
    }

    /// The wait after the first failure. 1 second when nothing is said.
    #[must_use]
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The longest wait. 30 seconds when nothing is said.
    #[must_use]
    pub fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Whether the wait is a random length between half and all of it. It is when nothing is said.
    #[must_use]
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// How many attempts there are in all; 1 at least.
    pub fn max_attempts(&self) -> u32 {
        self.attempts.max(1)
    }

    /// How long to wait after so many failed attempts; no time after none.
    pub fn delay(&self, failed_attempts: u32) -> Duration {
        let Some(doublings) = failed_attempts.checked_sub(1) else {
            return Duration::ZERO;
        };
        let whole = self.base.saturating_mul(2_u32.saturating_pow(doublings)).min(self.max);
        if self.jitter {
            // Equal jitter: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
            let half = whole / 2;
            half + half.mul_f64(fastrand::f64())
        } else {
            whole
        }
    }

    /// How long to wait when the server has said how long: its time or [`delay`](Self::delay), whichever is longer. What
    /// the server says is not cut to the longest wait, for coming back sooner is what it asked not to do: who waits
    /// compares it with the deadline of the request.
    pub fn delay_with(&self, failed_attempts: u32, retry_after: Option<Duration>) -> Duration {
        self.delay(failed_attempts).max(retry_after.unwrap_or_default())
    }
}

/// How long a response asks to wait before the next request, by its `Retry-After`: a number of seconds, or a date, which
/// in the past is no time. `None` if it does not say, or says neither.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    fn asked(value: &str, now: SystemTime) -> Option<Duration> {
        retry_after(
            &HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]),
            now,
        )
    }

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let retry = Retry::default().jitter(false);
        let waits: Vec<_> = (0..8).map(|failed| retry.delay(failed).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(retry.delay(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn nothing_is_one_attempt() {
        assert_eq!(Retry::attempts(0), Retry::none());
        assert_eq!(Retry::none().max_attempts(), 1);
        assert_eq!(
            serde_json::from_str::<Retry>(r#"{"attempts": 0}"#)
                .unwrap()
                .max_attempts(),
            1
        );
    }

    #[test]
    fn the_server_may_ask_for_longer_and_not_for_shorter() {
        let retry = Retry::default().jitter(false);
        assert_eq!(
            retry.delay_with(1, Some(Duration::from_secs(120))),
            Duration::from_secs(120)
        );
        assert_eq!(retry.delay_with(3, Some(Duration::ZERO)), Duration::from_secs(4));
        assert_eq!(retry.delay_with(3, None), Duration::from_secs(4));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(1_445_412_480);
        assert_eq!(asked("120", now), Some(Duration::from_secs(120)));
        assert_eq!(
            asked("Wed, 21 Oct 2015 07:28:30 GMT", now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(asked("Wed, 21 Oct 2015 07:27:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(
            asked("99999999999999999999999", now),
            Some(Duration::from_secs(u64::MAX))
        );
        for neither in ["", "-1", "1.5", "soon"] {
            assert_eq!(asked(neither, now), None, "{neither}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn at_rest_it_is_four_fields() {
        let retry = Retry::attempts(4).base(Duration::from_millis(250));
        let text = r#"{"attempts":4,"base":"250ms","max":"30s","jitter":true}"#;
        assert_eq!(serde_json::to_string(&retry).unwrap(), text);
        assert_eq!(serde_json::from_str::<Retry>(text).unwrap(), retry);
        let misspelt = serde_json::from_str::<Retry>(r#"{"atempts": 2}"#)
            .unwrap_err()
            .to_string();
        assert!(misspelt.contains("`attempts`"), "{misspelt}");
    }

    proptest! {
        #[test]
        fn a_delay_is_between_half_and_all(base in 0_u64..100_000, max in 0_u64..100_000, failed in 1_u32..100) {
            let retry = Retry::default().base(Duration::from_millis(base)).max(Duration::from_millis(max));
            let whole = retry.clone().jitter(false).delay(failed);
            prop_assert!(whole <= Duration::from_millis(max));
            let delay = retry.delay(failed);
            prop_assert!(whole / 2 <= delay && delay <= whole, "{delay:?} of {whole:?}");
        }
    }
}
