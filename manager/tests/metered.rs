//! What the manager reports through the `metrics` crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod support;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use silkroute_core::RequestExt;
use silkroute_manager::SessionManager;
use support::{Fake, Step, request};

#[test]
fn fetches_are_counted_by_session_kind_and_outcome() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let manager = SessionManager::new();
            manager.add("good", Fake::new().0).unwrap();
            manager.add("bad", Fake::new().0.fetching(Step::Fail("no"))).unwrap();
            manager.fetch(request()).await.unwrap();
            manager.fetch(request()).await.unwrap();
            manager.fetch(request().session("bad")).await.unwrap_err();
        });
    });
    let seen: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key
                .key()
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
        })
        .collect();
    let counter = |name: &str| {
        seen.iter().find_map(|(key, value)| match value {
            DebugValue::Counter(count) if key == name => Some(*count),
            _ => None,
        })
    };
    assert_eq!(
        counter("silkroute_fetches_total{session=good,kind=fake,outcome=ok}"),
        Some(2),
        "{seen:?}"
    );
    assert_eq!(
        counter("silkroute_fetches_total{session=bad,kind=fake,outcome=error}"),
        Some(1),
        "{seen:?}"
    );
    assert_eq!(
        counter("silkroute_fetch_errors_total{session=bad,kind=fake,error=other}"),
        Some(1),
        "{seen:?}"
    );
    let timed = seen.iter().any(|(key, value)| {
        key.starts_with("silkroute_fetch_seconds{session=good")
            && matches!(value, DebugValue::Histogram(times) if times.len() == 2)
    });
    assert!(timed, "{seen:?}");
}
