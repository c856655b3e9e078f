//! What a request may carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::SessionOptions;

/// What a request may carry for an archive session.
///
/// ```
/// use silkroute_core::{Fetch, RequestExt};
/// use silkroute_session_archive::ArchiveOptions;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let second = Fetch::get("http://shop.test/price")?.with(ArchiveOptions::default().recording(1))?;
/// # let _ = second;
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveOptions {
    /// Which of several recordings of the URL: the n-th, from 0. Default: the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<usize>,
}

impl ArchiveOptions {
    /// Sets [`recording`](Self::recording).
    #[must_use]
    pub fn recording(mut self, index: usize) -> Self {
        self.recording = Some(index);
        self
    }
}

impl SessionOptions for ArchiveOptions {
    const KIND: &'static str = "archive";
}
