//! Sessions that die under their users.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_core::{Error, FetchErrorKind};
use silkroute_manager::{Limits, SessionManager, SessionState};
use support::{Fake, Step, is_start_error, request, until};
use tokio::task::JoinSet;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn w16_a_dead_session_is_started_again_once_for_all_who_come() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake).unwrap();
    manager.fetch(request()).await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    let handle = manager.get("one").unwrap();
    assert!(handle.is_alive());
    probe.kill();
    assert!(!handle.is_alive());
    assert_eq!(handle.state(), SessionState::Dead);

    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let manager = manager.clone();
        requests.spawn(async move { manager.fetch(request()).await.map(drop) });
    }
    while let Some(result) = requests.join_next().await {
        result.unwrap().unwrap();
    }
    assert_eq!((probe.starts(), probe.closes(), probe.live()), (2, 1, 1));
    assert_eq!(manager.stats()[0].deaths, 1);
}

#[tokio::test(start_paused = true)]
async fn w16_fetches_that_hang_on_a_dead_session_do_not_keep_it_from_coming_back() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    let (step, gate) = Step::gate();
    manager.add("one", fake.fetching(step)).unwrap();
    let hanging = tokio::spawn({
        let manager = manager.clone();
        async move { manager.fetch(request()).await.map(drop) }
    });
    until("the fetch", || probe.in_flight() == 1).await;
    probe.kill();
    gate.add_permits(0);

    let begun = Instant::now();
    let next = tokio::spawn({
        let manager = manager.clone();
        async move { manager.fetch(request()).await.map(drop) }
    });
    let error = hanging.await.unwrap().unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::SessionDied);
    assert!(error.is_retryable());
    until("the restart", || probe.starts() == 2).await;
    gate.add_permits(1);
    next.await.unwrap().unwrap();
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_keeps_dying_young_is_backed_off_and_then_left_alone() {
    let limits = Limits::default().backoff(4 * SECOND, 4 * SECOND).failures_in_a_row(3);
    let manager = SessionManager::with_limits(limits);
    let (fake, probe) = Fake::new();
    manager.add("one", fake).unwrap();
    manager.fetch(request()).await.unwrap();

    probe.kill();
    manager.fetch(request()).await.unwrap();
    assert_eq!(probe.starts(), 2, "at once the first time");
    probe.kill();
    let error = manager.fetch(request()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Start {
                attempt: 2,
                retry_in: Some(_),
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(manager.get("one").unwrap().state(), SessionState::Failed);
    tokio::time::sleep(5 * SECOND).await;
    manager.fetch(request()).await.unwrap();
    probe.kill();
    let error = manager.fetch(request()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Start {
                attempt: 3,
                retry_in: None,
                ..
            }
        ),
        "{error:?}"
    );
    tokio::time::sleep(600 * SECOND).await;
    assert!(is_start_error(&manager.fetch(request()).await.unwrap_err()));
    assert_eq!(probe.starts(), 3);

    manager.start().await.unwrap();
    manager.fetch(request()).await.unwrap();
    manager.close().await.unwrap();
    assert_eq!(probe.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_long_life_makes_up_for_earlier_failures() {
    let manager = SessionManager::with_limits(Limits::default().stable_after(30 * SECOND).failures_in_a_row(2));
    let (fake, probe) = Fake::new();
    manager.add("one", fake).unwrap();
    for _ in 0..10 {
        manager.fetch(request()).await.unwrap();
        tokio::time::sleep(31 * SECOND).await;
        probe.kill();
    }
    assert_eq!(probe.starts(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_succeeds_in_between_ends_a_row_of_failures() {
    let limits = Limits::default()
        .failures_in_a_row(2)
        .backoff(SECOND, SECOND)
        .stable_after(30 * SECOND);
    let manager = SessionManager::with_limits(limits);
    let (fake, probe) = Fake::new();
    let steps = [Step::Fail("not now"), Step::Now].into_iter().cycle().take(20);
    manager.add("one", fake.starting(steps)).unwrap();
    let handle = manager.get("one").unwrap();
    for _ in 0..10 {
        let error = manager.fetch(request()).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Start {
                    attempt: 1,
                    retry_in: Some(_),
                    ..
                }
            ),
            "{error:?}"
        );
        tokio::time::sleep(2 * SECOND).await;
        manager.fetch(request()).await.unwrap();
        handle.stop().await.unwrap();
        assert_eq!(handle.state(), SessionState::Idle);
    }
    assert_eq!(probe.starts(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_dead_session_closes_and_pops_like_any_other() {
    let manager = SessionManager::new();
    let (a, a_probe) = Fake::new();
    let (b, b_probe) = Fake::new();
    manager.add("a", a).unwrap().add("b", b).unwrap();
    manager.start().await.unwrap();
    a_probe.kill();
    b_probe.kill();
    let popped = manager.pop("b").await.unwrap();
    assert!(!popped.is_alive());
    manager.close().await.unwrap();
    assert_eq!(a_probe.live(), 0);
}
