//! The session's jar and the cookies of a browser context, kept alike.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use silkroute_core::{Cookie, CookieJar};
use tokio::sync::Mutex;

use super::sites::Sites;
use crate::{Context, Deadline, Error, Result};

type Key = (String, String, String);

fn key(cookie: &Cookie) -> Key {
    (cookie.name.clone(), cookie.domain.clone(), cookie.path.clone())
}

/// What both sides had when they were last compared: what differs from it has changed since, and goes over to the other
/// side. Cookies of partitioned storage stay in the browser, as over HTTP there is no page that they would be partitioned by.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Mutex<Entries>,
    /// The context is that of a user, who takes cookies out, too: they are not put back.
    is_a_users: bool,
}

#[derive(Debug, Default)]
struct Entries {
    known: HashMap<Key, Cookie>,
    /// Those of the jar that the browser did not take, such as one for other sites' requests that is not `Secure`. HTTP
    /// sessions send them all the same.
    refused: HashMap<Key, Cookie>,
}

impl Ledger {
    pub(super) fn of(is_a_users: bool) -> Self {
        Self {
            entries: Mutex::default(),
            is_a_users,
        }
    }

    /// What changed in the jar goes into the context, but for what the request's own cookies take the place of.
    pub(super) async fn carry_in(
        &self,
        jar: &CookieJar,
        context: &Context,
        own: &[Cookie],
        deadline: Deadline,
    ) -> Result<()> {
        let mut entries = deadline.run("the cookies", self.entries.lock()).await?;
        let Entries { known, refused } = &mut *entries;
        let theirs: HashMap<Key, Cookie> = jar
            .cookies()
            .into_iter()
            .filter(|cookie| !own.iter().any(|own| takes_the_place(own, cookie)))
            .map(|cookie| (key(&cookie), cookie))
            .collect();
        let mut changed: Vec<Cookie> = theirs
            .iter()
            .filter(|(key, cookie)| {
                let same = |old: &Cookie| !differs(old, cookie);
                !known.get(*key).is_some_and(same) && !refused.get(*key).is_some_and(same)
            })
            .map(|(_, cookie)| cookie.clone())
            .collect();
        // What the jar let go of ends in the browser, too.
        for gone in known.values().filter(|old| !theirs.contains_key(&key(old))) {
            let mut gone = gone.clone();
            gone.expires = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
            changed.push(gone);
        }
        if !changed.is_empty() {
            put(context, &changed, deadline).await?;
            // Some it refuses with an error, which takes all with it, and some without a word.
            let taken: HashSet<Key> = context.cookies(deadline).await?.iter().map(key).collect();
            for cookie in changed.into_iter().filter(|cookie| theirs.contains_key(&key(cookie))) {
                if taken.contains(&key(&cookie)) {
                    refused.remove(&key(&cookie));
                } else {
                    tracing::debug!(name = cookie.name, "the browser does not take a cookie of the jar");
                    refused.insert(key(&cookie), cookie);
                }
            }
        }
        refused.retain(|key, _| theirs.contains_key(key));
        *known = theirs;
        known.retain(|key, cookie| refused.get(key).is_none_or(|old| differs(old, cookie)));
        Ok(())
    }

    /// What changed in the context goes into the jar, but for the cookies of the request's own. Gives back what is new. What has
    /// gone there is taken out of the jar where its site may have done it. Else the browser had no room for it, as of more than
    /// 3,300 cookies Chromium first drops those that no page has used: the next page finds it there again.
    pub(super) async fn carry_out(
        &self,
        jar: &CookieJar,
        context: &Context,
        own: &[Cookie],
        sites: &Sites,
        deadline: Deadline,
    ) -> Result<Vec<Cookie>> {
        let mut entries = deadline.run("the cookies", self.entries.lock()).await?;
        let Entries { known, refused } = &mut *entries;
        let now: HashMap<Key, Cookie> = context
            .cookies(deadline)
            .await?
            .into_iter()
            .filter(|cookie| !cookie.other.contains_key("partitionKey"))
            .filter(|cookie| {
                !own.iter()
                    .any(|own| key(own) == key(cookie) && own.value == cookie.value)
            })
            .map(|cookie| (key(&cookie), cookie))
            .collect();
        let mut new = Vec::new();
        let mut stays = HashSet::new();
        for (key, cookie) in &now {
            if known.get(key).is_some_and(|old| !differs(old, cookie)) {
                continue;
            }
            match jar.insert(cookie.clone()) {
                Ok(()) => new.push(cookie.clone()),
                // Browsers take some that no jar should, of a public suffix for instance. What the jar never had does not end in
                // the browser for being gone from there.
                Err(error) => {
                    tracing::debug!(%error, "a cookie stays in the browser");
                    stays.insert(key.clone());
                }
            }
        }
        for (key, old) in known.drain().filter(|(key, _)| !now.contains_key(key)) {
            if sites.have(&old.domain) {
                jar.remove(&old.domain, &old.path, &old.name);
                continue;
            }
            tracing::debug!(
                name = old.name,
                domain = old.domain,
                "the browser dropped a cookie, and the jar keeps it"
            );
            if self.is_a_users {
                refused.insert(key, old);
            }
        }
        *known = now;
        known.retain(|key, _| !stays.contains(key));
        Ok(new)
    }
}

/// Whether no page is to see a cookie of the jar for one of the request's own: it has the name, and goes to its host.
fn takes_the_place(own: &Cookie, cookie: &Cookie) -> bool {
    let goes_there = match cookie.domain.strip_prefix('.') {
        Some(domain) => own
            .domain
            .strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        None => own.domain == cookie.domain,
    };
    own.name == cookie.name && goes_there
}

/// Puts in all that the browser takes.
async fn put(context: &Context, cookies: &[Cookie], deadline: Deadline) -> Result<()> {
    match context.set_cookies(cookies, deadline).await {
        Err(Error::Protocol { .. }) => {}
        other => return other,
    }
    for cookie in cookies {
        match context.set_cookies(std::slice::from_ref(cookie), deadline).await {
            Ok(()) | Err(Error::Protocol { .. }) => {}
            other => return other,
        }
    }
    Ok(())
}

/// Whether the two say different things. The browser rounds the end of a cookie, lets none live longer than 400 days
/// (RFC 6265bis section 5.5), and knows attributes that a jar does not.
fn differs(one: &Cookie, other: &Cookie) -> bool {
    const LONGEST: Duration = Duration::from_secs(399 * 24 * 3600);
    let longest = SystemTime::now() + LONGEST;
    let second = |cookie: &Cookie| {
        cookie
            .expires
            .and_then(|at| at.min(longest).duration_since(SystemTime::UNIX_EPOCH).ok())
            .map(|since| since.as_secs())
    };
    one.value != other.value
        || one.http_only != other.http_only
        || one.secure != other.secure
        || second(one) != second(other)
}
