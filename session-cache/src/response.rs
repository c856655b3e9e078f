//! What comes back from the record.

use std::time::SystemTime;

use silkroute_core::{Response, ResponseParts};

/// Where the meta of every response that came through a cache says what the cache did: `replayed`, `recorded`, `revalidated` (on
/// record, and the site said that it still holds), `off`, or `not recorded: ` and why.
pub const STATUS_META: &str = "cache.status";

/// Where the meta of a response says when it was recorded, as in `2026-11-21T07:52:00Z`.
pub const RECORDED_AT_META: &str = "cache.recorded_at";

/// A response from the record. One that was fetched is of the type that its own session makes.
#[derive(Debug)]
pub struct CachedResponse {
    pub(crate) parts: ResponseParts,
    pub(crate) recorded_at: SystemTime,
    pub(crate) kind: String,
}

impl CachedResponse {
    /// When it was recorded, or when the site last said that it still holds.
    pub fn recorded_at(&self) -> SystemTime {
        self.recorded_at
    }

    /// The kind of the session that fetched it.
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

impl Response for CachedResponse {
    fn parts(&self) -> &ResponseParts {
        &self.parts
    }

    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.parts
    }
}
