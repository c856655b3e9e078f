//! How sessions go: drained, bounded in time, all of them, handed over or closed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use silkroute_core::{Error, RequestExt};
use silkroute_manager::{Entry, Limits, SessionExt, SessionManager, SessionState};
use support::{Fake, Step, request, settle, until};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn fetch_in_background(manager: &SessionManager) -> tokio::task::JoinHandle<Result<(), Error>> {
    let manager = manager.clone();
    tokio::spawn(async move { manager.fetch(request()).await.map(drop) })
}

#[tokio::test(start_paused = true)]
async fn w5_one_failing_close_does_not_keep_the_others_open() {
    let manager = SessionManager::new();
    let (a, a_probe) = Fake::new();
    let (b, _) = Fake::new();
    let (c, c_probe) = Fake::new();
    let (d, _) = Fake::new();
    manager.add("a", a).unwrap();
    manager.add("b", b.closing(Step::Fail("stuck pipe"))).unwrap();
    manager.add("c", c).unwrap();
    manager.add("d", d.closing(Step::Panic)).unwrap();
    manager.start().await.unwrap();

    let error = manager.close().await.unwrap_err();
    let Error::Close { failures } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        failures.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
        ["b", "d"]
    );
    assert!(error.to_string().contains("stuck pipe"), "{error}");
    assert_eq!((a_probe.live(), c_probe.live()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn w6_sessions_close_at_the_same_time_and_a_hung_one_is_given_up() {
    let manager = SessionManager::with_limits(Limits::default().close_timeout(5 * SECOND));
    for id in ["a", "b", "c"] {
        manager.add(id, Fake::new().0.closing(Step::After(2 * SECOND))).unwrap();
    }
    manager.add("hung", Fake::new().0.closing(Step::Never)).unwrap();
    manager.start().await.unwrap();
    let begun = Instant::now();
    let error = manager.close().await.unwrap_err();
    assert_eq!(begun.elapsed(), 5 * SECOND);
    assert!(
        error.to_string().contains("'hung'") && error.to_string().contains("did not close within 5s"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn w7_close_lets_running_fetches_finish_and_refuses_new_ones() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake.fetching(Step::After(3 * SECOND))).unwrap();
    manager.start().await.unwrap();
    let running = fetch_in_background(&manager);
    until("the fetch", || probe.in_flight() == 1).await;

    let closing = tokio::spawn({
        let manager = manager.clone();
        async move { manager.close().await }
    });
    settle().await;
    assert_eq!(manager.get("one").unwrap().state(), SessionState::Draining);
    assert!(matches!(manager.fetch(request()).await, Err(Error::Closed { .. })));
    assert_eq!(probe.closes(), 0);
    running.await.unwrap().unwrap();
    closing.await.unwrap().unwrap();
    assert_eq!((probe.closes(), probe.live()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn fetches_that_outlast_the_drain_timeout_are_cancelled() {
    let manager = SessionManager::with_limits(Limits::default().drain_timeout(2 * SECOND));
    let (fake, probe) = Fake::new();
    manager.add("one", fake.fetching(Step::Never)).unwrap();
    manager.start().await.unwrap();
    let running = fetch_in_background(&manager);
    until("the fetch", || probe.in_flight() == 1).await;
    let begun = Instant::now();
    manager.close().await.unwrap();
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
    let error = running.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("session was closed"), "{error}");
    assert_eq!((probe.in_flight(), probe.live()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_a_place_are_sent_away_by_a_close() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("one", fake.places(1).fetching(Step::After(5 * SECOND)))
        .unwrap();
    manager.start().await.unwrap();
    let running = fetch_in_background(&manager);
    until("the fetch", || probe.in_flight() == 1).await;
    let waiting = fetch_in_background(&manager);
    until("the wait", || manager.stats()[0].waiting == 1).await;

    let begun = Instant::now();
    let (closed, refused) = tokio::join!(manager.close(), async {
        let refused = waiting.await.unwrap();
        (refused, begun.elapsed())
    });
    closed.unwrap();
    assert!(matches!(refused.0, Err(Error::Closed { .. })));
    assert!(refused.1 < SECOND, "it did not wait for the drain");
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn w8_remove_closes_the_session() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake).unwrap();
    manager.start().await.unwrap();
    manager.remove("one").await.unwrap();
    assert_eq!((probe.closes(), probe.live(), probe.drops.load(SeqCst)), (1, 0, 1));
    assert!(manager.is_empty());
    assert!(matches!(manager.remove("one").await, Err(Error::UnknownSession { .. })));
}

#[tokio::test(start_paused = true)]
async fn w9_pop_waits_for_running_fetches_and_hands_over_the_live_session() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake.fetching(Step::After(2 * SECOND))).unwrap();
    manager.start().await.unwrap();
    let running = fetch_in_background(&manager);
    until("the fetch", || probe.in_flight() == 1).await;

    let mut popped = manager.pop("one").await.unwrap();
    running.await.unwrap().unwrap();
    assert!(popped.is_alive());
    assert_eq!(probe.closes(), 0);
    assert!(matches!(manager.fetch(request()).await, Err(Error::NoSessions)));

    let other = SessionManager::new();
    popped.fetch(&request()).await.unwrap();
    popped.close().await.unwrap();
    other.add("again", Entry::boxed(popped)).unwrap();
    other.fetch(request()).await.unwrap();
    other.close().await.unwrap();
    assert_eq!(probe.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn pop_of_a_session_that_never_started_hands_it_over_idle() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("lazy", fake.lazy()).unwrap();
    let popped = manager.pop("lazy").await.unwrap();
    assert!(!popped.is_alive());
    assert_eq!((probe.starts(), probe.closes()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pop_that_nobody_waits_for_any_more_closes_the_session() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake.fetching(Step::After(2 * SECOND))).unwrap();
    manager.start().await.unwrap();
    let running = fetch_in_background(&manager);
    until("the fetch", || probe.in_flight() == 1).await;
    assert!(tokio::time::timeout(SECOND, manager.pop("one")).await.is_err());
    running.await.unwrap().unwrap();
    until("the close", || probe.live() == 0).await;
    assert_eq!(probe.closes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_comes_upon_a_session_that_was_taken_out_has_nothing_to_do() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake).unwrap();
    manager.start().await.unwrap();
    // What `close` does with each session that it found when it began.
    let found = manager.get("one").unwrap();
    let popped = manager.pop("one").await.unwrap();
    found.stop().await.unwrap();
    assert!(popped.is_alive());
    assert_eq!(probe.closes(), 0);
    let error = found.start().await.unwrap_err().to_string();
    assert!(error.contains("taken out"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn times_too_long_to_add_up_are_none_that_pass() {
    let manager = SessionManager::with_limits(Limits::default().backoff(Duration::MAX, Duration::MAX));
    let (fake, probe) = Fake::new();
    manager
        .add("one", fake.timing_out(Duration::MAX).stop_when_idle(Duration::MAX))
        .unwrap();
    drop(manager.get("one").unwrap().lease().await.unwrap());
    tokio::time::sleep(3_600 * SECOND).await;
    assert_eq!((probe.live(), probe.closes()), (1, 0), "it does not rest");
    manager.add("two", Fake::new().0.starting([Step::Fail("no")])).unwrap();
    manager.fetch(request().session("two")).await.unwrap_err();
    manager.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_lets_go_of_is_told_so_however_long_a_fetch_may_take_to_finish() {
    let manager = SessionManager::with_limits(Limits::default().drain_timeout(Duration::MAX));
    let (fake, probe) = Fake::new();
    manager.add("one", fake.fetching(Step::Never)).unwrap();
    let handle = manager.get("one").unwrap();
    handle.start().await.unwrap();
    let mut forgotten = Box::pin(handle.fetch(request()));
    assert!(futures_util::poll!(&mut forgotten).is_pending());
    let stopping = tokio::spawn({
        let handle = handle.clone();
        async move { handle.stop().await }
    });
    settle().await;
    assert_eq!(handle.state(), SessionState::Draining);
    // Nobody waits for a fetch to finish when the manager is gone.
    drop(manager);
    for stopped in [stopping.await.unwrap(), handle.stop().await] {
        let error = stopped.unwrap_err().to_string();
        assert!(error.contains("did not let go"), "{error}");
    }
    drop(forgotten);
    until("the close", || probe.live() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_close_that_nobody_waits_for_any_more_goes_on() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake.closing(Step::After(2 * SECOND))).unwrap();
    manager.start().await.unwrap();
    assert!(tokio::time::timeout(SECOND, manager.close()).await.is_err());
    until("the close", || probe.live() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_never_polled_again_does_not_hang_the_close() {
    let manager = SessionManager::with_limits(Limits::default().drain_timeout(SECOND));
    let (fake, probe) = Fake::new();
    manager.add("one", fake.fetching(Step::Never)).unwrap();
    manager.start().await.unwrap();
    let mut forgotten = Box::pin(manager.fetch(request()));
    assert!(futures_util::poll!(&mut forgotten).is_pending());
    assert_eq!(probe.in_flight(), 1);

    let error = manager.close().await.unwrap_err();
    assert!(error.to_string().contains("did not let go"), "{error}");
    drop(forgotten);
    until("the close", || probe.live() == 0).await;
    manager.start().await.unwrap();
    assert_eq!(probe.live(), 1);
    manager.close().await.unwrap();
    assert_eq!(probe.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_manager_closes_its_sessions() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    let (starting, starting_probe) = Fake::new();
    manager.add("one", fake).unwrap();
    manager.add("two", starting.starting([Step::Never]).lazy()).unwrap();
    manager.start().await.unwrap();
    let start = fetch_in_background(&manager);
    let second = tokio::spawn({
        let manager = manager.clone();
        async move { manager.fetch(request().session("two")).await.map(drop) }
    });
    until("the start", || starting_probe.starts() == 1).await;
    start.await.unwrap().unwrap();
    second.abort();
    drop(second.await);
    drop(manager);
    until("the closes", || probe.live() == 0 && starting_probe.live() == 0).await;
    assert_eq!(probe.closes(), 1);
}

#[tokio::test(start_paused = true)]
async fn run_closes_after_success_failure_panic_and_cancellation() {
    let (fake, probe) = Fake::new();
    let manager = SessionManager::new();
    manager.add("one", fake).unwrap();

    let status = manager
        .run(async |manager| Ok::<_, Error>(manager.fetch(request()).await?.status()))
        .await
        .unwrap();
    assert_eq!((status.as_u16(), probe.live()), (200, 0));

    let failed: Result<(), Error> = manager.run(async |_| Err(Error::NoSessions)).await;
    assert!(matches!(failed, Err(Error::NoSessions)));
    assert_eq!(probe.live(), 0);

    let panicked = tokio::spawn({
        let manager = manager.clone();
        async move {
            manager
                .run(async |_| -> Result<(), Error> { panic!("in the work") })
                .await
        }
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert_eq!(probe.live(), 0);

    let endless = manager.run(async |manager| {
        manager.fetch(request()).await?;
        std::future::pending::<Result<(), Error>>().await
    });
    assert!(tokio::time::timeout(SECOND, endless).await.is_err());
    until("the close of the cancelled run", || probe.live() == 0).await;
}
