//! What becomes of items: limits of their number, and exports that do not take them.

use std::time::Duration;

use silkroute_spider::export::Export;
use silkroute_spider::{CrawlError, Ended, Result, Spider as _};

use crate::support::{Answer, Tester, Web};

/// An export that takes so many items and then fails with an error of the disk.
struct Full(usize);

impl Export<String> for Full {
    fn write(&mut self, _: &String) -> Result {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        self.0 = self.0.checked_sub(1).ok_or_else(full)?;
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn path(&self) -> String {
        "items".to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_that_takes_nothing_more_ends_the_crawl_with_its_error() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let mut spider = Tester::new(&web, &[]).parsing(|_, out| {
        Box::pin(async move {
            for n in 0..100 {
                out.item(n.to_string()).await?;
            }
            Ok(())
        })
    });
    spider.endless = true;
    let failures = std::sync::Arc::clone(&spider.failures);
    let (handle, crawl) = spider.crawl().export(Full(250)).with_handle().unwrap();
    let error = crawl.await.unwrap_err();
    assert!(
        matches!(&error, CrawlError::Export { attempted: "write", path, .. } if path == "items"),
        "{error}"
    );
    assert_eq!(handle.stats().items, 250);
    assert!(failures.lock().unwrap().is_empty(), "it is said once");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_disk_in_the_hook_is_one_of_its_item() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let mut spider = Tester::new(&web, &["http://a.test/1", "http://a.test/2"]);
    spider.on_item = Some(Box::new(|item| match item.as_str() {
        "http://a.test/1" => Err(std::io::Error::from(std::io::ErrorKind::NotFound).into()),
        _ => Ok(Some(item)),
    }));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.items.len(), crawl.stats.items_failed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_items_counts_those_that_the_hook_keeps_and_costs_no_link() {
    for (most, ended) in [(5, Ended::MaxItems), (6, Ended::Finished)] {
        let web = Web::new(|url, _| match url.trim_start_matches("http://a.test") {
            "/" => Answer {
                body: (0..50).map(|n| format!("/list/{n}\n")).collect(),
                ..Answer::page(&[])
            },
            path if path.starts_with("/list/") => Answer::page(&[&path.replace("list", "product")]),
            _ => Answer::page(&[]),
        });
        let mut spider = Tester::new(&web, &["http://a.test/"])
            .set(|s| s.concurrency(16).max_items(most))
            .parsing(|page, out| {
                Box::pin(async move {
                    out.item(page.url().to_string()).await?;
                    let text = page.text().into_owned();
                    for link in text.lines() {
                        out.visit(page.follow(link)?).await?;
                    }
                    Ok(())
                })
            });
        spider.item_latency = Duration::from_millis(10);
        spider.on_item = Some(Box::new(|item| {
            Ok(Some(item).filter(|url| url.contains("product") && url.ends_with('9')))
        }));
        let crawl = tokio::time::timeout(Duration::from_secs(600), spider.crawl().run());
        let crawl = crawl.await.expect("the crawl hangs").unwrap();
        assert_eq!((crawl.ended, crawl.items.len()), (ended, 5));
        if ended == Ended::Finished {
            assert_eq!((web.hits().len(), crawl.stats.items_dropped), (101, 96));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_parse_does_not_wait_for_takes_no_place_of_another() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let mut spider = Tester::new(&web, &["http://a.test/"])
        .set(|s| s.max_items(1))
        .parsing(|_, out| {
            Box::pin(async move {
                let hurried = tokio::time::timeout(Duration::from_millis(1), out.item("first".to_owned())).await;
                assert!(hurried.is_err());
                Ok(out.item("second".to_owned()).await?)
            })
        });
    spider.item_latency = Duration::from_secs(1);
    let crawl = tokio::time::timeout(Duration::from_secs(60), spider.crawl().run());
    let crawl = crawl.await.expect("the crawl hangs").unwrap();
    assert_eq!(crawl.items, ["second"]);
}
