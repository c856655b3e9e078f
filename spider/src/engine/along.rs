//! What goes along when a request goes from one session of a ladder to another.

use std::sync::{Arc, PoisonError};

use http::header::USER_AGENT;
use silkroute_core::cookies::StorageState;
use silkroute_core::{Cookie, Error, Request};
use url::Url;

use super::Engine;
use super::climb::Climber;
use super::resume::{ask, load};
use crate::escalation::ShareIdentity;
use crate::{Spider, Visit};

/// They went along, or failed to this often, beyond which it is not tried again.
pub(super) const WENT: u8 = 3;
/// Hosts whose cookies went along, beyond which they are forgotten and go along once more.
const SHARED: usize = 10_000;
/// Cookies that are tied to the visitor they were given to, as Cloudflare says of its own
/// (<https://developers.cloudflare.com/cloudflare-challenges/concepts/clearance/>). From a visitor who says another
/// `User-Agent` they are worth nothing, and give away that they come from elsewhere.
const BOUND: [&str; 2] = ["cf_clearance", "__cf_bm"];

impl<S: Spider> Engine<S> {
    /// Takes the cookies of a host along to another session, the first time, and downwards the identity whose they are. What
    /// is tied to that goes down each time, as it is renewed above.
    pub(super) async fn share_cookies(
        &self,
        climber: &Climber,
        from: &Visit<S::Step>,
        to: &Visit<S::Step>,
        host: &Arc<str>,
    ) {
        let (from, to) = (self.session_of(from), self.session_of(to));
        let (Some(start), Some(end)) = (climber.ladder.rung(from), climber.ladder.rung(to)) else {
            return;
        };
        let way = (Arc::clone(host), start, end);
        let down = end < start;
        let shared = || climber.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = shared().get(&way).copied().unwrap_or_default();
        let again = tries >= WENT;
        if !climber.ladder.share_cookies || (again && !down) {
            return;
        }
        // One that rests is not started for its cookies.
        let Some(running) = self.sessions.get(from).ok().and_then(|handle| handle.peek()) else {
            return;
        };
        let sharing = async move {
            let state = ask(&running).await?;
            // What is tied to the visitor is the one's that it looks like.
            let lent = !down && climber.lent(host, from).is_some();
            let shares = down && climber.ladder.share_identity != ShareIdentity::Never;
            let whose = || climber.guise(host, from, &*running).or_else(|| running.identity());
            let identity = shares.then(whose).flatten();
            drop(running);
            let mut state = of_host(state, host);
            if again {
                state.cookies.retain(is_bound);
                state.origins.clear();
            }
            if lent {
                // It is from above, where it may be newer.
                state.cookies.retain(|cookie| !is_bound(cookie));
            }
            if state.cookies.is_empty() && state.origins.is_empty() {
                return Ok(());
            }
            let other = self.sessions.get(to)?.lease().await?;
            // Later, what it had in the run before would come on top of what goes along now.
            self.give_state_back(to, false).await;
            if !down {
                // What it has itself, such as a login, is not for what the site gave to the one it blocked.
                let own = of_host(ask(&other).await?, host);
                leave_out(&mut state, &own);
            }
            let identity = identity.filter(|identity| other.can_be(identity));
            if identity.is_none()
                && self
                    .agents(climber, host, from, to)
                    .is_some_and(|[one, other]| one != other)
            {
                state.cookies.retain(|cookie| !is_bound(cookie));
            }
            // Before the cookies, so that none is sent as somebody else. Without one, what is tied to whoever it is by now
            // is what it still has.
            if let Some(identity) = identity {
                if climber.worn(to, &*other) != Some(&identity) {
                    tie(&mut state, host);
                }
                climber.memory().disguise(host, to, identity, &climber.ladder);
            }
            load(&other, &state).await
        };
        let tries = match sharing.await {
            Ok(()) | Err(Error::Unsupported { .. }) => WENT,
            Err(error) => {
                tracing::warn!(from, to, %host, %error, "the request goes on without its cookies");
                tries.saturating_add(1)
            }
        };
        let mut shared = shared();
        if shared.len() >= SHARED {
            shared.clear();
        }
        shared.insert(way, tries);
    }

    /// A request as it is sent: as the visitor whose cookies its session has for the host.
    pub(super) async fn in_guise(&self, host: &str, visit: &Arc<Visit<S::Step>>) -> Arc<dyn Request> {
        let says_who = visit.parts.identity.is_some() || visit.parts.headers.contains_key(USER_AGENT);
        let guise = match says_who {
            true => None,
            false => self.guise(host, self.session_of(visit)).await,
        };
        let Some(identity) = guise else {
            return Arc::clone(visit) as Arc<dyn Request>;
        };
        let mut visit = Visit::clone(visit);
        visit.parts.identity = Some(identity);
        Arc::new(visit)
    }

