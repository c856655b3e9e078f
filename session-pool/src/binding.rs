//! Which proxy an identity that takes another's place is bound to.

use std::collections::HashMap;

use silkroute_core::{Proxy, ProxyHealth, ProxyPool};

use crate::slot::{Cause, Slot};

/// The proxy of the identity that follows `old` in its place: of those that are not left out the one with the fewest other
/// identities, and of several the one with the best score.
///
/// Who follows one that was worn out or too old may so have its proxy again. Who follows one that was blocked, did not start or was
/// asked to go has another, where there is one that is not left out and gets no more than one identity above an even share by it.
/// So shares drift no further apart upwards, and one that was given up often is filled up by those who come next.
pub(crate) fn proxy_of_successor(
    proxies: &ProxyPool,
    slots: &[Slot],
    old: Option<&Proxy>,
    cause: Cause,
) -> Option<Proxy> {
    let mut others = HashMap::<&Proxy, usize>::new();
    let bound = slots.iter().filter(|slot| !slot.is_gone());
    for proxy in bound.filter_map(|slot| slot.member.bound_to()) {
        *others.entry(proxy).or_default() += 1;
    }
    let identities: usize = others.values().sum();
    let most = identities.div_ceil(proxies.len()) + 1;
    if let Some(own) = old.and_then(|old| others.get_mut(old)) {
        *own -= 1;
    }
    let health = proxies.health();
    let candidates: Vec<_> = proxies
        .proxies()
        .zip(&health)
        .map(|(proxy, health)| Candidate {
            proxy,
            health,
            others: others.get(proxy).copied().unwrap_or_default(),
            own: Some(proxy) == old,
        })
        .collect();
    let moves = !matches!(cause, Cause::Usage | Cause::Age)
        && candidates
            .iter()
            .any(|candidate| !candidate.own && !candidate.is_cooling() && candidate.others < most);
    let chosen = candidates
        .iter()
        .filter(|candidate| !(moves && candidate.own))
        .min_by(|one, other| {
            let rank = |candidate: &Candidate<'_>| (candidate.is_cooling(), candidate.others);
            rank(one)
                .cmp(&rank(other))
                .then_with(|| other.health.score.total_cmp(&one.health.score))
                .then_with(|| one.own.cmp(&other.own))
        });
    chosen.map(|candidate| candidate.proxy.clone())
}

struct Candidate<'a> {
    proxy: &'a Proxy,
    health: &'a ProxyHealth,
    /// How many identities are bound to it, but for the one whose place it is.
    others: usize,
    own: bool,
}

impl Candidate<'_> {
    fn is_cooling(&self) -> bool {
        self.health.cooling_for.is_some()
    }
}

#[cfg(test)]
mod tests;
