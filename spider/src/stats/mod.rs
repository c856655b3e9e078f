//! What a crawl has done.

mod histogram;
mod logs;
mod saved;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use silkroute_core::{CacheOutcome, Response, Timing};

pub use histogram::Histogram;
#[cfg(feature = "log-counts")]
pub use logs::count_logs;
pub(crate) use logs::{LogCounts, watch};

use crate::BlockReason;

/// Hosts beyond so many are counted together, as `(other)`: a crawl of the open web must not grow by its numbers.
const HOSTS: usize = 1_000;
const OTHER: &str = "(other)";
const CUSTOM: usize = 1_000;
const PROXIES: usize = 1_000;

/// What a crawl has done so far, or did.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Requests that were sent, retries included, robots.txt not.
    pub requests: u64,
    /// Responses of any status.
    pub responses: u64,
    /// Responses that `parse` got.
    pub pages: u64,
    /// Of these, those that earlier runs got, on a frontier that outlives the process. All of them: this run got none.
    pub pages_before: u64,
    /// Requests that were given up without a response.
    pub failed: u64,
    /// Requests that were sent again, after no response or a block.
    pub retries: u64,
    /// Responses that a cache before the session had, and that were not fetched: they are among all other counts too.
    pub cache_hits: u64,
    /// Responses that such a cache was asked for, and that were fetched.
    pub cache_misses: u64,
    /// Responses that were blocks.
    pub blocked: u64,
    /// Requests that were given up as blocked.
    pub gave_up_blocked: u64,
    /// Requests that went on to the next session of a ladder, by way and reason: `http -> dynamic: status 403`. Those that
    /// went there at once, because it was known of their host, are not among them.
    pub escalations: BTreeMap<String, u64>,
    /// Requests and redirects that led to a host that is not allowed.
    pub offsite: u64,
    /// Requests that were seen already, and redirects to pages that were.
    pub duplicates: u64,
    /// Requests that were too many links away.
    pub too_deep: u64,
    /// Requests that robots.txt does not allow.
    pub robots_disallowed: u64,
    /// Items that were kept.
    pub items: u64,
    /// Items that `on_item` dropped.
    pub items_dropped: u64,
    /// Items that `on_item` or an export failed on.
    pub items_failed: u64,
    /// Pages that `parse` failed on.
    pub parse_errors: u64,
    /// Errors and panics of the other hooks.
    pub hook_errors: u64,
    /// Bytes of all bodies, decompressed.
    pub response_bytes: u64,
    /// Responses by status.
    pub status: BTreeMap<u16, u64>,
    /// By session.
    pub sessions: BTreeMap<String, Tally>,
    /// By host, with its port where that is not the usual one. From the 1,001st on together, as `(other)`.
    pub hosts: BTreeMap<String, Tally>,
    /// By proxy, without its credentials: `http://proxy.test:3128`. What went through none is not here, and of the attempts
    /// that a session makes for one request only the last is. From the 1,001st on together, as `(other)`.
    pub proxies: BTreeMap<String, Tally>,
    /// Counts of the spider's own, of [`Output::count`](crate::Output::count).
    pub custom: BTreeMap<String, u64>,
    /// Events of `tracing` that happened in the crawl, by level: `error`, `warn`, `info`, `debug`, `trace`. Empty, and not
    /// there at rest, unless the program has them counted, by `count_logs` of the feature `log-counts`; a level that is not
    /// counted is not here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub log_counts: BTreeMap<String, u64>,
    /// The delay that each host was at in the end, where a throttle set it.
    #[serde(serialize_with = "seconds_by_name", deserialize_with = "read_seconds_by_name")]
    pub throttle_delays: BTreeMap<String, Duration>,
    /// How many requests were wanted at once.
    pub concurrency: usize,
    /// How many of them to one host; `None`: no limit of its own.
    pub host_concurrency: Option<usize>,
    /// The time between the starts of two requests to a host that the crawl asked for.
    #[serde(serialize_with = "seconds", deserialize_with = "read_seconds")]
    pub download_delay: Duration,
    /// Whether the delay followed how each host fared.
    pub throttled: bool,
    /// When it began, in Unix time; a crawl on a frontier that outlives the process began with its first run.
    #[serde(serialize_with = "unix_seconds", deserialize_with = "read_unix_seconds")]
    pub started_at: Option<SystemTime>,
    /// How long it took.
    #[serde(serialize_with = "seconds", deserialize_with = "read_seconds")]
    pub elapsed: Duration,
}

/// What went to one session or one host, or through one proxy.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Requests that were sent.
    pub requests: u64,
    /// Of them, those that brought no response.
    pub failed: u64,
    /// Of them, those whose response was a block.
    pub blocked: u64,
    /// Bytes of the bodies.
    pub bytes: u64,
    /// From a request to its response, in the session.
    #[serde(skip_deserializing)]
    pub latency: Histogram,
}

/// The way of a request.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) session: &'a str,
    pub(crate) host: &'a str,
    pub(crate) proxy: Option<&'a str>,
}

/// What is counted of a response.
#[derive(Default)]
pub(crate) struct Answer {
    status: u16,
    bytes: usize,
    timing: Timing,
    cache: Option<CacheOutcome>,
}

