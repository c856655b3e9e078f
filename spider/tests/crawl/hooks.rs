//! Hooks that change what goes on, fail, panic, or never come back.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures_util::FutureExt as _;
use silkroute_core::RequestExt as _;
use silkroute_spider::{Crawl, CrawlError, Ended, FailureKind, Spider as _};
use tokio::time::Instant;

use crate::support::{Answer, Tester, Web};

/// A start page with links to two good pages and one that never answers.
fn one_refuses() -> Web {
    Web::new(|url, _| match url {
        "http://a.test/" => Answer::page(&["/refused", "/1", "/2"]),
        "http://a.test/refused" => Answer::refused(),
        _ => Answer::page(&[]),
    })
}

#[tokio::test(start_paused = true)]
async fn retry_failed_may_send_a_request_through_another_session() {
    let web = Web::new(|_, nth| if nth == 0 { Answer::refused() } else { Answer::page(&[]) });
    let mut spider = Tester::new(&web, &["http://a.test/"]);
    let other = web.clone();
    spider.configure = Some(Box::new(move |sessions| {
        sessions
            .add("http", other.session("http"))?
            .add("other", other.session("other"))?;
        Ok(())
    }));
    spider.retry_failed = Some(Box::new(|visit, error| {
        assert!(error.is_retryable(), "{error}");
        Ok(Some(visit.session("other")))
    }));
    let crawl = spider.crawl().run().await.unwrap();
    let ways: Vec<_> = web.hits().into_iter().map(|hit| hit.session).collect();
    assert_eq!(ways, ["http", "other"]);
    assert_eq!((crawl.items.len(), crawl.stats.retries, crawl.stats.failed), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_retry_failed_that_fails_or_panics_costs_its_own_request_alone() {
    for panics in [false, true] {
        let web = one_refuses();
        let mut spider = Tester::new(&web, &["http://a.test/"]);
        spider.retry_failed = Some(Box::new(move |_, _| {
            assert!(!panics, "as told");
            Err("as told".into())
        }));
        let failures = Arc::clone(&spider.failures);
        let crawl = spider.crawl().run().await.unwrap();
        assert_eq!((crawl.ended, crawl.items.len()), (Ended::Finished, 3));
        assert_eq!(
            (crawl.stats.hook_errors, crawl.stats.failed, crawl.stats.retries),
            (1, 1, 0)
        );
        assert_eq!(web.hits().len(), 4);
        let failures = failures.lock().unwrap();
        assert!(
            matches!(&failures[..], [(FailureKind::Fetch, told)] if told.contains("refused")),
            "{failures:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_on_start_that_fails_or_panics_keeps_the_crawl_from_beginning() {
    for panics in [false, true] {
        let web = one_refuses();
        let mut spider = Tester::new(&web, &["http://a.test/"]);
        spider.on_start = Some(Box::new(move || {
            async move {
                assert!(!panics, "no login");
                Err("no login".into())
            }
            .boxed()
        }));
        let closes = Arc::clone(&spider.closes);
        let error = spider.crawl().run().await.unwrap_err();
        assert!(
            matches!(&error, CrawlError::OnStart { spider, source } if spider == "tester" && source.to_string().contains("no login")),
            "{error}"
        );
        assert_eq!((web.hits().len(), closes.load(SeqCst)), (0, 0));
    }
}

/// Runs a crawl with a drain timeout of 5 s, and stops it after a second, once or twice. Says how long it took from there.
async fn stopped(spider: Tester, stops: usize) -> (Crawl<String>, Duration) {
    let spider = spider.set(|s| s.drain_timeout(Duration::from_secs(5)));
    let (handle, crawl) = spider.crawl().with_handle().unwrap();
    let crawl = tokio::spawn(tokio::time::timeout(Duration::from_secs(60), crawl));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    for _ in 0..stops {
        handle.stop();
    }
    let crawl = crawl.await.unwrap().expect("the crawl hangs").unwrap();
    (crawl, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn an_on_start_that_never_comes_back_is_cut_off_after_the_drain_timeout_or_the_second_stop() {
    for (stops, seconds) in [(1, 5), (2, 0)] {
        let web = one_refuses();
        let mut spider = Tester::new(&web, &["http://a.test/"]);
        spider.on_start = Some(Box::new(|| std::future::pending().boxed()));
        let closes = Arc::clone(&spider.closes);
        let (crawl, took) = stopped(spider, stops).await;
        assert_eq!((crawl.ended, took.as_secs()), (Ended::Stopped, seconds));
        assert_eq!((web.hits().len(), closes.load(SeqCst)), (0, 0), "it did not begin");
    }
}

#[tokio::test(start_paused = true)]
async fn an_on_start_that_comes_back_after_a_stop_has_its_on_close() {
    let web = one_refuses();
    let mut spider = Tester::new(&web, &["http://a.test/"]);
    spider.on_start = Some(Box::new(|| tokio::time::sleep(Duration::from_secs(3)).map(Ok).boxed()));
    let closes = Arc::clone(&spider.closes);
    let (crawl, took) = stopped(spider, 1).await;
    assert_eq!((crawl.ended, took.as_secs()), (Ended::Stopped, 2));
    assert_eq!((web.hits().len(), closes.load(SeqCst)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_on_close_that_fails_or_panics_is_counted() {
    for panics in [false, true] {
        let mut spider = Tester::new(&one_refuses(), &["http://a.test/1"]);
        spider.on_close = Some(Box::new(move || {
            async move {
                assert!(!panics, "as told");
                Err("as told".into())
            }
            .boxed()
        }));
        let crawl = spider.crawl().run().await.unwrap();
        assert_eq!(
            (crawl.ended, crawl.items.len(), crawl.stats.hook_errors),
            (Ended::Finished, 1, 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_on_close_that_never_comes_back_is_cut_off_after_the_drain_timeout_or_a_stop() {
    // It is called in the first second, and a crawl that is over is cut off by the first stop.
    for (stops, seconds) in [(0, 4), (1, 0)] {
        let mut spider = Tester::new(&one_refuses(), &["http://a.test/1"]);
        spider.on_close = Some(Box::new(|| std::future::pending().boxed()));
        let (crawl, took) = stopped(spider, stops).await;
        assert_eq!((crawl.ended, took.as_secs()), (Ended::Finished, seconds));
        assert_eq!((crawl.items.len(), crawl.stats.hook_errors), (1, 1));
    }
}
