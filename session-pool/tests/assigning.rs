//! Which identity sends a request.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::SeqCst;

use silkroute_core::{Error, RequestExt as _, Session};
use silkroute_session_pool::{Assign, MemberState, PoolOptions, SessionPool};
use support::puppet::Strings;
use support::{ask, fetch, fetch_ok, started, who};

async fn pool(size: usize, assign: Assign) -> SessionPool {
    let strings = Strings::new();
    let pool = SessionPool::builder()
        .identities(size, move |_| Ok(strings.puppet()))
        .assign(assign);
    started(pool.build().unwrap()).await
}

#[tokio::test]
async fn requests_are_spread_evenly() {
    let pool = pool(5, Assign::Spread).await;
    for _ in 0..100 {
        fetch_ok(&pool, &ask("shop.test")).await;
    }
    let counts: Vec<_> = pool.handle().stats().iter().map(|member| member.requests).collect();
    assert_eq!(counts, [20; 5]);
}

#[tokio::test]
async fn filling_starts_no_identity_that_is_not_needed() {
    let strings = Strings::new();
    let makers = std::sync::Arc::clone(&strings);
    let pool = SessionPool::builder()
        .identities(5, move |_| Ok(makers.puppet()))
        .assign(Assign::Fill)
        .places(NonZeroUsize::new(2).unwrap());
    let pool = started(pool.build().unwrap()).await;
    for _ in 0..10 {
        fetch_ok(&pool, &ask("shop.test")).await;
    }
    assert_eq!(strings.starts.load(SeqCst), 1);
    strings.hold();
    let request = ask("shop.test");
    let three = futures_util::future::join_all((0..3).map(|_| fetch(&pool, &request)));
    tokio::select! {
        _ = three => panic!("nothing answers"),
        () = strings.until_in_flight(3) => {}
    }
    let states: Vec<_> = pool.handle().stats().iter().map(|member| member.state).collect();
    use MemberState::{Alive, Idle};
    assert_eq!(states, [Alive, Alive, Idle, Idle, Idle]);
}

#[tokio::test]
async fn a_host_sticks_to_an_identity_and_only_those_of_a_retired_one_move() {
    let strings = Strings::new();
    let mut builder = SessionPool::builder().assign(Assign::Host);
    for index in 0..8 {
        builder = builder.session(format!("one-{index}"), Box::new(strings.puppet()));
    }
    let pool = started(builder.build().unwrap()).await;
    let hosts: Vec<_> = (0..200).map(|index| format!("shop-{index}.test")).collect();
    let homes = async || {
        let mut homes = BTreeMap::new();
        for host in &hosts {
            homes.insert(host.clone(), who(&*fetch_ok(&pool, &ask(host)).await));
        }
        homes
    };
    let before = homes().await;
    assert_eq!(before, homes().await);
    assert_eq!(before.values().collect::<BTreeSet<_>>().len(), 8, "all have some");
    pool.handle().retire("one-3").unwrap();
    let after = homes().await;
    for (host, home) in &before {
        let moved = after[host] != *home;
        assert_eq!(moved, home == "one-3", "{host}: {home} to {}", after[host]);
    }
}

#[tokio::test]
async fn a_key_of_the_request_or_of_its_meta_sticks() {
    let pool = pool(8, Assign::Meta("account".into())).await;
    for account in 0..20 {
        let by_meta = |path: &str| ask(path).meta("account", account);
        let first = who(&*fetch_ok(&pool, &by_meta("a.test")).await);
        assert_eq!(first, who(&*fetch_ok(&pool, &by_meta("b.test")).await));
        let option = PoolOptions::default().key(account.to_string());
        let by_option = ask("c.test").with(option).unwrap();
        assert_eq!(
            first,
            who(&*fetch_ok(&pool, &by_option).await),
            "the same key is the same key"
        );
    }
    let mut spread = BTreeSet::new();
    for _ in 0..8 {
        spread.insert(who(&*fetch_ok(&pool, &ask("a.test")).await));
    }
    assert!(spread.len() > 4, "without a key they are spread: {spread:?}");
}

#[tokio::test]
async fn a_request_may_name_its_identity() {
    let pool = pool(4, Assign::Spread).await;
    for name in ["identity-003", "identity-001", "identity-003"] {
        let request = ask("shop.test").with(PoolOptions::default().identity(name)).unwrap();
        assert_eq!(who(&*fetch_ok(&pool, &request).await), name);
    }
    let unknown = ask("shop.test")
        .with(PoolOptions::default().identity("nobody"))
        .unwrap();
    let error = fetch(&pool, &unknown).await.unwrap_err();
    assert!(
        matches!(error, Error::Options { .. }) && error.to_string().contains("`nobody`"),
        "{error}"
    );
}

#[tokio::test]
async fn the_places_of_a_pool_are_those_of_its_identities() {
    let strings = Strings::new();
    let build = |assign, places: usize| {
        let strings = std::sync::Arc::clone(&strings);
        let pool = SessionPool::builder()
            .identities(5, move |_| Ok(strings.puppet()))
            .assign(assign);
        pool.places(NonZeroUsize::new(places).unwrap()).build().unwrap()
    };
    assert_eq!(build(Assign::Spread, 3).concurrency().unwrap().get(), 15);
    assert_eq!(
        build(Assign::Host, 3).concurrency(),
        None,
        "a busy identity must not hold up the others"
    );
    assert_eq!(pool(5, Assign::Spread).await.concurrency(), None);
}
