//! The jar.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value};
use url::Url;

use super::bucket::{Buckets, Entry, Target, Ticks};
use super::cookie::{Cookie, check_pair};
use super::origins::Origins;
use super::set_cookie;
use super::storage_state::{OriginState, StorageItem, StorageState};
use crate::{Error, Result};

/// The cookies of one or several sessions, and what browsers among them keep in local storage.
///
/// A clone is the same jar: give it to an HTTP and to a browser session, log in once in the browser, go on over HTTP.
/// It may be used from any thread.
///
/// It keeps at most 180 cookies of a registered domain and 3,300 in all, like Chrome; beyond that, those go first that
/// were neither set nor sent for the longest time. `Secure` cookies are taken from and sent to HTTPS and, as in Chrome,
/// this computer itself (`localhost`, `*.localhost`, `127.0.0.0/8`, `[::1]`). What a cookie's `SameSite` says is left to
/// browsers, but for `SameSite=None` without `Secure`, which is ignored as in Chrome.
///
/// ```
/// use http::HeaderMap;
/// use silkroute_core::CookieJar;
///
/// let jar = CookieJar::new();
/// let mut headers = HeaderMap::new();
/// headers.append("set-cookie", "sid=1; Path=/; Secure; HttpOnly".parse().unwrap());
/// jar.store(&"https://shop.test/login".parse().unwrap(), &headers);
/// assert_eq!(jar.header(&"https://shop.test/cart".parse().unwrap()).unwrap(), "sid=1");
/// assert_eq!(jar.header(&"http://shop.test/cart".parse().unwrap()), None);
/// ```
#[derive(Clone, Default)]
pub struct CookieJar {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// How many cookies there are, so that an empty jar costs nothing to ask.
    stored: AtomicUsize,
    ticks: Ticks,
    contents: RwLock<Contents>,
}

#[derive(Default)]
struct Contents {
    cookies: Buckets,
    origins: Origins,
    /// What came with [`CookieJar::load`] besides.
    other: Map<String, Value>,
}

impl CookieJar {
    /// An empty jar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes every `Set-Cookie` of a response from this URL, and returns the cookies it accepted. Those that the response
    /// deletes are not among them, nor are those that must be ignored: for a foreign or public domain, over a
    /// connection that does not fit them, malformed.
    pub fn store(&self, url: &Url, headers: &HeaderMap) -> Vec<Cookie> {
        if headers.contains_key(header::SET_COOKIE) {
            self.store_at(url, headers, SystemTime::now())
        } else {
            Vec::new()
        }
    }

    fn store_at(&self, url: &Url, headers: &HeaderMap, now: SystemTime) -> Vec<Cookie> {
        let Some(target) = Target::of(url) else {
            return Vec::new();
        };
        let mut accepted: Vec<Cookie> = Vec::new();
        let mut contents = self.write();
        for value in headers.get_all(header::SET_COOKIE) {
            // What is not UTF-8 could not be sent back as it came.
            let Ok(text) = str::from_utf8(value.as_bytes()) else {
                continue;
            };
            let Some(cookie) = set_cookie::parse(text, url, now) else {
                continue;
            };
            if !target.trustworthy && !cookie.secure && contents.cookies.shadows_secure(&cookie, now) {
                continue;
            }
            accepted.retain(|old| !old.has_key(&cookie.domain, &cookie.path, &cookie.name));
            if cookie.is_expired(now) {
                contents.cookies.take(&cookie.domain, &cookie.path, &cookie.name);
            } else {
                accepted.push(cookie.clone());
                contents.cookies.put(cookie, &self.shared.ticks, now);
            }
        }
        self.shared.stored.store(contents.cookies.stored(), Ordering::Release);
        accepted
    }

    /// The `Cookie` header for a request to this URL; `None` when there is nothing to send. The value is marked
    /// sensitive.
    pub fn header(&self, url: &Url) -> Option<HeaderValue> {
        self.with_matching(url, SystemTime::now(), |found| {
            join(found.iter().map(|entry| pair(&entry.cookie)))
        })?
    }

    /// [`header`](Self::header), with cookies of the request's own behind the jar's. The request's replaces the jar's of the same
    /// name, and of two with one name the later counts.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or a value that cannot stand in the header.
    pub fn header_with(&self, url: &Url, extra: &[(String, String)]) -> Result<Option<HeaderValue>> {
        for (name, value) in extra {
            let reason = match check_pair(name, value) {
                Ok(()) if name.is_empty() => "it has no name",
                Ok(()) => continue,
                Err(reason) => reason,
            };
            return Err(Error::invalid(
                format!("the request's cookie `{}`", name.escape_debug()),
                reason,
            ));
        }
        let is_last =
            |(index, (name, _)): &(usize, &(String, String))| extra[index + 1..].iter().all(|(later, _)| later != name);
        let own = extra.iter().enumerate().filter(is_last);
        let own: Vec<_> = own.map(|(_, (name, value))| (name.as_str(), value.as_str())).collect();
        let joined = self.with_matching(url, SystemTime::now(), |found| {
            let kept = found.iter().map(|entry| pair(&entry.cookie));
            let kept = kept.filter(|(name, _)| own.iter().all(|(own, _)| own != name));
            join(kept.chain(own.iter().copied()))
        });
        Ok(joined.unwrap_or_else(|| join(own.iter().copied())))
    }

    /// All cookies that have not expired, oldest first.
    pub fn cookies(&self) -> Vec<Cookie> {
        cookies_in(&self.read(), SystemTime::now())
    }

