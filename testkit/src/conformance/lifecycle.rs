//! Idle, alive, closed and dropped mean what they say.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use silkroute_core::{FetchErrorKind, Session};

use super::words::{AT_ONCE, Must as _, SOON, must_fail, timed, within};
use super::{Bench, Capability};

/// A session MUST be built without input or output, and MUST NOT be alive before it is started.
pub async fn is_built_idle(bench: &Bench) {
    let session = bench.built().await;
    assert!(!session.is_alive(), "a session MUST NOT be alive before it was started");
    // Those that replay were recorded from the site while they were built.
    let connected = bench.can(Capability::Live) && bench.site().total_connections() > 0;
    assert!(
        !connected,
        "a session MUST be built without input or output; it connected to the site"
    );
}

/// A session that was not started MUST refuse to fetch, at once, with an error that says so.
pub async fn refuses_to_fetch_before_it_starts(bench: &Bench) {
    let session = bench.built().await;
    refuses_at_once(bench, &*session, "was not started").await;
}

/// A session that was started MUST be alive, and MUST fetch.
pub async fn is_alive_once_started(bench: &Bench) {
    let session = bench.started().await;
    assert!(
        session.is_alive(),
        "a session MUST be alive after a start that succeeded"
    );
    bench.works(&*session, "once it was started").await;
    assert!(
        session.is_alive(),
        "a session MUST stay alive after a fetch that succeeded"
    );
    bench.finish(session).await;
}

/// `start` on a live session MUST succeed and change nothing.
pub async fn start_on_a_live_session_changes_nothing(bench: &Bench) {
    let mut session = bench.started().await;
    for _ in 0..2 {
        session.start().await.must("start on a live session MUST succeed");
        assert!(session.is_alive(), "start on a live session MUST leave it alive");
    }
    bench.works(&*session, "after it was started again").await;
    bench.finish(session).await;
}

/// After `close` a session MUST NOT be alive.
pub async fn is_not_alive_once_closed(bench: &Bench) {
    let mut session = bench.started().await;
    bench.works(&*session, "before it is closed").await;
    close(&mut *session).await;
    assert!(!session.is_alive(), "after close a session MUST NOT be alive");
}

/// A session that was closed MUST refuse to fetch, at once, with an error that says so.
pub async fn refuses_to_fetch_once_closed(bench: &Bench) {
    let mut session = bench.started().await;
    close(&mut *session).await;
    refuses_at_once(bench, &*session, "was closed").await;
}

/// `close` MUST succeed on a session that is not alive: one that was never started, and one that was closed.
pub async fn close_is_safe_at_any_time(bench: &Bench) {
    let mut session = bench.built().await;
    close(&mut *session).await;
    session
        .start()
        .await
        .must("a session that was closed before its first start MUST start");
    for _ in 0..3 {
        close(&mut *session).await;
        assert!(
            !session.is_alive(),
            "after close a session MUST NOT be alive, however often it is closed"
        );
    }
}

/// Whoever closed a session MAY start it again, and it MUST then fetch: a manager restarts sessions all the time.
pub async fn starts_again_after_close(bench: &Bench) {
    let mut session = bench.built().await;
    for round in 1..=3 {
        session.start().await.must("a closed session MUST start again");
        assert!(
            session.is_alive(),
            "a session MUST be alive after a start that succeeded"
        );
        bench.works(&*session, &format!("in its life number {round}")).await;
        close(&mut *session).await;
    }
}

/// `close` MUST release everything: no connection may be left open.
pub async fn close_releases_connections(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let mut session = bench.started().await;
    bench.works(&*session, "before it is closed").await;
    close(&mut *session).await;
    let rule = "close MUST release everything; a connection to the site stays open";
    bench.soon(rule, |site| site.open_connections() == 0).await;
}

/// Dropping a session that was not closed MUST NOT block, and SHOULD release what it can.
pub async fn a_drop_without_close_does_not_block(bench: &Bench) {
    let session = bench.started().await;
    bench.works(&*session, "before it is dropped").await;
    // On a task of its own: a drop that blocks would block the check's own clock.
    let rule = "dropping a session that was not closed MUST NOT block";
    within(AT_ONCE, rule, tokio::spawn(async move { drop(session) }))
        .await
        .must(rule);
    if bench.can(Capability::Live) {
        let rule = "dropping a session that was not closed SHOULD release what it can; a connection stays open";
        bench.soon(rule, |site| site.open_connections() == 0).await;
    }
}

/// A `start` whose future was dropped MUST leave a session that is not alive, that can be closed, and started again.
pub async fn a_cancelled_start_can_be_closed_and_repeated(bench: &Bench) {
    let mut session = bench.built().await;
    let finished = AssertUnwindSafe(session.start()).now_or_never();
    if finished.is_none() {
        assert!(
            !session.is_alive(),
            "after a cancelled start a session MUST NOT be alive"
        );
    }
    close(&mut *session).await;
    assert!(!session.is_alive(), "after close a session MUST NOT be alive");
    session
        .start()
        .await
        .must("a session MUST start after a cancelled start and a close");
    bench.works(&*session, "after a cancelled start").await;
    bench.finish(session).await;
}

/// A session's kind MUST be one word that never changes, and the one that it is registered under.
pub async fn its_kind_never_changes(bench: &Bench) {
    let mut session = bench.built().await;
    let kind = session.kind();
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    assert!(
        !kind.is_empty() && kind.bytes().all(is_word),
        "a kind MUST be a word of a-z, 0-9, - and _; it is `{kind}`"
    );
    if let Some(registration) = bench.subject().registration() {
        assert_eq!(
            kind,
            registration.kind(),
            "a session's kind MUST be the one it is registered under"
        );
    }
    session.start().await.must("a session that can be built MUST start");
    assert_eq!(session.kind(), kind, "a session's kind MUST NOT change when it starts");
    close(&mut *session).await;
    assert_eq!(
        session.kind(),
        kind,
        "a session's kind MUST NOT change when it is closed"
    );
}

/// `concurrency` and `timeout` are asked once, before the start: they MUST NOT change with it.
pub async fn its_limits_do_not_change_with_the_start(bench: &Bench) {
    let mut session = bench.built().await;
    let before = (session.concurrency(), session.timeout());
    session.start().await.must("a session that can be built MUST start");
    assert_eq!(
        before,
        (session.concurrency(), session.timeout()),
        "a manager asks for concurrency and timeout once: they MUST NOT change with the start"
    );
    bench.finish(session).await;
}

async fn close(session: &mut dyn Session) {
    let rule = "close MUST succeed, and MUST NOT wait without bound";
    within(SOON, rule, session.close()).await.must(rule);
}

async fn refuses_at_once(bench: &Bench, session: &dyn Session, why: &str) {
    let rule = format!("a session that {why} MUST refuse to fetch, at once");
    let request = bench.get("/json");
    let (result, _) = timed(AT_ONCE, &rule, session.fetch(&request)).await;
    let error = must_fail(result, &rule);
    let text = error.to_string().to_lowercase();
    assert!(
        ["start", "closed", "alive"].iter().any(|word| text.contains(word)),
        "{rule}, with an error that says so; it says: {error}"
    );
    let kind = error.as_fetch().map(|error| error.kind());
    assert_ne!(
        kind,
        Some(FetchErrorKind::Timeout),
        "{rule}, and not by letting a deadline pass"
    );
    assert!(
        bench.site().requests_to("/json").is_empty(),
        "{rule}; the request reached the site"
    );
}
