//! `kill -9` at random moments.

use std::collections::HashSet;
use std::io::Read as _;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use silkroute_testkit::site::TestSite;

use crate::support::{CONCURRENCY, Plan, Running, SOON, counts, requested, runtime};

const PAGES: u64 = 2_000;
const KILLS: usize = 20;
/// Requests from one kill to the next, at most.
const BETWEEN: u64 = 95;
/// A page is under way from its sending until what it left is kept: those that are being fetched are as many as the
/// concurrency, at most, and those that are being parsed and kept are as many.
const UNDER_WAY: usize = 2 * CONCURRENCY;

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

fn on_site(work: impl AsyncFnOnce(&TestSite, &std::path::Path)) {
    let runtime = runtime();
    runtime.block_on(async {
        let site = TestSite::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        work(&site, folder.path()).await;
        site.close().await;
    });
}

/// Kills a crawl when the site has had so many requests, or a little later: between two of them as well.
async fn kill_at(site: &TestSite, moment: usize, random: &mut Random, mut child: Running) {
    site.wait_until(|site| site.requests().len() >= moment, SOON)
        .await
        .unwrap();
    std::thread::sleep(Duration::from_micros(random.below(3_000)));
    child.kill();
    // What was on the wire arrives yet: the site takes connections in their order, and ends this one, as nothing comes.
    let last = site.http_url("/").socket_addrs(|| None).unwrap();
    let mut last = TcpStream::connect(&last[..]).unwrap();
    last.shutdown(Shutdown::Write).unwrap();
    last.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(last.read_to_end(&mut Vec::new()).unwrap(), 0);
    site.wait_until(|site| site.open_connections() == 0, SOON)
        .await
        .unwrap();
}

#[test]
fn e8_a_crawl_killed_at_random_moments_has_every_item_once_and_fetches_nothing_again_but_what_was_under_way() {
    if Plan::play() {
        return;
    }
    on_site(async |site, folder| {
        let mut plan = Plan::new(folder, site, "/bytes/100?n=", PAGES);
        plan.jsonl = Some(folder.join("items.jsonl"));
        let test = "kill::e8_a_crawl_killed_at_random_moments_has_every_item_once_and_fetches_nothing_again_but_what_was_under_way";
        let mut random = Random::new();
        // After each kill: how many requests there had been, and which pages were done.
        let mut kills = Vec::new();
        for kill in 0..KILLS {
            // So that all of them come before its end; every fifth as soon as it goes on.
            let later = if kill % 5 == 4 { 0 } else { random.below(BETWEEN) };
            let moment = site.requests().len() + 1 + later as usize;
            kill_at(site, moment, &mut random, Running::start(plan.command(test))).await;
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

        let mut lost = Vec::new();
        for (nth, (at, done)) in kills.iter().enumerate() {
            let from = nth.checked_sub(1).map_or(0, |before| kills[before].0);
            let sent: HashSet<u64> = requested(site, from)[..at - from].iter().copied().collect();
            lost.push(sent.difference(done).count());
            for n in requested(site, *at) {
                assert!(
                    !done.contains(&n),
                    "page {n} was done before kill {nth}, and was fetched again"
                );
            }
        }
        let total: usize = counts(site).values().sum();
        println!("{total} requests for {PAGES} pages; so many were under way at each kill: {lost:?}");
        assert!(lost.iter().all(|lost| *lost <= UNDER_WAY), "{lost:?}");
        assert!(
            total - PAGES as usize <= lost.iter().sum(),
            "what was under way is fetched again, and nothing else"
        );
        let hit = lost.iter().filter(|lost| **lost > 0).count();
        assert!(hit > KILLS * 3 / 4, "it was under way when it was killed: {lost:?}");
    });
}

#[test]
fn all_exports_of_a_crawl_that_is_killed_have_every_item_once() {
    if Plan::play() {
        return;
    }
    on_site(async |site, folder| {
        let mut plan = Plan::new(folder, site, "/bytes/100?n=", 400);
        plan.exports = Some(folder.to_owned());
        let test = "kill::all_exports_of_a_crawl_that_is_killed_have_every_item_once";
        let mut random = Random::new();
        for kill in 1..=8 {
            kill_at(site, kill * 40, &mut random, Running::start(plan.command(test))).await;
        }
        let report = plan.report(&mut Running::start(plan.command(test)));
        assert_eq!(
            (report.ended.as_deref(), report.pages),
            (Some("Finished"), 400),
            "{report:?}"
        );
        plan.assert_every_item_once();
    });
}

/// The start requests come in another order each time, so it is not their number that tells which were taken.
#[test]
fn start_requests_that_go_in_again_go_in_as_often_as_they_are_given_however_often_the_crawl_is_killed() {
    if Plan::play() {
        return;
    }
    on_site(async |site, folder| {
        let mut plan = Plan::new(folder, site, "/bytes/100?n=", 0);
        let test =
            "kill::start_requests_that_go_in_again_go_in_as_often_as_they_are_given_however_often_the_crawl_is_killed";
        let mut random = Random::new();
        let given: Vec<u64> = (0..300).flat_map(|n| vec![n; 1 + n as usize % 3]).collect();
        for kill in 1..=8 {
            plan.starts = Some(shuffled(&given, &mut random));
            kill_at(site, kill * 60, &mut random, Running::start(plan.command(test))).await;
        }
        plan.starts = Some(shuffled(&given, &mut random));
        let report = plan.report(&mut Running::start(plan.command(test)));
        assert_eq!(report.ended.as_deref(), Some("Finished"), "{report:?}");
        let mut items = plan.items();
        items.sort_unstable();
        assert_eq!(items, given);
    });
}

fn shuffled(numbers: &[u64], random: &mut Random) -> Vec<u64> {
    let mut keyed: Vec<_> = numbers.iter().map(|n| (random.below(1 << 30), *n)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, n)| n).collect()
}
