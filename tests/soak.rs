//! Real sessions, over and over: no task and no socket is left.
#![cfg(all(feature = "http", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

use std::time::Duration;

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_rounds_of_add_fetch_and_pop_leave_no_task_and_no_socket() {
    let site = TestSite::builder().record(false).start().await.unwrap();
    let url = site.http_url("/bytes/1000");
    let manager = SessionManager::new();
    let round = async || {
        manager.add("one", HttpSession::new().lazy()).unwrap();
        let response = manager.fetch(Fetch::from(url.clone()).session("one")).await.unwrap();
        assert_eq!(response.body().len(), 1_000);
        let mut popped = manager.pop("one").await.unwrap();
        popped.close().await.unwrap();
    };
    let all_closed = async || {
        site.wait_until(|site| site.open_connections() == 0, Duration::from_secs(30))
            .await
            .unwrap()
    };

    for _ in 0..100 {
        round().await;
    }
    all_closed().await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let (tasks, files) = (metrics.num_alive_tasks(), open_files());
    for _ in 0..10_000 {
        round().await;
    }
    all_closed().await;

    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while metrics.num_alive_tasks() > tasks || open_files() > files {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{} tasks where there were {tasks}, {} files where there were {files}",
            metrics.num_alive_tasks(),
            open_files()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    site.close().await;
}
