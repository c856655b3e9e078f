//! Climbing from session to session until one gets the page.

mod detection;
mod memory;
mod shell;

use serde::{Deserialize, Serialize};

use crate::CrawlError;

pub use self::detection::{BlockDetection, BlockReason};
pub(crate) use self::memory::Memory;

/// A ladder of sessions, the cheapest first. A request whose response is a block, a challenge, or a page that only a
/// browser could fill, goes on to the next session, with its headers, cookies, body and options. What worked for a host is
/// remembered: the next requests to it go there at once, and now and then one tries the rung below.
///
/// It is for requests of the sessions on the ladder; one that names a session in its middle begins there, and is never
/// taken below. A request that failed on the last rung is retried there as the crawl's
/// [`blocked_retry`](crate::Settings::blocked_retry) says.
///
/// ```
/// use silkroute_spider::{BlockDetection, Escalation, Settings};
///
/// let ladder = Escalation::ladder(["http", "dynamic", "stealth"])
///     .detection(BlockDetection::default().marker("Please verify you are human"))
///     .retry_lower_every(100);
/// let settings = Settings::default().escalation(ladder);
/// # let _ = settings;
/// ```
///
/// It is data: `{"ladder": ["http", "dynamic"], "retry_lower_every": 100}`.
///
/// The identity of a session is its own. Give the sessions of a ladder the same [`Identity`](silkroute_core::Identity),
/// and a site sees one visitor who changes from one to the other with the cookies of both: `impersonate(identity)` of an
/// `http` session, `identity(&identity)` of a `stealth` one. A `dynamic` session takes its words alone, as
/// `user_agent(..)` with [`Identity::user_agent`](silkroute_core::Identity::user_agent). Where their `User-Agent`s
/// differ, the crawl warns of it when a page first climbs from one to the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[doc(alias = "fallback")]
pub struct Escalation {
    pub(crate) ladder: Vec<String>,
    #[serde(default)]
    pub(crate) detection: BlockDetection,
    #[serde(default = "remember_hosts")]
    pub(crate) remember_hosts: usize,
    #[serde(default = "retry_lower_every")]
    pub(crate) retry_lower_every: u32,
    #[serde(default = "share_cookies")]
    pub(crate) share_cookies: bool,
}

fn remember_hosts() -> usize {
    10_000
}

fn retry_lower_every() -> u32 {
    50
}

fn share_cookies() -> bool {
    true
}

impl Escalation {
    /// A ladder of these sessions, the first the one to begin with.
    pub fn ladder<S: Into<String>>(sessions: impl IntoIterator<Item = S>) -> Self {
        Self {
            ladder: sessions.into_iter().map(Into::into).collect(),
            detection: BlockDetection::default(),
            remember_hosts: remember_hosts(),
            retry_lower_every: retry_lower_every(),
            share_cookies: share_cookies(),
        }
    }

    /// What a block is; by default what [`BlockDetection::default`] says.
    #[must_use]
    pub fn detection(mut self, detection: BlockDetection) -> Self {
        self.detection = detection;
        self
    }

    /// For how many hosts it remembers what worked; 10,000, those learnt last. 0: for none.
    #[must_use]
    pub fn remember_hosts(mut self, hosts: usize) -> Self {
        self.remember_hosts = hosts;
        self
    }

    /// Of how many requests to a host one tries the rung below what works; 50. If it gets the page, that rung is what
    /// works; if not, it climbs as any. 0: none.
    #[must_use]
    pub fn retry_lower_every(mut self, requests: u32) -> Self {
        self.retry_lower_every = requests;
        self
    }

    /// Whether the cookies that a session has for a host go along, the first time that a request for it goes from there to
    /// another session; they do, between sessions that can give and take them. Those that are tied to the visitor,
    /// `cf_clearance` and `__cf_bm`, only where both sessions say the same `User-Agent`, or one does not say its own.
    #[must_use]
    pub fn share_cookies(mut self, share: bool) -> Self {
        self.share_cookies = share;
        self
    }

    /// The rung of a session.
    pub(crate) fn rung(&self, session: &str) -> Option<usize> {
        self.ladder.iter().position(|rung| rung == session)
    }

    pub(crate) fn settle(&self, sessions: &[String]) -> Result<(), CrawlError> {
        let refused = |reason| CrawlError::Setting {
            setting: "escalation",
            reason,
        };
        if let Some(missing) = self.ladder.iter().find(|rung| !sessions.contains(rung)) {
            let available = sessions.join(", ");
            return Err(refused(format!(
                "there is no session '{missing}' for the ladder {}; available: {available}",
                self.ladder.join(" -> ")
            )));
        }
        match self
            .ladder
            .iter()
            .enumerate()
            .find(|(index, rung)| self.rung(rung) != Some(*index))
        {
            Some((_, twice)) => Err(refused(format!("session '{twice}' stands on the ladder twice"))),
            None => Ok(()),
        }
    }
}

/// How a request came to another session than the one it asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Climb {
    /// The session it asked for.
    pub from: String,
    /// Why that session, or the last one it came through, was not enough.
    pub reason: BlockReason,
    /// Whether this was known of its host, and the request went there at once.
    pub remembered: bool,
    /// Whether it tries, below what works for its host, if less is enough.
    #[serde(default)]
    pub retried_lower: bool,
}
