//! The session's jar and the cookies of a browser context, kept alike.

use std::collections::HashMap;
use std::time::SystemTime;

use silkroute_core::{Cookie, CookieJar};
use tokio::sync::Mutex;

use crate::{Context, Deadline, Result};

type Key = (String, String, String);

fn key(cookie: &Cookie) -> Key {
    (cookie.name.clone(), cookie.domain.clone(), cookie.path.clone())
}

/// What both sides had when they were last compared: what differs from it has changed since, and goes over to the other
/// side. Cookies of partitioned storage stay in the browser, as over HTTP there is no page that they would be partitioned by.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    known: Mutex<HashMap<Key, Cookie>>,
}

impl Ledger {
    /// What changed in the jar goes into the context.
    pub(super) async fn carry_in(&self, jar: &CookieJar, context: &Context, deadline: Deadline) -> Result<()> {
        let mut known = deadline.run("the cookies", self.known.lock()).await?;
        let theirs: HashMap<Key, Cookie> = jar.cookies().into_iter().map(|cookie| (key(&cookie), cookie)).collect();
        let mut changed: Vec<Cookie> = theirs
            .iter()
            .filter(|(key, cookie)| known.get(*key).is_none_or(|old| differs(old, cookie)))
            .map(|(_, cookie)| cookie.clone())
            .collect();
        // What the jar let go of ends in the browser, too.
        for gone in known.values().filter(|old| !theirs.contains_key(&key(old))) {
            let mut gone = gone.clone();
            gone.expires = Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1));
            changed.push(gone);
        }
        if !changed.is_empty() {
            context.set_cookies(&changed, deadline).await?;
        }
        *known = theirs;
        Ok(())
    }

    /// What changed in the context goes into the jar, but for cookies of these names and hosts. Gives back what is new.
    pub(super) async fn carry_out(
        &self,
        jar: &CookieJar,
        context: &Context,
        own: &[Cookie],
        deadline: Deadline,
    ) -> Result<Vec<Cookie>> {
        let mut known = deadline.run("the cookies", self.known.lock()).await?;
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
        for (key, cookie) in &now {
            if known.get(key).is_some_and(|old| !differs(old, cookie)) {
                continue;
            }
            match jar.insert(cookie.clone()) {
                Ok(()) => new.push(cookie.clone()),
                // Browsers take some that no jar should, of a public suffix for instance.
                Err(error) => tracing::debug!(%error, "a cookie stays in the browser"),
            }
        }
        for old in known.values().filter(|old| !now.contains_key(&key(old))) {
            jar.remove(&old.domain, &old.path, &old.name);
        }
        *known = now;
        Ok(new)
    }
}

/// Whether the two say different things. The browser rounds the end of a cookie, and knows attributes that a jar does not.
fn differs(one: &Cookie, other: &Cookie) -> bool {
    let second = |cookie: &Cookie| {
        cookie
            .expires
            .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok())
            .map(|since| since.as_secs())
    };
    one.value != other.value
        || one.http_only != other.http_only
        || one.secure != other.secure
        || second(one) != second(other)
}
