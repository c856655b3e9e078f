//! Several proxies, and which of them is next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use super::health::{Health, Outcome};
use super::{Proxy, ProxyHealth};
use crate::{Error, Result};

/// Which proxy of a pool is next.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// One after the other. One that fails or is blocked more than the best passes some of its turns on, as its score says.
    #[default]
    Cyclic,
    /// Any: of equal scores each as likely as the others, else in proportion to them.
    Random,
    /// For the same key, such as a host, the same proxy for as long as it is healthy. When a proxy is out, only its keys
    /// move. Without a key, one after the other.
    ///
    /// This holds over restarts too. A proxy is known by its scheme, host, port and user: neither a new password nor its
    /// place in the list moves a key, unless there are several that only their passwords tell apart. Nor does a score.
    Sticky,
}

/// Several proxies that share the work.
///
/// A proxy that fails again and again is left out for a while: [`max_failures`](Self::max_failures) in a row, 3 unless
/// said otherwise, cost it 10 seconds, and every further failure after that twice as long as the last, up to 5
/// minutes. One success makes it good again, if it does not fail most of the time: one of whose recent requests half or more failed
/// is left out by each failure, whatever comes between.
///
/// Each proxy has a score, the share of its recent requests that neither failed nor were
/// [blocked](Self::report_blocked): a moving average over about 20. It begins with 1. Those with a lower score than the best get
/// less of the work, in proportion, and a tenth at least; where a key decides, it alone does. [`health`](Self::health) tells all of
/// it.
///
/// A clone is the same pool: health is shared. There is always a proxy to pick, never a direct connection: if all are
/// left out, it is the one that comes back first.
///
/// At rest it is a list of proxies, or `{"proxies": [..], "rotation": "sticky", "cooldown": "10s", "max_cooldown": "5m",
/// "max_failures": 3}`.
///
/// ```
/// use silkroute_core::{ProxyPool, Rotation};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let pool = ProxyPool::new(["http://10.0.0.1:3128".parse()?, "http://10.0.0.2:3128".parse()?])?.rotation(Rotation::Sticky);
/// let proxy = pool.pick(Some("shop.test"));
/// assert_eq!(pool.pick(Some("shop.test")), proxy);
/// pool.report(&proxy, true);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ProxyPool {
    pub(super) rotation: Rotation,
    pub(super) base: Duration,
    pub(super) max: Duration,
    pub(super) max_failures: NonZeroU32,
    shared: Arc<Shared>,
}

struct Shared {
    proxies: Vec<Member>,
    by_proxy: HashMap<Proxy, usize>,
    state: Mutex<State>,
}

struct Member {
    proxy: Proxy,
    /// What it is known by, as a number, which bids for keys.
    hash: u64,
}

struct State {
    /// Where the next one in turn is looked for.
    next: usize,
    health: Vec<Health>,
}

impl State {
    /// Those that are not left out.
    fn in_service(&self, now: Instant) -> impl Iterator<Item = usize> {
        (0..self.health.len()).filter(move |&index| !self.health[index].is_cooling(now))
    }

    /// The best score of those that are not left out.
    fn best(&self, now: Instant) -> f64 {
        let scores = self.in_service(now).map(|index| self.health[index].score());
        scores.fold(0.0, f64::max)
    }

    /// The next one that takes its turn, as the one with the best score does.
    fn in_turn(&mut self, now: Instant) -> Option<usize> {
        let (best, count) = (self.best(now), self.health.len());
        let index = (self.next..count).chain(0..self.next).find(|&index| {
            let health = &mut self.health[index];
            !health.is_cooling(now) && health.takes_turn(best)
        })?;
        self.next = (index + 1) % count;
        Some(index)
    }

    /// Any, each as likely as its share says.
    fn by_lot(&self, now: Instant) -> Option<usize> {
        let best = self.best(now);
        let share = |index: usize| self.health[index].share(best);
        let mut lot = fastrand::f64() * self.in_service(now).map(share).sum::<f64>();
        let drawn = self.in_service(now).find(|&index| {
            lot -= share(index);
            lot < 0.0
        });
        // What was rounded off may leave a rest of the lot.
        drawn.or_else(|| self.in_service(now).last())
    }
}

impl ProxyPool {
    pub(super) const BASE: Duration = Duration::from_secs(10);
    pub(super) const MAX: Duration = Duration::from_secs(5 * 60);
    pub(super) const MAX_FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

    /// A pool of these proxies, one after the other.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are none, or the same twice. The same address with other credentials is another
    /// proxy.
    pub fn new(proxies: impl IntoIterator<Item = Proxy>) -> Result<Self> {
        let refused = |reason: String| Error::invalid("the proxy pool", reason);
        let mut members = Vec::new();
        let mut by_proxy = HashMap::new();
        let mut namesakes = HashMap::<_, u64>::new();
        for proxy in proxies {
            match by_proxy.entry(proxy) {
                Entry::Occupied(known) => {
                    return Err(refused(format!("it holds {} twice: list each proxy once", known.key())));
                }
                Entry::Vacant(free) => {
                    let name = name_of(free.key());
                    let hash = hash_of(&name);
                    let before = namesakes.entry(name).or_default();
                    members.push(Member {
                        proxy: free.key().clone(),
                        // With one and the same number, the last would have the keys of all.
                        hash: hash.wrapping_add(*before),
                    });
                    *before += 1;
                    free.insert(members.len() - 1);
                }
            }
        }
        if members.is_empty() {
            return Err(refused(
                "it is empty: give it one proxy at least, or no pool".to_owned(),
            ));
        }
        let state = State {
            next: 0,
            health: vec![Health::default(); members.len()],
        };
        Ok(Self {
            rotation: Rotation::default(),
            base: Self::BASE,
            max: Self::MAX,
            max_failures: Self::MAX_FAILURES,
            shared: Arc::new(Shared {
                proxies: members,
                by_proxy,
                state: Mutex::new(state),
            }),
        })
    }

