//! How a crawl behaves.

use std::collections::BTreeMap;
use std::time::Duration;

use silkroute_core::{FingerprintRules, Retry};

use crate::host_settings::{Pace, Paces};
use crate::offsite::AllowedHosts;
use crate::throttle::Throttle;
use crate::{AutoThrottle, CrawlError, Escalation, HostSettings, Order, RobotsPolicy};

/// How a crawl behaves. A spider gives its own with [`Spider::settings`](crate::Spider::settings); the crawl builder
/// changes them for one crawl.
///
/// ```
/// use std::time::Duration;
/// use silkroute_spider::Settings;
///
/// let settings = Settings::default()
///     .concurrency(64)
///     .host_concurrency(8)
///     .download_delay(Duration::from_millis(250))
///     .max_pages(10_000);
/// # let _ = settings;
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) concurrency: usize,
    pub(crate) host_concurrency: Option<usize>,
    pub(crate) hosts: Vec<(String, HostSettings)>,
    pub(crate) session_concurrency: BTreeMap<String, usize>,
    pub(crate) download_delay: Duration,
    pub(crate) throttle: Option<AutoThrottle>,
    pub(crate) retry: Retry,
    pub(crate) blocked_retry: Retry,
    pub(crate) max_retry_after: Duration,
    pub(crate) robots: Option<RobotsPolicy>,
    pub(crate) escalation: Option<Escalation>,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) order: Order,
    pub(crate) fingerprint: FingerprintRules,
    pub(crate) max_depth: Option<u32>,
    pub(crate) max_pages: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) max_time: Option<Duration>,
    pub(crate) drain_timeout: Duration,
    pub(crate) stream_buffer: usize,
    #[cfg(feature = "progress")]
    pub(crate) progress: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            host_concurrency: None,
            hosts: Vec::new(),
            session_concurrency: BTreeMap::new(),
            download_delay: Duration::ZERO,
            throttle: None,
            retry: Retry::attempts(3),
            blocked_retry: Retry::attempts(4),
            max_retry_after: Duration::from_secs(600),
            robots: None,
            escalation: None,
            allowed_hosts: Vec::new(),
            order: Order::BreadthFirst,
            fingerprint: FingerprintRules::default(),
            max_depth: None,
            max_pages: None,
            max_items: None,
            max_time: None,
            drain_timeout: Duration::from_secs(30),
            stream_buffer: 100,
            #[cfg(feature = "progress")]
            progress: false,
        }
    }
}

