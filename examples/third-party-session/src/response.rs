//! What comes back.

use silkroute_core::{Response, ResponseParts};

/// A response from an archive.
#[derive(Debug)]
pub struct ArchiveResponse {
    pub(crate) parts: ResponseParts,
    pub(crate) recorded_at: String,
    pub(crate) recordings: usize,
}

impl ArchiveResponse {
    /// When it was recorded, as the archive writes it: ISO 8601, such as `2026-11-21T04:39:00.000Z`.
    pub fn recorded_at(&self) -> &str {
        &self.recorded_at
    }

    /// How many recordings of the same URL there are.
    pub fn recordings(&self) -> usize {
        self.recordings
    }
}

impl Response for ArchiveResponse {
    fn parts(&self) -> &ResponseParts {
        &self.parts
    }

    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.parts
    }
}