    /// Says once of two sessions that they are not one visitor to a site, when both run.
    pub(super) fn compare_identities(&self, climber: &Climber, host: &str, from: &str, to: &str) {
        let (Some(lower), Some(upper)) = (climber.ladder.rung(from), climber.ladder.rung(to)) else {
            return;
        };
        let mut compared = climber.compared.lock().unwrap_or_else(PoisonError::into_inner);
        if compared.contains(&(lower, upper)) {
            return;
        }
        let Some([one, other]) = self.agents(climber, host, from, to) else {
            return;
        };
        compared.insert((lower, upper));
        drop(compared);
        if one != other && !self.goes_along(climber, host, from, to) {
            tracing::warn!(
                from,
                to,
                user_agent = one,
                other_user_agent = other,
                "two sessions of the ladder say different User-Agents, and the lower cannot look like the other, so a site sees two visitors; give both the same identity: `impersonate` of http, `identity` of stealth; dynamic takes that of a Chromium from the others unless it has a `user_agent`"
            );
        }
    }

    /// What two sessions say of themselves to a host; `None` unless both run, and say the same in all requests.
    fn agents(&self, climber: &Climber, host: &str, from: &str, to: &str) -> Option<[String; 2]> {
        let agent = |id: &str| {
            let running = self.sessions.get(id).ok()?.peek()?;
            match climber.guise(host, id, &*running) {
                Some(identity) => identity.user_agent(),
                None => running.user_agent(),
            }
        };
        Some([agent(from)?, agent(to)?])
    }

    /// Whether a session will be the one that its requests climb to, once it gets that one's cookies.
    fn goes_along(&self, climber: &Climber, host: &str, from: &str, to: &str) -> bool {
        if !climber.ladder.share_cookies || climber.ladder.share_identity == ShareIdentity::Never {
            return false;
        }
        let running = |id: &str| self.sessions.get(id).ok()?.peek();
        let (Some(lower), Some(upper)) = (running(from), running(to)) else {
            return false;
        };
        let identity = climber.guise(host, to, &*upper).or_else(|| upper.identity());
        identity.is_some_and(|identity| lower.can_be(&identity))
    }
}

fn is_bound(cookie: &Cookie) -> bool {
    BOUND.contains(&cookie.name.as_str())
}

/// Keeps what is tied to the visitor to the host, where the session looks like the one it is from: to those beside and below
/// it the session is itself, and to the same host without TLS too.
fn tie(state: &mut StorageState, origin: &str) {
    let url = Url::parse(origin).ok();
    let Some((url, host)) = url.as_ref().and_then(|url| Some((url, url.host_str()?))) else {
        return;
    };
    for cookie in state.cookies.iter_mut().filter(|cookie| is_bound(cookie)) {
        host.clone_into(&mut cookie.domain);
        cookie.secure |= url.scheme() == "https";
    }
}

/// Takes out what another state has, too, whatever its value there.
fn leave_out(state: &mut StorageState, other: &StorageState) {
    let same = |one: &Cookie, other: &Cookie| {
        let domain = |cookie: &Cookie| cookie.domain.trim_start_matches('.').to_owned();
        one.name == other.name && one.path == other.path && domain(one) == domain(other)
    };
    state
        .cookies
        .retain(|cookie| !other.cookies.iter().any(|own| same(own, cookie)));
    state
        .origins
        .retain(|kept| !other.origins.iter().any(|own| own.origin == kept.origin));
}

/// The part of a session's state that a host would see.
fn of_host(mut state: StorageState, origin: &str) -> StorageState {
    let url = Url::parse(origin).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    state.cookies.retain(|cookie| {
        let domain = cookie.domain.trim_start_matches('.');
        host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    });
    state.origins.retain(|kept| kept.origin == origin);
    state
}

#[cfg(test)]
mod tests {
    use silkroute_core::CookieJar;

    use super::*;

    #[test]
    fn what_is_tied_to_the_visitor_is_sent_to_the_one_host_alone() {
        let mut state = StorageState::default();
        for (name, domain) in [
            ("cf_clearance", ".shop.test"),
            ("basket", ".shop.test"),
            ("__cf_bm", "www.shop.test"),
        ] {
            state.cookies.push(Cookie::new(name, "1", domain));
        }
        let sent_below = |state: &StorageState, url: &str| {
            let jar = CookieJar::new();
            jar.load(state).unwrap();
            let sent = jar.cookies_for(&url.parse().unwrap()).into_iter();
            let mut sent: Vec<_> = sent.map(|cookie| cookie.name).collect();
            sent.sort();
            sent
        };
        tie(&mut state, "https://www.shop.test");
        assert_eq!(
            sent_below(&state, "https://www.shop.test/a"),
            ["__cf_bm", "basket", "cf_clearance"]
        );
        for other in [
            "https://shop.test/",
            "https://api.shop.test/",
            "https://api.www.shop.test/",
            "http://www.shop.test/",
        ] {
            assert_eq!(sent_below(&state, other), ["basket"], "{other}");
        }
        tie(&mut state, "http://plain.shop.test:8080");
        assert_eq!(state.cookies[0].domain, "plain.shop.test");
    }
}
