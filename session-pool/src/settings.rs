//! How a pool works, apart from who is in it.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::ProxyPool;
use tokio::time::Instant;

use crate::PoolHooks;
use crate::store::Store;

/// Which identity sends a request that does not say.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assign {
    /// The one with the least to do, and of several the one that has rested longest.
    #[default]
    Spread,
    /// As few as will do: the first that has a free place.
    Fill,
    /// For the same host the same one, for as long as it is in service, over restarts too. When one is out, only its hosts move.
    Host,
    /// The same by what the request's meta says under this key; those that say nothing are spread.
    Meta(String),
}

/// How a pool works, apart from who is in it.
pub(crate) struct Settings {
    pub(crate) assign: Assign,
    pub(crate) max_blocks: Option<u32>,
    pub(crate) blocked_statuses: Vec<StatusCode>,
    pub(crate) rest: Duration,
    pub(crate) start_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) save_every: Duration,
    pub(crate) proxies: Option<ProxyPool>,
    pub(crate) hooks: Arc<dyn PoolHooks>,
    pub(crate) store: Option<Store>,
}

/// The end of a wait. One too long to add up is none that can pass: it is a century.
pub(crate) fn after(now: Instant, wait: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    now.checked_add(wait.min(CENTURY)).unwrap_or(now)
}

/// How long a session has to live for its start to have been one. One that ends before has not started.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(30);
/// After how many failed starts in a row an identity is retired.
pub(crate) const START_FAILURES: u32 = 3;
/// How long an identity that did not start rests at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How long an identity rests after so many failed starts in a row: doubled with each, less up to a quarter at random.
pub(crate) fn backoff(failures: u32) -> Duration {
    let (base, max) = BACKOFF;
    let full = base.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(max);
    full.mul_f64(1.0 - 0.25 * fastrand::f64())
}
