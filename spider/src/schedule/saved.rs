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
        let mut host = Host::new(now);
        host.delay = saved.delay;
        host.not_before = after(now, wait.unwrap_or_default());
        host.listed_idle = true;
        let name: Arc<str> = saved.host.into();
        self.idle.push_back(Arc::clone(&name));
        self.hosts.insert(name, host);
    }
}

/// Rounded up: what has not changed looks the same when it is saved again.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    UNIX_EPOCH + Duration::from_secs(seconds.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{offer, schedule, sent};
    use super::*;

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
}
