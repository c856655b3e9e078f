//! What it costs that a crawl can be killed: the crawl of the test site's catalogue on a frontier in memory and on one on
//! disk. Each crawl is a process of its own; they take turns on one server. It fails where a crawl on disk is less than 0.7
//! times as fast.
//!
//! `cargo bench -p silkroute-benches --bench frontier [-- ROUNDS [PAGES]]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot run has nothing to report"
)]

use serde::{Deserialize, Serialize};
use silkroute_benches::crawl::{Catalogue, compare, crawl_if_asked};
use silkroute_benches::{Server, serve_if_asked};
use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::{Ended, Spider};

/// How fast a crawl on disk is at least, to one in memory.
const LEAST: f64 = 0.7;

/// One crawl.
#[derive(Serialize, Deserialize)]
struct Task {
    on_disk: bool,
    concurrency: usize,
    start: String,
    pages: usize,
}

fn main() {
    if serve_if_asked() || crawl_if_asked(crawl) {
        return;
    }
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let rounds = numbers.next().unwrap_or(5);
    let pages = numbers.next().unwrap_or(5_000);
    let server = Server::start();
    let ratios = [16, 64].map(|concurrency| {
        let task = |on_disk| Task {
            on_disk,
            concurrency,
            start: format!("{}/catalogue/{pages}/0", server.http),
            pages,
        };
        let contenders = [("in memory", task(false)), ("on disk", task(true))];
        let compared = compare(&format!("http, {concurrency} at a time"), contenders, pages, rounds);
        (concurrency, compared.speed)
    });
    for (concurrency, ratio) in ratios {
        assert!(
            ratio >= LEAST,
            "{concurrency} at a time: on disk it is {ratio:.2} times as fast as in memory, not {LEAST}"
        );
    }
}

async fn crawl(task: &Task) {
    let directory = tempfile::tempdir().unwrap();
    let sessions = SessionManager::new();
    sessions.add("http", HttpSession::new()).unwrap();
    let crawl = Catalogue(task.start.clone())
        .crawl()
        .sessions(&sessions)
        .concurrency(task.concurrency);
    let crawl = if task.on_disk {
        crawl.frontier(directory.path())
    } else {
        crawl
    };
    let crawl = crawl.run().await.unwrap();
    sessions.close().await.unwrap();
    assert_eq!((crawl.ended, crawl.items.len()), (Ended::Finished, task.pages));
}
