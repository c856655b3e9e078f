//! What is kept is given out when it is on the disk, and not before: a frontier whose disk is slow, or fails.

use std::time::Duration;

use silkroute_spider::export::Export;
use silkroute_spider::{Crawl, Ended, ItemLog, Result};
use silkroute_testkit::site::TestSite;
use tokio::sync::watch;

use crate::gate::{Calls, Disk, Gate};
use crate::support::{CONCURRENCY, Item, Plan, SOON, runtime};

/// How many pages are kept; it waits until they are no more.
async fn kept(plan: &Plan, least: usize) -> usize {
    let deadline = tokio::time::Instant::now() + SOON;
    let mut last = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let kept = plan.items().len();
        if kept >= least && kept == last {
            return kept;
        }
        last = kept;
        assert!(tokio::time::Instant::now() < deadline, "{kept} pages are kept");
    }
}

#[tokio::test]
async fn pages_that_wait_for_the_disk_are_neither_counted_nor_given_out_and_are_bounded() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 400);
    let disk = watch::Sender::new(Disk::Busy);
    let crawl = plan.crawl().frontier(Gate::new(&plan.directory, &disk));
    let mut items = crawl.stream_buffer(1_000).stream().unwrap();
    // Those that have ended, and those whose workers wait.
    let most = 4 * CONCURRENCY;
    let kept = kept(&plan, CONCURRENCY).await;
    assert!(kept <= most, "{kept} wait for the disk");
    assert_eq!(items.handle().stats().pages, 0);
    let first = tokio::time::timeout(Duration::ZERO, items.next()).await;
    assert!(first.is_err(), "{first:?}");
    disk.send_replace(Disk::Done);
    let mut given = Vec::new();
    while let Some(item) = items.next().await {
        given.push(item.n);
    }
    given.sort_unstable();
    assert_eq!(given, (0..400).collect::<Vec<_>>());
    assert_eq!(items.finish().await.unwrap().stats.pages, 400);
    site.close().await;
}

#[tokio::test]
async fn a_disk_that_does_not_take_what_was_written_ends_the_crawl_and_the_next_run_goes_on() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 400);
    plan.exports = Some(folder.path().to_owned());
    let disk = watch::Sender::new(Disk::Busy);
    let crawl = plan.crawl().frontier(Gate::new(&plan.directory, &disk));
    let (handle, crawl) = crawl.with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    kept(&plan, CONCURRENCY).await;
    disk.send_replace(Disk::Failed);
    let ended = tokio::time::timeout(SOON, crawl).await.expect("the crawl hangs");
    let error = ended.unwrap().unwrap_err();
    let told = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(told, "the disk does not take it", "{error}");
    assert_eq!(handle.stats().pages, 0);
    let second: Crawl<Item> = plan.crawl().run().await.unwrap();
    assert_eq!((second.ended, second.stats.pages), (Ended::Finished, 400));
    assert_eq!(ItemLog::open(&plan.directory).unwrap().len().unwrap(), 400);
    plan.assert_every_item_once();
    site.close().await;
}

#[tokio::test]
async fn a_frontier_that_panics_as_it_syncs_ends_the_crawl_with_an_error() {
    panics(Disk::Busy, Disk::SyncPanics, "it cannot sync").await;
}

#[tokio::test]
async fn and_one_that_panics_as_it_commits() {
    panics(Disk::CommitPanics, Disk::CommitPanics, "it cannot commit").await;
}

/// While it is busy, all workers come to wait for it.
async fn panics(first: Disk, then: Disk, message: &str) {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 400);
    let disk = watch::Sender::new(first);
    let (_handle, crawl) = plan
        .crawl()
        .frontier(Gate::new(&plan.directory, &disk))
        .with_handle()
        .unwrap();
    let crawl = tokio::spawn(crawl);
    if first == Disk::Busy {
        kept(&plan, CONCURRENCY).await;
    }
    disk.send_replace(then);
    let ended = tokio::time::timeout(SOON, crawl).await.expect("the crawl hangs");
    let error = ended.unwrap().unwrap_err().to_string();
    assert!(error.contains("panicked") && error.contains(message), "{error}");
    let second: Crawl<Item> = plan.crawl().run().await.unwrap();
    assert_eq!((second.ended, second.stats.pages), (Ended::Finished, 400));
    plan.assert_every_item_once();
    site.close().await;
}