    /// Which proxy is next. [`Rotation::Cyclic`] when nothing is said.
    #[must_use]
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// How long a failing proxy is left out at first, and at most. 10 seconds and 5 minutes when nothing is said; a
    /// `max` below `base` is `base`.
    #[must_use]
    pub fn cooldown(mut self, base: Duration, max: Duration) -> Self {
        self.base = base;
        self.max = max.max(base);
        self
    }

    /// After how many failures in a row a proxy is left out. 3 when nothing is said. One that fails most of the time is left out
    /// without such a row; with more than 5 that is judged by 4 times as many requests as are allowed to fail in a row.
    #[must_use]
    pub fn max_failures(mut self, failures: NonZeroU32) -> Self {
        self.max_failures = failures;
        self
    }

    /// The next proxy. `key` is what [`Rotation::Sticky`] sticks to, such as the host of the request.
    pub fn pick(&self, key: Option<&str>) -> Proxy {
        self.pick_at(key, Instant::now())
    }

    fn pick_at(&self, key: Option<&str>, now: Instant) -> Proxy {
        let members = &self.shared.proxies;
        let mut state = self.state();
        let found = match (self.rotation, key) {
            (Rotation::Sticky, Some(key)) => {
                // Rendezvous hashing: each proxy bids for the key, the highest bid has it.
                let key = mixed(hash_of(key));
                state
                    .in_service(now)
                    .max_by_key(|&index| mixed(members[index].hash ^ key))
            }
            (Rotation::Random, _) => state.by_lot(now),
            (Rotation::Cyclic | Rotation::Sticky, _) => state.in_turn(now),
        };
        let first_back = || (0..members.len()).min_by_key(|&index| state.health[index].until());
        // A pool is never empty, so one of both is there, and were it not, the first proxy would be the one.
        let index = found.or_else(first_back).unwrap_or(0);
        members[index].proxy.clone()
    }

    /// Says how a proxy did: whether it did its part, not what status the site answered with. That a proxy which works
    /// finds the site down is neither a success nor a failure. A proxy that is not of this pool is passed over.
    pub fn report(&self, proxy: &Proxy, ok: bool) {
        let outcome = if ok { Outcome::Worked } else { Outcome::Failed };
        self.report_at(proxy, outcome, Instant::now());
    }

    /// Says that a site blocked what came through a proxy. The proxy has worked, and is not left out for it, however often:
    /// it may be the visitor that is blocked, and a site that blocks everybody must not cost all proxies. But its score goes down,
    /// and with it its share of the work.
    pub fn report_blocked(&self, proxy: &Proxy) {
        self.report_at(proxy, Outcome::Blocked, Instant::now());
    }

    fn report_at(&self, proxy: &Proxy, outcome: Outcome, now: Instant) {
        let Some(&index) = self.shared.by_proxy.get(proxy) else {
            return;
        };
        let health = &mut self.state().health[index];
        if health.note(outcome, self.max_failures.get(), now) {
            health.leave_out(self.base, self.max, now);
        }
    }

    /// How long this proxy will still be left out; `None`: it is not, or is not of this pool.
    pub fn cooling_for(&self, proxy: &Proxy) -> Option<Duration> {
        let &index = self.shared.by_proxy.get(proxy)?;
        self.state().health[index].cooling_for(Instant::now())
    }

    /// How each proxy has fared, in the order they were given.
    pub fn health(&self) -> Vec<ProxyHealth> {
        let now = Instant::now();
        let state = self.state();
        let each = self.shared.proxies.iter().zip(&state.health);
        each.map(|(member, health)| health.told_of(member.proxy.label(), now))
            .collect()
    }

    /// The proxies, in the order they were given.
    pub fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.shared.proxies.iter().map(|member| &member.proxy)
    }

    /// How many proxies there are.
    pub fn len(&self) -> usize {
        self.shared.proxies.len()
    }

    /// Whether there are none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.shared.proxies.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counters have no state in between that a panic could leave behind.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the proxies without credentials.
impl fmt::Debug for ProxyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyPool")
            .field("rotation", &self.rotation)
            .field("proxies", &self.proxies().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What a proxy is known by when keys are shared out. Passwords change.
fn name_of(proxy: &Proxy) -> String {
    format!("{proxy} {}", proxy.username().unwrap_or_default())
}

/// A name or a key as a number: the first eight bytes of its SHA-1, so that a key keeps its proxy over a restart, another
/// compiler and another version. A hash of the standard library may change with each of its releases.
fn hash_of(text: &str) -> u64 {
    let digest = Sha1::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |bits, &byte| bits << 8 | u64::from(byte))
}

/// The finish of SplitMix64, <https://prng.di.unimi.it/splitmix64.c>: every bit of the input moves every bit of the output.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