impl Answer {
    pub(crate) fn of(response: &dyn Response) -> Self {
        Self {
            status: response.status().as_u16(),
            bytes: response.body().len(),
            timing: response.timing(),
            cache: response.cache(),
        }
    }
}

impl Stats {
    /// Pages for each second.
    pub fn pages_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.pages as f64 / seconds
        } else {
            0.0
        }
    }

    /// Requests for each second, retries included.
    pub fn requests_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.requests as f64 / seconds
        } else {
            0.0
        }
    }

    /// Takes from these what the run was set to, and nothing that was counted.
    pub(crate) fn set_to(&mut self, run: &Self) {
        self.concurrency = run.concurrency;
        self.host_concurrency = run.host_concurrency;
        self.download_delay = run.download_delay;
        self.throttled = run.throttled;
    }

    pub(crate) fn fetched(&mut self, way: Way<'_>, outcome: Option<Answer>) {
        for tally in self.tallies(way) {
            tally.requests += 1;
            match &outcome {
                Some(answer) => {
                    tally.bytes += answer.bytes as u64;
                    tally.latency.record(answer.timing.total);
                }
                None => tally.failed += 1,
            }
        }
        self.requests += 1;
        let Some(answer) = outcome else { return };
        self.responses += 1;
        self.response_bytes += answer.bytes as u64;
        *self.status.entry(answer.status).or_default() += 1;
        match answer.cache {
            Some(CacheOutcome::Hit) => self.cache_hits += 1,
            Some(_) => self.cache_misses += 1,
            None => {}
        }
    }

    pub(crate) fn blocked(&mut self, way: Way<'_>) {
        self.blocked += 1;
        for tally in self.tallies(way) {
            tally.blocked += 1;
        }
    }

    fn tallies(&mut self, way: Way<'_>) -> impl Iterator<Item = &mut Tally> {
        let session = tally(&mut self.sessions, way.session, usize::MAX);
        let host = tally(&mut self.hosts, way.host, HOSTS);
        let proxy = way.proxy.map(|proxy| tally(&mut self.proxies, proxy, PROXIES));
        [session, host].into_iter().chain(proxy)
    }

    pub(crate) fn throttled(&mut self, host: &str, delay: Duration) {
        if self.throttle_delays.len() < HOSTS || self.throttle_delays.contains_key(host) {
            match self.throttle_delays.get_mut(host) {
                Some(known) => *known = delay,
                None => drop(self.throttle_delays.insert(host.to_owned(), delay)),
            }
        }
    }

    pub(crate) fn escalated(&mut self, from: &str, to: &str, reason: &BlockReason) {
        count(&mut self.escalations, format!("{from} -> {to}: {reason}"), 1);
    }

    /// Beyond a thousand names they are counted together.
    pub(crate) fn count(&mut self, name: &str, by: u64) {
        count(&mut self.custom, name, by);
    }
}

fn count<N: AsRef<str> + Into<String>>(counts: &mut BTreeMap<String, u64>, name: N, by: u64) {
    if let Some(count) = counts.get_mut(name.as_ref()) {
        *count += by;
    } else if counts.len() < CUSTOM {
        counts.insert(name.into(), by);
    } else {
        *counts.entry(OTHER.to_owned()).or_default() += by;
    }
}

fn tally<'a>(tallies: &'a mut BTreeMap<String, Tally>, name: &str, most: usize) -> &'a mut Tally {
    let name = if tallies.contains_key(name) || tallies.len() < most {
        name
    } else {
        OTHER
    };
    tallies.entry(name.to_owned()).or_default()
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1_000.0).round() / 1_000.0)
}

fn unix_seconds<S: serde::Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map(|since| since.as_secs_f64()).serialize(serializer)
}

fn read_unix_seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let since = Option::<f64>::deserialize(deserializer)?.map(Duration::try_from_secs_f64);
    let since = since.transpose().map_err(serde::de::Error::custom)?;
    Ok(since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)))
}

fn seconds_by_name<S: serde::Serializer>(times: &BTreeMap<String, Duration>, out: S) -> Result<S::Ok, S::Error> {
    out.collect_map(times.iter().map(|(name, time)| (name, time.as_secs_f64())))
}

fn read_seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn read_seconds_by_name<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Duration>, D::Error> {
    let times = BTreeMap::<String, f64>::deserialize(deserializer)?.into_iter();
    let times = times.map(|(name, seconds)| Ok((name, Duration::try_from_secs_f64(seconds)?)));
    times
        .collect::<Result<_, std::time::TryFromFloatSecsError>>()
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_end_do_not_make_the_stats_grow() {
        let mut stats = Stats::default();
        for host in 0..3_000 {
            let (host, proxy) = (format!("h{host}.test"), format!("http://p{host}.test:80"));
            let way = Way {
                session: "http",
                host: &host,
                proxy: Some(&proxy),
            };
            let answer = Answer {
                status: 200,
                ..Answer::default()
            };
            stats.fetched(way, Some(answer));
        }
        assert_eq!((stats.hosts.len(), stats.proxies.len()), (HOSTS + 1, PROXIES + 1));
        assert_eq!(stats.proxies[OTHER].requests, 2_000);
        assert_eq!(stats.hosts[OTHER].requests, 2_000);
        assert_eq!(stats.sessions["http"].requests, 3_000);
        let json = serde_json::to_value(&stats).unwrap();
        assert_eq!(json["status"]["200"], 3_000);
    }
}
