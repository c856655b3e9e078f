use std::num::NonZeroU32;

use super::*;
use crate::Member;
use proptest::prelude::*;

fn proxies(count: usize) -> ProxyPool {
    let all = (0..count).map(|index| format!("http://10.0.0.{index}:3128").parse().unwrap());
    ProxyPool::new(all).unwrap().max_failures(NonZeroU32::MIN)
}

fn nth(proxies: &ProxyPool, index: usize) -> Proxy {
    proxies.proxies().nth(index).cloned().unwrap()
}

fn bound(index: usize, proxy: Option<Proxy>) -> Slot {
    Slot::new(
        Member::new(format!("one-{index}"), index + 1, 1, 0, proxy),
        None,
        None,
        None,
        0,
    )
}

/// So many identities, bound to proxies in turn, as a pool begins.
fn identities(count: usize, proxies: &ProxyPool) -> Vec<Slot> {
    let each = (0..count).map(|index| bound(index, Some(nth(proxies, index % proxies.len()))));
    each.collect()
}

/// How many identities each proxy has.
fn shares(proxies: &ProxyPool, slots: &[Slot]) -> Vec<usize> {
    let users = |proxy| {
        slots
            .iter()
            .filter(|slot| slot.member.bound_to() == Some(proxy))
            .count()
    };
    proxies.proxies().map(users).collect()
}

/// Another identity takes a place: the proxy that the old one had, and the new one's.
fn replace(proxies: &ProxyPool, slots: &mut [Slot], index: usize, cause: Cause) -> (Proxy, Proxy) {
    let old = slots[index].member.bound_to().unwrap().clone();
    let next = proxy_of_successor(proxies, slots, Some(&old), cause).unwrap();
    slots[index] = bound(index, Some(next.clone()));
    (old, next)
}

#[test]
fn who_follows_a_blocked_one_comes_from_elsewhere_also_where_all_shares_are_equal() {
    let proxies = proxies(10);
    for cause in [Cause::Blocked, Cause::Starts, Cause::Asked] {
        for index in 0..50 {
            let mut slots = identities(50, &proxies);
            let (old, next) = replace(&proxies, &mut slots, index, cause);
            assert_ne!(old, next, "{cause:?}");
        }
    }
    for cause in [Cause::Usage, Cause::Age] {
        let (old, next) = replace(&proxies, &mut identities(50, &proxies), 7, cause);
        assert_eq!(old, next, "{cause:?}: nobody is against its address");
    }
}

#[test]
fn an_address_from_which_all_are_blocked_is_left_by_them_and_tried_again_by_the_next() {
    let proxies = proxies(10);
    let mut slots = identities(50, &proxies);
    for index in (3..50).step_by(10) {
        proxies.report_blocked(&nth(&proxies, 3));
        replace(&proxies, &mut slots, index, Cause::Blocked);
    }
    assert_eq!(shares(&proxies, &slots), [6, 6, 6, 0, 6, 6, 5, 5, 5, 5]);
    let (_, next) = replace(&proxies, &mut slots, 0, Cause::Usage);
    assert_eq!(next, nth(&proxies, 3));
}

#[test]
fn with_nowhere_to_go_the_proxy_stays() {
    let alone = proxies(1);
    let (old, next) = replace(&alone, &mut identities(3, &alone), 1, Cause::Blocked);
    assert_eq!(old, next);

    let two = proxies(2);
    two.report(&nth(&two, 1), false);
    let mut slots = identities(2, &two);
    let (old, next) = replace(&two, &mut slots, 0, Cause::Blocked);
    assert_eq!(old, next, "the other one is left out");
    let (_, next) = replace(&two, &mut slots, 1, Cause::Usage);
    assert_eq!(next, nth(&two, 0), "and nobody new comes to it");

    let none = proxy_of_successor(&two, &[bound(0, None)], None, Cause::Blocked);
    assert_eq!(none, Some(nth(&two, 0)));
}

#[test]
fn of_those_with_as_few_identities_the_one_with_the_best_score_has_the_next() {
    let proxies = proxies(4);
    let mut slots = identities(8, &proxies);
    for (index, blocks) in [(1, 1), (2, 0), (3, 2)] {
        for _ in 0..blocks {
            proxies.report_blocked(&nth(&proxies, index));
        }
    }
    assert_eq!(replace(&proxies, &mut slots, 0, Cause::Blocked).1, nth(&proxies, 2));
}

proptest! {
    #[test]
    fn shares_stay_even_over_many_retirements(
        count in 1..40_usize,
        size in 1..8_usize,
        ends in prop::collection::vec((any::<prop::sample::Index>(), 0..5_u8, any::<bool>()), 0..200),
    ) {
        let proxies = proxies(size);
        let mut slots = identities(count, &proxies);
        let most = count.div_ceil(size) + 1;
        for (index, cause, counts) in ends {
            let cause = [Cause::Blocked, Cause::Usage, Cause::Age, Cause::Starts, Cause::Asked][usize::from(cause)];
            let before = shares(&proxies, &slots);
            let (old, next) = replace(&proxies, &mut slots, index.index(count), cause);
            if counts && cause == Cause::Blocked {
                proxies.report_blocked(&old);
            }
            let after = shares(&proxies, &slots);
            prop_assert!(after.iter().all(|&share| share <= most), "{cause}: {before:?}, then {after:?}");
            let room = proxies.proxies().zip(&before).any(|(proxy, &share)| *proxy != old && share < most);
            if !matches!(cause, Cause::Usage | Cause::Age) && room {
                prop_assert_ne!(old, next);
            }
        }
        // Who is worn out makes up for what blocks have moved.
        for index in 0..count {
            replace(&proxies, &mut slots, index, Cause::Usage);
        }
        let shares = shares(&proxies, &slots);
        let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{shares:?}");
    }
}
