//! What a request may say to a cache.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::SessionOptions;

/// What a cache does about a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// Answers from the record alone; what is not on record is an error. The other session is never started.
    Replay,
    /// Answers from the record, and fetches and records what is missing.
    #[default]
    Record,
    /// Fetches everything, and records it in place of what was there.
    Refresh,
    /// Fetches, and leaves the record alone.
    Off,
}

/// What a request may say to a cache. Options of the kind that it stands before are beside it, under that kind's name.
///
/// ```
/// use silkroute_core::{Fetch, RequestExt};
/// use silkroute_session_cache::{CacheMode, CacheOptions};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let request = Fetch::get("https://shop.test/prices")?.with(CacheOptions::default().mode(CacheMode::Refresh))?;
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheOptions {
    /// What to do about this request: replay, record, refresh or off. A session that replays takes no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<CacheMode>,
}

impl CacheOptions {
    /// Sets [`mode`](Self::mode).
    #[must_use]
    pub fn mode(mut self, mode: CacheMode) -> Self {
        self.mode = Some(mode);
        self
    }
}

impl SessionOptions for CacheOptions {
    const KIND: &'static str = "cache";
}
