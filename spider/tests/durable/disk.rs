//! What is kept is given out when it is on the disk, and not before: a frontier whose disk is slow, or fails.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use silkroute_spider::{
    BoxError, Crawl, DiskFrontier, Durable, Ended, Entry, Frontier, ItemLog, Lease, Order, Outcome, Rank, Resumed,
    Values,
};
use silkroute_testkit::site::TestSite;
use tokio::sync::watch;

use crate::support::{CONCURRENCY, Item, Plan, SOON};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Disk {
    Busy,
    Done,
    Failed,
}

/// A frontier on disk, which says that it is there when it is let.
#[derive(Debug)]
struct Gate {
    inner: DiskFrontier,
    disk: watch::Receiver<Disk>,
}

#[async_trait]
impl Frontier for Gate {
    async fn push(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError> {
        self.inner.push(entries).await
    }
    async fn lease(&self, lane: &str) -> Result<Option<Lease>, BoxError> {
        self.inner.lease(lane).await
    }
    async fn acknowledge(&self, id: u64) -> Result<(), BoxError> {
        self.inner.acknowledge(id).await
    }
    async fn release(&self, id: u64, entry: Entry) -> Result<Rank, BoxError> {
        self.inner.release(id, entry).await
    }
    async fn seen(&self, key: u128) -> Result<bool, BoxError> {
        self.inner.seen(key).await
    }
    fn durable(&self) -> Option<&dyn Durable> {
        Some(self)
    }
}

#[async_trait]
impl Durable for Gate {
    async fn resume(&self, spider: &str) -> Result<Resumed, BoxError> {
        self.inner.resume(spider).await
    }
    async fn push_starts(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError> {
        self.inner.push_starts(entries).await
    }
    async fn commit(&self, outcomes: Vec<Outcome>, values: Values) -> Result<Vec<Vec<Option<Rank>>>, BoxError> {
        self.inner.commit(outcomes, values).await
    }
    async fn sync(&self) -> Result<(), BoxError> {
        let mut disk = self.disk.clone();
        let came = *disk.wait_for(|disk| *disk != Disk::Busy).await?;
        if came == Disk::Failed {
            return Err("the disk does not take it".into());
        }
        self.inner.sync().await
    }
    async fn items(&self, from: u64, count: usize) -> Result<Vec<Vec<u8>>, BoxError> {
        self.inner.items(from, count).await
    }
    async fn update(&self, id: u64, entry: Entry) -> Result<(), BoxError> {
        self.inner.update(id, entry).await
    }
    async fn close(&self) -> Result<(), BoxError> {
        self.inner.close().await
    }
}

fn gate(directory: &Path, disk: &watch::Sender<Disk>) -> Gate {
    Gate {
        inner: DiskFrontier::open(directory, Order::BreadthFirst).unwrap(),
        disk: disk.subscribe(),
    }
}

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
    let crawl = plan.crawl().frontier(gate(&plan.directory, &disk));
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
    let crawl = plan.crawl().frontier(gate(&plan.directory, &disk));
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
