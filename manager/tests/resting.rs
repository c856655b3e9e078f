//! How sessions rest and begin anew: when they are idle, after so many fetches, or because somebody says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_core::Error;
use silkroute_manager::{SessionExt, SessionManager, SessionState};
use support::{Fake, Step, request, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn w17_an_idle_session_rests_and_a_used_one_does_not() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("one", fake.fetching(Step::After(7 * SECOND)).stop_when_idle(5 * SECOND))
        .unwrap();
    manager.start().await.unwrap();
    for _ in 0..3 {
        manager.fetch(request()).await.unwrap();
        tokio::time::sleep(4 * SECOND).await;
    }
    assert_eq!(probe.closes(), 0, "never idle for five seconds");
    tokio::time::sleep(6 * SECOND).await;
    assert_eq!((probe.closes(), probe.live()), (1, 0));
    manager.fetch(request()).await.unwrap();
    assert_eq!(probe.starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_was_given_up_was_a_use_as_well() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("one", fake.fetching(Step::Never).stop_when_idle(5 * SECOND))
        .unwrap();
    manager.start().await.unwrap();
    let given_up = tokio::time::timeout(4 * SECOND, manager.fetch(request())).await;
    assert!(given_up.is_err());
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(probe.closes(), 0, "idle for four seconds");
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(probe.closes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_the_wrong_moment_does_not_put_the_rest_off_for_long() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake.stop_when_idle(60 * SECOND)).unwrap();
    manager.start().await.unwrap();
    tokio::time::sleep(59 * SECOND).await;
    let look = manager.get("one").unwrap().peek().unwrap();
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(probe.closes(), 0);
    drop(look);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(probe.closes(), 1);
}

#[tokio::test(start_paused = true)]
async fn w17_a_session_is_recycled_after_so_many_fetches() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("one", fake.recycle_after(std::num::NonZeroU64::new(10).unwrap()))
        .unwrap();
    for _ in 0..35 {
        manager.fetch(request()).await.unwrap();
    }
    until("the last recycling", || probe.closes() == 3).await;
    assert_eq!((probe.starts(), probe.fetches()), (4, 35));
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_session_is_no_use_of_it() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    let entry = fake.stop_when_idle(5 * SECOND);
    manager
        .add("one", entry.recycle_after(std::num::NonZeroU64::new(2).unwrap()))
        .unwrap();
    let handle = manager.get("one").unwrap();
    assert!(
        handle.peek().is_none() && probe.starts() == 0,
        "it is not started for it"
    );
    manager.fetch(request()).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(SECOND / 5).await;
        assert!(handle.peek().unwrap().is_alive());
        drop(handle.lease().await.unwrap());
    }
    assert_eq!(probe.closes(), 0, "it has served one fetch, and is leased all the time");
    for _ in 0..26 {
        tokio::time::sleep(SECOND / 5).await;
        drop(handle.peek());
    }
    assert_eq!((probe.starts(), probe.closes()), (1, 1), "idle for five seconds");
    assert!(handle.peek().is_none());
}

#[tokio::test(start_paused = true)]
async fn w17_a_handle_restarts_its_session() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake).unwrap();
    let handle = manager.get("one").unwrap();
    handle.start().await.unwrap();
    handle.restart().await.unwrap();
    assert_eq!(
        (probe.starts(), probe.closes(), handle.state()),
        (2, 1, SessionState::Alive)
    );
    handle.stop().await.unwrap();
    handle.fetch(request()).await.unwrap();
    assert_eq!(probe.starts(), 3);

    let lease = handle.lease().await.unwrap();
    assert!(lease.is_alive() && lease.kind() == "fake");
    drop(lease);
    manager.remove("one").await.unwrap();
    assert_eq!(handle.state(), SessionState::Gone);
    assert!(matches!(handle.fetch(request()).await, Err(Error::Closed { .. })));
}
