//! The same kind of session twice, configured differently: two browsers to the shop, each with its own cookies.

use serde::{Deserialize, Serialize};
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute_testkit::site::{TestSite, known};

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
        let chrome = HttpSession::builder().impersonate("chrome").build()?;
        let firefox = HttpSession::builder().impersonate("firefox").build()?;
        sessions.add("chrome", chrome)?.add("firefox", firefox)?;
        Ok(())
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match page.step() {
            Step::Listing => {
                for link in page.css("a.product::attr(href)")?.get_all() {
                    out.visit(page.follow(&link)?.step(Step::Product)).await?;
                }
                if let Some(next) = page.css("a.next::attr(href)")?.get() {
                    out.visit(page.follow(&next)?.session("firefox")).await?;
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

    let crawl = spider.crawl().run().await?;
    for (session, tally) in &crawl.stats.sessions {
        println!("'{session}' fetched {} pages", tally.requests);
    }
    for product in ["/shop/product/1", "/shop/product/21"] {
        let seen = site.requests_to(product);
        println!(
            "{product} was asked for by {}",
            seen[0].header("user-agent").unwrap_or("?")
        );
    }
    assert_eq!(crawl.items.len(), known::PRODUCTS);
    site.close().await;
    Ok(())
}
