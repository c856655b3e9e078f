//! What hosts that wait take of memory: their lanes, and their places in the schedule.

use std::sync::Arc;

use tokio::time::Instant;

use super::{entry, open};
use crate::Settings;
use crate::frontier::{Durable as _, Frontier as _};
use crate::schedule::{Rules, Schedule};

const HOSTS: u128 = 200_000;
const AT_ONCE: u128 = 1_000;
/// Bytes of a host.
const MOST: f64 = 1_000.0;

/// Resident memory in bytes; `None` where there is no /proc.
fn resident() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4_096.0)
}

/// Where all tests are one process it looks at the others too; theirs take little.
#[tokio::test]
async fn a_host_that_waits_takes_some_hundred_bytes() {
    if resident().is_none() {
        eprintln!("NOT RUN: there is no /proc/self/statm here");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let frontier = open(directory.path());
    frontier.resume("spider").await.unwrap();
    let (_, paces, _) = Settings::default().settle().unwrap();
    let mut schedule = Schedule::new(Rules {
        concurrency: 16,
        paces,
        throttle: None,
        robots: false,
    });
    let session = schedule.session("http");
    let now = Instant::now();
    let mut before = 0.0;
    for first in (0..HOSTS + 30_000).step_by(AT_ONCE as usize) {
        if first == 30_000 {
            // What the database takes for itself, and the records that stand in memory, are there by now.
            before = resident().unwrap();
        }
        let hosts = (first..first + AT_ONCE).map(|n| Arc::<str>::from(format!("http://www.shop-{n}.test")));
        let hosts: Vec<_> = hosts.collect();
        let entries = hosts
            .iter()
            .zip(first..)
            .map(|(host, n)| entry(n, &format!("http {host}"), 0));
        let entries: Vec<_> = entries.collect();
        let lanes: Vec<_> = entries.iter().map(|entry| Arc::clone(&entry.lane)).collect();
        let ranks = frontier.push(entries).await.unwrap();
        for ((host, lane), rank) in hosts.iter().zip(&lanes).zip(ranks) {
            schedule.offer(host, lane, session, rank.unwrap(), now);
        }
    }
    let each = (resident().unwrap() - before) / HOSTS as f64;
    println!("{each:.0} bytes for each host that waits");
    assert!(each <= MOST, "{each} bytes");
    assert!(schedule.has_more());
    frontier.close().await.unwrap();
}
