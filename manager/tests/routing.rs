//! Names, the default, places, deadlines, and what a response carries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use silkroute_core::{Error, Fetch, FetchErrorKind, Request, RequestExt};
use silkroute_manager::{SessionExt, SessionManager, SessionState};
use support::{Fake, Step, request, settle, until};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn manager_of(ids: &[&str]) -> SessionManager {
    let manager = SessionManager::new();
    for id in ids {
        manager.add(id, Fake::new().0).unwrap();
    }
    manager
}

#[tokio::test]
async fn names_are_unique_ordered_and_told_when_one_is_missing() {
    let manager = manager_of(&["default", "stealth", "browser"]);
    assert_eq!(manager.session_ids(), ["default", "stealth", "browser"]);
    assert!(manager.contains("stealth") && !manager.contains("nope"));
    assert_eq!(manager.len(), 3);
    assert_eq!(
        manager.get("nonexistent").unwrap_err().to_string(),
        "Session 'nonexistent' not found. Available: default, stealth, browser"
    );
    assert_eq!(
        manager.add("default", Fake::new().0).unwrap_err().to_string(),
        "Session 'default' already registered"
    );
    assert!(manager.add("", Fake::new().0).is_err());
    let handle = manager.get("browser").unwrap();
    assert_eq!(
        (handle.id(), handle.kind(), handle.state()),
        ("browser", "fake", SessionState::Idle)
    );
}

#[tokio::test]
async fn w12_when_the_default_goes_the_first_that_is_left_follows() {
    let manager = SessionManager::new();
    assert_eq!(
        manager.default_session_id().unwrap_err().to_string(),
        "No sessions registered"
    );
    manager
        .add("a", Fake::new().0)
        .unwrap()
        .add("b", Fake::new().0)
        .unwrap();
    manager.add("c", Fake::new().0.as_default()).unwrap();
    assert_eq!(manager.default_session_id().unwrap(), "c");
    manager.remove("c").await.unwrap();
    assert_eq!(manager.default_session_id().unwrap(), "a");
    manager.set_default("b").unwrap();
    manager.remove("a").await.unwrap();
    assert_eq!(manager.default_session_id().unwrap(), "b");
    manager.remove("b").await.unwrap();
    assert!(matches!(manager.fetch(request()).await, Err(Error::NoSessions)));
    assert!(manager.set_default("b").is_err());
}

#[tokio::test]
async fn w22_a_request_can_be_checked_before_it_is_queued() {
    let manager = manager_of(&["a"]);
    manager.check(&request()).unwrap();
    manager.check(&request().session("a")).unwrap();
    let error = manager.check(&request().session("b")).unwrap_err();
    assert_eq!(error.to_string(), "Session 'b' not found. Available: a");
    assert_eq!(
        manager.fetch(request().session("b")).await.unwrap_err().to_string(),
        error.to_string()
    );
}

#[tokio::test]
async fn a_request_goes_to_the_session_that_it_names() {
    let manager = SessionManager::new();
    let (a, a_probe) = Fake::new();
    let (b, b_probe) = Fake::new();
    manager.add("a", a).unwrap().add("b", b).unwrap();
    assert_eq!(
        manager.fetch(request().session("b")).await.unwrap().session(),
        Some("b")
    );
    assert_eq!(manager.fetch(request()).await.unwrap().session(), Some("a"));
    assert_eq!((a_probe.fetches(), b_probe.fetches()), (1, 1));
}

#[tokio::test]
async fn the_response_carries_the_request_and_its_meta_under_its_own() {
    let manager = manager_of(&["a"]);
    let sent = request().meta("by", "request").meta("page", 3);
    let response = manager.fetch(sent).await.unwrap();
    assert_eq!(response.meta()["page"], 3);
    assert_eq!(response.meta()["by"], "session", "the session's own facts win");
    assert_eq!(response.meta().len(), 2, "w21: nothing that nobody put there");
    let request = response.request().unwrap();
    assert_eq!(
        request.downcast_ref::<Fetch>().unwrap().parts().meta["by"],
        "request",
        "the request is as it was sent"
    );
}

#[tokio::test]
async fn a_shared_request_can_be_sent_again_unchanged() {
    let manager = manager_of(&["a"]);
    let shared: Arc<dyn Request> = Arc::new(Fetch::post("http://site.test/").unwrap().body("x"));
    for _ in 0..2 {
        let response = manager.fetch_shared(Arc::clone(&shared)).await.unwrap();
        assert_eq!(response.request().unwrap().parts().method, http::Method::POST);
    }
}

