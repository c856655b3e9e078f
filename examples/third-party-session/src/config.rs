//! What a session is configured with.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Latency;

/// What an archive session is configured with.
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveConfig {
    /// The HAR file, version 1.2 or 1.3. It is read when the session starts, and again with every start.
    pub path: PathBuf,
    /// Whether requests with headers, cookies or a proxy are refused, which a recording cannot honour. `false` answers
    /// them all the same, as if they had none. Default: true.
    #[serde(default = "yes")]
    pub strict: bool,
    /// How long responses take: "none", "recorded" for as long as they took when they were recorded, or a time such as
    /// "250ms". Default: "none".
    #[serde(default)]
    pub latency: Latency,
    /// The time a fetch may take when its request names none, such as "10s". Default: 30 s.
    #[serde(default = "half_a_minute", with = "silkroute_core::duration")]
    #[schemars(with = "String")]
    pub timeout: Duration,
}

impl ArchiveConfig {
    /// This file, and the defaults.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            strict: yes(),
            latency: Latency::default(),
            timeout: half_a_minute(),
        }
    }
}

fn yes() -> bool {
    true
}

fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}
