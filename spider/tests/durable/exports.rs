//! Exports that are behind the frontier when a crawl goes on, or not what they were.

use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::{
    CrawlError, DiskFrontier, Durable as _, Ended, Frontier as _, Order, Outcome, Output, Page, Result, Spider, Values,
};
use silkroute_testkit::site::TestSite;
use tokio::sync::watch;

use crate::gate::{Calls, Disk, Gate};
use crate::support::{Item, Plan, SOON};

#[tokio::test]
async fn what_the_frontier_has_and_an_export_has_not_is_written_when_the_crawl_goes_on() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 40);
    plan.exports = Some(folder.path().to_owned());
    let run = |pages| plan.crawl().max_pages(pages).run();
    run(10).await.unwrap();
    // Pages are kept, whose links are all known, and the process is killed before any export has their items.
    let frontier = DiskFrontier::open(&plan.directory, Order::BreadthFirst).unwrap();
    let resumed = frontier.resume("numbered").await.unwrap();
    assert_eq!((resumed.pages, resumed.items), (10, 10));
    let own = resumed.values.keys().find(|name| name.ends_with("own.jsonl")).unwrap();
    for _ in 0..5 {
        let lease = frontier.lease(&resumed.lanes[0].0).await.unwrap().unwrap();
        let record = String::from_utf8_lossy(&lease.record).into_owned();
        let (_, number) = record.split_once("?n=").unwrap();
        let n: String = number.chars().take_while(char::is_ascii_digit).collect();
        let outcome = Outcome {
            lease: lease.id,
            items: vec![format!("{{\"n\":{n}}}").into_bytes()],
            page: true,
            ..Outcome::default()
        };
        // One that takes no JSON has been written before.
        let line = format!("{{\"n\":{n}}}\n");
        let path = folder.path().join("own.jsonl");
        let text = std::fs::read_to_string(&path).unwrap() + &line;
        let values = Values::from([(own.clone(), text.len().to_string().into_bytes())]);
        std::fs::write(&path, text).unwrap();
        frontier.commit(vec![outcome], values).await.unwrap();
    }
    frontier.close().await.unwrap();
    let last = run(1_000).await.unwrap();
    assert_eq!((last.ended, last.pending), (Ended::Finished, 0));
    plan.assert_every_item_once();
    site.close().await;
}

#[tokio::test]
async fn an_export_that_is_shorter_than_it_was_is_written_anew_and_one_that_takes_no_json_is_refused() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 40);
    plan.exports = Some(folder.path().to_owned());
    let run = |pages| plan.crawl().max_pages(pages).run();
    run(10).await.unwrap();
    let own = folder.path().join("own.jsonl");
    let text = std::fs::read(&own).unwrap();
    std::fs::write(&own, "").unwrap();
    let error = run(20).await.unwrap_err();
    assert!(matches!(error, CrawlError::Export { .. }), "{error}");
    assert!(error.to_string().contains("put it back"), "{error}");
    std::fs::write(&own, text).unwrap();
    std::fs::write(folder.path().join("items.jsonl"), "").unwrap();
    std::fs::write(folder.path().join("items.json"), "[\n{").unwrap();
    std::fs::remove_file(folder.path().join("items.csv")).unwrap();
    let last = run(1_000).await.unwrap();
    assert_eq!((last.ended, last.pending), (Ended::Finished, 0));
    plan.assert_every_item_once();
    site.close().await;
}

/// The spider of a plan, on a day on which it cannot log in.
struct LockedOut;

impl Spider for LockedOut {
    type Item = Item;
    type Step = ();

    fn name(&self) -> &str {
        "numbered"
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add("http", HttpSession::new())?;
        Ok(())
    }

    async fn on_start(&self, _: &SessionManager) -> Result {
        Err("no such account".into())
    }

    async fn parse(&self, _page: Page, _out: &mut Output<Self>) -> Result {
        Ok(())
    }
}

#[tokio::test]
async fn an_on_start_that_fails_leaves_exports_whole() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 40);
    plan.exports = Some(folder.path().to_owned());
    plan.crawl().max_pages(10).run().await.unwrap();
    let path = folder.path().join("items.json");
    let before = std::fs::read_to_string(&path).unwrap();
    let crawl = LockedOut.crawl().frontier(&plan.directory);
    let error = crawl.export_json(&path).unwrap().run().await.unwrap_err();
    assert!(matches!(error, CrawlError::OnStart { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    assert_eq!(plan.crawl().run().await.unwrap().ended, Ended::Finished);
    plan.assert_every_item_once();

    // One in memory would have written over it.
    let error = LockedOut.crawl().export_json(&path).unwrap().run().await.unwrap_err();
    assert!(matches!(error, CrawlError::OnStart { .. }), "{error}");
    plan.assert_every_item_once();
    site.close().await;
}

#[tokio::test]
async fn a_second_stop_cuts_exports_off_that_catch_up_and_the_next_run_brings_them_on() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("items.jsonl");
    let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 40);
    plan.jsonl = Some(jsonl.clone());
    plan.crawl().max_pages(10).run().await.unwrap();
    let frontier = DiskFrontier::open(&plan.directory, Order::BreadthFirst).unwrap();
    frontier.resume("numbered").await.unwrap();
    let outcome = Outcome {
        items: vec![b"{\"n\":1000}".to_vec()],
        ..Outcome::default()
    };
    frontier.commit(vec![outcome], Values::new()).await.unwrap();
    frontier.close().await.unwrap();

    let disk = watch::Sender::new(Disk::Busy);
    let gate = Gate::new(&plan.directory, &disk);
    let mut calls = gate.calls.subscribe();
    let (handle, crawl) = plan.crawl().frontier(gate).with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    let asked = calls.wait_for(|calls: &Calls| calls.items > 0);
    tokio::time::timeout(SOON, asked).await.expect("it has them").unwrap();
    handle.stop();
    handle.stop();
    let ended = tokio::time::timeout(SOON / 2, crawl).await.expect("the crawl hangs");
    let second = ended.unwrap().unwrap();
    assert_eq!((second.ended, second.stats.pages), (Ended::Stopped, 10));

    let third = plan.crawl().run().await.unwrap();
    assert_eq!((third.ended, third.stats.pages), (Ended::Finished, 40));
    assert_eq!(third.stats.requests, 40, "the statistics of the first are not lost");
    let lines = std::fs::read_to_string(&jsonl).unwrap();
    let expected = plan.items().into_iter().map(|n| format!("{{\"n\":{n}}}\n"));
    assert_eq!(lines, expected.collect::<String>());
    site.close().await;
}
