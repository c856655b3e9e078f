//! On several threads and a real clock: what a paused clock on one thread cannot show.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use serde::Serialize;
use silkroute_spider::{Ended, Output, Page, Result, Spider, export};

use crate::support::{Answer, Tester, Web};

const PAGES: u64 = 3_000;

/// Pages that link to thirteen others each, over three hosts.
fn site() -> Web {
    Web::new(|url, _| {
        let n: u64 = url.rsplit('/').next().unwrap_or_default().parse().unwrap_or(0);
        let targets = (1..=13).map(|k| (n * 13 + k) % PAGES);
        let links: Vec<_> = targets.map(|t| format!("http://h{}.test/{t}", t % 3)).collect();
        Answer::page(&links.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_page_exactly_once_on_many_threads() {
    for concurrency in [1, 16, 64] {
        let web = site();
        let spider = Tester::new(&web, &["http://h0.test/0"]).set(|s| s.concurrency(concurrency).host_concurrency(40));
        let crawl = tokio::time::timeout(Duration::from_secs(120), spider.crawl().run())
            .await
            .unwrap()
            .unwrap();
        let urls = web.urls();
        let unique: HashSet<_> = urls.iter().collect();
        assert_eq!(
            (urls.len(), unique.len()),
            (PAGES as usize, PAGES as usize),
            "at {concurrency}"
        );
        assert_eq!(
            (crawl.stats.pages, crawl.items.len() as u64, crawl.ended),
            (PAGES, PAGES, Ended::Finished)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crawl_that_is_dropped_leaves_nothing_running() {
    let web = Web::new(|_, _| Answer::page(&[]).after(20));
    let mut spider = Tester::new(&web, &[]);
    spider.endless = true;
    // As long as a part of the crawl is left, so is its spider.
    let spider_is_left = Arc::downgrade(&spider.closes);
    let dropped = tokio::time::timeout(Duration::from_millis(300), spider.crawl().run()).await;
    assert!(dropped.is_err());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while spider_is_left.strong_count() > 0 || web.in_flight.load(SeqCst) > 0 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "requests of a dropped crawl go on"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seen = web.hits().len();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(web.hits().len(), seen);
}

/// A spider with items of several fields, read by CSS from a page with a `<base>`.
struct Shop(Web);

#[derive(Serialize)]
struct Product {
    name: String,
    price: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra: Vec<u8>,
}

impl Spider for Shop {
    type Item = Product;
    type Step = ();

    fn name(&self) -> &str {
        "shop"
    }

    fn start_urls(&self) -> Vec<String> {
        vec!["http://shop.test/".into()]
    }

    fn configure_sessions(&self, sessions: &silkroute_manager::SessionManager) -> Result {
        sessions.add("http", self.0.session("http"))?;
        Ok(())
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        for link in page.css("a::attr(href)")?.get_all() {
            out.visit(page.follow(&link)?).await?;
        }
        if let Some(name) = page.css("h1::text")?.get() {
            let price = page.css(".price::text")?.get();
            let extra = if name == "odd" { vec![1] } else { Vec::new() };
            out.item(Product { name, price, extra }).await?;
        }
        out.count("parsed", 1);
        Ok(())
    }
}

#[tokio::test]
async fn css_base_and_csv() {
    let html = |text: &str| Answer {
        body: text.to_owned(),
        ..Answer::page(&[])
    };
    let web = Web::of(&[
        (
            "http://shop.test/",
            html("<base href=/deep/><a href=1>1</a><a href=2>2</a><a href=3>3</a>"),
        ),
        (
            "http://shop.test/deep/1",
            html("<h1>One, \"1\"</h1><p class=price>9.50</p>"),
        ),
        ("http://shop.test/deep/2", html("<h1>Two</h1>")),
        ("http://shop.test/deep/3", html("<h1>odd</h1>")),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("items.csv");
    let crawl = Shop(web.clone())
        .crawl()
        .concurrency(1)
        .export_csv(&file)
        .unwrap()
        .run()
        .await
        .unwrap();
    assert_eq!((crawl.stats.items, crawl.stats.items_failed), (2, 1));
    assert_eq!(crawl.stats.custom["parsed"], 4);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "name,price\n\"One, \"\"1\"\"\",9.50\nTwo,\n");
    let wide = export::Csv::create(&file)
        .unwrap()
        .columns(["name", "price", "extra"])
        .delimiter(b';');
    let crawl = Shop(web.clone())
        .crawl()
        .concurrency(1)
        .export(wide)
        .run()
        .await
        .unwrap();
    assert_eq!((crawl.stats.items, crawl.stats.items_failed), (3, 0));
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "name;price;extra\n\"One, \"\"1\"\"\";9.50;\nTwo;;\nodd;;[1]\n");
    assert!(
        export::JsonLines::create(folder.path())
            .unwrap_err()
            .to_string()
            .contains("cannot open")
    );
}
