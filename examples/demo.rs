//! A crawl of a shop: what `cargo xtask demo` runs.
//!
//! Listings come over HTTP, product pages through a browser, where one is compiled in and installed; items go to a file, and
//! what happened is printed.

use std::error::Error;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use silkroute::prelude::*;
use silkroute::spider::{Ended, Failure, Result, Stats};
use silkroute_testkit::site::{TestSite, known};

struct Shop {
    url: String,
    /// The session of the product pages.
    products: &'static str,
}

#[derive(Debug, Serialize)]
struct Product {
    sku: String,
    name: String,
    price: String,
    in_stock: bool,
    url: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
enum Step {
    #[default]
    Listing,
    Product,
}

impl Spider for Shop {
    type Item = Product;
    type Step = Step;

    fn name(&self) -> &str {
        "shop"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.url.clone()]
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match page.step() {
            Step::Listing => {
                for link in page.css("a.product::attr(href)")?.get_all() {
                    let product = page.follow(&link)?.session(self.products).step(Step::Product);
                    out.visit(product).await?;
                }
                if let Some(next) = page.css("a.next::attr(href)")?.get() {
                    out.visit(page.follow(&next)?).await?;
                }
            }
            Step::Product => {
                out.item(Product {
                    sku: page.css(".sku::text")?.get_or(""),
                    name: page.css("h1.name::text")?.get_or(""),
                    price: page.css("article .price::text")?.get_or(""),
                    in_stock: page.css(".stock::text")?.get_or("") == "In stock",
                    url: page.url().to_string(),
                })
                .await?;
            }
        }
        Ok(())
    }

    async fn on_error(&self, failure: Failure<Step>) {
        eprintln!("{failure}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let site = TestSite::start().await?;
    let file = std::env::args_os().nth(1).map_or_else(default_file, PathBuf::from);
    println!("a shop is open at {}\n", site.http_url("/shop"));

    let sessions = SessionManager::new();
    sessions.add("http", HttpSession::new())?;
    let shop = Shop {
        url: site.http_url("/shop").into(),
        products: session_of_the_products(&sessions).await?,
    };
    let crawl = shop.crawl().sessions(&sessions).export_jsonl(&file)?;
    #[cfg(feature = "progress")]
    let crawl = crawl.progress();
    let crawl = crawl.run().await;
    sessions.close().await?;

    let crawl = crawl?;
    for product in crawl.items.iter().take(5) {
        println!("{}  {:>7}  {}", product.sku, product.price, product.name);
    }
    println!("...\n{} products are in {}\n", crawl.items.len(), file.display());
    tell(&crawl.stats);
    site.close().await;
    if crawl.ended != Ended::Finished || crawl.items.len() != known::PRODUCTS {
        return Err(format!(
            "{} of {} products: {:?}",
            crawl.items.len(),
            known::PRODUCTS,
            crawl.ended
        )
        .into());
    }
    Ok(())
}

fn default_file() -> PathBuf {
    ["target", "demo", "products.jsonl"].iter().collect()
}

/// A browser's, if there is one; it is started to see.
async fn session_of_the_products(sessions: &SessionManager) -> Result<&'static str> {
    #[cfg(any(feature = "stealth", feature = "dynamic"))]
    {
        sessions.add("browser", browser()?.lazy())?;
        match sessions.get("browser")?.start().await {
            Ok(()) => return Ok("browser"),
            Err(error) => println!("no browser, so product pages come over HTTP as well: {error}\n"),
        }
        sessions.remove("browser").await?;
    }
    #[cfg(not(any(feature = "stealth", feature = "dynamic")))]
    println!("this build has no browser session: product pages come over HTTP as well\n");
    sessions.add("products", HttpSession::builder().impersonate("firefox").build()?)?;
    Ok("products")
}

#[cfg(feature = "stealth")]
fn browser() -> Result<impl Session> {
    Ok(StealthSession::builder().max_pages(4).build()?)
}

#[cfg(all(feature = "dynamic", not(feature = "stealth")))]
fn browser() -> Result<impl Session> {
    Ok(DynamicSession::builder().max_pages(4).build()?)
}

fn tell(stats: &Stats) {
    println!(
        "{} pages in {:.1} s, {:.0} a second; {} retries, {} blocked, {} failed, {} seen before",
        stats.pages,
        stats.elapsed.as_secs_f64(),
        stats.pages_per_second(),
        stats.retries,
        stats.blocked,
        stats.failed,
        stats.duplicates
    );
    for (session, tally) in &stats.sessions {
        println!(
            "  {session:<9} {:>4} pages, {:>4} kB, {:>4.0} ms in the middle, {:>4.0} ms at the 99th of 100",
            tally.requests,
            tally.bytes / 1_000,
            tally.latency.quantile(0.5).as_secs_f64() * 1e3,
            tally.latency.quantile(0.99).as_secs_f64() * 1e3
        );
    }
}
