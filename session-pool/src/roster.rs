//! Who is next: the slots, the requests that wait for one, and nothing asynchronous.
//!
//! It sits behind a mutex that is held for a few instructions and never across an await. What has to be done outside of
//! it, ending sessions, is noted in `due`, and whoever had the lock sees to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use silkroute_core::{Proxy, Session};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::member::mixed;
use crate::slot::{Cause, Ending, Phase, Rest, Slot, Why};
use crate::{Assign, Member};

/// What a request wants of the pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Want {
    /// The one slot that will do.
    pub(crate) only: Option<usize>,
    /// The proxy that it must go through.
    pub(crate) proxy: Option<Proxy>,
    /// What it sticks to.
    pub(crate) key: Option<u64>,
}

impl Want {
    fn admits(&self, index: usize, slot: &Slot) -> bool {
        self.only.is_none_or(|only| only == index)
            && self
                .proxy
                .as_ref()
                .is_none_or(|proxy| slot.member.bound_to() == Some(proxy))
    }
}

/// What a request gets when it asks for a slot.
pub(crate) enum Turn {
    /// This one; its place is taken.
    Seat(usize),
    /// It has to wait.
    Wait(Wait),
    /// There is none and there will be none.
    Never,
}

pub(crate) struct Wait {
    pub(crate) ticket: u64,
    pub(crate) told: oneshot::Receiver<Told>,
    /// When a slot that rests now comes back; `None`: none does.
    pub(crate) back: Option<Instant>,
    /// Whether all that could serve it rest, so that only `back` can help.
    pub(crate) all_rest: bool,
}

/// What a request that waits is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The slot is its; its place is taken.
    Seat(usize),
    /// Things have changed: ask again, with the same ticket.
    Again,
}

struct Waiting {
    want: Want,
    /// The slot it sticks to.
    slot: Option<usize>,
    tell: oneshot::Sender<Told>,
}

/// A session that is to be ended by a task.
pub(crate) struct Due {
    pub(crate) index: usize,
    pub(crate) session: Option<Box<dyn Session>>,
    pub(crate) ending: Ending,
}

pub(crate) struct Roster {
    pub(crate) slots: Vec<Slot>,
    assign: Assign,
    max_usage: Option<u64>,
    max_age: Option<Duration>,
    /// By ticket: in the order they came.
    waiting: BTreeMap<u64, Waiting>,
    next_ticket: u64,
    turns: u64,
    /// Whether the pool is alive: only then is there anybody to see to what is due.
    open: bool,
    pub(crate) due: Vec<Due>,
}

