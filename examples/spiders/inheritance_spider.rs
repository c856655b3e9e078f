//! A followed link inherits the options of its page; new ones take precedence, key by key. A request that is made anew has
//! none.

use serde::{Deserialize, Serialize};
use silkroute::http::Redirects;
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute_testkit::site::TestSite;

struct ProductSpider {
    shop: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
enum Step {
    #[default]
    Listing,
    Product,
    Echo,
}

impl Spider for ProductSpider {
    type Item = String;
    type Step = Step;

    fn name(&self) -> &str {
        "products"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.shop.clone()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add("http", HttpSession::builder().impersonate("chrome").build()?)?;
        Ok(())
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match page.step() {
            Step::Listing => {
                // From desktop Chrome to mobile Chrome, for these alone.
                let mobile = HttpOptions {
                    impersonate: Some("chrome_android".into()),
                    redirects: Some(Redirects::None),
                    ..HttpOptions::default()
                };
                for link in page.css("a.product::attr(href)")?.get_all() {
                    out.visit(page.follow(&link)?.with(mobile.clone())?.step(Step::Product))
                        .await?;
                }
                if let Some(next) = page.css("a.next::attr(href)")?.get() {
                    let next = page.document().urljoin(&next)?;
                    out.visit(Visit::get(next.as_str())?).await?;
                }
            }
            Step::Product => {
                out.item(page.css("h1::text")?.get_or("")).await?;
                // Still mobile Chrome, which it inherits, but redirects are followed again.
                let options = HttpOptions {
                    redirects: Some(Redirects::Safe),
                    ..HttpOptions::default()
                };
                let sku = page.css(".sku::text")?.get_or("");
                out.visit(
                    page.follow(&format!("/redirect-to?url=/echo/{sku}"))?
                        .with(options)?
                        .step(Step::Echo),
                )
                .await?;
            }
            Step::Echo => {
                let seen: serde_json::Value = page.json()?;
                let from_mobile = seen["headers"].to_string().contains("Mobile Safari");
                out.count(if from_mobile { "from mobile" } else { "from elsewhere" }, 1);
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let spider = ProductSpider {
        shop: site.http_url("/shop?page=9").into(),
    };

    let crawl = spider.crawl().run().await?;
    for path in ["/shop", "/shop/product/161"] {
        let requests = site.requests_to(path);
        println!("{path:<18} {}", requests[0].header("user-agent").unwrap_or("?"));
    }
    println!("{} products, {:?}", crawl.items.len(), crawl.stats.custom);
    assert_eq!((crawl.items.len(), crawl.stats.custom["from mobile"]), (40, 40));
    site.close().await;
    Ok(())
}
