//! Whose turn it is.
//!
//! Requests stand in lanes, one for each session and host. Every session has a row of the lanes that could go at once,
//! ordered by the rank of their first request; a host that is full, early or not known well enough yet takes its lanes
//! out of the rows, and the event that changes this puts them back. So taking the next request costs a few look-ups,
//! however many hosts wait, and no place is held by one that waits.

mod host;
mod rest;
mod robots;
mod saved;
mod scout;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::host::{Host, Lane, Robots};
use self::rest::Rest;
pub(crate) use self::saved::SavedHost;
use crate::RobotsRules;
use crate::frontier::Rank;
use crate::host_settings::Paces;
use crate::throttle::{Observation, Throttle};

/// Idle hosts beyond so many are forgotten, the longest idle first.
const IDLE_HOSTS: usize = 10_000;
/// What stands for "never" where a clock cannot count so far: some thirty years.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The time after a wait, however long that is.
pub(crate) fn after(now: Instant, wait: Duration) -> Instant {
    now + wait.min(NEVER)
}

/// What the schedule goes by.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) concurrency: usize,
    pub(crate) paces: Paces,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) robots: bool,
}

/// What is to be done next.
pub(crate) enum Turn {
    /// Lease the next request of this lane and send it. A place is taken for it.
    Send(Place),
    /// Fetch the robots.txt of this host. A place is taken for it.
    Robots(Place),
    /// Nothing, until something happens.
    Wait,
}

/// A place among the requests under way.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) host: Arc<str>,
    pub(crate) lane: Arc<str>,
    pub(crate) session: usize,
    /// The rules that hold for what is sent from it, also when those of its host expire meanwhile.
    pub(crate) robots: Option<Arc<RobotsRules>>,
    /// From when to when it put off the next request to its host.
    delayed: Option<(Instant, Instant)>,
}

struct Session {
    name: Arc<str>,
    limit: usize,
    /// Whether the limit is its own, or on the way.
    asked: bool,
    in_flight: usize,
    row: BTreeSet<(Rank, Arc<str>)>,
    rest: Rest,
}

impl Session {
    fn has_place(&self) -> bool {
        self.rest == Rest::No && self.in_flight < self.limit
    }
}

pub(crate) struct Schedule {
    rules: Rules,
    /// Boxed: the places that a map has to spare are no hosts.
    hosts: HashMap<Arc<str>, Box<Host>>,
    sessions: Vec<Session>,
    timers: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
    /// Until when hosts wait for one that went ahead.
    scouts: BTreeSet<(Instant, Arc<str>)>,
    idle: VecDeque<Arc<str>>,
    in_flight: usize,
}

