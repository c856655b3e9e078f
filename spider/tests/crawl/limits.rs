//! The ends of crawls.

use std::time::Duration;

use silkroute_spider::{Ended, Spider as _};

use crate::support::{Answer, Tester, Web};

/// Every page links to the ten below it.
fn tree() -> Web {
    Web::new(|url, _| {
        let links: Vec<_> = (0..10).map(|n| format!("{url}{n}/")).collect();
        Answer::page(&links.iter().map(String::as_str).collect::<Vec<_>>()).after(10)
    })
}

#[tokio::test(start_paused = true)]
async fn e13_pages_items_depth_and_time_end_a_crawl_and_say_so() {
    let crawl = |change: fn(silkroute_spider::Settings) -> silkroute_spider::Settings| async move {
        let web = tree();
        let spider = Tester::new(&web, &["http://a.test/"]).set(change);
        let closes = std::sync::Arc::clone(&spider.closes);
        let crawl = spider.crawl().run().await.unwrap();
        assert_eq!(closes.load(std::sync::atomic::Ordering::SeqCst), 1);
        (crawl, web)
    };
    let (pages, web) = crawl(|s| s.max_pages(37)).await;
    assert_eq!(
        (pages.ended, pages.stats.pages, web.hits().len()),
        (Ended::MaxPages, 37, 37)
    );
    let (items, _) = crawl(|s| s.max_items(23)).await;
    assert_eq!((items.ended, items.items.len()), (Ended::MaxItems, 23));
    assert_eq!(items.stats.parse_errors, 0);
    let (depth, _) = crawl(|s| s.max_depth(2)).await;
    assert_eq!((depth.ended, depth.stats.pages), (Ended::Finished, 111));
    assert_eq!(depth.stats.too_deep, 1_000);
    let (time, _) = crawl(|s| s.max_time(Duration::from_millis(95))).await;
    assert_eq!(time.ended, Ended::MaxTime);
    assert!(
        time.stats.elapsed < Duration::from_millis(120),
        "{:?}",
        time.stats.elapsed
    );
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_nothing_ends_a_crawl_before_its_first_request() {
    for (pages, ended) in [(true, Ended::MaxPages), (false, Ended::MaxItems)] {
        let web = tree();
        let spider = Tester::new(&web, &["http://a.test/"]);
        let spider = spider.set(|s| if pages { s.max_pages(0) } else { s.max_items(0) });
        let crawl = tokio::time::timeout(Duration::from_secs(60), spider.crawl().run());
        let crawl = crawl.await.expect("the crawl hangs").unwrap();
        assert_eq!((crawl.ended, web.hits().len()), (ended, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn e14_a_handle_pauses_and_stops_also_a_stream() {
    let web = tree();
    let (handle, crawl) = Tester::new(&web, &["http://a.test/"]).crawl().with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    tokio::time::sleep(Duration::from_millis(105)).await;
    handle.pause();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let paused = web.hits().len();
    assert!(paused > 50 && handle.is_paused() && handle.stats().pages as usize == paused);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(web.hits().len(), paused);
    handle.resume();
    tokio::time::sleep(Duration::from_millis(105)).await;
    assert!(web.hits().len() > paused);
    handle.stop();
    let crawl = crawl.await.unwrap().unwrap();
    assert_eq!(
        (crawl.ended, crawl.stats.pages as usize),
        (Ended::Stopped, web.hits().len())
    );

    let mut items = Tester::new(&tree(), &["http://a.test/"]).crawl().stream().unwrap();
    let handle = items.handle();
    let mut count = 0;
    while items.next().await.is_some() {
        count += 1;
        if count == 20 {
            handle.stop();
        }
    }
    assert_eq!(items.finish().await.unwrap().ended, Ended::Stopped);
    assert!(count < 100, "{count}");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_comes_back_is_cut_off_after_the_drain_timeout_or_the_second_stop() {
    use futures_util::FutureExt as _;
    for twice in [false, true] {
        let web = tree();
        let spider = Tester::new(&web, &["http://a.test/"])
            .set(|s| s.drain_timeout(Duration::from_secs(5)))
            .parsing(|_, _| std::future::pending().boxed());
        let (handle, crawl) = spider.crawl().with_handle().unwrap();
        let crawl = tokio::spawn(crawl);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stopped = tokio::time::Instant::now();
        handle.stop();
        if twice {
            handle.stop();
        }
        let crawl = crawl.await.unwrap().unwrap();
        assert_eq!(crawl.ended, Ended::Stopped);
        assert_eq!(stopped.elapsed().as_secs(), if twice { 0 } else { 5 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_off_what_a_limit_has_ended() {
    use futures_util::FutureExt as _;
    let spider = Tester::new(&tree(), &["http://a.test/"])
        .set(|s| {
            s.max_time(Duration::from_secs(1))
                .drain_timeout(Duration::from_secs(60))
        })
        .parsing(|_, _| std::future::pending().boxed());
    let (handle, crawl) = spider.crawl().with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(handle.ended(), Some(Ended::MaxTime));
    let stopped = tokio::time::Instant::now();
    handle.stop();
    assert_eq!(crawl.await.unwrap().unwrap().ended, Ended::MaxTime);
    assert_eq!(stopped.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_asks_for_centuries_is_not_asked_at_once() {
    let busy = Answer::status(503).header("retry-after", "9999999999999999999");
    let web = Web::of(&[("http://a.test/", busy), ("http://b.test/", Answer::page(&[]))]);
    let spider = Tester::new(&web, &["http://a.test/", "http://b.test/"])
        .set(|s| s.max_retry_after(Duration::MAX).max_time(Duration::from_secs(3_600)));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.ended, crawl.items.len()), (Ended::MaxTime, 1));
    assert_eq!(web.hits().len(), 2);
}
