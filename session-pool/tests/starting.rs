//! Starts, warm-ups, deaths and closing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use silkroute_core::{Error, FetchError, FetchErrorKind, RequestExt as _, Result, Retry, Session, async_trait};
use silkroute_session_http::HttpSession;
use silkroute_session_pool::{Member, PoolHooks, SessionPool, SessionPoolBuilder};
use support::puppet::Strings;
use support::{PATIENCE, ask, fetch, fetch_ok, started};

fn builder(size: usize, strings: &Arc<Strings>) -> SessionPoolBuilder {
    let strings = Arc::clone(strings);
    SessionPool::builder().identities(size, move |_| Ok(strings.puppet()))
}

#[tokio::test]
async fn identities_start_when_they_are_needed_and_once() {
    let strings = Strings::new();
    let pool = started(builder(3, &strings).build().unwrap()).await;
    assert_eq!(strings.starts.load(SeqCst), 0, "nobody has asked for anything");
    let request = ask("shop.test");
    join_all((0..300).map(|_| fetch_ok(&pool, &request))).await;
    assert_eq!(strings.starts.load(SeqCst), 3);
}

#[tokio::test]
async fn only_so_many_start_at_the_same_time() {
    let strings = Strings::new();
    strings.openings.forget_permits(usize::MAX >> 4);
    let pool = builder(20, &strings)
        .max_starting(NonZeroUsize::new(3).unwrap())
        .build()
        .unwrap();
    let pool = started(pool).await;
    let request = ask("shop.test");
    let all = join_all((0..20).map(|_| fetch_ok(&pool, &request)));
    let open = async {
        for _ in 0..18 {
            strings.until_starting(3).await;
            assert!(*strings.starting.borrow() <= 3);
            strings.openings.add_permits(1);
            tokio::task::yield_now().await;
        }
        strings.openings.add_permits(2);
    };
    tokio::time::timeout(PATIENCE, join(all, open))
        .await
        .expect("all are served");
    assert_eq!(strings.starts.load(SeqCst), 20);
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_does_not_start_rests_and_others_serve() {
    let strings = Strings::new();
    let pool = started(builder(3, &strings).build().unwrap()).await;
    strings.fail.store(1, SeqCst);
    let begun = tokio::time::Instant::now();
    fetch_ok(&pool, &ask("shop.test")).await;
    assert!(begun.elapsed() < Duration::from_millis(100), "another took it at once");
    assert_eq!(strings.starts.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_keeps_failing_is_told_with_its_cause() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).build().unwrap()).await;
    strings.fail.store(1_000, SeqCst);
    let error = fetch(&pool, &ask("shop.test")).await.unwrap_err();
    let Error::Start { session, attempt, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((session.as_str(), *attempt), ("identity-001", 3));
    assert!(
        error.to_string().contains("the puppet would not start") && error.is_retryable(),
        "{error}"
    );
    // It has been retired by then, and the next one is no better off, and rests.
    let short = ask("shop.test").timeout(Duration::from_millis(300));
    let error = fetch(&pool, &short).await.unwrap_err();
    assert!(error.to_string().contains("would not start"), "{error}");
    strings.fail.store(0, SeqCst);
    fetch_ok(&pool, &ask("shop.test").timeout(Duration::from_secs(100))).await;
}

#[tokio::test(start_paused = true)]
async fn a_given_session_is_tried_again_however_often_it_does_not_start() {
    let strings = Strings::new();
    let pool = SessionPool::builder()
        .session("alice", Box::new(strings.puppet()))
        .build()
        .unwrap();
    let pool = started(pool).await;
    strings.fail.store(5, SeqCst);
    fetch(&pool, &ask("shop.test")).await.unwrap_err();
    let patient = ask("shop.test").timeout(Duration::from_secs(600));
    pool.fetch(&patient).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_given_up_does_not_give_up_the_start() {
    let strings = Strings::new();
    strings.openings.forget_permits(usize::MAX >> 4);
    let pool = started(builder(1, &strings).build().unwrap()).await;
    let request = ask("shop.test");
    tokio::select! {
        _ = fetch_ok(&pool, &request) => panic!("it cannot start"),
        () = strings.until_starting(1) => {}
    }
    strings.openings.add_permits(1);
    fetch_ok(&pool, &request).await;
    assert_eq!(strings.starts.load(SeqCst), 1);
}

#[tokio::test]
async fn an_identity_that_died_comes_back() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).build().unwrap()).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    strings.die.store(true, SeqCst);
    let error = fetch(&pool, &ask("shop.test")).await.unwrap_err();
    assert!(
        error.is_retryable() && error.to_string().contains("identity: identity-001"),
        "{error}"
    );
    fetch_ok(&pool, &ask("shop.test")).await;
    assert_eq!(pool.handle().stats()[0].generation, 1, "it is still the same");
    assert_eq!((strings.starts.load(SeqCst), strings.closes.load(SeqCst)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_starts_and_is_not_alive_has_not_started() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).build().unwrap()).await;
    strings.stillborn.store(true, SeqCst);
    let request = ask("shop.test").timeout(Duration::from_millis(500));
    let error = fetch(&pool, &request).await.unwrap_err().to_string();
    assert!(error.contains("is_alive"), "{error}");
    assert_eq!((strings.starts.load(SeqCst), strings.closes.load(SeqCst)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_soon_after_each_start_rests_longer_each_time() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).build().unwrap()).await;
    let request = ask("shop.test").timeout(Duration::from_secs(60));
    let mut waits = Vec::new();
    for _ in 0..4 {
        strings.die.store(true, SeqCst);
        let begun = tokio::time::Instant::now();
        pool.fetch(&request).await.unwrap_err();
        waits.push(begun.elapsed().as_millis());
    }
    assert!(
        waits[0] < 100
            && (700..1_100).contains(&waits[1])
            && (1_400..2_100).contains(&waits[2])
            && (2_900..4_100).contains(&waits[3]),
        "{waits:?}"
    );
    assert_eq!(pool.handle().stats()[0].generation, 2, "three times cost it its place");
    assert_eq!(strings.starts.load(SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_after_a_while_starts_again_at_once() {
    let strings = Strings::new();
    let pool = started(builder(1, &strings).build().unwrap()).await;
    for _ in 0..5 {
        fetch_ok(&pool, &ask("shop.test")).await;
        tokio::time::sleep(Duration::from_secs(31)).await;
        strings.die.store(true, SeqCst);
        fetch(&pool, &ask("shop.test")).await.unwrap_err();
        let begun = tokio::time::Instant::now();
        fetch_ok(&pool, &ask("shop.test")).await;
        assert!(begun.elapsed() < Duration::from_millis(100));
        tokio::time::sleep(Duration::from_secs(31)).await;
    }
    assert_eq!(pool.handle().stats()[0].generation, 1);
}

#[tokio::test(start_paused = true)]
async fn a_maker_that_panics_has_not_made_a_session_and_may_try_again() {
    let (strings, made) = (Strings::new(), AtomicUsize::new(0));
    let pool = SessionPool::builder().identities(1, {
        let strings = Arc::clone(&strings);
        move |_| {
            // The first is the one that `build` makes, to see whether it can.
            assert_ne!(made.fetch_add(1, SeqCst), 1, "the maker is broken");
            Ok(strings.puppet())
        }
    });
    let pool = started(pool.build().unwrap()).await;
    let short = ask("shop.test").timeout(Duration::from_millis(300));
    let error = fetch(&pool, &short).await.unwrap_err().to_string();
    assert!(error.contains("the maker is broken"), "{error}");
    fetch_ok(&pool, &ask("shop.test").timeout(Duration::from_secs(5))).await;
}

#[tokio::test(start_paused = true)]
async fn times_too_long_to_add_up_are_none_that_pass() {
    let strings = Strings::new();
    let pool = builder(1, &strings)
        .rest(Duration::MAX)
        .timeout(Duration::MAX)
        .start_timeout(Duration::MAX);
    let pool = started(pool.build().unwrap()).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    // It has no state to give, but lives.
    let error = pool.handle().storage_state("identity-001").await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    pool.handle().retire("identity-001").unwrap();
    let short = ask("shop.test").timeout(Duration::from_secs(5));
    let error = fetch(&pool, &short).await.unwrap_err().to_string();
    assert!(error.contains("rest") || error.contains("place free"), "{error}");
}

#[tokio::test]
async fn a_time_too_long_to_add_up_between_two_saves_is_none_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let seldom = SessionPool::builder()
        .identities(1, |_| HttpSession::builder().retry(Retry::none()).build())
        .directory(folder.path())
        .save_every(Duration::MAX);
    let seldom = started(seldom.build().unwrap()).await;
    for _ in 0..2 {
        let refused = fetch(&seldom, &ask("127.0.0.1:1")).await.unwrap_err();
        assert_eq!(refused.as_fetch().unwrap().kind(), FetchErrorKind::Connect, "{refused}");
    }
}

/// Counts, and does what it is told.
#[derive(Default)]
struct Hooks {
    warm_ups: AtomicUsize,
    fail: AtomicUsize,
    panic: AtomicBool,
    invalid: AtomicBool,
}

#[async_trait]
impl PoolHooks for Hooks {
    async fn warm_up(&self, session: &dyn Session, member: &Member) -> Result<()> {
        assert!(session.is_alive() && member.number() > 0);
        self.warm_ups.fetch_add(1, SeqCst);
        assert!(!self.panic.swap(false, SeqCst), "the hook is broken");
        match self.fail.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(FetchError::new(FetchErrorKind::Other, "the login page is gone").into()),
            Err(_) => Ok(()),
        }
    }

    async fn is_valid(&self, _: &dyn Session, _: &Member) -> Result<bool> {
        Ok(!self.invalid.load(SeqCst))
    }
}

