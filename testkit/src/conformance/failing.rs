//! Errors come as errors: named, kept apart, worth a retry or not.

use std::time::Duration;

use silkroute_core::{Error, Fetch, FetchErrorKind, RequestExt as _};

use super::words::{AT_ONCE, Must as _, must_fail, within};
use super::{Bench, Capability};

/// Long enough for a session that retries in spite of the suite's wish.
const PATIENCE: Duration = Duration::from_secs(20);

/// An error MUST name the request that failed: its method and its URL.
pub async fn errors_name_the_request(bench: &Bench) {
    let session = bench.started().await;
    let url = if bench.can(Capability::Live) {
        bench.refused_url("")
    } else {
        bench.site().http_url("/never/recorded")
    };
    let request = Fetch::from(url.clone()).timeout(PATIENCE);
    let error = must_fail(
        session.fetch(&request).await,
        "a fetch that brings no response MUST be an error",
    );
    let text = error.to_string();
    assert!(
        text.contains(url.as_str()) && text.contains("GET"),
        "an error MUST name the request that failed, its method and its URL; it says: {text}"
    );
    assert!(
        error.as_fetch().is_some(),
        "an error of a session's own MUST be a FetchError; it is {error:?}"
    );
    bench.finish(session).await;
}

/// A connection that was refused MUST be told as such, and be worth a retry.
pub async fn a_refused_connection_is_worth_a_retry(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    let request = Fetch::from(bench.refused_url("")).timeout(PATIENCE);
    let error = must_fail(session.fetch(&request).await, "a refused connection MUST be an error");
    assert!(
        error.is_retryable(),
        "a refused connection MUST be worth a retry: {error:?}"
    );
    assert!(
        !error.is_timeout(),
        "a refused connection MUST NOT be told as a timeout: {error:?}"
    );
    bench.works(&*session, "after a fetch that failed").await;
    bench.finish(session).await;
}

/// A response that breaks off MUST be an error, and never pass for a whole one.
pub async fn a_response_that_breaks_off_is_an_error(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    for path in ["/drop", "/drop-body"] {
        let rule = format!("a response that breaks off MUST be an error ({path})");
        let request = bench.get(path).timeout(PATIENCE);
        let error = must_fail(session.fetch(&request).await, &rule);
        assert!(
            !error.is_timeout(),
            "{rule}, and MUST NOT wait for the deadline: {error:?}"
        );
    }
    bench.works(&*session, "after a response that broke off").await;
    bench.finish(session).await;
}

/// A redirect that never ends MUST end, with an error that is not worth a retry.
pub async fn redirects_without_end_are_an_error(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    let request = bench.get("/redirect/loop").timeout(PATIENCE);
    let error = must_fail(
        session.fetch(&request).await,
        "a redirect that never ends MUST be an error",
    );
    assert!(
        !error.is_retryable() && !error.is_timeout(),
        "a redirect that never ends MUST be refused, not timed out or worth a retry: {error:?}"
    );
    bench.finish(session).await;
}

/// A URL whose scheme the session does not speak MUST be refused, at once, by an error that names it.
pub async fn other_schemes_are_refused(bench: &Bench) {
    let session = bench.started().await;
    for url in ["ftp://127.0.0.1/file", "gopher://127.0.0.1/1", "file:///etc/hostname"] {
        let rule = format!("a scheme that the session does not speak MUST be refused, at once: {url}");
        let request = Fetch::get(url).must("a URL");
        let error = must_fail(within(AT_ONCE, &rule, session.fetch(&request)).await, &rule);
        let scheme = url.split(':').next().unwrap_or_default();
        assert!(
            error.to_string().contains(scheme),
            "{rule}, by an error that names it; it says: {error}"
        );
        assert!(!error.is_retryable(), "{rule}, and is not worth a retry: {error:?}");
        let refused = match &error {
            Error::Unsupported { .. } | Error::Invalid { .. } => true,
            other => other
                .as_fetch()
                .is_some_and(|error| error.kind() == FetchErrorKind::Request),
        };
        assert!(
            refused,
            "{rule}, as Unsupported, Invalid or a FetchError of kind Request; it is {error:?}"
        );
    }
    bench.finish(session).await;
}
