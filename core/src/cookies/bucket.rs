//! The cookies of one registered domain, and those of all.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use url::Url;

use super::cookie::Cookie;
use super::domain;

/// Chrome's limits, `kDomainMaxCookies`, `kMaxCookies` and `kPurgeCookies`:
/// <https://source.chromium.org/chromium/chromium/src/+/main:net/cookies/cookie_monster.cc>
pub(super) const MAX_PER_DOMAIN: usize = 180;
pub(super) const MAX_IN_ALL: usize = 3_300;
const PURGED_AT_ONCE: usize = 300;

/// Counts up with everything that happens to a jar, so that "older" and "used longer ago" are comparisons of numbers.
#[derive(Debug, Default)]
pub(super) struct Ticks(AtomicU64);

impl Ticks {
    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

pub(super) struct Entry {
    pub(super) cookie: Cookie,
    /// When a cookie of this name was first set here.
    pub(super) created: u64,
    /// When it was last set or sent.
    used: AtomicU64,
}

impl Entry {
    pub(super) fn touch(&self, ticks: &Ticks) {
        self.used.store(ticks.next(), Ordering::Relaxed);
    }

    fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// What a request is, as far as cookies go.
pub(super) struct Target<'a> {
    pub(super) host: &'a str,
    path: &'a str,
    pub(super) trustworthy: bool,
}

impl<'a> Target<'a> {
    /// `None` for a URL without a host.
    pub(super) fn of(url: &'a Url) -> Option<Self> {
        Some(Self {
            host: url.host_str().filter(|host| !host.is_empty())?,
            path: url.path(),
            trustworthy: domain::is_trustworthy(url),
        })
    }

    fn takes(&self, cookie: &Cookie, now: SystemTime) -> bool {
        let host_fits = match cookie.domain.strip_prefix('.') {
            Some(domain) => domain::is_within(self.host, domain),
            None => self.host == cookie.domain,
        };
        host_fits
            && (self.trustworthy || !cookie.secure)
            && domain::path_is_within(self.path, &cookie.path)
            && !cookie.is_expired(now)
    }
}

/// All cookies, by registered domain: a look-up never sees those of others.
#[derive(Default)]
pub(super) struct Buckets {
    buckets: HashMap<Box<str>, Vec<Entry>>,
    stored: usize,
}

impl Buckets {
    /// How many there are, those included that have expired since the last look at them.
    pub(super) fn stored(&self) -> usize {
        self.stored
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.values().flatten()
    }

    /// Those to send to a target, in the order to send them: RFC 6265 section 5.4, longest path first, then oldest.
    pub(super) fn matching(&self, target: &Target<'_>, now: SystemTime) -> Vec<&Entry> {
        let bucket = self.buckets.get(domain::bucket_of(target.host));
        let mut found: Vec<_> = bucket
            .into_iter()
            .flatten()
            .filter(|entry| target.takes(&entry.cookie, now))
            .collect();
        found.sort_unstable_by_key(|entry| (Reverse(entry.cookie.path.len()), entry.created));
        found
    }

    /// Whether a cookie from a connection that others can listen to would hide a secure one: RFC 6265bis section 5.7,
    /// "leave secure cookies alone".
    pub(super) fn shadows_secure(&self, cookie: &Cookie, now: SystemTime) -> bool {
        let bucket = self.buckets.get(domain::bucket_of(cookie.host()));
        bucket.into_iter().flatten().map(|entry| &entry.cookie).any(|old| {
            let related = domain::is_within(old.host(), cookie.host()) || domain::is_within(cookie.host(), old.host());
            old.secure
                && old.name == cookie.name
                && related
                && domain::path_is_within(&cookie.path, &old.path)
                && !old.is_expired(now)
        })
    }

    /// Stores a cookie in place of the one with the same name, domain and path, and evicts what is too much.
    pub(super) fn put(&mut self, cookie: Cookie, ticks: &Ticks, now: SystemTime) {
        let key = domain::bucket_of(cookie.host());
        let bucket = match self.buckets.get_mut(key) {
            Some(bucket) => bucket,
            None => self.buckets.entry(key.into()).or_default(),
        };
        let before = bucket.len();
        let known = bucket
            .iter_mut()
            .find(|entry| entry.cookie.has_key(&cookie.domain, &cookie.path, &cookie.name));
        match known {
            Some(entry) => {
                entry.cookie = cookie;
                entry.touch(ticks);
            }
            None => {
                let created = ticks.next();
                bucket.push(Entry {
                    cookie,
                    created,
                    used: created.into(),
                });
            }
        }
        if bucket.len() > MAX_PER_DOMAIN {
            bucket.retain(|entry| !entry.cookie.is_expired(now));
        }
        if bucket.len() > MAX_PER_DOMAIN
            && let Some(oldest) = (0..bucket.len()).min_by_key(|&index| bucket[index].used())
        {
            bucket.swap_remove(oldest);
        }
        self.stored = self.stored + bucket.len() - before;
        if self.stored > MAX_IN_ALL {
            self.make_room(now);
        }
    }

    /// Takes a cookie out; `None` if there is none of this name, domain and path.
    pub(super) fn take(&mut self, domain: &str, path: &str, name: &str) -> Option<Cookie> {
        let key = domain::bucket_of(domain.strip_prefix('.').unwrap_or(domain));
        let bucket = self.buckets.get_mut(key)?;
        let index = bucket
            .iter()
            .position(|entry| entry.cookie.has_key(domain, path, name))?;
        let taken = bucket.swap_remove(index).cookie;
        if bucket.is_empty() {
            self.buckets.remove(key);
        }
        self.stored -= 1;
        Some(taken)
    }

    /// Drops what has expired and, where that is not enough, what was used longest ago: many at once, so that a full
    /// jar is not searched for every cookie that comes.
    fn make_room(&mut self, now: SystemTime) {
        self.retain(|entry| !entry.cookie.is_expired(now));
        if self.stored > MAX_IN_ALL {
            let mut uses: Vec<_> = self.entries().map(Entry::used).collect();
            let last_to_go = uses.len() - (MAX_IN_ALL - PURGED_AT_ONCE) - 1;
            let (_, &mut limit, _) = uses.select_nth_unstable(last_to_go);
            self.retain(|entry| entry.used() > limit);
        }
    }

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.buckets.retain(|_, bucket| {
            bucket.retain(&keep);
            !bucket.is_empty()
        });
        self.stored = self.buckets.values().map(Vec::len).sum();
    }
}
