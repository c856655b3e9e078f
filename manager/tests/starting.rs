//! How sessions come up: eager and lazy, at the same time, once, all or none, and again after a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::{Arc, Barrier};
use std::time::Duration;

use silkroute_core::{Error, RequestExt, Session};
use silkroute_manager::{Limits, SessionExt, SessionManager, SessionState};
use support::{Fake, Step, is_start_error, request, settle, until};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn w1_a_failed_start_closes_the_sessions_that_it_started() {
    let manager = SessionManager::new();
    let (good, good_probe) = Fake::new();
    let (bad, bad_probe) = Fake::new();
    let (last, last_probe) = Fake::new();
    manager.add("good", good).unwrap();
    manager
        .add("bad", bad.starting([Step::Fail("no browser here")]))
        .unwrap();
    manager.add("last", last.starting([Step::After(SECOND)])).unwrap();

    let error = manager.start().await.unwrap_err();
    assert!(
        error.to_string().contains("'bad'") && error.to_string().contains("no browser here"),
        "{error}"
    );
    assert_eq!((good_probe.live(), bad_probe.live(), last_probe.live()), (0, 0, 0));
    assert!(good_probe.starts() == 1 && last_probe.starts() == 1);
}

#[tokio::test(start_paused = true)]
async fn w1_a_failed_start_leaves_alone_what_was_alive_before() {
    let manager = SessionManager::new();
    let (old, old_probe) = Fake::new();
    manager.add("old", old).unwrap();
    manager.start().await.unwrap();
    let (bad, _) = Fake::new();
    manager.add("bad", bad.starting([Step::Fail("no")])).unwrap();

    manager.start().await.unwrap_err();
    assert_eq!((old_probe.live(), old_probe.closes()), (1, 0));
    manager.fetch(request()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn w2_eager_sessions_start_at_the_same_time() {
    let manager = SessionManager::new();
    for id in ["a", "b", "c", "d"] {
        manager.add(id, Fake::new().0.starting([Step::After(SECOND)])).unwrap();
    }
    let begun = Instant::now();
    manager.start().await.unwrap();
    assert_eq!(begun.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn w3_two_lazy_sessions_start_side_by_side() {
    let manager = SessionManager::new();
    for id in ["a", "b", "c", "d"] {
        manager
            .add(id, Fake::new().0.starting([Step::After(SECOND)]).lazy())
            .unwrap();
    }
    manager.start().await.unwrap();
    let begun = Instant::now();
    let fetches = ["a", "b", "c", "d"].map(|id| manager.fetch(request().session(id)));
    for result in futures_util::future::join_all(fetches).await {
        result.unwrap();
    }
    assert_eq!(begun.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_requests_start_a_lazy_session_once() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("lazy", fake.starting([Step::After(SECOND)]).lazy())
        .unwrap();
    manager.start().await.unwrap();
    assert_eq!(probe.starts(), 0, "lazy sessions do not start with the manager");

    let mut requests = JoinSet::new();
    for _ in 0..1_000 {
        let manager = manager.clone();
        requests.spawn(async move { manager.fetch(request()).await.map(drop) });
    }
    while let Some(result) = requests.join_next().await {
        result.unwrap().unwrap();
    }
    assert_eq!((probe.starts(), probe.fetches()), (1, 1_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn w26_a_lazy_session_starts_once_from_many_threads() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("lazy", fake.starting([Step::After(Duration::from_millis(20))]).lazy())
        .unwrap();
    let mut requests = JoinSet::new();
    for _ in 0..1_000 {
        let manager = manager.clone();
        requests.spawn(async move { manager.fetch(request()).await.map(drop) });
    }
    while let Some(result) = requests.join_next().await {
        result.unwrap().unwrap();
    }
    assert_eq!((probe.starts(), probe.fetches()), (1, 1_000));
}

#[tokio::test(start_paused = true)]
async fn w10_w11_an_eager_session_starts_on_demand_before_and_after_the_manager() {
    let manager = SessionManager::new();
    manager.add("first", Fake::new().0).unwrap();
    manager.fetch(request()).await.unwrap();
    manager.start().await.unwrap();
    let (late, probe) = Fake::new();
    manager.add("late", late).unwrap();
    manager.fetch(request().session("late")).await.unwrap();
    assert_eq!(probe.starts(), 1);
    manager.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn w11_close_before_start_is_no_error() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("never", fake).unwrap();
    manager.close().await.unwrap();
    assert_eq!((probe.starts(), probe.closes()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn w14_a_failed_start_is_shared_by_its_waiters_and_backed_off() {
    let manager = SessionManager::with_limits(Limits::default().backoff(4 * SECOND, 60 * SECOND));
    let (fake, probe) = Fake::new();
    let steps = [Step::After(SECOND), Step::Now];
    let failing = fake.starting([Step::Fail("boom"), steps[1].clone()]);
    manager.add("lazy", failing.lazy()).unwrap();

    let fetches = (0..100).map(|_| manager.fetch(request()));
    for result in futures_util::future::join_all(fetches).await {
        assert!(is_start_error(&result.unwrap_err()));
    }
    assert_eq!(probe.starts(), 1);

    let refused = manager.fetch(request()).await.unwrap_err();
    let Error::Start {
        attempt: 1,
        retry_in: Some(wait),
        ..
    } = &refused
    else {
        panic!("{refused:?}");
    };
    assert!((3 * SECOND..=4 * SECOND).contains(wait), "{wait:?}");
    assert!(refused.is_retryable());
    assert_eq!(probe.starts(), 1, "nothing is tried before the back-off has passed");
    assert_eq!(manager.get("lazy").unwrap().state(), SessionState::Failed);

    tokio::time::sleep(*wait).await;
    manager.fetch(request()).await.unwrap();
    assert_eq!(probe.starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn starts_that_keep_failing_end_until_somebody_calls_for_one() {
    let limits = Limits::default().backoff(SECOND, SECOND).failures_in_a_row(3);
    let manager = SessionManager::with_limits(limits);
    let (fake, probe) = Fake::new();
    let fail = || Step::Fail("still broken");
    manager
        .add("lazy", fake.starting([fail(), fail(), fail(), Step::Now]).lazy())
        .unwrap();
    for _ in 0..10 {
        manager.fetch(request()).await.unwrap_err();
        tokio::time::sleep(2 * SECOND).await;
    }
    assert_eq!(probe.starts(), 3);
    let error = manager.fetch(request()).await.unwrap_err();
    assert!(
        !error.is_retryable() && error.to_string().contains("call start()"),
        "{error}"
    );

    manager.get("lazy").unwrap().start().await.unwrap();
    manager.fetch(request()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn w15_a_cancelled_request_leaves_no_half_started_session() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("lazy", fake.starting([Step::After(3 * SECOND)]).lazy())
        .unwrap();

    let impatient = tokio::time::timeout(SECOND, manager.fetch(request())).await;
    assert!(impatient.is_err());
    manager.fetch(request()).await.unwrap();
    assert_eq!(probe.starts(), 1, "the start that the cancelled request caused went on");
    manager.close().await.unwrap();
    assert_eq!(probe.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn w4_close_during_a_lazy_start_leaves_nothing_running() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("lazy", fake.starting([Step::Never]).lazy()).unwrap();
    let waiting = tokio::spawn({
        let manager = manager.clone();
        async move { manager.fetch(request()).await.map(drop) }
    });
    until("the start", || probe.starts() == 1).await;

    manager.close().await.unwrap();
    assert_eq!(probe.live(), 0);
    assert!(matches!(waiting.await.unwrap(), Err(Error::Closed { .. })));
    assert!(matches!(manager.fetch(request()).await, Err(Error::Closed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_fails_in_time_and_is_cleared_away() {
    let manager = SessionManager::with_limits(Limits::default().start_timeout(2 * SECOND));
    let (fake, probe) = Fake::new();
    manager.add("hangs", fake.starting([Step::Never])).unwrap();
    let begun = Instant::now();
    let error = manager.start().await.unwrap_err();
    assert_eq!(begun.elapsed(), 2 * SECOND);
    assert!(error.to_string().contains("not ready within 2s"), "{error}");
    assert_eq!((probe.live(), probe.closes()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_panics_in_start_fails_like_any_other() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("panics", fake.starting([Step::Panic])).unwrap();
    let error = manager.start().await.unwrap_err();
    assert!(error.to_string().contains("panicked in start: as told"), "{error}");
    assert_eq!(probe.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_closed_manager_starts_again() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake.places(2)).unwrap();
    for round in 1..=3 {
        manager.start().await.unwrap();
        manager.fetch(request()).await.unwrap();
        manager.close().await.unwrap();
        assert_eq!((probe.starts(), probe.closes(), probe.live()), (round, round, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_alive_already_is_adopted_and_closed() {
    let (mut fake, probe) = Fake::new();
    fake.start().await.unwrap();
    let manager = SessionManager::new();
    manager.add("adopted", fake).unwrap();
    manager.start().await.unwrap();
    manager.fetch(request()).await.unwrap();
    manager.close().await.unwrap();
    assert_eq!((probe.starts(), probe.closes(), probe.live()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_taken_out_while_all_start_does_not_fail_the_others() {
    for take in ["pop", "remove"] {
        let manager = SessionManager::new();
        let (step, gate) = Step::gate();
        let (a, a_probe) = Fake::new();
        let (b, b_probe) = Fake::new();
        manager.add("a", a).unwrap().add("b", b.starting([step])).unwrap();
        let starting = tokio::spawn({
            let manager = manager.clone();
            async move { manager.start().await }
        });
        until("the start of both", || a_probe.starts() == 1 && b_probe.starts() == 1).await;
        match take {
            "pop" => drop(manager.pop("b").await.unwrap()),
            _ => manager.remove("b").await.unwrap(),
        }
        starting.await.unwrap().unwrap();
        assert_eq!(manager.get("a").unwrap().state(), SessionState::Alive, "{take}");
        assert_eq!((a_probe.closes(), b_probe.live(), gate.available_permits()), (0, 0, 0));
    }
}

/// A close that comes upon a start on another thread is before it or after it, for all sessions alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_against_a_close_leaves_all_sessions_open_or_all_shut() {
    let manager = SessionManager::new();
    for id in 0..4_000 {
        manager.add(&id.to_string(), Fake::new().0.lazy()).unwrap();
    }
    for round in 0..60 {
        let together = Arc::new(Barrier::new(2));
        let (starting, closing) = (manager.clone(), manager.clone());
        let (go, runtime) = (Arc::clone(&together), Handle::current());
        let start = tokio::task::spawn_blocking(move || {
            go.wait();
            runtime.block_on(starting.start())
        });
        let runtime = Handle::current();
        let close = tokio::task::spawn_blocking(move || {
            together.wait();
            runtime.block_on(closing.close())
        });
        start.await.unwrap().unwrap();
        close.await.unwrap().unwrap();
        // One that is added now is as open as the manager is.
        manager.add("new", Fake::new().0.lazy()).unwrap();
        let mut open = Vec::new();
        for id in manager
            .session_ids()
            .into_iter()
            .step_by(100)
            .chain(["3999".into(), "new".into()])
        {
            open.push(manager.fetch(request().session(id)).await.is_ok());
        }
        let as_new = open.iter().filter(|&one| Some(one) == open.last()).count();
        assert_eq!(as_new, open.len(), "round {round}");
        manager.remove("new").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn starting_twice_at_once_starts_once() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake.starting([Step::After(SECOND)])).unwrap();
    let (first, second) = tokio::join!(manager.start(), manager.start());
    first.unwrap();
    second.unwrap();
    manager.start().await.unwrap();
    settle().await;
    assert_eq!(probe.starts(), 1);
}
