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
/// On the way up cookies go along, and on the way back down the identity, too: an `http` session that got the cookies of a
/// `stealth` one for a host looks like its browser to that host, in `User-Agent`, client hints and languages, so that a
/// clearance the browser got is good for it. A browser that has started cannot become another: to be one visitor on the way
/// up as well, give the sessions the same [`Identity`](silkroute_core::Identity), by `impersonate(identity)` of `http`
/// and `identity(&identity)` of `stealth`. A `dynamic` session has none to go along; it takes the words alone, as
/// `user_agent(..)` with [`Identity::user_agent`](silkroute_core::Identity::user_agent). Where `User-Agent`s differ and the
/// lower session cannot be the upper one, the crawl warns of it when a page first climbs from one to the other. A clearance is
/// mostly bound to an address, too, which nothing here compares: give the sessions the same proxy.
///
/// A request that names an [`identity`](silkroute_core::RequestParts::identity) itself passes by the sessions that
/// [cannot be it](silkroute_core::Session::can_be), which are started to be asked; where none above can, it is blocked where it
/// is.
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
    #[serde(default = "share_identity")]
    pub(crate) share_identity: bool,
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

fn share_identity() -> bool {
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
            share_identity: share_identity(),
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

    /// Of how many requests to a host one tries a rung below what works; 50. If it gets the page, that rung is what
    /// works; if not, it climbs as any. Lower rungs take turns, from the next one down to the one that was asked for. 0: none.
    #[must_use]
    pub fn retry_lower_every(mut self, requests: u32) -> Self {
        self.retry_lower_every = requests;
        self
    }

    /// Whether the cookies that a session has for a host go along, the first time that a request for it goes from there to
    /// another session; they do, between sessions that can give and take them. Those that are tied to the visitor,
    /// `cf_clearance` and `__cf_bm`, only where both sessions say the same `User-Agent`, or one does not say its own, or the
    /// [identity goes along](Self::share_identity); these go down with each request that tries a lower rung. With an identity
    /// they go to the one host, whatever domain they are for, and where the host is `https` only there.
    #[must_use]
    pub fn share_cookies(mut self, share: bool) -> Self {
        self.share_cookies = share;
        self
    }

    /// Whether a lower session that got the cookies of a higher one for a host looks like that one in its requests to the
    /// host, where it [can](silkroute_core::Session::can_be): it does. A request that names an `identity` or a `User-Agent` of
    /// its own, or `impersonate` among its options, keeps to that. Remembered for as many hosts as
    /// [`remember_hosts`](Self::remember_hosts) says.
    #[must_use]
    pub fn share_identity(mut self, share: bool) -> Self {
        self.share_identity = share;
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
