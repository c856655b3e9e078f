//! What a million URLs on disk take of memory. A binary of its own: it looks at the whole process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::sync::Arc;

use silkroute_spider::{DiskFrontier, Durable as _, Entry, Frontier as _, Order, Outcome, Values};

const URLS: u32 = 1_000_000;
const MOST: f64 = 50e6;

/// Resident memory in bytes; `None` where there is no /proc.
fn resident() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4_096.0)
}

/// Spread as hashes are.
fn key(n: u32) -> u128 {
    let mixed = (u128::from(n) + 1).wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
    (mixed ^ (mixed >> 64)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn entry(n: u32, lane: &Arc<str>) -> Entry {
    Entry {
        key: key(n),
        again: false,
        lane: Arc::clone(lane),
        priority: 0,
        record: format!("\u{2}http://shop.test/category/{}/products/{n}", n % 977).into_bytes(),
    }
}

#[tokio::test]
async fn a_million_urls_take_at_most_50_mb_when_found_and_when_taken_up_again() {
    let Some(before) = resident() else {
        eprintln!("NOT RUN: there is no /proc/self/statm here");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let frontier = DiskFrontier::open(directory.path(), Order::BreadthFirst).unwrap();
    frontier.resume("spider").await.unwrap();
    let lanes: Vec<Arc<str>> = (0..100)
        .map(|host| format!("http http://h{host}.test").into())
        .collect();
    let mut peak: f64 = 0.0;
    for first in (0..URLS).step_by(1_000) {
        // A page's own links, and those that every page has.
        let new = (first..first + 1_000).map(|n| entry(n, &lanes[n as usize % lanes.len()]));
        let known = (0..50).map(|n| entry(n, &lanes[n as usize % lanes.len()]));
        let ranks = frontier.push(new.chain(known).collect()).await.unwrap();
        assert_eq!(ranks.iter().flatten().count(), 1_000);
        peak = peak.max(resident().unwrap());
    }
    frontier.close().await.unwrap();
    drop(frontier);

    let frontier = DiskFrontier::open(directory.path(), Order::BreadthFirst).unwrap();
    let resumed = frontier.resume("spider").await.unwrap();
    assert_eq!((resumed.pending, resumed.lanes.len()), (u64::from(URLS), lanes.len()));
    for n in 0..50_000_u32 {
        let lease = frontier.lease(&lanes[n as usize % lanes.len()]).await.unwrap().unwrap();
        assert_eq!(lease.record, entry(n, &lanes[0]).record);
        if n % 100 == 99 {
            let done = (0..100).map(|back| Outcome {
                lease: lease.id - back,
                page: true,
                ..Outcome::default()
            });
            frontier.commit(done.collect(), Values::new()).await.unwrap();
            peak = peak.max(resident().unwrap());
        }
    }
    let used = peak - before;
    println!("{:.0} MB for a million URLs", used / 1e6);
    assert!(used <= MOST, "{used} bytes");
}
