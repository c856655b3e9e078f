//! The shop, as a user would crawl it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use silkroute::prelude::*;
use silkroute::spider::{CrawlRule, Ended, LinkExtractor, Result};
use silkroute_testkit::site::known;

use crate::support::{all_gone, site};

/// Listings and products, over the session that a spider has when it configures none.
struct Shop {
    start: String,
}

#[derive(Debug, Serialize)]
struct Product {
    sku: String,
    name: String,
    cents: usize,
    referer_was: String,
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
        vec![self.start.clone()]
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match page.step() {
            Step::Listing => {
                for link in page.css("a.product::attr(href)")?.get_all() {
                    let from = page.url().to_string();
                    out.visit(page.follow(&link)?.step(Step::Product).meta("from", from))
                        .await?;
                }
                if let Some(next) = page.css("a.next::attr(href)")?.get() {
                    out.visit(page.follow(&next)?).await?;
                }
            }
            Step::Product => {
                let cents = page.css("article .price::attr(data-cents)")?.get_or("0");
                out.item(Product {
                    sku: page.css(".sku::text")?.get_or(""),
                    name: page.css("h1.name::text")?.get_or(""),
                    cents: cents.parse()?,
                    referer_was: page.meta()["from"].as_str().unwrap_or_default().to_owned(),
                })
                .await?;
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_product_of_the_shop_once_with_what_is_known_of_it() {
    let site = site().await;
    let start = site.http_url("/shop").to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("products.csv");
    let crawl = Shop { start }
        .crawl()
        .concurrency(8)
        .export_csv(&file)
        .unwrap()
        .run()
        .await
        .unwrap();

    assert_eq!(crawl.ended, Ended::Finished);
    let products: BTreeMap<_, _> = crawl.items.iter().map(|product| (&*product.sku, product)).collect();
    assert_eq!((crawl.items.len(), products.len()), (known::PRODUCTS, known::PRODUCTS));
    for id in 1..=known::PRODUCTS {
        let product = products[&*format!("SKU-{id:05}")];
        assert_eq!(product.name, known::product_name(id));
        assert_eq!(product.cents, known::product_price(id));
    }

    let pages = known::LISTING_PAGES + known::PRODUCTS;
    let requests = site.requests();
    assert_eq!(requests.len(), pages, "and nothing was asked for twice");
    for product in requests
        .iter()
        .filter(|request| request.path.starts_with("/shop/product"))
    {
        let referer = product
            .header("referer")
            .expect("a product page is come to from a listing");
        assert!(referer.starts_with(site.http_url("/shop").as_str()), "{referer}");
    }
    let stats = &crawl.stats;
    assert_eq!(
        (stats.pages, stats.items, stats.failed, stats.duplicates),
        (pages as u64, 200, 0, 0)
    );
    let tally = &stats.sessions["default"];
    assert_eq!((tally.requests, tally.latency.count()), (pages as u64, pages as u64));
    assert!(tally.latency.quantile(0.5) > std::time::Duration::ZERO);
    assert_eq!(
        std::fs::read_to_string(file).unwrap().lines().count(),
        1 + known::PRODUCTS
    );
    all_gone(site).await;
}

/// The same shop by rules instead of selectors.
struct Rules {
    start: String,
    rules: Vec<CrawlRule<Step>>,
}

impl Spider for Rules {
    type Item = String;
    type Step = Step;

    fn name(&self) -> &str {
        "rules"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        if matches!(page.step(), Step::Product) {
            out.item(page.css("h1::text")?.get_or("")).await?;
        }
        CrawlRule::follow_all(&self.rules, &page, out).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_find_the_same_products_and_a_limit_ends_the_crawl() {
    let site = site().await;
    let start = site.http_url("/shop").to_string();
    let rules = || {
        vec![
            CrawlRule::new(LinkExtractor::new().allow("/shop/product/").unwrap()).step(Step::Product),
            CrawlRule::new(LinkExtractor::new().allow("[?]page=").unwrap()),
        ]
    };
    let whole = Rules {
        start: start.clone(),
        rules: rules(),
    };
    let whole = whole.crawl().run().await.unwrap();
    assert_eq!(whole.items.len(), known::PRODUCTS);

    site.clear();
    let part = Rules { start, rules: rules() };
    let part = part.crawl().concurrency(4).max_pages(25).run().await.unwrap();
    assert_eq!((part.ended, part.stats.pages), (Ended::MaxPages, 25));
    assert_eq!(site.requests().len(), 25);
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_over_a_real_session_gives_items_as_they_come() {
    let site = site().await;
    let start = site.http_url("/shop").to_string();
    let mut items = Shop { start }.crawl().concurrency(2).stream_buffer(1).stream().unwrap();
    for _ in 0..30 {
        assert!(items.next().await.is_some());
    }
    let so_far = items.handle().stats();
    assert!(so_far.items >= 30 && so_far.pages < 210, "{so_far:?}");
    let crawl = items.finish().await.unwrap();
    assert_eq!(crawl.ended, Ended::Stopped);
    all_gone(site).await;
}
