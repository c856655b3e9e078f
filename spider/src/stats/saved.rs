//! Statistics as a crawl keeps them between its runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::histogram::Packed;
use super::{Stats, Tally};
use crate::Result;

/// What is reported, and the histograms, of which a report has only the sums. What an older version did not keep is empty.
#[derive(Serialize, Deserialize)]
struct Saved<S, K: Ord> {
    stats: S,
    #[serde(default)]
    sessions: BTreeMap<K, Packed>,
    #[serde(default)]
    hosts: BTreeMap<K, Packed>,
    #[serde(default)]
    proxies: BTreeMap<K, Packed>,
}

impl Stats {
    pub(crate) fn save(&self) -> Result<Vec<u8>> {
        let saved = Saved {
            stats: self,
            sessions: packed(&self.sessions),
            hosts: packed(&self.hosts),
            proxies: packed(&self.proxies),
        };
        Ok(serde_json::to_vec(&saved)?)
    }

    pub(crate) fn load(saved: &[u8]) -> Result<Self> {
        let saved: Saved<Self, String> = serde_json::from_slice(saved)?;
        let mut stats = saved.stats;
        unpack(&mut stats.sessions, saved.sessions);
        unpack(&mut stats.hosts, saved.hosts);
        unpack(&mut stats.proxies, saved.proxies);
        Ok(stats)
    }
}

fn packed(tallies: &BTreeMap<String, Tally>) -> BTreeMap<&str, Packed> {
    let packed = tallies
        .iter()
        .map(|(name, tally)| (name.as_str(), tally.latency.pack()));
    packed.collect()
}

fn unpack(tallies: &mut BTreeMap<String, Tally>, packed: BTreeMap<String, Packed>) {
    for (name, packed) in packed {
        if let Some(tally) = tallies.get_mut(&name) {
            tally.latency = packed.unpack();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use silkroute_core::{CacheOutcome, Timing};

    use super::super::{Answer, Way};
    use super::*;

    #[test]
    fn statistics_come_back_whole() {
        let mut stats = Stats::default();
        let way = Way {
            session: "http",
            host: "shop.test",
            proxy: Some("http://proxy.test:80"),
        };
        for ms in 1..500 {
            let answer = Answer {
                status: 200,
                bytes: 10,
                timing: Timing::new(Duration::ZERO, Duration::from_millis(ms)),
                cache: Some(CacheOutcome::Hit),
            };
            stats.fetched(way, Some(answer));
        }
        stats.fetched(way, None);
        stats.blocked(way);
        stats.throttled("shop.test", Duration::from_millis(1_500));
        stats.count("things", 3);
        (stats.pages, stats.items, stats.elapsed) = (499, 7, Duration::from_millis(61_250));
        (stats.host_concurrency, stats.download_delay) = (Some(2), Duration::from_millis(250));
        stats.started_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let back = Stats::load(&stats.save().unwrap()).unwrap();
        assert_eq!(
            serde_json::to_value(&back).unwrap(),
            serde_json::to_value(&stats).unwrap()
        );
        assert_eq!(
            back.sessions["http"].latency.quantile(0.5),
            stats.sessions["http"].latency.quantile(0.5)
        );
        let proxies =
            [&back.proxies, &stats.proxies].map(|proxies| proxies["http://proxy.test:80"].latency.quantile(0.9));
        assert_eq!(proxies[0], proxies[1]);
        assert_eq!((back.cache_hits, back.proxies["http://proxy.test:80"].failed), (499, 1));
        assert_eq!((back.elapsed, back.started_at), (stats.elapsed, stats.started_at));
    }

    #[test]
    fn statistics_of_a_version_that_kept_fewer_are_read() {
        let stats = Stats {
            pages: 7,
            ..Stats::default()
        };
        let mut saved: serde_json::Value = serde_json::from_slice(&stats.save().unwrap()).unwrap();
        for map in ["sessions", "hosts", "proxies"] {
            assert!(saved.as_object_mut().unwrap().remove(map).is_some());
            assert!(saved["stats"].as_object_mut().unwrap().remove(map).is_some());
        }
        let back = Stats::load(saved.to_string().as_bytes()).unwrap();
        assert_eq!((back.pages, back.proxies.len()), (7, 0));
    }
}