impl Schedule {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            hosts: HashMap::new(),
            sessions: Vec::new(),
            timers: BinaryHeap::new(),
            scouts: BTreeSet::new(),
            idle: VecDeque::new(),
            in_flight: 0,
        }
    }

    /// The number of a session. One that is new has one place, until it is asked how many it has.
    pub(crate) fn session(&mut self, name: &str) -> usize {
        if let Some(known) = self.sessions.iter().position(|session| &*session.name == name) {
            return known;
        }
        self.sessions.push(Session {
            name: Arc::from(name),
            limit: 1,
            asked: false,
            in_flight: 0,
            row: BTreeSet::new(),
            rest: Rest::No,
        });
        self.sessions.len() - 1
    }

    pub(crate) fn session_name(&self, session: usize) -> Arc<str> {
        Arc::clone(&self.sessions[session].name)
    }

    pub(crate) fn limit_session(&mut self, session: usize, limit: usize) {
        self.sessions[session].limit = limit.max(1);
    }

    /// Whether a session is still to be asked for its limit; the one who is told so asks.
    pub(crate) fn ask_limit(&mut self, session: usize) -> bool {
        !std::mem::replace(&mut self.sessions[session].asked, true)
    }

    /// It did not say. The next request asks again.
    pub(crate) fn limit_unknown(&mut self, session: usize) {
        self.sessions[session].asked = false;
    }

    /// A request came into a lane.
    pub(crate) fn offer(&mut self, host: &Arc<str>, lane: &Arc<str>, session: usize, rank: Rank, now: Instant) {
        if !self.hosts.contains_key(host) {
            self.forget_idle(now);
            let pace = self.rules.paces.of(host);
            self.hosts.insert(Arc::clone(host), Box::new(Host::new(pace, now)));
        }
        let Some(known) = self.hosts.get_mut(host) else { return };
        let index = known.lanes.iter().position(|lane| lane.session == session);
        let index = index.unwrap_or_else(|| {
            // Mostly the only one, and there may be a million hosts.
            known.lanes.reserve_exact(1);
            known.lanes.push(Lane {
                session,
                name: Arc::clone(lane),
                head: None,
            });
            known.lanes.len() - 1
        });
        let lane = &mut known.lanes[index];
        let old = lane.head;
        if old.is_some_and(|old| old <= rank) {
            return;
        }
        lane.head = Some(rank);
        if known.open && !known.scout.holds(session) {
            let row = &mut self.sessions[session].row;
            if let Some(old) = old {
                row.remove(&(old, Arc::clone(host)));
            }
            row.insert((rank, Arc::clone(host)));
        }
    }

    /// Takes the next turn.
    pub(crate) fn take(&mut self, now: Instant) -> Turn {
        self.open_due(now);
        while self.in_flight < self.rules.concurrency {
            let first = self
                .sessions
                .iter()
                .enumerate()
                .filter(|(_, session)| session.has_place())
                .filter_map(|(index, session)| Some((session.row.first()?, index)))
                .min();
            let Some(((_, host), index)) = first else {
                return Turn::Wait;
            };
            let host = Arc::clone(host);
            if let Some(turn) = self.try_host(host, index, now) {
                return turn;
            }
        }
        Turn::Wait
    }

    /// Whether a turn could be taken at once, or nearly so.
    pub(crate) fn has_more(&self) -> bool {
        self.in_flight < self.rules.concurrency
            && self
                .sessions
                .iter()
                .any(|session| session.has_place() && !session.row.is_empty())
    }

    /// Whether there are places, and no request that could have one.
    pub(crate) fn is_short(&self) -> bool {
        self.in_flight < self.rules.concurrency && !self.has_more()
    }

    fn try_host(&mut self, name: Arc<str>, session: usize, now: Instant) -> Option<Turn> {
        let host = self.hosts.get_mut(&name)?;
        let mut robots = None;
        if self.rules.robots {
            match &host.robots {
                Robots::Known { rules, until } if *until > now => robots = Some(Arc::clone(rules)),
                Robots::Loading => {
                    self.close(&name);
                    return None;
                }
                Robots::Waiting if host.not_before > now => {
                    self.close_until_due(&name);
                    return None;
                }
                Robots::Unknown | Robots::Waiting | Robots::Known { .. } => {
                    if let Robots::Known { rules, .. } = std::mem::replace(&mut host.robots, Robots::Loading) {
                        host.former = Some(rules).filter(|rules| rules.why_unavailable().is_none());
                    }
                    self.close(&name);
                    self.in_flight += 1;
                    let lane = Arc::from("");
                    return Some(Turn::Robots(Place {
                        host: name,
                        lane,
                        session,
                        robots: None,
                        delayed: None,
                    }));
                }
            }
        }
        if host.is_full() {
            self.close(&name);
            return None;
        }
        if host.not_before > now {
            self.close_until_due(&name);
            return None;
        }
        let floor = host.floor();
        let delay = match &self.rules.throttle {
            Some(throttle) => host.delay.unwrap_or_else(|| throttle.first(floor)).max(floor),
            None => floor,
        };
        let mut delayed = None;
        if !delay.is_zero() {
            let until = after(now, delay);
            delayed = Some((std::mem::replace(&mut host.not_before, until), until));
        }
        host.in_flight += 1;
        let lane = host.lanes.iter_mut().find(|lane| lane.session == session)?;
        let place = Place {
            host: Arc::clone(&name),
            lane: Arc::clone(&lane.name),
            session,
            robots,
            delayed,
        };
        let rank = lane.head.take();
        self.in_flight += 1;
        let session = &mut self.sessions[session];
        session.in_flight += 1;
        if let Some(rank) = rank {
            session.row.remove(&(rank, name));
        }
        Some(Turn::Send(place))
    }

    /// The lease of a place came back: `next` is the first request left in the lane.
    pub(crate) fn leased(&mut self, place: &Place, next: Option<Rank>, now: Instant) {
        if let Some(next) = next {
            self.offer(&place.host, &place.lane, place.session, next, now);
        }
    }

    /// A response came, or none will: the place is free.
    pub(crate) fn free(&mut self, place: &Place) {
        self.in_flight -= 1;
        self.sessions[place.session].in_flight -= 1;
        if let Some(host) = self.hosts.get_mut(&place.host) {
            host.in_flight -= 1;
            let quiet = host.in_flight == 0 && host.lanes.iter().all(|lane| lane.head.is_none());
            let in_time = host.timed.is_some_and(|due| due <= host.not_before);
            if !host.open && !in_time && !matches!(host.robots, Robots::Loading) {
                self.open(&place.host);
            }
            if quiet && let Some(host) = self.hosts.get_mut(&place.host).filter(|host| !host.listed_idle) {
                host.listed_idle = true;
                self.idle.push_back(Arc::clone(&place.host));
            }
        }
    }

    /// Nothing was sent: the place is free, and the next request need not wait for it.
    pub(crate) fn unsent(&mut self, place: &Place) {
        if let (Some(host), Some((from, until))) = (self.hosts.get_mut(&place.host), place.delayed)
            && host.not_before == until
        {
            host.not_before = from;
            // A timer that would have opened it finds it open.
            if !matches!(host.robots, Robots::Loading) {
                self.open(&place.host);
            }
        }
        self.free(place);
    }

    /// What a response tells of its host. Gives the delay that the throttle comes to.
    pub(crate) fn observe(&mut self, host: &str, seen: Observation) -> Option<Duration> {
        let throttle = self.rules.throttle.as_ref()?;
        let host = self.hosts.get_mut(host)?;
        let floor = host.floor();
        let current = host.delay.unwrap_or_else(|| throttle.first(floor));
        let next = throttle.next(current, floor, host.pace.concurrency, seen);
        host.delay = Some(next);
        Some(next)
    }

    /// Sends nothing to a host before this time.
    pub(crate) fn hold(&mut self, host: &str, until: Instant) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.not_before = host.not_before.max(until);
        }
    }

    /// When the next host, session or scout comes due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let host = self.timers.peek().map(|Reverse((due, _))| *due);
        host.into_iter().chain(self.rested()).chain(self.scout_due()).min()
    }

    /// Opens the hosts and sessions whose time has come.
    pub(crate) fn open_due(&mut self, now: Instant) {
        self.wake_sessions(now);
        self.call_scouts_back(now);
        while let Some(Reverse((due, _))) = self.timers.peek()
            && *due <= now
        {
            // A timer that another came before has nothing to open.
            if let Some(Reverse((due, name))) = self.timers.pop()
                && let Some(host) = self.hosts.get_mut(&name)
                && host.timed == Some(due)
            {
                host.timed = None;
                self.open(&name);
            }
        }
    }

    /// Puts the lanes of a host into the rows. Whether their time has come is seen when they come up.
    fn open(&mut self, name: &Arc<str>) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        host.open = true;
        for lane in host.lanes.iter().filter(|lane| !host.scout.holds(lane.session)) {
            if let Some(rank) = lane.head {
                self.sessions[lane.session].row.insert((rank, Arc::clone(name)));
            }
        }
    }

    fn close(&mut self, name: &Arc<str>) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        host.open = false;
        for lane in &host.lanes {
            if let Some(rank) = lane.head {
                self.sessions[lane.session].row.remove(&(rank, Arc::clone(name)));
            }
        }
    }

    fn close_until_due(&mut self, name: &Arc<str>) {
        self.close(name);
        if let Some(host) = self.hosts.get_mut(name)
            && host.timed.is_none_or(|due| host.not_before < due)
        {
            host.timed = Some(host.not_before);
            self.timers.push(Reverse((host.not_before, Arc::clone(name))));
        }
    }

    /// What was learnt of a host is kept while there is room: its delay, its robots.txt.
    fn forget_idle(&mut self, now: Instant) {
        while self.idle.len() > IDLE_HOSTS
            && let Some(name) = self.idle.pop_front()
        {
            match self.hosts.get_mut(&name) {
                Some(host) if !host.is_idle(now) => host.listed_idle = false,
                _ => {
                    self.came_back(&name);
                    self.hosts.remove(&name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
