//! How long a replayed response takes.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use silkroute_core::duration;

/// How long a replayed response takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub enum Latency {
    /// No time at all.
    #[default]
    None,
    /// As long as it took when it was recorded.
    Recorded,
    /// Always this long.
    Fixed(Duration),
}

impl Latency {
    /// The time for a response that took so long when it was recorded.
    pub(crate) fn of(self, recorded: Duration) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Recorded => recorded,
            Self::Fixed(time) => time,
        }
    }
}

impl TryFrom<String> for Latency {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "none" => Ok(Self::None),
            "recorded" => Ok(Self::Recorded),
            time => duration::parse(time)
                .map(Self::Fixed)
                .map_err(|reason| format!("neither \"none\" nor \"recorded\": {reason}")),
        }
    }
}
