//! Real signals to a real process.

use std::time::{Duration, Instant};

use silkroute_testkit::site::TestSite;

use crate::support::{CONCURRENCY, Plan, Running, SOON, counts, runtime};

fn on_site(path: &str, pages: u64, work: impl AsyncFnOnce(&TestSite, Plan)) {
    let runtime = runtime();
    runtime.block_on(async {
        let site = TestSite::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::new(folder.path(), &site, path, pages);
        work(&site, plan).await;
        site.close().await;
    });
}

/// Stops a crawl by this signal, and runs it to its end. Its pages are slow, so that it has seconds to go when the signal is sent.
async fn stop_and_go_on(site: &TestSite, plan: &Plan, signal: &str, test: &str) {
    let mut child = Running::start(plan.command(test));
    site.wait_until(|site| site.requests().len() >= 60, SOON).await.unwrap();
    child.signal(signal);
    let report = plan.report(&mut child);
    assert_eq!(report.ended.as_deref(), Some("Stopped"), "{report:?}");
    assert!(report.pending > 0, "{report:?}");
    let done = plan.items();
    assert_eq!(done.len() as u64, report.pages);
    if plan.stream.is_some() {
        let mut streamed = report.streamed.clone();
        streamed.sort_unstable();
        let mut done = done.clone();
        done.sort_unstable();
        assert_eq!(streamed, done, "the stream gave what was kept");
    }
    assert_eq!(
        site.requests().len(),
        done.len(),
        "what was under way was finished, not thrown away"
    );

    let mut child = Running::start(plan.command(test));
    let report = plan.report(&mut child);
    assert_eq!(report.ended.as_deref(), Some("Finished"), "{report:?}");
    assert_eq!(report.pages, plan.pages);
    plan.assert_every_item_once();
    assert!(
        counts(site).values().all(|count| *count == 1),
        "nothing was fetched twice"
    );
}

#[test]
fn ctrl_c_finishes_what_is_under_way_and_the_next_run_goes_on() {
    if Plan::play() {
        return;
    }
    on_site("/slow?ms=400&n=", 300, async |site, plan| {
        let test = "signals::ctrl_c_finishes_what_is_under_way_and_the_next_run_goes_on";
        stop_and_go_on(site, &plan, "-INT", test).await;
    });
}

#[test]
fn e14_sigterm_does_the_same_and_a_stream_gives_all_that_was_kept() {
    if Plan::play() {
        return;
    }
    on_site("/slow?ms=400&n=", 300, async |site, mut plan| {
        plan.stream = Some(Duration::from_millis(1));
        let test = "signals::e14_sigterm_does_the_same_and_a_stream_gives_all_that_was_kept";
        stop_and_go_on(site, &plan, "-TERM", test).await;
    });
}

/// Cuts a crawl off by two signals, and runs it to its end.
async fn cut_off_and_go_on(site: &TestSite, plan: &Plan, test: &str) {
    let mut child = Running::start(plan.command(test));
    site.wait_until(|site| site.requests().len() >= 60, SOON).await.unwrap();
    child.signal("-TERM");
    child.signal("-INT");
    let report = plan.report(&mut child);
    assert_eq!(report.ended.as_deref(), Some("Stopped"), "{report:?}");
    let done = plan.items();
    assert_eq!(done.len() as u64, report.pages);
    assert!(!done.is_empty() && report.pending > 0, "{report:?}");
    let known = |n: &u64| done.contains(n);
    assert!(report.streamed.iter().all(known), "a stream gives what is kept");

    let mut child = Running::start(plan.command(test));
    let report = plan.report(&mut child);
    assert_eq!(report.ended.as_deref(), Some("Finished"), "{report:?}");
    plan.assert_every_item_once();
    let asked = counts(site);
    assert!(done.iter().all(|n| asked[n] == 1), "what was done is not fetched again");
    let again = asked.values().filter(|count| **count > 1).count();
    assert!(again <= CONCURRENCY, "{again} pages were fetched again");
}

#[test]
fn two_signals_cut_off_what_is_under_way_and_the_next_run_has_it() {
    if Plan::play() {
        return;
    }
    on_site("/slow?ms=400&n=", 150, async |site, plan| {
        let test = "signals::two_signals_cut_off_what_is_under_way_and_the_next_run_has_it";
        cut_off_and_go_on(site, &plan, test).await;
    });
}

#[test]
fn two_signals_to_a_stream_do_so_too() {
    if Plan::play() {
        return;
    }
    on_site("/slow?ms=400&n=", 150, async |site, mut plan| {
        plan.stream = Some(Duration::from_millis(1));
        let test = "signals::two_signals_to_a_stream_do_so_too";
        cut_off_and_go_on(site, &plan, test).await;
    });
}

#[test]
fn a_second_signal_ends_it_at_once() {
    if Plan::play() {
        return;
    }
    on_site("/slow?ms=25000&n=", 9, async |site, plan| {
        let test = "signals::a_second_signal_ends_it_at_once";
        let mut child = Running::start(plan.command(test));
        site.wait_until(|site| site.requests().len() == 1, SOON).await.unwrap();
        let begun = Instant::now();
        child.signal("-TERM");
        child.signal("-INT");
        let report = plan.report(&mut child);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it took {:?}",
            begun.elapsed()
        );
        assert_eq!(report.ended.as_deref(), Some("Stopped"), "{report:?}");
        assert_eq!(
            (report.pages, report.pending),
            (0, 1),
            "the page that was cut off waits"
        );
        assert!(plan.items().is_empty());
    });
}