impl Roster {
    pub(crate) fn new(slots: Vec<Slot>, assign: Assign, max_usage: Option<u64>, max_age: Option<Duration>) -> Self {
        Self {
            slots,
            assign,
            max_usage,
            max_age,
            waiting: BTreeMap::new(),
            next_ticket: 0,
            turns: 0,
            open: false,
            due: Vec::new(),
        }
    }

    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.member.name() == name)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// The pool is alive from now on. What was to be ended and was not, is.
    pub(crate) fn open(&mut self) {
        self.open = true;
        for index in 0..self.slots.len() {
            self.settle(index);
        }
    }

    /// The pool is no longer alive: sessions that are to be ended stay where they are.
    pub(crate) fn shut(&mut self) {
        self.open = false;
    }

    /// Whether nobody has a session in hand.
    pub(crate) fn is_quiet(&self) -> bool {
        self.slots.iter().all(|slot| slot.in_flight == 0 && slot.held == 0)
    }

    /// A slot for a request, or a place in the queue: the one behind `ticket`, where it had one before.
    pub(crate) fn take(&mut self, want: &Want, ticket: Option<u64>, now: Instant) -> Turn {
        self.retire_the_old();
        let wanted: Vec<usize> = (0..self.slots.len())
            .filter(|&index| !self.slots[index].is_gone() && want.admits(index, &self.slots[index]))
            .collect();
        if wanted.is_empty() {
            return Turn::Never;
        }
        let serving = || {
            wanted
                .iter()
                .copied()
                .filter(|&index| !self.slots[index].is_resting(now))
        };
        let chosen = match want.key {
            // Rendezvous hashing: each bids for the key, the highest bid has it. Who is full or on the way keeps its keys.
            Some(key) => serving().max_by_key(|&index| bid(self.slots[index].hash, key)),
            None => {
                let free = serving().filter(|&index| self.slots[index].is_free(now));
                match self.assign {
                    Assign::Fill => {
                        free.min_by_key(|&index| (!matches!(self.slots[index].phase, Phase::Alive(_)), index))
                    }
                    _ => free.min_by_key(|&index| (self.slots[index].in_flight, self.slots[index].last_turn)),
                }
            }
        };
        if let Some(index) = chosen.filter(|&index| self.slots[index].is_free(now)) {
            self.seat(index);
            return Turn::Seat(index);
        }
        let resting = wanted.iter().filter_map(|&index| self.slots[index].rest.as_ref());
        let back = resting.map(|rest| rest.until).filter(|&until| until > now).min();
        let all_rest = serving().next().is_none();
        let ticket = ticket.unwrap_or_else(|| {
            self.next_ticket += 1;
            self.next_ticket
        });
        let (tell, told) = oneshot::channel();
        let waiting = Waiting {
            want: want.clone(),
            slot: chosen,
            tell,
        };
        self.waiting.insert(ticket, waiting);
        Turn::Wait(Wait {
            ticket,
            told,
            back: back.filter(|_| chosen.is_none()),
            all_rest,
        })
    }

    /// A place in a slot for something that does not count as a request and does not wait.
    pub(crate) fn peek(&mut self, want: &Want, now: Instant) -> Turn {
        let free = |&index: &usize| want.admits(index, &self.slots[index]) && self.slots[index].is_free(now);
        match (0..self.slots.len()).find(free) {
            Some(index) => {
                self.slots[index].in_flight += 1;
                Turn::Seat(index)
            }
            None => Turn::Never,
        }
    }

    /// Takes a request out of the queue. If it has been given a slot meanwhile, that is given back.
    pub(crate) fn forget(&mut self, ticket: u64, told: &mut oneshot::Receiver<Told>, now: Instant) {
        if self.waiting.remove(&ticket).is_none()
            && let Ok(Told::Seat(index)) = told.try_recv()
        {
            self.release(index, now);
        }
    }

    /// Gives a place back.
    pub(crate) fn release(&mut self, index: usize, now: Instant) {
        let slot = &mut self.slots[index];
        slot.in_flight = slot.in_flight.saturating_sub(1);
        self.settle(index);
        self.grant(index, now);
    }

    /// Gives the free places of a slot to those who have waited longest for them.
    pub(crate) fn grant(&mut self, index: usize, now: Instant) {
        while self.slots[index].is_free(now) {
            let slot = &self.slots[index];
            let next = self.waiting.iter().find(|(_, waiting)| match waiting.slot {
                Some(stuck_to) => stuck_to == index && waiting.want.admits(index, slot),
                None => waiting.want.key.is_none() && waiting.want.admits(index, slot),
            });
            let Some(waiting) = next
                .map(|(&ticket, _)| ticket)
                .and_then(|ticket| self.waiting.remove(&ticket))
            else {
                return;
            };
            self.seat(index);
            if waiting.tell.send(Told::Seat(index)).is_err() {
                // It has gone without a word; nobody has used the place.
                self.slots[index].in_flight -= 1;
            }
        }
    }

    /// Forgets what only made sense while the pool was alive: nobody waits and nobody fetches.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.due.clear();
        for slot in &mut self.slots {
            slot.in_flight = 0;
            slot.held = 0;
            if slot.ready.take().is_some() {
                // It was alive to the end: what failed before that is over.
                slot.failed_starts = 0;
            }
            if slot.ending == Some(Ending::Revive) {
                slot.ending = None;
            }
        }
    }

    /// Has all that wait ask again.
    fn recall(&mut self) {
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            // One that has gone need not be told.
            let _ = waiting.tell.send(Told::Again);
        }
    }

    fn seat(&mut self, index: usize) {
        self.turns += 1;
        let slot = &mut self.slots[index];
        slot.in_flight += 1;
        slot.taken += 1;
        slot.last_turn = self.turns;
        if self.max_usage.is_some_and(|max| slot.taken >= max) {
            slot.ending = Some(Ending::Retire(Cause::Usage));
        }
    }

    fn retire_the_old(&mut self) {
        let Some(max_age) = self.max_age else { return };
        let now = SystemTime::now();
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            // A clock that was set back makes nobody older.
            let age = now.duration_since(slot.born).unwrap_or_default();
            if age >= max_age && slot.ending.is_none() {
                self.end(index, Ending::Retire(Cause::Age));
            }
        }
    }

    /// Ends a slot's session as soon as nobody uses it any more.
    pub(crate) fn end(&mut self, index: usize, ending: Ending) {
        let slot = &mut self.slots[index];
        let for_good = ending == Ending::Retire(Cause::Astray);
        let more_than_before = for_good || slot.ending.is_none_or(|known| known == Ending::Revive);
        if !slot.is_gone() && more_than_before {
            slot.ending = Some(ending);
            self.settle(index);
        }
    }

    /// Hands a session that is to be ended, and that nobody uses, to whoever ends it.
    pub(crate) fn settle(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let unused = self.open && slot.in_flight == 0 && slot.held == 0;
        let Some(ending) = slot.ending.filter(|_| unused) else {
            return;
        };
        let session = match std::mem::replace(&mut slot.phase, Phase::Ending) {
            Phase::Idle(session) => session,
            Phase::Alive(live) => match Arc::try_unwrap(live) {
                Ok(session) => Some(session),
                Err(live) => {
                    // A lease lets go of the session before it gives its place back, so this cannot be; the next one to
                    // give a place back tries again.
                    slot.phase = Phase::Alive(live);
                    return;
                }
            },
            busy => {
                slot.phase = busy;
                return;
            }
        };
        if let Ending::Retire(cause) = ending
            && cause != Cause::Starts
        {
            // Its reason to rest goes with it; who comes next may have none.
            slot.rest = None;
        }
        self.due.push(Due { index, session, ending });
    }

    /// Another identity takes the place of one that was retired.
    pub(crate) fn succeed(&mut self, index: usize, next: Member) {
        let moved = self.slots[index].member.bound_to() != next.bound_to();
        self.slots[index].succeed(next);
        if moved {
            // Those that named the old proxy have to go elsewhere, and those that named the new one may come.
            self.recall();
        }
    }

    /// Keeps a slot from being chosen until then.
    pub(crate) fn rest(&mut self, index: usize, until: Instant, why: Why) {
        let slot = &mut self.slots[index];
        if slot.rest.as_ref().is_none_or(|rest| rest.until < until) {
            slot.rest = Some(Rest { until, why });
        }
        self.recall();
    }

    /// Keeps all that go through a proxy from being chosen until then.
    pub(crate) fn rest_all_of(&mut self, proxy: &Proxy, until: Instant) {
        for index in 0..self.slots.len() {
            if self.slots[index].member.bound_to() == Some(proxy) {
                self.rest(index, until, Why::Proxy);
            }
        }
    }

    /// The slot is out for good.
    pub(crate) fn strike(&mut self, index: usize, cause: Cause) {
        let slot = &mut self.slots[index];
        slot.phase = Phase::Gone(cause);
        slot.ending = None;
        self.recall();
    }

    #[cfg(test)]
    pub(crate) fn queue(&self) -> usize {
        self.waiting.len()
    }
}

/// A name or a key as a number: the first eight bytes of its SHA-256, so that a key keeps its identity over a restart, another
/// compiler and another version. A hash of the standard library may change with each of its releases.
pub(crate) fn hash_of(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |bits, &byte| bits << 8 | u64::from(byte))
}

/// What an identity bids for a key. The key is mixed first: one that is the identity's own name would leave nothing of either,
/// and bid the same in every pool.
fn bid(name: u64, key: u64) -> u64 {
    mixed(name ^ mixed(key))
}

#[cfg(test)]
mod tests;
