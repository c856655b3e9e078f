//! All of it once more, in the hands of a manager.

use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use silkroute_core::{Error, Request as _, RequestExt as _};
use silkroute_manager::{Entry, SessionManager, SessionState};

use super::limits::{SHORT, SLOW_PATH};
use super::recording::SIZES;
use super::words::{MARGIN, Must as _, SOON, must_fail, timed, within};
use super::{Bench, Capability};

/// The name that the session has in the manager.
const ID: &str = "subject";

/// A lazy session MUST be started by the first request that names it, and not before.
pub async fn the_first_fetch_starts_a_lazy_session(bench: &Bench) {
    let manager = managed(bench).await;
    manager.start().await.must("a manager with a lazy session starts");
    let state = || manager.get(ID).must("the session is there").state();
    assert_eq!(
        state(),
        SessionState::Idle,
        "a lazy session MUST NOT start with its manager"
    );
    let response = manager.fetch(bench.get("/json").session(ID)).await;
    let response = response.must("a lazy session MUST start with the first request that names it");
    assert_eq!(
        response.status().as_u16(),
        200,
        "a lazy session fetches once it has started"
    );
    assert_eq!(state(), SessionState::Alive, "a session that fetches MUST be alive");
    close(&manager).await;
}

/// Many requests at once MUST share one start, and each MUST get its own response.
pub async fn many_requests_at_once_share_one_start(bench: &Bench) {
    let manager = managed(bench).await;
    let fetches = SIZES.map(async |size| {
        let request = bench.get(&format!("/bytes/{size}"));
        (size, manager.fetch(request).await)
    });
    let rule = "a session MUST serve 50 requests that come at the same time, as far as it can and then in order";
    for (size, response) in within(SOON * 3, rule, join_all(fetches)).await {
        let response = response.must(rule);
        assert_eq!(
            response.url().path(),
            format!("/bytes/{size}"),
            "each request MUST get its own response"
        );
    }
    assert_eq!(
        manager.stats()[0].starts,
        1,
        "requests that come at once MUST share one start"
    );
    close(&manager).await;
}

/// A manager that closes MUST let running fetches finish.
pub async fn close_lets_a_running_fetch_finish(bench: &Bench) {
    let manager = managed(bench).await;
    manager
        .get(ID)
        .must("the session is there")
        .start()
        .await
        .must("it starts");
    let mut fetch = std::pin::pin!(manager.fetch(bench.get(SLOW_PATH)));
    assert!(fetch.as_mut().now_or_never().is_none(), "a slow page takes its time");
    let (response, closed) = within(SOON, "close MUST NOT wait without bound", join(fetch, manager.close())).await;
    closed.must("a session MUST close when its fetches have finished");
    response.must("a fetch that runs when its manager closes MUST finish");
    let error = must_fail(
        manager.fetch(bench.get("/json")).await,
        "a closed manager refuses requests",
    );
    assert!(
        matches!(error, Error::Closed { .. }),
        "a closed manager says that it is closed: {error:?}"
    );
}

/// A session that is taken out of its manager MUST come alive, and MUST go on fetching without it.
pub async fn pop_hands_over_a_live_session(bench: &Bench) {
    let manager = managed(bench).await;
    manager
        .fetch(bench.get("/json"))
        .await
        .must("a lazy session starts with its first request");
    let mut session = manager.pop(ID).await.must("a session can be taken out");
    assert!(
        session.is_alive(),
        "a session that is taken out of its manager MUST still be alive"
    );
    bench.works(&*session, "after it was taken out of its manager").await;
    session.close().await.must("close MUST succeed");
    assert!(manager.is_empty(), "a session that was taken out is gone");
}

