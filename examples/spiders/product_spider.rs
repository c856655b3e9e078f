//! Fast HTTP for the listings of a shop, a stealth browser for its protected product pages.

use serde::{Deserialize, Serialize};
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute_testkit::site::TestSite;

struct ProductSpider {
    shop: String,
}

#[derive(Debug, Serialize)]
struct Product {
    name: String,
    price: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
enum Step {
    #[default]
    Listing,
    Product,
}

impl Spider for ProductSpider {
    type Item = Product;
    type Step = Step;

    fn name(&self) -> &str {
        "products"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.shop.clone()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        // Fast HTTP for listing pages: the first session is the default.
        sessions.add("http", HttpSession::new())?;
        // A browser for protected product pages.
        sessions.add(
            "stealth",
            StealthSession::builder().network_idle(true).max_pages(4).build()?,
        )?;
        Ok(())
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match page.step() {
            Step::Listing => {
                for link in page.css("a.product::attr(href)")?.get_all() {
                    // Routes product pages through the other session.
                    out.visit(page.follow(&link)?.session("stealth").step(Step::Product))
                        .await?;
                }
                if let Some(next) = page.css("a.next::attr(href)")?.get() {
                    // Says nothing of the session, so it is this page's.
                    out.visit(page.follow(&next)?).await?;
                }
            }
            Step::Product => {
                out.item(Product {
                    name: page.css("h1::text")?.get_or(""),
                    price: page.css(".price::text")?.get_or(""),
                })
                .await?;
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let spider = ProductSpider {
        shop: site.http_url("/shop").into(),
    };

    let crawl = spider.crawl().max_items(40).run().await?;
    for product in &crawl.items[..3] {
        println!("{:<22} {}", product.name, product.price);
    }
    for (session, tally) in &crawl.stats.sessions {
        println!("'{session}' fetched {} pages", tally.requests);
    }
    assert_eq!(crawl.items.len(), 40);
    site.close().await;
    Ok(())
}