    /// The cookies that a request to this URL would carry, in that order.
    pub fn cookies_for(&self, url: &Url) -> Vec<Cookie> {
        let all = |found: &[&Entry]| found.iter().map(|entry| entry.cookie.clone()).collect();
        self.with_matching(url, SystemTime::now(), all).unwrap_or_default()
    }

    /// The first cookie of this name that a request to this URL would carry.
    pub fn get(&self, url: &Url, name: &str) -> Option<Cookie> {
        self.cookies_for(url).into_iter().find(|cookie| cookie.name == name)
    }

    /// Puts a cookie in, in place of the one with the same name, domain and path. One that has expired takes that away.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cookie that could not be: its name, value, domain or path cannot be used, or are not
    /// what the prefix of its name promises.
    pub fn insert(&self, cookie: Cookie) -> Result<()> {
        let cookie = cookie.checked()?;
        let now = SystemTime::now();
        let mut contents = self.write();
        if cookie.is_expired(now) {
            contents.cookies.take(&cookie.domain, &cookie.path, &cookie.name);
        } else {
            contents.cookies.put(cookie, &self.shared.ticks, now);
        }
        self.shared.stored.store(contents.cookies.stored(), Ordering::Release);
        Ok(())
    }

    /// Takes a cookie out, by its domain (with the leading `.` if it has one), path and name. Says whether there was one.
    pub fn remove(&self, domain: &str, path: &str, name: &str) -> bool {
        let mut contents = self.write();
        let removed = contents.cookies.take(domain, path, name).is_some();
        self.shared.stored.store(contents.cookies.stored(), Ordering::Release);
        removed
    }

    /// Takes everything out, local storage included.
    pub fn clear(&self) {
        let mut contents = self.write();
        *contents = Contents::default();
        self.shared.stored.store(0, Ordering::Release);
    }

    /// How many cookies there are that have not expired.
    pub fn len(&self) -> usize {
        let now = SystemTime::now();
        self.read()
            .cookies
            .entries()
            .filter(|entry| !entry.cookie.is_expired(now))
            .count()
    }

    /// Whether there is no cookie that has not expired.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it holds, fit to be written to disk and given to Playwright: the cookies that have not expired, oldest first,
    /// and local storage, from browsers that keep it and from [`load`](Self::load).
    pub fn storage_state(&self) -> StorageState {
        let contents = self.read();
        let origins = contents.origins.all();
        StorageState {
            cookies: cookies_in(&contents, SystemTime::now()),
            origins: origins.iter().map(|state| OriginState::clone(state)).collect(),
            other: contents.other.clone(),
        }
    }

    /// The local storage of each origin, the one that changed last at the end. An origin that has not changed since is the same
    /// `Arc`.
    pub fn origins(&self) -> Vec<Arc<OriginState>> {
        self.read().origins.all()
    }

    /// Puts items into the local storage of an origin such as `https://shop.test`, in place of those with the same names, and
    /// takes those of the names `removed` out. HTTP sessions have no use for it: they hand it on to browsers and to disk.
    pub fn change_local_storage(&self, origin: &str, set: Vec<StorageItem>, removed: &[String]) {
        self.write().origins.change(origin, set, removed);
    }

    /// Puts all that a storage state holds on top of what is there, and says how many cookies that were. Those that have
    /// expired are left out, and take nothing out of the jar. Of local storage the newer of an origin wins; of more than 1,000
    /// origins or 64 MiB the first go, and an origin that is larger than that by itself goes alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the cookie that could not be; the jar is as it was.
    pub fn load(&self, state: &StorageState) -> Result<usize> {
        let cookies: Vec<_> = state
            .cookies
            .iter()
            .map(|cookie| cookie.clone().narrowed().checked())
            .collect::<Result<_>>()?;
        let now = SystemTime::now();
        let mut contents = self.write();
        contents.origins.load(&state.origins);
        contents.other.extend(state.other.clone());
        let mut count = 0;
        for cookie in cookies.into_iter().filter(|cookie| !cookie.is_expired(now)) {
            contents.cookies.put(cookie, &self.shared.ticks, now);
            count += 1;
        }
        self.shared.stored.store(contents.cookies.stored(), Ordering::Release);
        Ok(count)
    }

    /// Looks at the cookies for a URL, which counts as using them. `None` without a look when there are no cookies at all.
    fn with_matching<T>(&self, url: &Url, now: SystemTime, look: impl FnOnce(&[&Entry]) -> T) -> Option<T> {
        if self.shared.stored.load(Ordering::Acquire) == 0 {
            return None;
        }
        let target = Target::of(url)?;
        let contents = self.read();
        let found = contents.cookies.matching(&target, now);
        found.iter().for_each(|entry| entry.touch(&self.shared.ticks));
        Some(look(&found))
    }

    // A panic in here is a defect, and still leaves each cookie whole: the next one may go on.
    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.shared.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.shared.contents.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cookies_in(contents: &Contents, now: SystemTime) -> Vec<Cookie> {
    let mut entries: Vec<_> = contents
        .cookies
        .entries()
        .filter(|entry| !entry.cookie.is_expired(now))
        .collect();
    entries.sort_unstable_by_key(|entry| entry.created);
    entries.into_iter().map(|entry| entry.cookie.clone()).collect()
}

fn pair(cookie: &Cookie) -> (&str, &str) {
    (&cookie.name, &cookie.value)
}

fn join<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<HeaderValue> {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if !name.is_empty() {
            text.push_str(name);
            text.push('=');
        }
        text.push_str(value);
    }
    if text.is_empty() {
        return None;
    }
    // Cannot fail: every pair has been through `check_pair`.
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Shows how many cookies there are and none of them.
impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieJar")
            .field("cookies", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