/// A session MUST be usable again after its manager closed and started.
pub async fn a_manager_can_close_and_start_again(bench: &Bench) {
    let manager = managed(bench).await;
    for _ in 0..2 {
        manager.start().await.must("a manager starts again");
        manager
            .fetch(bench.get("/json"))
            .await
            .must("a session MUST fetch in every life of its manager");
        close(&manager).await;
    }
    let session = manager.pop(ID).await.must("a session can be taken out");
    assert!(
        !session.is_alive(),
        "a session of a manager that closed MUST NOT be alive"
    );
}

/// The user's facts MUST come back on the response, with the request itself and the name of the session.
pub async fn meta_and_request_come_back_on_the_response(bench: &Bench) {
    let manager = managed(bench).await;
    let request = bench.get("/json").meta("page", 3).meta("shop", "north");
    let response = manager
        .fetch(request.clone())
        .await
        .must("a request with meta is fetched");
    assert_eq!(
        response.meta()["page"],
        3,
        "a request's meta MUST come back on its response"
    );
    assert_eq!(
        response.meta()["shop"],
        "north",
        "a request's meta MUST come back on its response"
    );
    assert_eq!(response.session(), Some(ID), "a response MUST name its session");
    let parts = response.request().map(|request| request.parts());
    assert_eq!(
        parts,
        Some(request.parts()),
        "a response MUST carry its request, as it was"
    );
    close(&manager).await;
}

/// Deadlines MUST be kept through a manager, and a request that timed out MUST leave its place free.
pub async fn a_timeout_through_a_manager_frees_its_place(bench: &Bench) {
    let manager = managed(bench).await;
    manager
        .fetch(bench.get("/json"))
        .await
        .must("a lazy session starts with its first request");
    let limit = manager
        .get(ID)
        .must("the session is there")
        .lease()
        .await
        .must("it is alive")
        .concurrency();
    let count = limit.map_or(8, |limit| limit.get().min(8));
    let stalled = bench.get("/stall").timeout(SHORT);
    let rule = "requests through a manager MUST end within their timeout";
    let all = join_all((0..count).map(|_| manager.fetch(stalled.clone())));
    for result in timed(SHORT + MARGIN, rule, all).await.0 {
        let error = must_fail(result, rule);
        assert!(
            error.is_timeout(),
            "{rule}, as an error of kind Timeout; it is {error:?}"
        );
    }
    let rule = "a request that timed out MUST leave its place free";
    let request = bench.get("/json");
    let all = join_all((0..count).map(|_| manager.fetch(request.clone())));
    for result in within(SOON, rule, all).await {
        result.must(rule);
    }
    close(&manager).await;
}

/// What a session refuses MUST come through a manager as the refusal that it is.
pub async fn refusals_come_through_unchanged(bench: &Bench) {
    let manager = managed(bench).await;
    let kind = manager.get(ID).must("the session is there").kind();
    let mut request = bench.get("/json");
    request.parts_mut().options.set_key(kind, "no_such_thing", true);
    let error = must_fail(manager.fetch(request).await, "an unknown option MUST be refused");
    assert!(
        matches!(error, Error::Options { .. }),
        "a refusal MUST come through as it is: {error:?}"
    );
    close(&manager).await;
}

/// A manager that closes MUST leave no connection open.
pub async fn close_leaves_no_connection(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let manager = managed(bench).await;
    let request = bench.get("/json");
    for response in join_all((0..16).map(|_| manager.fetch(request.clone()))).await {
        response.must("16 requests at the same time are fetched");
    }
    close(&manager).await;
    let rule = "a manager that closed MUST leave no connection open";
    bench.soon(rule, |site| site.open_connections() == 0).await;
}

/// A manager with the subject's session in it, lazy.
async fn managed(bench: &Bench) -> SessionManager {
    let manager = SessionManager::new();
    let session = bench.built().await;
    manager
        .add(ID, Entry::boxed(session).lazy())
        .must("an empty manager takes a session");
    manager
}

async fn close(manager: &SessionManager) {
    let rule = "a manager's close MUST end, without an error";
    within(SOON, rule, manager.close()).await.must(rule);
}
