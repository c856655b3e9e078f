//! When an identity is done with, and who takes its place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use silkroute_core::{ProxyPool, RequestExt as _, Response, Session};
use silkroute_session_pool::{MemberState, PoolHandle, PoolHooks, PoolOptions, SessionPool, SessionPoolBuilder};
use support::puppet::Strings;
use support::{PATIENCE, ask, fetch, fetch_ok, started};

fn builder(size: usize, strings: &Arc<Strings>) -> SessionPoolBuilder {
    let strings = Arc::clone(strings);
    SessionPool::builder().identities(size, move |_| Ok(strings.puppet()))
}

fn generations(handle: &PoolHandle) -> Vec<u32> {
    handle.stats().iter().map(|member| member.generation).collect()
}

/// Waits until a task of the pool has done it.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn blocks_in_a_row_cost_an_identity() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).max_blocks(3).build().unwrap()).await;
    let handle = pool.handle();
    for statuses in [[403, 403, 200], [429, 401, 404]] {
        for status in statuses {
            strings.status.store(status, SeqCst);
            fetch_ok(&pool, &ask("shop.test")).await;
        }
    }
    assert_eq!(generations(&handle), [1], "two in a row are not three");
    assert_eq!(handle.stats()[0].blocked, 4);
    strings.status.store(403, SeqCst);
    for _ in 0..3 {
        fetch_ok(&pool, &ask("shop.test")).await;
    }
    fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(generations(&handle), [2]);
    assert_eq!(
        (strings.starts.load(SeqCst), strings.closes.load(SeqCst)),
        (2, 1),
        "the old one is closed"
    );
}

/// So many identities over two proxies, of which one failure is enough to be left out.
fn bound(size: usize, strings: &Arc<Strings>) -> SessionPoolBuilder {
    let strings = Arc::clone(strings);
    let proxies = ["http://a.test:1", "http://b.test:1"].map(|proxy| proxy.parse().unwrap());
    let proxies = ProxyPool::new(proxies).unwrap().max_failures(1.try_into().unwrap());
    SessionPool::builder()
        .identities(size, move |member| Ok(strings.puppet().through(member.proxy())))
        .proxies(proxies)
}

#[tokio::test]
async fn blocks_lower_the_score_of_a_proxy_and_leave_it_in_service() {
    let strings = Strings::new();
    let pool = started(bound(2, &strings).max_blocks(0).build().unwrap()).await;
    let handle = pool.handle();
    strings.status.store(403, SeqCst);
    for _ in 0..40 {
        fetch_ok(&pool, &ask("shop.test")).await;
    }
    for proxy in handle.proxies() {
        assert_eq!((proxy.blocks, proxy.successes, proxy.failures), (20, 0, 0));
        assert!(proxy.score < 0.2 && proxy.cooling_for.is_none(), "{proxy:?}");
    }
    let states: Vec<_> = handle.stats().iter().map(|member| member.state).collect();
    assert_eq!(states, [MemberState::Alive; 2]);
    strings.status.store(200, SeqCst);
    for _ in 0..80 {
        fetch_ok(&pool, &ask("shop.test")).await;
    }
    for proxy in handle.proxies() {
        assert!(proxy.successes == 40 && proxy.score > 0.9, "{proxy:?}");
    }
}

#[tokio::test]
async fn who_follows_a_blocked_identity_comes_from_elsewhere_and_who_follows_a_worn_one_need_not() {
    let strings = Strings::new();
    let pool = started(bound(4, &strings).max_blocks(2).max_usage(5).build().unwrap()).await;
    let handle = pool.handle();
    let proxies = || -> Vec<_> { handle.stats().into_iter().map(|member| member.proxy.unwrap()).collect() };
    let (a, b) = ("http://a.test:1", "http://b.test:1");
    assert_eq!(proxies(), [a, b, a, b]);
    let first = ask("shop.test")
        .with(PoolOptions::default().identity("identity-001"))
        .unwrap();
    let second = ask("shop.test")
        .with(PoolOptions::default().identity("identity-002"))
        .unwrap();
    for _ in 0..6 {
        fetch_ok(&pool, &second).await;
    }
    assert_eq!(
        (generations(&handle), proxies()),
        (vec![1, 2, 1, 1], [a, b, a, b].map(str::to_owned).to_vec())
    );
    for status in [403, 403, 200] {
        strings.status.store(status, SeqCst);
        fetch_ok(&pool, &first).await;
    }
    assert_eq!(
        (generations(&handle), proxies()),
        (vec![2, 2, 1, 1], [b, b, a, b].map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn a_hook_may_know_better_what_a_block_is() {
    struct Captcha;
    impl PoolHooks for Captcha {
        fn is_blocked(&self, response: &dyn Response) -> Option<bool> {
            Some(response.status() == 200)
        }
    }
    let strings = Strings::new();
    let pool = started(builder(1, &strings).max_blocks(1).hooks(Captcha).build().unwrap()).await;
    strings.status.store(403, SeqCst);
    fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(pool.handle().stats()[0].blocked, 0);
    strings.status.store(200, SeqCst);
    fetch_ok(&pool, &ask("shop.test")).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(generations(&pool.handle()), [2]);
}

#[tokio::test]
async fn a_challenge_that_was_not_passed_is_a_block_whatever_its_status() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).max_blocks(1).build().unwrap()).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(pool.handle().stats()[0].blocked, 0);
    strings.challenged.store(true, SeqCst);
    fetch_ok(&pool, &ask("shop.test")).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(generations(&pool.handle()), [2]);
}

