//! Deadlines and cancellation.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use silkroute_core::{Fetch, RequestExt as _, Session};

use super::words::{MARGIN, Must as _, SOON, must_fail, timed, within};
use super::{Bench, Capability, Setup};

/// A deadline that is short for a person and long for a loopback connection.
pub(super) const SHORT: Duration = Duration::from_millis(500);
/// A page that takes a while, and how long.
pub(super) const SLOW_PATH: &str = "/slow?ms=400";
pub(super) const SLOW: Duration = Duration::from_millis(400);

/// A fetch MUST end within its request's timeout, as an error that says it was one.
pub async fn a_requests_timeout_is_kept(bench: &Bench) {
    let session = bench.started().await;
    let request = bench.get("/stall").timeout(SHORT);
    times_out(&*session, request, "a fetch MUST end within its request's timeout").await;
    bench.works(&*session, "after a fetch that timed out").await;
    bench.finish(session).await;
}

/// A request's timeout MUST be kept up to the last byte of the body.
pub async fn a_timeout_covers_the_body(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    let request = bench.get("/stall-body").timeout(SHORT);
    times_out(&*session, request, "a timeout MUST cover the body as well").await;
    bench.finish(session).await;
}

/// A timeout MUST cover all of a fetch together: a server that says a little now and then does not put it off.
pub async fn a_timeout_is_for_all_of_a_fetch(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    let request = bench.get("/drip?ms=100&bytes=600").timeout(SHORT);
    times_out(
        &*session,
        request,
        "a timeout MUST be for all of a fetch, not for each read",
    )
    .await;
    bench.finish(session).await;
}

/// A fetch whose request has no timeout MUST end within the session's.
pub async fn the_sessions_timeout_is_kept(bench: &Bench) {
    if !bench.can(Capability::SessionTimeout) {
        return;
    }
    let setup = Setup {
        timeout: Some(SHORT),
        ..Setup::default()
    };
    let session = bench.started_with(&setup).await;
    assert_eq!(
        session.timeout(),
        SHORT,
        "Session::timeout MUST tell the time that the session was configured with"
    );
    let request = bench.get("/stall");
    times_out(
        &*session,
        request,
        "a fetch whose request has no timeout MUST end within the session's",
    )
    .await;
    bench.finish(session).await;
}

/// A request's timeout MUST win over the session's, also when it is longer.
pub async fn a_requests_timeout_wins(bench: &Bench) {
    if !bench.can(Capability::SessionTimeout) {
        return;
    }
    let setup = Setup {
        timeout: Some(SLOW / 4),
        ..Setup::default()
    };
    let session = bench.started_with(&setup).await;
    let request = bench.get(SLOW_PATH).timeout(SOON);
    session
        .fetch(&request)
        .await
        .must("a request's timeout MUST win over the session's, also when it is longer");
    bench.finish(session).await;
}

/// Dropping the future of a fetch MUST release what it held: here, its connection.
pub async fn a_cancelled_fetch_releases_its_connection(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    let count = Bench::at_once(&*session, 8);
    let mut urls = vec![bench.site().http_url("/stall")];
    if bench.can(Capability::Https) {
        // Over HTTP/2 the connection may stay, and the stream has to end.
        urls.push(bench.site().https_url("/stall"));
    }
    for url in urls {
        let request = Fetch::from(url);
        let stalled = join_all((0..count).map(|_| session.fetch(&request)));
        let arrived = bench.soon("concurrent fetches MUST reach the site", |site| {
            site.in_flight() == count
        });
        tokio::select! {
            _ = stalled => panic!("a stalled fetch MUST NOT end by itself so soon"),
            () = arrived => {}
        }
        let rule = "dropping the future of a fetch MUST release its connection; the site is still being asked";
        bench.soon(rule, |site| site.in_flight() == 0).await;
    }
    bench.works(&*session, "after others were cancelled").await;
    bench.finish(session).await;
}

/// The same for a fetch that is cancelled in the middle of its body.
pub async fn a_fetch_cancelled_in_its_body_releases_its_connection(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    let request = bench.get("/stall-body");
    let head_sent = bench.soon("a fetch MUST reach the site", |site| {
        site.in_flight() == 0 && !site.requests_to("/stall-body").is_empty()
    });
    tokio::select! {
        _ = session.fetch(&request) => panic!("a body that stalls MUST NOT end so soon"),
        () = head_sent => {}
    }
    let rule = "dropping the future of a fetch in its body MUST release its connection; it stays open";
    bench.soon(rule, |site| site.open_connections() == 0).await;
    bench.works(&*session, "after another was cancelled in its body").await;
    bench.finish(session).await;
}

/// However many fetches are cancelled, and however early, the session MUST still serve as many as before.
pub async fn cancelled_fetches_leave_their_places_free(bench: &Bench) {
    let session = bench.started().await;
    let count = Bench::at_once(&*session, 16);
    let stalled = bench.get("/stall");
    for _ in 0..4 {
        // Polled once and dropped: wherever it had got to by then.
        let none = join_all((0..count).map(|_| session.fetch(&stalled))).now_or_never();
        assert!(none.is_none(), "a stalled fetch MUST NOT end by itself so soon");
    }
    let request = bench.get("/json");
    let rule = format!("after cancelled fetches a session MUST still serve {count} at the same time");
    let all = join_all((0..count).map(|_| session.fetch(&request)));
    for response in within(SOON, &rule, all).await {
        response.must(&rule);
    }
    bench.finish(session).await;
}

/// A fetch whose future was never polled MUST do nothing.
pub async fn a_fetch_that_was_never_polled_does_nothing(bench: &Bench) {
    let session = bench.started().await;
    let request = bench.get("/page/10k");
    for _ in 0..100 {
        drop(session.fetch(&request));
    }
    bench.works(&*session, "after others were dropped unpolled").await;
    assert!(
        bench.site().requests_to("/page/10k").is_empty(),
        "a future that was never polled MUST do nothing"
    );
    bench.finish(session).await;
}

async fn times_out(session: &dyn Session, request: Fetch, rule: &str) {
    let (result, took) = timed(SHORT + MARGIN, rule, session.fetch(&request)).await;
    let error = must_fail(result, rule);
    assert!(
        error.is_timeout(),
        "{rule}, as an error of kind Timeout; it is {error:?}"
    );
    assert!(error.is_retryable(), "a timeout MUST be worth a retry: {error:?}");
    assert!(
        took >= SHORT / 2,
        "{rule}, and MUST have that time; it ended after {took:?}"
    );
}
