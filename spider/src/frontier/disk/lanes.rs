//! The beginnings of the lanes, in memory: what is leased, and what is leased next.
//!
//! The database holds every request until its outcome is kept. Of each lane the first requests that are not leased stand
//! here too, so that a lease costs no look-up and no wait for the disk. They are bounded in number, for a lane and for
//! all lanes together; what does not fit is read from the database when its turn comes near.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::super::{Lease, Rank};

/// Requests of one lane that stand here, at most.
const LANE: usize = 256;
/// With fewer than this, more are fetched.
const LOW: usize = 64;
/// Requests of all lanes that stand here, at most; some 4 MB. Beyond it a lane has one at a time.
const ALL: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<Arc<str>, Lane>,
    leased: HashMap<u64, Place>,
    leases: u64,
    /// How many stand here.
    cached: usize,
}

/// Where a request stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) lane: Arc<str>,
    pub(super) rank: Rank,
}

#[derive(Debug, Default)]
struct Lane {
    /// All that are not leased up to the horizon.
    ready: BTreeMap<Rank, Vec<u8>>,
    /// How far this is known; without `more`, to the end.
    horizon: Option<Rank>,
    /// Whether the database may have some beyond the horizon.
    more: bool,
    /// Whether they have been asked for.
    asked: bool,
    /// What is leased.
    out: BTreeSet<Rank>,
}

/// What comes of asking for a lease.
pub(super) enum Taken {
    /// Here it is; with `true`, more should be fetched.
    Lease(Lease, bool),
    /// The lane has none.
    Nothing,
    /// More must be fetched first.
    Fetch,
}

impl Lanes {
    /// A lane of an earlier run.
    pub(super) fn restore(&mut self, name: Arc<str>) {
        self.lanes.entry(name).or_default().more = true;
    }

    /// A request went into the database.
    pub(super) fn offer(&mut self, name: &Arc<str>, rank: Rank, record: &[u8]) {
        let room = self.cached < ALL;
        let lane = self.lanes.entry(Arc::clone(name)).or_default();
        if lane.more && lane.horizon.is_none_or(|horizon| rank > horizon) {
            return;
        }
        if room && lane.ready.len() < LANE {
            lane.ready.insert(rank, record.to_vec());
            self.cached += 1;
            return;
        }
        match lane.ready.last_entry() {
            // It stands before one that is here: that one gives way.
            Some(last) if *last.key() > rank => {
                last.remove();
                lane.ready.insert(rank, record.to_vec());
            }
            _ => {}
        }
        lane.more = true;
        lane.horizon = lane.ready.last_key_value().map(|(rank, _)| *rank);
    }

    pub(super) fn take(&mut self, name: &str) -> Taken {
        let Some(lane) = self.lanes.get_mut(name) else {
            return Taken::Nothing;
        };
        // With the last one goes the answer to who is next.
        if lane.more && lane.ready.len() <= 1 {
            lane.asked = true;
            return Taken::Fetch;
        }
        let Some((rank, record)) = lane.ready.pop_first() else {
            return Taken::Nothing;
        };
        self.cached -= 1;
        lane.out.insert(rank);
        let next = lane.ready.first_key_value().map(|(rank, _)| *rank);
        let fetch = lane.more && lane.ready.len() < LOW && !lane.asked && self.cached < ALL;
        lane.asked |= fetch;
        self.leases += 1;
        let name = self.lanes.get_key_value(name).map(|(name, _)| Arc::clone(name));
        let place = name.map(|lane| Place { lane, rank });
        self.leased.extend(place.map(|place| (self.leases, place)));
        let lease = Lease {
            id: self.leases,
            priority: i32::try_from(-rank.urgency).unwrap_or_default(),
            record,
            next,
        };
        Taken::Lease(lease, fetch)
    }

    /// From where on, and how many, to fetch for a lane.
    pub(super) fn wanted(&self, name: &str) -> Option<(Option<Rank>, usize)> {
        let lane = self.lanes.get(name).filter(|lane| lane.more)?;
        let room = if self.cached < ALL { LANE - lane.ready.len() } else { 2 };
        Some((lane.horizon, room))
    }

