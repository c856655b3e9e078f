//! What a million URLs take. A binary of its own: it looks at the whole process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::sync::Arc;

use silkroute_spider::{Entry, Frontier as _, MemoryFrontier, Order};

const URLS: u32 = 1_000_000;

/// Resident memory in bytes; `None` where there is no /proc.
fn resident() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4_096.0)
}

/// As the engine makes them: a flag byte, three counts, the URL with its length, the tail of the referer.
fn record(n: u32) -> Vec<u8> {
    let url = format!("http://shop.test/category/{}/products/{n}", n % 977);
    let mut record = vec![2, 3, 0, 0, url.len() as u8];
    record.extend_from_slice(url.as_bytes());
    record.extend_from_slice(b"\x1a\x08123/page");
    record
}

/// Hashes, as keys are.
fn keys() -> impl Iterator<Item = u128> {
    let step = |state: &u128| {
        Some(
            state
                .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
                .wrapping_add(1),
        )
    };
    std::iter::successors(Some(1_u128), step)
        .map(|state| state ^ (state >> 64))
        .skip(1)
}

#[tokio::test]
async fn a_pending_url_takes_at_most_150_bytes_and_a_seen_one_90() {
    let Some(before) = resident() else {
        eprintln!("NOT RUN: there is no /proc/self/statm here");
        return;
    };
    let seen_only = MemoryFrontier::new(Order::BreadthFirst);
    for key in keys().take(URLS as usize) {
        assert!(!seen_only.seen(key).await.unwrap());
    }
    let between = resident().unwrap();
    let seen = (between - before) / f64::from(URLS);

    let frontier = MemoryFrontier::new(Order::BreadthFirst);
    let lane: Arc<str> = Arc::from("http http://shop.test");
    for (n, key) in (0..URLS).zip(keys()) {
        let entry = Entry {
            key,
            again: false,
            lane: Arc::clone(&lane),
            priority: 0,
            record: record(n),
        };
        frontier.push(vec![entry]).await.unwrap();
    }
    assert_eq!(frontier.seen_count(), URLS as usize);
    let pending = (resident().unwrap() - between) / f64::from(URLS);
    println!("bytes for each of a million URLs: {pending:.0} pending, {seen:.0} seen");
    for n in 0..URLS {
        let lease = frontier.lease(&lane).await.unwrap().unwrap();
        assert!(n % 1_000 != 0 || lease.record == record(n));
    }
    assert!(frontier.lease(&lane).await.unwrap().is_none());
    assert!(pending <= 150.0, "{pending} bytes for each pending URL");
    assert!(seen <= 90.0, "{seen} bytes for each seen URL");
}