#[tokio::test]
async fn a_hook_that_panics_costs_no_response_and_the_statuses_decide() {
    struct Broken;
    impl PoolHooks for Broken {
        fn is_blocked(&self, _: &dyn Response) -> Option<bool> {
            panic!("of the hook")
        }
    }
    let strings = Strings::new();
    let pool = started(builder(1, &strings).max_blocks(1).hooks(Broken).build().unwrap()).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(pool.handle().stats()[0].blocked, 0);
    strings.status.store(403, SeqCst);
    fetch_ok(&pool, &ask("shop.test")).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(generations(&pool.handle()), [2]);
}

#[tokio::test]
async fn an_identity_sends_no_more_requests_than_it_may() {
    let strings = Strings::new();
    let pool = started(builder(3, &strings).max_usage(10).build().unwrap()).await;
    let request = ask("shop.test");
    let all = (0..120).map(|_| fetch_ok(&pool, &request));
    let all = tokio::time::timeout(PATIENCE, futures_util::future::join_all(all))
        .await
        .expect("all are served");
    assert_eq!(all.len(), 120);
    until("all twelve are closed", || strings.closes.load(SeqCst) == 12).await;
    assert_eq!(strings.starts.load(SeqCst), 12, "ten requests each");
}

#[tokio::test]
async fn an_identity_that_comes_of_age_goes() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).max_age(Duration::from_millis(80)).build().unwrap()).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    assert!(pool.handle().stats()[0].generation > 1);
}

#[tokio::test]
async fn an_identity_ends_when_its_last_fetch_has_and_not_before() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).build().unwrap()).await;
    strings.hold();
    let request = ask("shop.test");
    let running = fetch_ok(&pool, &request);
    let retire = async {
        strings.until_in_flight(1).await;
        pool.handle().retire("identity-001").unwrap();
        assert_eq!(pool.handle().stats()[0].state, MemberState::Ending);
        tokio::task::yield_now().await;
        assert_eq!(strings.closes.load(SeqCst), 0);
        strings.answers.add_permits(2);
    };
    futures_util::future::join(running, retire).await;
    fetch_ok(&pool, &request).await;
    assert_eq!((generations(&pool.handle()), strings.closes.load(SeqCst)), (vec![2], 1));
    let unknown = pool.handle().retire("nobody").unwrap_err().to_string();
    assert!(unknown.contains("identity-001"), "it lists who there is: {unknown}");
}

#[tokio::test]
async fn a_session_that_was_given_has_no_successor() {
    let strings = Strings::new();
    let builder = SessionPool::builder()
        .session("alice", Box::new(strings.puppet()))
        .max_blocks(1);
    let pool = started(builder.build().unwrap()).await;
    strings.status.store(403, SeqCst);
    fetch_ok(&pool, &ask("shop.test")).await;
    let error = fetch(&pool, &ask("shop.test")).await.unwrap_err().to_string();
    assert!(
        error.contains("alice: it was blocked too often in a row") && error.contains("closure"),
        "{error}"
    );
    assert_eq!(pool.handle().stats()[0].state, MemberState::Gone);
    assert!(pool.is_alive());
}

#[tokio::test(start_paused = true)]
async fn a_place_may_stay_empty_for_a_while() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).rest(Duration::from_secs(20)).build().unwrap()).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    pool.handle().retire("identity-001").unwrap();
    let begun = tokio::time::Instant::now();
    pool.fetch(&ask("shop.test")).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn an_identity_may_be_retired_while_the_pool_rests() {
    let strings = Strings::new();
    let mut pool = builder(2, &strings).build().unwrap();
    let handle = pool.handle();
    handle.retire("identity-001").unwrap();
    assert!(
        handle.storage_state("identity-002").await.is_err(),
        "nobody is started for it"
    );
    pool.start().await.unwrap();
    let request = ask("shop.test");
    futures_util::future::join_all((0..8).map(|_| fetch_ok(&pool, &request))).await;
    assert_eq!(generations(&handle), [2, 1]);
    pool.close().await.unwrap();
    handle.retire("identity-002").unwrap();
    pool.start().await.unwrap();
    futures_util::future::join_all((0..8).map(|_| fetch_ok(&pool, &request))).await;
    assert_eq!(generations(&handle), [2, 2]);
    pool.close().await.unwrap();
    assert_eq!(strings.alive.load(SeqCst), 0);
}

#[tokio::test]
async fn an_identity_that_is_retired_while_it_starts_goes_also_when_the_pool_closes_meanwhile() {
    let strings = Strings::new();
    strings.openings.forget_permits(usize::MAX >> 4);
    let mut pool = started(builder(1, &strings).build().unwrap()).await;
    let request = ask("shop.test");
    tokio::select! {
        _ = fetch_ok(&pool, &request) => panic!("it cannot start"),
        () = strings.until_starting(1) => {}
    }
    pool.handle().retire("identity-001").unwrap();
    pool.close().await.unwrap();
    strings.openings.add_permits(10);
    pool.start().await.unwrap();
    fetch_ok(&pool, &request).await;
    assert_eq!(generations(&pool.handle()), [2]);
}
