//! What is known of hosts, as a crawl keeps it between its runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::host::Host;
use super::{IDLE_HOSTS, Schedule, after};

/// The delay that a host's throttle came to, and when it may be asked again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedHost {
    host: String,
    delay: Option<Duration>,
    /// By the clock on the wall: the other one does not outlive the process.
    not_before: Option<SystemTime>,
}

impl Schedule {
    /// The hosts of which something was learnt, at most as many as idle ones are kept.
    pub(crate) fn save(&self, now: Instant) -> Vec<SavedHost> {
        let learnt = self
            .hosts
            .iter()
            .filter(|(_, host)| host.delay.is_some() || host.not_before > now);
        let saved = learnt.take(IDLE_HOSTS).map(|(name, host)| {
            let wait = host.not_before.saturating_duration_since(now);
            SavedHost {
                host: name.to_string(),
                delay: host.delay,
                not_before: (!wait.is_zero()).then(|| whole_seconds(SystemTime::now() + wait)),
            }
        });
        saved.collect()
    }

    pub(crate) fn restore(&mut self, saved: SavedHost, now: Instant) {
        let wait = saved
            .not_before
            .and_then(|time| time.duration_since(SystemTime::now()).ok());
        let mut host = Host::new(self.rules.paces.of(&saved.host), now);
        host.delay = saved.delay;
        host.not_before = after(now, wait.unwrap_or_default());
        host.listed_idle = true;
        let name: Arc<str> = saved.host.into();
        self.idle.push_back(Arc::clone(&name));
        self.hosts.insert(name, Box::new(host));
    }
}

/// Rounded up: what has not changed looks the same when it is saved again.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    UNIX_EPOCH + Duration::from_secs(seconds.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{offer, paced, schedule, sent};
    use super::*;
    use crate::throttle::Observation;
    use crate::{AutoThrottle, HostSettings};

    #[test]
    fn a_host_is_not_asked_sooner_because_the_crawl_was_started_again() {
        let now = Instant::now();
        let mut first = schedule(10, 10, 0);
        offer(&mut first, "a", "s", 0, now);
        offer(&mut first, "b", "s", 1, now);
        first.hold("a", now + Duration::from_secs(60));
        let saved = serde_json::to_string(&first.save(now)).unwrap();
        let mut second = schedule(10, 10, 0);
        for host in serde_json::from_str::<Vec<SavedHost>>(&saved).unwrap() {
            second.restore(host, now);
        }
        offer(&mut second, "a", "s", 0, now);
        offer(&mut second, "b", "s", 1, now);
        assert_eq!(&*sent(second.take(now)).unwrap().host, "b");
        assert!(sent(second.take(now + Duration::from_secs(58))).is_none());
        assert_eq!(&*sent(second.take(now + Duration::from_secs(62))).unwrap().host, "a");
    }

    #[test]
    fn a_host_that_is_known_from_before_has_the_pace_that_the_run_gives_it() {
        let (now, name) = (Instant::now(), "http://a.test");
        let limit = |delay| HostSettings::new().concurrency(1).download_delay(delay);
        let hosts = |delay| [("a.test".to_owned(), limit(delay))];
        let throttle = AutoThrottle::default().start_delay(Duration::ZERO).settle().unwrap();
        let mut first = paced(10, None, Duration::ZERO, &[]);
        first.rules.throttle = Some(throttle.clone());
        offer(&mut first, name, "s", 0, now);
        first.observe(
            name,
            Observation {
                latency: Duration::from_secs(2),
                ok: true,
                retry_after: None,
            },
        );
        let mut second = paced(10, None, Duration::ZERO, &hosts(Duration::from_secs(9)));
        second.rules.throttle = Some(throttle);
        for host in first.save(now) {
            assert_eq!(host.delay, Some(Duration::from_secs(2)));
            second.restore(host, now);
        }
        offer(&mut second, name, "s", 0, now);
        let place = sent(second.take(now)).unwrap();
        offer(&mut second, name, "s", 1, now);
        assert!(sent(second.take(now + Duration::from_secs(60))).is_none(), "it is full");
        second.free(&place);
        assert!(sent(second.take(now + Duration::from_secs(8))).is_none());
        assert!(sent(second.take(now + Duration::from_secs(9))).is_some());
    }
}
