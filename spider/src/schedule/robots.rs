//! What becomes of a host whose robots.txt was asked for.

use std::sync::Arc;

use tokio::time::Instant;

use super::host::Robots;
use super::{Place, Schedule};
use crate::RobotsRules;

impl Schedule {
    /// The robots.txt of a host is there.
    pub(crate) fn robots_known(&mut self, place: &Place, rules: Arc<RobotsRules>, until: Instant) {
        self.in_flight -= 1;
        if let Some(host) = self.hosts.get_mut(&place.host) {
            host.robots = Robots::Known { rules, until };
            host.former = None;
            host.robots_failures = 0;
            self.open(&place.host);
        }
    }

    /// The rules of a host that have expired, while it is asked for new ones.
    pub(crate) fn former_robots(&self, host: &str) -> Option<Arc<RobotsRules>> {
        self.hosts.get(host)?.former.clone()
    }

    /// How often the robots.txt of a host was asked for in vain.
    pub(crate) fn robots_failures(&self, host: &str) -> u32 {
        self.hosts.get(host).map_or(0, |host| host.robots_failures)
    }

    /// The robots.txt of a host did not come: it is asked for again, not before this time, and nothing is sent meanwhile.
    pub(crate) fn robots_failed(&mut self, place: &Place, again: Instant) {
        self.in_flight -= 1;
        if let Some(host) = self.hosts.get_mut(&place.host) {
            host.robots_failures = host.robots_failures.saturating_add(1);
        }
        self.robots_wait(place, again);
    }

    /// It was not asked for after all, and is not before this time.
    pub(crate) fn robots_put_off(&mut self, place: &Place, again: Instant) {
        self.in_flight -= 1;
        self.robots_wait(place, again);
    }

    fn robots_wait(&mut self, place: &Place, again: Instant) {
        if let Some(host) = self.hosts.get_mut(&place.host) {
            host.robots = Robots::Waiting;
            host.not_before = host.not_before.max(again);
            self.open(&place.host);
        }
    }
}
