//! Crawls that give their items as they come.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use silkroute_spider::{Ended, Spider as _};

use crate::support::{Answer, Tester, Web};

#[tokio::test(start_paused = true)]
async fn a_stream_gives_every_item_and_holds_the_spider_back() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let starts: Vec<_> = (0..50).map(|n| format!("http://a.test/{n}")).collect();
    let starts: Vec<_> = starts.iter().map(String::as_str).collect();
    let mut items = Tester::new(&web, &starts)
        .crawl()
        .concurrency(2)
        .stream_buffer(1)
        .stream()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(
        web.hits().len() <= 2 * 2 + 2,
        "{} requests with nobody reading",
        web.hits().len()
    );
    let mut got = Vec::new();
    while let Some(item) = items.next().await {
        got.push(item);
    }
    assert_eq!(got.len(), 50);
    assert_eq!(items.finish().await.unwrap().ended, Ended::Finished);
}

/// A crawl without end, with an item read and requests under way.
async fn endless(web: &Web) -> silkroute_spider::CrawlStream<String> {
    let mut spider = Tester::new(web, &[]);
    spider.endless = true;
    let mut items = spider.crawl().stream().unwrap();
    assert!(items.next().await.is_some());
    assert!(web.in_flight.load(SeqCst) > 0);
    items
}

/// Nothing is sent any more.
async fn assert_quiet(web: &Web) {
    let seen = web.hits().len();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(web.hits().len(), seen);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_ends_the_crawl_at_once() {
    let web = Web::new(|_, _| Answer::page(&[]).after(10));
    let items = endless(&web).await;
    drop(items);
    let cut_off = async {
        while web.in_flight.load(SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // No answer comes so soon.
    tokio::time::timeout(Duration::from_millis(5), cut_off).await.unwrap();
    assert_quiet(&web).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_finished_early_ends_the_crawl_when_its_pages_are_done() {
    for paused in [false, true] {
        let web = Web::new(|_, _| Answer::page(&[]).after(10));
        let items = endless(&web).await;
        if paused {
            items.handle().pause();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let crawl = tokio::time::timeout(Duration::from_secs(1), items.finish());
        let crawl = crawl.await.expect("it does not finish").unwrap();
        assert_eq!(crawl.ended, Ended::Stopped);
        assert_eq!(crawl.stats.pages as usize, web.hits().len());
        assert_quiet(&web).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_finished_early_ends_a_crawl_that_gives_no_items() {
    let web = Web::new(|_, _| Answer::page(&[]).after(10));
    let mut spider = Tester::new(&web, &[]);
    spider.endless = true;
    spider.on_item = Some(Box::new(|_| Ok(None)));
    let items = spider.crawl().stream().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let crawl = tokio::time::timeout(Duration::from_secs(1), items.finish());
    let crawl = crawl.await.expect("it does not finish").unwrap();
    assert_eq!((crawl.ended, crawl.stats.items), (Ended::Stopped, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_read_to_its_end_finishes_as_the_crawl_did() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let mut items = Tester::new(&web, &["http://a.test/"]).crawl().stream().unwrap();
    while items.next().await.is_some() {}
    assert_eq!(items.finish().await.unwrap().ended, Ended::Finished);
}
