//! `kill -9` at random moments.

use std::collections::HashSet;
use std::time::Duration;

use silkroute_testkit::site::TestSite;

use crate::support::{CONCURRENCY, Plan, Running, SOON, counts, requested};

const PAGES: u64 = 2_000;
const KILLS: usize = 20;
/// A page is under way from its sending until what it left is on the disk. Those that are being fetched, that are being
/// parsed, that wait to be kept, and that are being kept are as many as the concurrency each, at most.
const UNDER_WAY: usize = 4 * CONCURRENCY;

/// Numbers that differ from run to run; what they were is told when the test fails.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let seed = now.as_nanos() as u64;
        println!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[test]
fn e8_a_crawl_killed_at_random_moments_has_every_item_once_and_fetches_nothing_again_but_what_was_under_way() {
    if Plan::play() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let site = TestSite::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", PAGES);
        plan.jsonl = Some(folder.path().join("items.jsonl"));
        let test = "kill::e8_a_crawl_killed_at_random_moments_has_every_item_once_and_fetches_nothing_again_but_what_was_under_way";
        let mut random = Random::new();
        let mut moments: Vec<usize> = (0..KILLS).map(|_| random.below(PAGES) as usize).collect();
        moments.sort_unstable();
        // After each kill: how many requests there had been, and which pages were done.
        let mut kills = Vec::new();
        for moment in moments {
            let mut child = Running::start(plan.command(test));
            site.wait_until(|site| site.requests().len() >= moment, SOON).await.unwrap();
            // Between two requests as well.
            std::thread::sleep(Duration::from_micros(random.below(3_000)));
            child.kill();
            // What was on the wire arrives yet.
            site.wait_until(|site| site.open_connections() == 0, SOON).await.unwrap();
            let done = plan.items();
            let different: HashSet<u64> = done.iter().copied().collect();
            assert_eq!(different.len(), done.len(), "no item is there twice");
            kills.push((site.requests().len(), different));
        }
        let mut child = Running::start(plan.command(test));
        let report = plan.report(&mut child);
        assert_eq!(report.ended.as_deref(), Some("Finished"), "{report:?}");
        assert_eq!((report.pages, report.pending), (PAGES, 0));
        plan.assert_every_item_once();

        let mut again = 0;
        for (nth, (at, done)) in kills.iter().enumerate() {
            let until = kills.get(nth + 1).map_or(usize::MAX, |(at, _)| *at);
            let before: HashSet<u64> = requested(&site, 0)[..*at].iter().copied().collect();
            let after = requested(&site, *at);
            for n in &after {
                assert!(!done.contains(n), "page {n} was done before kill {nth}, and was fetched again");
            }
            let after: HashSet<u64> = after[..after.len().min(until - at)].iter().copied().collect();
            let repeated = after.intersection(&before).count();
            assert!(repeated <= UNDER_WAY * (nth + 1), "{repeated} pages were fetched again after kill {nth}");
            again += repeated;
        }
        let total: usize = counts(&site).values().sum();
        println!("{KILLS} kills: {total} requests for {PAGES} pages, {again} of them again");
        assert!(total - PAGES as usize <= KILLS * UNDER_WAY);
        assert!(kills.last().is_some_and(|(_, done)| !done.is_empty()), "it was under way when it was killed");
        site.close().await;
    });
}
