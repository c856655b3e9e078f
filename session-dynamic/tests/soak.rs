//! Two thousand fetches: our memory stays what it is.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::{Fetch, Session as _};
use silkroute_session_dynamic::DynamicSession;
use silkroute_testkit::site::TestSite;
use support::started;

/// The memory of this process that is in use, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_fetches_keep_our_memory_flat() {
    let Some(session) = started(DynamicSession::builder().max_pages(4)).await else {
        return;
    };
    let site = TestSite::builder().record(false).start().await.unwrap();
    let url = site.http_url("/page/10k");
    let rounds = async |count: usize| {
        for _ in 0..count / 4 {
            let request = Fetch::from(url.clone());
            let fetches = (0..4).map(|_| session.fetch(&request));
            for response in futures_util::future::join_all(fetches).await {
                assert_eq!(response.unwrap().status(), 200);
            }
        }
    };
    // By then every buffer has its size, and every tab was replaced once.
    rounds(500).await;
    let before = resident();
    rounds(1_500).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 * 1024, "it grew by {grown} KiB from {before} KiB");
}