#[tokio::test(start_paused = true)]
async fn every_identity_is_warmed_up_before_its_first_request_and_again_when_that_fails() {
    let (strings, hooks) = (Strings::new(), Arc::new(Hooks::default()));
    let pool = started(builder(2, &strings).hooks(Arc::clone(&hooks)).build().unwrap()).await;
    let request = ask("shop.test").timeout(Duration::from_secs(60));
    hooks.panic.store(true, SeqCst);
    join_all((0..50).map(|_| fetch_ok(&pool, &request))).await;
    let first_round = hooks.warm_ups.load(SeqCst);
    assert!((2..=3).contains(&first_round), "{first_round}");
    hooks.fail.store(2, SeqCst);
    pool.handle().retire("identity-001").unwrap();
    pool.handle().retire("identity-002").unwrap();
    join_all((0..50).map(|_| fetch_ok(&pool, &request))).await;
    assert!(
        strings.closes.load(SeqCst) >= 4,
        "a session whose warm-up failed is closed"
    );
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_is_not_valid_after_its_warm_up_is_told_so() {
    let (strings, hooks) = (Strings::new(), Arc::new(Hooks::default()));
    hooks.invalid.store(true, SeqCst);
    let pool = started(builder(1, &strings).hooks(Arc::clone(&hooks)).build().unwrap()).await;
    let error = fetch(&pool, &ask("shop.test")).await.unwrap_err().to_string();
    assert!(error.contains("not valid") && error.contains("is_valid"), "{error}");
    assert_eq!(strings.alive.load(SeqCst), 0, "what is not valid is closed");
}

#[tokio::test(start_paused = true)]
async fn a_start_has_a_time_of_its_own() {
    let strings = Strings::new();
    strings.openings.forget_permits(usize::MAX >> 4);
    let pool = builder(1, &strings)
        .start_timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let pool = started(pool).await;
    let request = ask("shop.test").timeout(Duration::from_secs(8));
    let error = fetch(&pool, &request).await.unwrap_err().to_string();
    assert!(
        error.contains("5s") && error.contains("start_timeout") || error.contains("not ready in time"),
        "{error}"
    );
}

#[tokio::test]
async fn close_ends_all_of_it_also_what_is_starting_and_it_can_start_again() {
    let strings = Strings::new();
    let mut pool = started(builder(4, &strings).build().unwrap()).await;
    let request = ask("shop.test");
    join_all((0..2).map(|_| fetch_ok(&pool, &request))).await;
    strings.openings.forget_permits(usize::MAX >> 4);
    {
        let mut two = [Box::pin(pool.fetch(&request)), Box::pin(pool.fetch(&request))];
        for fetch in &mut two {
            assert!(fetch.as_mut().now_or_never().is_none());
        }
        strings.until_starting(2).await;
    }
    tokio::time::timeout(PATIENCE, pool.close())
        .await
        .expect("close ends")
        .unwrap();
    assert!(!pool.is_alive());
    assert_eq!((strings.alive.load(SeqCst), *strings.starting.borrow()), (0, 0));
    let error = fetch(&pool, &request).await.unwrap_err().to_string();
    assert!(error.contains("closed") && error.contains("start it"), "{error}");

    strings.openings.add_permits(1_000);
    pool.start().await.unwrap();
    join_all((0..40).map(|_| fetch_ok(&pool, &request))).await;
    assert_eq!(strings.alive.load(SeqCst), 4);
    pool.close().await.unwrap();
    assert_eq!(strings.alive.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn close_has_a_time_for_all_of_it_that_a_manager_gives() {
    let strings = Strings::new();
    let mut pool = started(builder(2, &strings).build().unwrap()).await;
    let request = ask("shop.test");
    strings.openings.forget_permits(999_999);
    fetch_ok(&pool, &request).await;
    assert!(pool.fetch(&request).now_or_never().is_none());
    strings.until_starting(1).await;
    strings.closings.forget_permits(usize::MAX >> 4);
    let begun = tokio::time::Instant::now();
    let error = pool.close().await.unwrap_err();
    assert!(matches!(error, Error::Close { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_given_is_still_there_when_its_closing_is_given_up() {
    let strings = Strings::new();
    let pool = SessionPool::builder().session("alice", Box::new(strings.puppet()));
    let mut pool = started(pool.build().unwrap()).await;
    fetch_ok(&pool, &ask("shop.test")).await;
    strings.closings.forget_permits(usize::MAX >> 4);
    let cut = tokio::time::timeout(Duration::from_secs(1), pool.close()).await;
    assert!(cut.is_err(), "it does not close");
    pool.start().await.unwrap();
    fetch_ok(&pool, &ask("shop.test")).await;
}

#[tokio::test]
async fn a_dropped_pool_leaves_no_session_even_if_its_handle_stays() {
    let strings = Strings::new();
    let pool = started(builder(3, &strings).build().unwrap()).await;
    let handle = pool.handle();
    let request = ask("shop.test");
    join_all((0..9).map(|_| fetch_ok(&pool, &request))).await;
    assert_eq!(strings.alive.load(SeqCst), 3);
    drop(pool);
    assert_eq!(strings.alive.load(SeqCst), 0);
    assert_eq!(handle.stats().len(), 3);
}

#[test]
fn what_cannot_be_is_told_when_it_is_built() {
    let strings = Strings::new();
    let told = |builder: SessionPoolBuilder| builder.build().unwrap_err().to_string();
    assert!(told(SessionPool::builder()).contains("no identities"));
    let twice = SessionPool::builder()
        .session("a", Box::new(strings.puppet()))
        .session("a", Box::new(strings.puppet()));
    assert!(told(twice).contains("two identities have this name"));
    for name in ["", "../up", ".hidden", "a/b", "a b"] {
        let error = told(SessionPool::builder().session(name, Box::new(strings.puppet())));
        assert!(error.contains("name"), "{name}: {error}");
    }
    let failing = SessionPool::builder().boxed(3, |_| Err(Error::invalid("the maker", "broken")));
    assert!(told(failing).contains("broken"));
    let forgetful = builder(3, &strings).proxies(silkroute_core::ProxyPool::new(["h:1".parse().unwrap()]).unwrap());
    assert!(told(forgetful).contains("member.proxy()"));
}