/// Writes each setter once, for [`Settings`] and for the crawl builder.
macro_rules! setters {
    ($($(#[$doc:meta])+ $name:ident($arg:ident: $type:ty) $set:expr;)+) => {
        impl Settings {
            $($(#[$doc])+
            #[must_use]
            pub fn $name(mut self, $arg: $type) -> Self {
                let set: fn(&mut Self, $type) = $set;
                set(&mut self, $arg);
                self
            })+
        }

        impl<S: crate::Spider> crate::CrawlBuilder<S> {
            $($(#[$doc])+
            pub fn $name(self, $arg: $type) -> Self {
                self.change(|settings| settings.$name($arg))
            })+
        }
    };
}

setters! {
    /// How many requests are under way at once; 16.
    #[doc(alias = "CONCURRENT_REQUESTS")]
    concurrency(requests: usize) |settings, requests| settings.concurrency = requests;
    /// How many of them go to one host; no limit of its own.
    #[doc(alias = "CONCURRENT_REQUESTS_PER_DOMAIN")]
    host_concurrency(requests: usize) |settings, requests| settings.host_concurrency = Some(requests);
    /// The time from the start of one request to a host to the start of the next; none. It holds no place: other hosts
    /// go on.
    download_delay(delay: Duration) |settings, delay| settings.download_delay = delay;
    /// Adapts the delay to how each host fares; it does not.
    throttle(throttle: AutoThrottle) |settings, throttle| settings.throttle = Some(throttle);
    /// How often a request is sent that brings no response, and how long the waits are; 3 times in all. On top of what
    /// its session tries by itself.
    #[doc(alias = "RETRY_TIMES")]
    retry(retry: Retry) |settings, retry| settings.retry = retry;
    /// How often a request is sent whose response is a block, and how long the waits are; 4 times in all.
    blocked_retry(retry: Retry) |settings, retry| settings.blocked_retry = retry;
    /// The longest `Retry-After` that is waited for; 10 minutes. A request whose host asks for more fails.
    max_retry_after(longest: Duration) |settings, longest| settings.max_retry_after = longest;
    /// Obeys robots.txt; it does not.
    #[doc(alias = "ROBOTSTXT_OBEY")]
    robots(policy: RobotsPolicy) |settings, policy| settings.robots = Some(policy);
    /// Sends what one session cannot get to the next of a ladder; it does not.
    escalation(ladder: Escalation) |settings, ladder| settings.escalation = Some(ladder);
    /// Breadth first, or depth first; breadth first.
    order(order: Order) |settings, order| settings.order = order;
    /// What makes two requests the same, besides session, method, canonical URL and body; nothing.
    #[doc(alias = "REQUEST_FINGERPRINTER_CLASS")]
    fingerprint(rules: FingerprintRules) |settings, rules| settings.fingerprint = rules;
    /// How many links away from a start request it goes; without limit.
    #[doc(alias = "DEPTH_LIMIT")]
    max_depth(links: u32) |settings, links| settings.max_depth = Some(links);
    /// Ends after so many pages were given to `parse`; without limit. On a frontier that outlives the process the pages of
    /// earlier runs count.
    #[doc(alias = "CLOSESPIDER_PAGECOUNT")]
    max_pages(pages: u64) |settings, pages| settings.max_pages = Some(pages);
    /// Ends after so many items; without limit. On a frontier that outlives the process those of earlier runs count, and
    /// pages are kept whole: the items of the pages under way come on top.
    #[doc(alias = "CLOSESPIDER_ITEMCOUNT")]
    max_items(items: u64) |settings, items| settings.max_items = Some(items);
    /// Ends after this time; without limit.
    #[doc(alias = "CLOSESPIDER_TIMEOUT")]
    max_time(time: Duration) |settings, time| settings.max_time = Some(time);
    /// The time that pages under way get to finish when the crawl is ended early; 30 s. Then they are cut off. An `on_start`
    /// that is still running gets as much from there, and `on_close` at every end. On a frontier that outlives the process,
    /// what the last pages left gets as much again, and 5 s, to come to the disk; so does then the state of the crawl with the
    /// ends of its exports, and so does the frontier to let go of its directory. Cut off, each gets those 5 s.
    drain_timeout(time: Duration) |settings, time| settings.drain_timeout = time;
    /// How many items a stream holds for its reader; 100. When it is full, the spider waits.
    stream_buffer(items: usize) |settings, items| settings.stream_buffer = items;
}

impl Settings {
    /// How many requests go to one session at once, on top of what the session itself allows. A crawl whose sessions do not
    /// have this name when it begins, before [`on_start`](crate::Spider::on_start), is refused.
    #[must_use]
    pub fn session_concurrency(mut self, session: impl Into<String>, requests: usize) -> Self {
        self.session_concurrency.insert(session.into(), requests);
        self
    }

    /// What is different for a host, those below it, and all their ports: how many requests at once, and the delay between
    /// them. Each of these hosts counts for itself.
    ///
    /// What the closest name sets holds: with `shop.test` and `api.shop.test`, that of `api.shop.test` for itself and
    /// `v2.api.shop.test`; what it leaves open is as `shop.test` says, then as all hosts have it. For a name given twice, the
    /// last one counts. A longer `Crawl-delay` of the host's robots.txt is kept, where robots.txt is obeyed, and a
    /// [`throttle`](Self::throttle) goes no faster than the delay given here.
    ///
    /// ```
    /// use std::time::Duration;
    /// use silkroute_spider::{HostSettings, Settings};
    ///
    /// let settings = Settings::default()
    ///     .download_delay(Duration::from_millis(250))
    ///     .host("slow.test", HostSettings::new().concurrency(1).download_delay(Duration::from_secs(5)))
    ///     .host("cdn.shop.test", HostSettings::new().download_delay(Duration::ZERO));
    /// # let _ = settings;
    /// ```
    #[doc(alias = "DOWNLOAD_SLOTS")]
    #[must_use]
    pub fn host(mut self, host: impl Into<String>, settings: HostSettings) -> Self {
        self.hosts.push((host.into(), settings));
        self
    }

    /// Stays on these hosts, those below them, and all their ports: for start requests, links and redirects alike. All
    /// hosts when none is given.
    #[doc(alias = "allowed_domains")]
    #[must_use]
    pub fn allowed_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.allowed_hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Refuses what is set for sessions that there are not.
    pub(crate) fn settle_sessions(&self, sessions: &[String]) -> Result<(), CrawlError> {
        if let Some(ladder) = &self.escalation {
            ladder.settle(sessions)?;
        }
        let reads_robots = self.robots.iter().filter_map(|policy| policy.session.as_ref());
        let named = self
            .session_concurrency
            .keys()
            .map(|name| ("session_concurrency", name));
        match named
            .chain(reads_robots.map(|name| ("robots", name)))
            .find(|(_, name)| !sessions.contains(name))
        {
            Some((setting, missing)) => Err(CrawlError::Setting {
                setting,
                reason: format!("there is no session '{missing}'; available: {}", sessions.join(", ")),
            }),
            None => Ok(()),
        }
    }

    pub(crate) fn settle(&self) -> Result<(AllowedHosts, Paces, Option<Throttle>), CrawlError> {
        let counts = [
            ("concurrency", Some(self.concurrency)),
            ("host_concurrency", self.host_concurrency),
        ];
        let sessions = self
            .session_concurrency
            .values()
            .map(|&n| ("session_concurrency", Some(n)));
        for (setting, count) in counts
            .into_iter()
            .chain(sessions)
            .chain([("stream_buffer", Some(self.stream_buffer))])
        {
            if !count.is_none_or(|count| (1..=1_000_000).contains(&count)) {
                return Err(CrawlError::Setting {
                    setting,
                    reason: "it is 1 to 1,000,000".to_owned(),
                });
            }
        }
        let others = Pace {
            concurrency: self.host_concurrency,
            delay: self.download_delay,
        };
        let throttle = self.throttle.as_ref().map(AutoThrottle::settle).transpose()?;
        Ok((
            AllowedHosts::new(&self.allowed_hosts)?,
            Paces::new(others, &self.hosts)?,
            throttle,
        ))
    }
}
