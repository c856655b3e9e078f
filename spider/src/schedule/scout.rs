//! One goes ahead: while the first request of a host that climbs a ladder is on its way up, those behind it wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::rest::Rest;
use super::{Schedule, after};

/// How long those behind wait at most: for the start of a browser and a challenge.
const LONGEST: Duration = Duration::from_secs(30);

/// What is known of the way up a ladder, for one host.
#[derive(Debug, PartialEq)]
pub(super) enum Scout {
    /// Nobody had to climb.
    Unsent,
    /// What these sessions have for the host waits until this time.
    Ahead { below: Vec<usize>, until: Instant },
    /// One came back, or took too long: from then on each goes for itself.
    Back,
}

impl Scout {
    pub(super) fn holds(&self, session: usize) -> bool {
        matches!(self, Self::Ahead { below, .. } if below.contains(&session))
    }
}

impl Schedule {
    /// A request of a host climbs to a session: what those below have for the host waits for what becomes of it, once. Not
    /// where that session rests, as nobody knows for how long.
    pub(crate) fn send_ahead(&mut self, name: &Arc<str>, below: &[usize], to: usize, now: Instant) {
        if self.sessions[to].rest != Rest::No {
            return;
        }
        let Some(host) = self.hosts.get_mut(name) else { return };
        match &mut host.scout {
            Scout::Back => return,
            // Higher up more sessions are below.
            Scout::Ahead { below: held, .. } if held.len() < below.len() => *held = below.to_vec(),
            Scout::Ahead { .. } => {}
            Scout::Unsent => {
                let until = after(now, LONGEST);
                let below = below.to_vec();
                host.scout = Scout::Ahead { below, until };
                self.scouts.insert((until, Arc::clone(name)));
            }
        }
        for lane in host.lanes.iter().filter(|lane| host.scout.holds(lane.session)) {
            if let Some(rank) = lane.head {
                self.sessions[lane.session].row.remove(&(rank, Arc::clone(name)));
            }
        }
    }

    /// It is known what became of a request of a host that climbed.
    pub(crate) fn came_back(&mut self, name: &Arc<str>) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        let Scout::Ahead { until, .. } = host.scout else { return };
        host.scout = Scout::Back;
        self.scouts.remove(&(until, Arc::clone(name)));
        if host.open {
            self.open(name);
        }
    }

    /// Those behind wait no longer.
    pub(super) fn come_back_all(&mut self) {
        while let Some((_, name)) = self.scouts.pop_first() {
            self.came_back(&name);
        }
    }

    /// When the first of those that went ahead has had its time.
    pub(super) fn scout_due(&self) -> Option<Instant> {
        self.scouts.first().map(|(until, _)| *until)
    }

    pub(super) fn call_scouts_back(&mut self, now: Instant) {
        while self.scout_due().is_some_and(|due| due <= now) {
            if let Some((_, name)) = self.scouts.pop_first() {
                self.came_back(&name);
            }
        }
    }
}
