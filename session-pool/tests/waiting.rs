//! Waiting for an identity: in order, in time, and without a trace when given up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use silkroute_core::{RequestExt as _, Session as _};
use silkroute_session_pool::{PoolOptions, SessionPool};
use support::puppet::Strings;
use support::{PATIENCE, ask, fetch_ok, started};

async fn pool(size: usize, places: usize, strings: &Arc<Strings>) -> SessionPool {
    let strings = Arc::clone(strings);
    let pool = SessionPool::builder().identities(size, move |_| Ok(strings.puppet()));
    started(pool.places(NonZeroUsize::new(places).unwrap()).build().unwrap()).await
}

#[tokio::test]
async fn no_more_fetches_run_than_there_are_places_and_they_run_in_order() {
    let strings = Strings::new();
    let pool = pool(2, 3, &strings).await;
    let order = Mutex::new(Vec::new());
    let requests: Vec<_> = (0..40).map(|_| ask("shop.test")).collect();
    strings.hold();
    let all = join_all(requests.iter().enumerate().map(async |(index, request)| {
        fetch_ok(&pool, request).await;
        order.lock().unwrap().push(index);
    }));
    let release = async {
        strings.until_in_flight(6).await;
        for answered in 1..=40 {
            strings.answers.add_permits(1);
            let left: usize = 40 - answered;
            strings.until_in_flight(left.min(6)).await;
        }
    };
    tokio::time::timeout(PATIENCE, futures_util::future::join(all, release))
        .await
        .expect("all are served");
    assert_eq!(strings.peak.load(SeqCst), 6);
    let order = order.into_inner().unwrap();
    for (position, index) in order.iter().enumerate() {
        assert!(position.abs_diff(*index) < 6, "{index} came at {position}: {order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_requests_time_and_says_so() {
    let strings = Strings::new();
    let pool = pool(1, 1, &strings).await;
    strings.hold();
    let busy = ask("shop.test").timeout(Duration::from_secs(60));
    let waiting = ask("shop.test").timeout(Duration::from_secs(2));
    let mut busy = Box::pin(pool.fetch(&busy));
    assert!(busy.as_mut().now_or_never().is_none());
    let begun = tokio::time::Instant::now();
    let error = tokio::select! {
        _ = &mut busy => panic!("nothing answers"),
        result = pool.fetch(&waiting) => result.unwrap_err(),
    };
    assert_eq!(begun.elapsed().as_secs(), 2);
    assert!(error.is_timeout() && error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("no identity had a place free"), "{error}");
    strings.answers.add_permits(1);
    busy.await.unwrap();
}

#[tokio::test]
async fn a_time_in_the_queue_is_told_as_such() {
    let strings = Strings::new();
    let pool = pool(1, 1, &strings).await;
    let request = ask("shop.test");
    assert!(fetch_ok(&pool, &request).await.timing().queued < Duration::from_secs(5));
    strings.hold();
    let first = fetch_ok(&pool, &request);
    let second = fetch_ok(&pool, &request);
    let release = async {
        strings.until_in_flight(1).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        strings.answers.add_permits(2);
    };
    let (_, second, ()) = futures_util::future::join3(first, second, release).await;
    assert!(
        second.timing().queued >= Duration::from_millis(30),
        "{:?}",
        second.timing()
    );
}

#[tokio::test]
async fn requests_that_are_given_up_leave_their_places_free() {
    let strings = Strings::new();
    let pool = pool(3, 2, &strings).await;
    let request = ask("shop.test");
    for round in 0..50 {
        strings.hold();
        let pinned = ask("shop.test")
            .with(PoolOptions::default().identity("identity-002"))
            .unwrap();
        let mut fetches: Vec<_> = (0..20)
            .map(|index| Box::pin(pool.fetch(if index % 3 == 0 { &pinned } else { &request })))
            .collect();
        for fetch in &mut fetches {
            assert!(fetch.as_mut().now_or_never().is_none());
        }
        tokio::task::yield_now().await;
        // Dropped in another order each time: some hold a place, some wait, some were given one that they do not know of yet.
        strings.answers.add_permits(round % 3);
        while !fetches.is_empty() {
            drop(fetches.swap_remove((round * 7) % fetches.len()));
        }
    }
    strings.answers.add_permits(1_000);
    let all = join_all((0..60).map(|_| fetch_ok(&pool, &request)));
    tokio::time::timeout(PATIENCE, all).await.expect("all places are free");
    assert!(pool.handle().stats().iter().all(|member| member.in_flight == 0));
    assert!(strings.peak.load(SeqCst) <= 6, "and no more than there are");
}

#[tokio::test]
async fn a_busy_identity_holds_up_its_own_requests_alone() {
    let strings = Strings::new();
    let pool = pool(2, 1, &strings).await;
    let pinned = ask("shop.test")
        .with(PoolOptions::default().identity("identity-001"))
        .unwrap();
    fetch_ok(&pool, &pinned).await;
    strings.hold();
    let mut first = Box::pin(pool.fetch(&pinned));
    let mut second = Box::pin(pool.fetch(&pinned));
    assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
    strings.answers.add_permits(2);
    // The first answer is not yet taken; another identity still answers.
    let free = fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(support::who(&*free), "identity-002");
    first.await.unwrap();
    strings.answers.add_permits(1);
    second.await.unwrap();
}
