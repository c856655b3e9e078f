//! robots.txt: what it says, and who reads it.

mod rules;

use std::time::Duration;

pub(crate) use rules::READ_AT_MOST;
pub use rules::RobotsRules;

/// How a crawl obeys robots.txt.
///
/// It is fetched once for each host and kept for a day, or as long as [`expires_after`](Self::expires_after) says. By
/// RFC 9309, where it does not exist (4xx) everything is allowed, and where it cannot be had (5xx, no answer) nothing
/// is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotsPolicy {
    pub(crate) agent: String,
    pub(crate) expires_after: Duration,
}

impl RobotsPolicy {
    /// Obeys the rules for this agent, such as `MyBot`, and where it is not named those for all.
    pub fn obey(agent: impl Into<String>) -> Self {
        Self {
            agent: agent.into(),
            expires_after: Duration::from_secs(24 * 60 * 60),
        }
    }

    /// Obeys the rules for all agents: right for a crawl that calls itself a browser, for which no robots.txt has rules
    /// of its own.
    pub fn obey_as_anyone() -> Self {
        Self::obey("")
    }

    /// How long the rules of a host are kept; a day, the most that RFC 9309 recommends.
    #[must_use]
    pub fn expires_after(mut self, age: Duration) -> Self {
        self.expires_after = age;
        self
    }
}
