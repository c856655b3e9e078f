//! A crawl that lives in a directory: it stops on Ctrl-C, and goes on where it was when it is run again.

use silkroute::prelude::*;
use silkroute::spider::{Ended, ItemLog, Result};
use silkroute_testkit::site::TestSite;

struct Products {
    start: String,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Product {
    name: String,
    price: String,
}

impl Spider for Products {
    type Item = Product;
    type Step = ();

    fn name(&self) -> &str {
        "products"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        for link in page.css("a.product::attr(href), a.next::attr(href)")?.get_all() {
            out.visit(page.follow(&link)?).await?;
        }
        if let Some(name) = page.css("h1.name::text")?.get() {
            let price = page.css(".price::text")?.get_or("");
            out.item(Product { name, price }).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("products.crawl");
    let file = folder.path().join("products.jsonl");

    // Each of these could be a run of its own, tomorrow; a limit plays the Ctrl-C.
    for run in 1.. {
        let spider = Products {
            start: site.http_url("/shop").to_string(),
        };
        let crawl = spider
            .crawl()
            .frontier(&directory)
            .stop_on_signals()
            .export_jsonl(&file)?
            .max_pages(run * 80)
            .run()
            .await?;
        println!(
            "run {run}: {} pages in all, {} requests are left",
            crawl.stats.pages, crawl.pending
        );
        match crawl.ended {
            Ended::Finished => break,
            Ended::Stopped => return Ok(()),
            _ => {}
        }
    }

    let items = ItemLog::open(&directory)?
        .items::<Product>()
        .collect::<Result<Vec<_>, _>>()?;
    let lines = std::fs::read_to_string(&file)?.lines().count();
    println!(
        "{} products in the directory, {lines} in the file, {} requests in all",
        items.len(),
        site.requests().len()
    );
    assert_eq!((items.len(), lines, site.requests().len()), (200, 200, 210));
    site.close().await;
    Ok(())
}