#[tokio::test(start_paused = true)]
async fn w18_requests_beyond_the_places_wait_in_the_order_they_came() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("one", fake.places(2).fetching(Step::After(SECOND)))
        .unwrap();
    let done = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..20 {
        let (manager, done) = (manager.clone(), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            manager.fetch(request()).await.unwrap();
            done.lock().unwrap().push(number);
        }));
        settle().await;
    }
    let begun = Instant::now();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*done.lock().unwrap(), (0..20).collect::<Vec<_>>());
    assert_eq!((probe.peak.load(SeqCst), begun.elapsed()), (2, 10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn an_entry_bounds_a_session_by_the_smaller_of_its_limit_and_the_sessions_own() {
    for (own, entry, both) in [(None, 2, 2), (Some(5), 2, 2), (Some(1), 2, 1)] {
        let manager = SessionManager::new();
        let (mut fake, probe) = Fake::new();
        fake.places = own;
        let limit = NonZeroUsize::new(entry).unwrap();
        manager
            .add("one", fake.fetching(Step::After(SECOND)).max_concurrency(limit))
            .unwrap();
        let done = Mutex::new(Vec::new());
        let fetches = (0..10).map(async |number| {
            manager.fetch(request()).await.unwrap();
            done.lock().unwrap().push(number);
        });
        let begun = Instant::now();
        futures_util::future::join_all(fetches).await;
        assert_eq!(*done.lock().unwrap(), (0..10).collect::<Vec<_>>());
        let took = SECOND * (10 / both);
        assert_eq!((probe.peak.load(SeqCst), begun.elapsed()), (both as usize, took));
        let told = manager.get("one").unwrap().concurrency();
        assert_eq!(told.map(NonZeroUsize::get), Some(both as usize));
    }
}

#[tokio::test(start_paused = true)]
async fn w18_waiting_for_a_place_counts_against_the_timeout_of_each_request_alone() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("one", fake.places(1).fetching(Step::Never).timing_out(60 * SECOND))
        .unwrap();
    let running = tokio::spawn({
        let manager = manager.clone();
        async move { manager.fetch(request()).await.map(drop) }
    });
    until("the fetch", || probe.in_flight() == 1).await;

    let begun = Instant::now();
    let waits = (0..5).map(|_| manager.fetch(request().timeout(2 * SECOND)));
    for result in futures_util::future::join_all(waits).await {
        let error = result.unwrap_err();
        assert!(error.is_timeout() && error.is_retryable(), "{error}");
        assert!(error.to_string().contains("none of its 1 places came free"), "{error}");
        assert!(error.to_string().contains("session: one"), "{error}");
    }
    assert_eq!(
        begun.elapsed(),
        2 * SECOND,
        "all of them at once, not one after the other"
    );
    running.abort();
    drop(running.await);
    assert_eq!(probe.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_gives_its_place_back() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    let (step, gate) = Step::gate();
    manager.add("one", fake.places(1).fetching(step)).unwrap();
    assert!(tokio::time::timeout(SECOND, manager.fetch(request())).await.is_err());
    assert_eq!(probe.in_flight(), 0);
    gate.add_permits(1);
    manager.fetch(request()).await.unwrap();
    let stats = &manager.stats()[0];
    assert_eq!((stats.requests, stats.succeeded, stats.cancelled), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ignores_its_timeout_is_cut_off() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("one", fake.fetching(Step::Never).timing_out(3 * SECOND))
        .unwrap();
    let begun = Instant::now();
    let error = manager.fetch(request()).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(begun.elapsed() < 4 * SECOND && probe.in_flight() == 0);
    let begun = Instant::now();
    manager.fetch(request().timeout(SECOND)).await.unwrap_err();
    assert!(begun.elapsed() < 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_start_counts_against_the_timeout_and_goes_on_for_the_next() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager
        .add("slow", fake.starting([Step::After(5 * SECOND)]).lazy())
        .unwrap();
    let error = manager.fetch(request().timeout(SECOND)).await.unwrap_err();
    assert!(
        error.is_timeout() && error.to_string().contains("still starting"),
        "{error}"
    );
    manager.fetch(request()).await.unwrap();
    assert_eq!(probe.starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_beyond_the_end_of_time_is_none() {
    let manager = manager_of(&["a"]);
    manager.fetch(request().timeout(Duration::MAX)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_fetch_is_the_error_of_that_fetch_alone() {
    let manager = SessionManager::new();
    manager
        .add("one", Fake::new().0.places(1).fetching(Step::Panic))
        .unwrap();
    for _ in 0..3 {
        let error = manager.fetch(request()).await.unwrap_err();
        assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Other);
        assert!(error.to_string().contains("panicked in fetch: as told"), "{error}");
    }
    assert_eq!(manager.stats()[0].failed, 3);
}

#[tokio::test]
async fn w25_each_session_has_counters_of_its_own() {
    let manager = SessionManager::new();
    manager.add("good", Fake::new().0).unwrap();
    manager
        .add("bad", Fake::new().0.fetching(Step::Fail("not today")))
        .unwrap();
    manager.fetch(request()).await.unwrap();
    manager.fetch(request()).await.unwrap();
    manager.fetch(request().session("bad")).await.unwrap_err();
    let stats = manager.stats();
    assert_eq!(
        (
            stats[0].id.as_str(),
            stats[0].requests,
            stats[0].succeeded,
            stats[0].failed
        ),
        ("good", 2, 2, 0)
    );
    assert_eq!(
        (stats[1].id.as_str(), stats[1].succeeded, stats[1].failed),
        ("bad", 0, 1)
    );
    assert!(stats[1].last_error.as_deref().unwrap().contains("not today"));
    assert_eq!((stats[0].in_flight, stats[0].waiting), (0, 0));
    assert!(serde_json::to_string(&stats).unwrap().contains(r#""state":"alive""#));
}

#[test]
fn a_manager_is_shared_between_threads_and_its_fetches_are_too() {
    fn shared<T: Send + Sync + 'static>() {}
    fn sent<T: Send>(_: T) {}
    shared::<SessionManager>();
    let manager = SessionManager::new();
    sent(manager.fetch(request()));
    sent(manager.close());
    sent(manager.run(async |manager: &SessionManager| manager.fetch(request()).await.map(drop)));
}