    /// What was fetched, in order; with `more`, there may be others behind it.
    pub(super) fn fill(&mut self, name: &str, rows: Vec<(Rank, Vec<u8>)>, more: bool) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        lane.asked = false;
        lane.more = more;
        lane.horizon = rows.last().map(|(rank, _)| *rank).or(lane.horizon);
        for (rank, record) in rows {
            if !lane.out.contains(&rank) && lane.ready.insert(rank, record).is_none() {
                self.cached += 1;
            }
        }
        self.forget(name);
    }

    /// Where a leased request stands.
    pub(super) fn leased(&self, id: u64) -> Option<&Place> {
        self.leased.get(&id)
    }

    /// A leased request stands somewhere else now, and stays leased.
    pub(super) fn moved(&mut self, id: u64, to: Place) {
        self.lanes.entry(Arc::clone(&to.lane)).or_default().out.insert(to.rank);
        if let Some(from) = self.leased.insert(id, to) {
            self.left(&from);
        }
    }

    /// A lease has ended, and its request is out of the database.
    pub(super) fn end(&mut self, id: u64) {
        if let Some(place) = self.leased.remove(&id) {
            self.left(&place);
        }
    }

    fn left(&mut self, place: &Place) {
        if let Some(lane) = self.lanes.get_mut(&place.lane) {
            lane.out.remove(&place.rank);
        }
        self.forget(&place.lane);
    }

    /// A lane that has nothing takes no room.
    fn forget(&mut self, name: &str) {
        let empty = |lane: &Lane| lane.ready.is_empty() && lane.out.is_empty() && !lane.more;
        if self.lanes.get(name).is_some_and(empty) {
            self.lanes.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Order;

    fn rank(priority: i32, nth: u64) -> Rank {
        Rank::new(priority, nth, Order::BreadthFirst)
    }

    /// The lanes over a database of one lane, as the frontier uses them.
    struct Model {
        lanes: Lanes,
        stored: BTreeMap<Rank, Vec<u8>>,
        name: Arc<str>,
    }

    impl Model {
        fn new() -> Self {
            Self {
                lanes: Lanes::default(),
                stored: BTreeMap::new(),
                name: "lane".into(),
            }
        }

        fn push(&mut self, rank: Rank) {
            self.stored.insert(rank, Vec::new());
            self.lanes.offer(&self.name, rank, &[]);
        }

        fn take(&mut self) -> Option<(u64, Rank)> {
            loop {
                match self.lanes.take(&self.name) {
                    Taken::Lease(lease, _) => {
                        let rank = self.lanes.leased(lease.id).unwrap().rank;
                        let next = self.stored.range(rank..).map(|(rank, _)| *rank);
                        let next = next.skip(1).find(|rank| !self.lanes.lanes["lane"].out.contains(rank));
                        assert_eq!(lease.next, next, "it says who is next");
                        return Some((lease.id, rank));
                    }
                    Taken::Nothing => return None,
                    Taken::Fetch => {
                        let (after, count) = self.lanes.wanted(&self.name).unwrap();
                        let rows = self
                            .stored
                            .iter()
                            .filter(|(rank, _)| after.is_none_or(|after| **rank > after));
                        let rows: Vec<_> = rows.take(count).map(|(rank, record)| (*rank, record.clone())).collect();
                        let more = rows.len() == count;
                        self.lanes.fill("lane", rows, more);
                    }
                }
            }
        }
    }

    #[test]
    fn however_much_stands_on_disk_the_smallest_rank_is_leased_first() {
        let mut seed = 7_u64;
        let mut random = move |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut model = Model::new();
        let (mut number, mut out) = (0, Vec::new());
        for _ in 0..60_000 {
            match random(100) {
                // Waves: more comes than goes, then less.
                0..48 if number % 9_000 < 6_000 => {
                    number += 1;
                    model.push(rank(random(3) as i32, number));
                }
                0..80 => {
                    number += u64::from(number % 9_000 >= 6_000);
                    let out: &mut Vec<_> = &mut out;
                    let first = model
                        .stored
                        .keys()
                        .find(|rank| !out.iter().any(|(_, other)| other == *rank))
                        .copied();
                    let taken = model.take();
                    assert_eq!(taken.map(|(_, rank)| rank), first);
                    out.extend(taken);
                }
                _ if !out.is_empty() => {
                    let (id, rank) = out.swap_remove(random(out.len() as u64) as usize);
                    model.stored.remove(&rank);
                    model.lanes.end(id);
                }
                _ => {}
            }
            let lane = model.lanes.lanes.get("lane");
            assert_eq!(model.lanes.cached, lane.map_or(0, |lane| lane.ready.len()));
            assert!(model.lanes.cached <= LANE);
            if out.len() > 60 {
                for (id, rank) in out.drain(..) {
                    model.stored.remove(&rank);
                    model.lanes.end(id);
                }
            }
        }
        assert!(number > 20_000);
        for (id, rank) in out.drain(..) {
            model.stored.remove(&rank);
            model.lanes.end(id);
        }
        while let Some((id, rank)) = model.take() {
            model.stored.remove(&rank);
            model.lanes.end(id);
        }
        assert!(
            model.stored.is_empty() && model.lanes.lanes.is_empty(),
            "nothing is left behind"
        );
    }

    #[test]
    fn a_million_lanes_do_not_hold_a_million_records() {
        let mut lanes = Lanes::default();
        for n in 0..ALL as u64 * 2 {
            let name: Arc<str> = n.to_string().into();
            lanes.offer(&name, rank(0, n), b"record");
        }
        assert_eq!(lanes.cached, ALL);
        let last = (ALL * 2 - 1).to_string();
        assert!(matches!(lanes.take(&last), Taken::Fetch));
        assert_eq!(lanes.wanted(&last), Some((None, 2)));
    }
}
