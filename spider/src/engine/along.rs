//! What goes along when a request goes from one session of a ladder to another.

use std::sync::{Arc, PoisonError};

use silkroute_core::Error;
use silkroute_core::cookies::StorageState;
use url::Url;

use super::Engine;
use super::climb::Climber;
use super::resume::{ask, load};
use crate::{Spider, Visit};

/// Hosts whose cookies went along, beyond which they are forgotten and go along once more.
const SHARED: usize = 10_000;
/// Cookies that are tied to the visitor they were given to, as Cloudflare says of its own
/// (<https://developers.cloudflare.com/cloudflare-challenges/concepts/clearance/>). From a visitor who says another
/// `User-Agent` they are worth nothing, and give away that they come from elsewhere.
const BOUND: [&str; 2] = ["cf_clearance", "__cf_bm"];

impl<S: Spider> Engine<S> {
    /// Takes the cookies of a host along to another session, the first time.
    pub(super) async fn share_cookies(
        &self,
        climber: &Climber,
        from: &Visit<S::Step>,
        to: &Visit<S::Step>,
        host: &Arc<str>,
    ) {
        let (from, to) = (self.session_of(from), self.session_of(to));
        let (Some(lower), Some(upper)) = (climber.ladder.rung(from), climber.ladder.rung(to)) else {
            return;
        };
        let way = (Arc::clone(host), lower, upper);
        let shared = || climber.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if !climber.ladder.share_cookies || shared().contains(&way) {
            return;
        }
        // One that rests is not started for its cookies.
        let Some(running) = self.sessions.get(from).ok().and_then(|handle| handle.peek()) else {
            return;
        };
        let sharing = async move {
            let state = ask(&running).await?;
            drop(running);
            let mut state = of_host(state, host);
            if state.cookies.is_empty() && state.origins.is_empty() {
                return Ok(());
            }
            let other = self.sessions.get(to)?.lease().await?;
            if self.agents(from, to).is_some_and(|[one, other]| one != other) {
                state.cookies.retain(|cookie| !BOUND.contains(&cookie.name.as_str()));
            }
            // What it had in the run before would come on top of what goes along now.
            self.give_state_back(to, false).await;
            load(&other, &state).await
        };
        match sharing.await {
            Ok(()) | Err(Error::Unsupported { .. }) => {}
            Err(error) => tracing::warn!(from, to, %host, %error, "the request goes on without its cookies"),
        }
        let mut shared = shared();
        if shared.len() >= SHARED {
            shared.clear();
        }
        shared.insert(way);
    }

    /// Says once of two sessions that they are not one visitor to a site, when both run.
    pub(super) fn compare_identities(&self, climber: &Climber, from: &str, to: &str) {
        let (Some(lower), Some(upper)) = (climber.ladder.rung(from), climber.ladder.rung(to)) else {
            return;
        };
        let mut compared = climber.compared.lock().unwrap_or_else(PoisonError::into_inner);
        if compared.contains(&(lower, upper)) {
            return;
        }
        let Some([one, other]) = self.agents(from, to) else {
            return;
        };
        compared.insert((lower, upper));
        drop(compared);
        if one != other {
            tracing::warn!(
                from,
                to,
                user_agent = one,
                other_user_agent = other,
                "two sessions of the ladder say different User-Agents, so a site sees two visitors; give both the same identity: `impersonate` of http, `identity` of stealth, and its user agent as `user_agent` of dynamic"
            );
        }
    }

    /// What two sessions say of themselves; `None` unless both run, and say the same in all requests.
    fn agents(&self, from: &str, to: &str) -> Option<[String; 2]> {
        let agent = |id: &str| self.sessions.get(id).ok()?.peek()?.user_agent();
        Some([agent(from)?, agent(to)?])
    }
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
