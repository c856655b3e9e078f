//! Nothing grows with use.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod support;

use futures_util::{StreamExt, stream};
use silkroute_core::RequestExt;
use silkroute_manager::{SessionExt, SessionManager};
use support::{Fake, request, until};

/// Resident memory in KiB, <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_million_requests_through_one_session_keep_memory_flat() {
    let manager = SessionManager::new();
    let (fake, probe) = Fake::new();
    manager.add("one", fake.places(16)).unwrap();
    let push = async |count: usize| {
        stream::iter(0..count)
            .for_each_concurrent(64, |_| async {
                manager.fetch(request().meta("page", 1)).await.unwrap();
            })
            .await;
    };
    push(100_000).await;
    let before = resident();
    push(900_000).await;
    let grown = resident() - before;
    assert_eq!(probe.fetches(), 1_000_000);
    assert!(grown < 2_048, "grew by {grown} KiB");
}

#[tokio::test]
async fn ten_thousand_rounds_of_add_fetch_and_pop_leave_no_task() {
    let manager = SessionManager::new();
    let metrics = tokio::runtime::Handle::current().metrics();
    for round in 0..10_000 {
        let (fake, probe) = Fake::new();
        let entry = fake.stop_when_idle(std::time::Duration::from_secs(3_600)).lazy();
        manager.add("one", entry).unwrap();
        manager.fetch(request().session("one")).await.unwrap();
        let mut popped = manager.pop("one").await.unwrap();
        popped.close().await.unwrap();
        assert_eq!(probe.live(), 0, "round {round}");
    }
    until("every task to end", || metrics.num_alive_tasks() == 0).await;
}
