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
/// While the first request of a host climbs, those behind it wait for what becomes of it: once, and for 30 seconds at most. A
/// response that only says ["not now"](BlockReason::says_later) does not climb before it has come twice.
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
/// On the way up and down cookies go along, and the identity too, so that a site sees one visitor: who that is says the
/// uppermost session that can tell, found out without starting it. A `dynamic` session, which has no identity of its own, looks
/// like that in `User-Agent`, client hints and languages from its first request on. An `http` session does where it can be that
/// browser exactly, TLS included; where it can in words alone, it does for the hosts whose cookies it got from above, as a
/// clearance that the browser got is good for nobody else. [`ShareIdentity`] says how far this goes. Where `User-Agent`s differ and
/// the lower session cannot be the upper one, the crawl warns of it when a page first climbs from one to the other. A clearance is
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
    #[serde(default)]
    pub(crate) share_identity: ShareIdentity,
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

/// From when on the sessions of a ladder look like its uppermost one. What a request says itself wins: an `identity`, a
/// `User-Agent`, `impersonate` or `user_agent` among its options; so does a session whose own headers say who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShareIdentity {
    /// Never. A site sees as many visitors as sessions fetch from it, and a clearance goes to none that says another
    /// `User-Agent`.
    Never,
    /// From the first request on those that lose nothing by it: that have no identity, such as `dynamic`, or that can be the
    /// other one [exactly](silkroute_core::Session::can_be_exactly) and are of another kind, with the same system and engine. All others
    /// that [can be it](silkroute_core::Session::can_be) from when they have its cookies for a host, to that host, which is remembered for as many as
    /// [`remember_hosts`](Escalation::remember_hosts) says. The default: HTTP is in all it sends a browser that exists,
    /// until the browser's cookies matter more.
    #[default]
    WhereExact,
    /// From the first request on all that can, in words at least: one visitor by `User-Agent`, client hints, languages and
    /// cookies, also where the session was set to be another. An `http` session may then say a newer version than its TLS is of,
    /// to all sites. For sites that tie a login to the `User-Agent`.
    Always,
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
            share_identity: ShareIdentity::default(),
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
    /// works; if not, it climbs as any, and without a response goes back to what works. Lower rungs take turns, from the next one down to the one that was asked for. 0: none.
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

    /// Whether, and from when on, sessions look like the uppermost of the ladder; [`ShareIdentity::WhereExact`].
    #[must_use]
    pub fn share_identity(mut self, share: ShareIdentity) -> Self {
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
