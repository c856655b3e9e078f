//! One check, from a runtime of its own to its end.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::suite::CheckFn;
use super::{Bench, Subject};

/// No check takes longer, whatever the session does. Starting a browser on a loaded machine is the slowest thing there is.
const DEADLINE: Duration = Duration::from_secs(240);

/// Runs one check on a subject, against a site that is started for it.
///
/// [`conformance!`](crate::conformance!) makes a test of this for every check. It makes its own runtime, of several
/// threads, so that a crate which runs the suite needs no test runtime and a session that blocks does not block the check.
///
/// # Panics
/// The session does not keep the rule that the check is about, or the check did not end.
pub fn run(subject: impl Subject, check: CheckFn) {
    if let Some(missing) = subject.missing() {
        eprintln!("THE CHECK DID NOT RUN: {missing}");
        return;
    }
    let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => OwnRuntime(Some(runtime)),
        Err(error) => panic!("the check has no runtime: {error}"),
    };
    let Some(handle) = runtime.0.as_ref() else { return };
    handle.block_on(async {
        let bench = Bench::new(subject).await;
        if tokio::time::timeout(DEADLINE, check(&bench)).await.is_err() {
            panic!("the check did not end within {DEADLINE:?}: something that the session does MUST end and does not");
        }
    });
}

/// Does not wait for what a broken session left running.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