#[tokio::test]
async fn a_second_stop_ends_a_crawl_whose_disk_takes_nothing() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 400);
    plan.jsonl = Some(folder.path().join("items.jsonl"));
    let disk = watch::Sender::new(Disk::Busy);
    let crawl = plan.crawl().frontier(Gate::new(&plan.directory, &disk));
    let (handle, crawl) = crawl.with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    kept(&plan, CONCURRENCY).await;
    handle.stop();
    handle.stop();
    let ended = tokio::time::timeout(SOON / 2, crawl).await.expect("the crawl hangs");
    let first = ended.unwrap().unwrap();
    assert_eq!((first.ended, first.stats.pages), (Ended::Stopped, 0));
    let second: Crawl<Item> = plan.crawl().run().await.unwrap();
    assert_eq!((second.ended, second.stats.pages), (Ended::Finished, 400));
    plan.assert_every_item_once();
    site.close().await;
}

#[tokio::test]
async fn and_one_whose_frontier_does_not_answer_at_all_and_says_what_is_safe() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 400);
    plan.exports = Some(folder.path().to_owned());
    let disk = watch::Sender::new(Disk::Busy);
    let crawl = plan.crawl().frontier(Gate::new(&plan.directory, &disk));
    let (handle, crawl) = crawl.with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    kept(&plan, CONCURRENCY).await;
    disk.send_replace(Disk::Hung);
    handle.stop();
    handle.stop();
    let ended = tokio::time::timeout(SOON / 2, crawl).await.expect("the crawl hangs");
    let error = ended.unwrap().unwrap_err().to_string();
    let home = plan.directory.display();
    assert!(
        error.contains(&format!("the disk of {home} did not answer in time")),
        "{error}"
    );
    assert!(error.contains("pages that were counted are safe"), "{error}");
    let second: Crawl<Item> = plan.crawl().run().await.unwrap();
    assert_eq!((second.ended, second.stats.pages), (Ended::Finished, 400));
    plan.assert_every_item_once();
    site.close().await;
}

/// An export whose disk takes nothing until the test is over.
struct Hangs {
    began: watch::Sender<bool>,
    over: std::sync::mpsc::Receiver<()>,
}

impl Export<Item> for Hangs {
    fn write(&mut self, _: &Item) -> Result {
        Ok(())
    }
    fn checkpoint(&mut self) -> std::io::Result<Option<u64>> {
        self.began.send_replace(true);
        let _ = self.over.recv();
        Ok(None)
    }
    fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }
    fn path(&self) -> String {
        "items.slow".to_owned()
    }
}

#[test]
fn and_one_with_an_export_that_hangs_and_its_runtime_too() {
    let (over, hangs) = std::sync::mpsc::channel();
    let (done, ended) = std::sync::mpsc::channel();
    let crawl = std::thread::spawn(move || {
        let runtime = runtime();
        runtime.block_on(async {
            let site = TestSite::start().await.unwrap();
            let folder = tempfile::tempdir().unwrap();
            let plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 40);
            let (began, mut begun) = watch::channel(false);
            let crawl = plan.crawl().export(Hangs { began, over: hangs });
            let (handle, crawl) = crawl.with_handle().unwrap();
            let crawl = tokio::spawn(crawl);
            let hung = begun.wait_for(|begun| *begun);
            tokio::time::timeout(SOON, hung).await.expect("it exports").unwrap();
            handle.stop();
            handle.stop();
            let error = crawl.await.unwrap().unwrap_err().to_string();
            assert!(error.contains("cannot finish the export items.slow"), "{error}");
            assert!(error.contains("did not answer in time"), "{error}");
            let second: Crawl<Item> = plan.crawl().run().await.unwrap();
            assert_eq!((second.ended, second.stats.pages), (Ended::Finished, 40));
            site.close().await;
        });
        drop(runtime);
        done.send(()).unwrap();
    });
    let ended = ended.recv_timeout(SOON);
    drop(over);
    crawl.join().unwrap();
    ended.expect("it hangs");
}

#[tokio::test]
async fn what_is_no_page_is_brought_to_the_disk_too() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(folder.path(), &site, "/slow?ms=25000&n=", 1);
    let disk = watch::Sender::new(Disk::Done);
    let gate = Gate::new(&plan.directory, &disk);
    let mut calls = gate.calls.subscribe();
    let (handle, crawl) = plan.crawl().frontier(gate).with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    let synced = calls.wait_for(|calls: &Calls| calls.synced > 1);
    tokio::time::timeout(SOON / 4, synced)
        .await
        .expect("it is not")
        .unwrap();
    assert_eq!(handle.stats().pages, 0, "no page came");
    handle.stop();
    handle.stop();
    assert_eq!(crawl.await.unwrap().unwrap().pending, 1);
    site.close().await;
}
