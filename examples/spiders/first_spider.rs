//! The smallest spider: one page, its title. With no session configured, one of the kind `http` fetches.

use serde::Serialize;
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute_testkit::site::TestSite;

struct MySpider {
    start: String,
}

#[derive(Debug, Serialize)]
struct Title {
    title: String,
}

impl Spider for MySpider {
    type Item = Title;
    type Step = ();

    fn name(&self) -> &str {
        "my_spider"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        let title = page.css("title::text")?.get_or("");
        out.item(Title { title }).await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let spider = MySpider {
        start: site.http_url("/shop").into(),
    };

    let crawl = spider.crawl().run().await?;
    println!("{:?}", crawl.items);
    assert_eq!(crawl.items[0].title, "Shop, page 1");
    site.close().await;
    Ok(())
}
