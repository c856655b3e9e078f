//! How the checks say what went wrong.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use silkroute_core::{Error, Response};

/// "At once", on a machine that has other things to do as well, and may leave a program without a turn for seconds.
pub(super) const AT_ONCE: Duration = Duration::from_secs(5);
/// What a session may need beyond a deadline to notice that it has passed, on such a machine.
pub(super) const MARGIN: Duration = Duration::from_secs(5);
/// How long the suite waits for what must come soon: a connection to be closed, a place to be free.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// The value, or the end of the check in the rule's own words.
pub(super) trait Must<T> {
    fn must(self, rule: &str) -> T;
}

impl<T, E: Debug + ToString> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self, rule: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{rule}; instead: {} ({error:?})", error.to_string()),
        }
    }
}

/// The error of a fetch that must not succeed.
#[track_caller]
pub(super) fn must_fail(result: Result<Box<dyn Response>, Error>, rule: &str) -> Error {
    match result {
        Ok(response) => panic!("{rule}; instead there was a response: {response:?}"),
        Err(error) => error,
    }
}

/// The fetch was refused as something that the session does not do.
#[track_caller]
pub(super) fn must_be_unsupported(result: Result<Box<dyn Response>, Error>, what: &str) {
    let rule = format!("a session that cannot do {what} MUST refuse it with Error::Unsupported");
    match must_fail(result, &rule) {
        Error::Unsupported { .. } => {}
        other => panic!("{rule}; instead: {other} ({other:?})"),
    }
}

/// What a future gives, and how long it took; the check ends if it takes longer than that.
pub(super) async fn timed<T>(limit: Duration, rule: &str, future: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    match tokio::time::timeout(limit, future).await {
        Ok(value) => (value, begun.elapsed()),
        Err(_) => panic!("{rule}; it was not done after {limit:?}"),
    }
}

/// What a future gives; the check ends if it takes longer than that.
pub(super) async fn within<T>(limit: Duration, rule: &str, future: impl Future<Output = T>) -> T {
    timed(limit, rule, future).await.0
}
