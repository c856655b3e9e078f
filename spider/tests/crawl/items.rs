//! What becomes of items: limits of their number, and exports that do not take them.

use silkroute_spider::export::Export;
use silkroute_spider::{CrawlError, Result, Spider as _};

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
