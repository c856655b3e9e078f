//! A crawl of the test site's catalogue: every page of 10 KB exactly once, its title and three fields taken, by the spider
//! and by a crawler written by hand on tokio, reqwest and scraper. Each crawl is a process of its own, so that
//! processor time and memory are its own; they take turns on one server.
//!
//! Where the server takes its time, what counts is the share of the possible: concurrency / time. It is that of the steady
//! part, from the first tenth of the pages to the last: a crawl that begins with one page has not links enough for all places
//! at first, and how much that matters depends on the number of pages alone. There is no limit for it: on a machine that
//! is used otherwise it is less, for both.
//!
//! `cargo bench -p silkroute-benches --bench crawl [-- ROUNDS [PAGES]]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot run has nothing to report"
)]

use std::collections::{HashSet, VecDeque};
use std::sync::LazyLock;

use scraper::{Html, Selector};
use serde::{Deserialize, Serialize};
use silkroute_benches::crawl::{Catalogue, Product, compare, crawl_if_asked, page_read};
use silkroute_benches::{Server, serve_if_asked};
use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::Spider;
use tokio::task::JoinSet;
use url::Url;

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Who {
    ByHand,
    Spider,
}

/// One crawl: by whom, how many at a time, from where, and the authority's certificate.
#[derive(Serialize, Deserialize)]
struct Task {
    who: Who,
    concurrency: usize,
    start: Url,
    pages: usize,
    ca_pem: String,
}

fn main() {
    if serve_if_asked() || crawl_if_asked(crawl) {
        return;
    }
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let rounds = numbers.next().unwrap_or(5);
    let pages = numbers.next().unwrap_or(5_000);
    let server = Server::start();
    for (title, root, wait, times, concurrencies) in [
        ("http", &server.http, 0, 1, [16, 64]),
        ("https", &server.https, 0, 1, [16, 64]),
        ("http, 50 ms a page", &server.http, 50, 1, [64, 256]),
        (
            "http, 50 ms a page, four times the pages",
            &server.http,
            50,
            4,
            [64, 256],
        ),
    ] {
        let pages = pages * times;
        for concurrency in concurrencies {
            let query = if wait > 0 { format!("?ms={wait}") } else { String::new() };
            let task = |who| Task {
                who,
                concurrency,
                start: Url::parse(&format!("{root}/catalogue/{pages}/0{query}")).unwrap(),
                pages,
                ca_pem: server.ca_pem.clone(),
            };
            let contenders = [
                ("by hand: tokio, reqwest, scraper", task(Who::ByHand)),
                ("silkroute's spider", task(Who::Spider)),
            ];
            let compared = compare(&format!("{title}, {concurrency} at a time"), contenders, pages, rounds);
            if wait > 0 {
                let possible = concurrency as f64 * 1000.0 / f64::from(wait);
                let [by_hand, spider] = compared.steady.map(|steady| 100.0 * steady / possible);
                println!(
                    "  {:<34} {possible:>9.0}; of it, when steady, {by_hand:.1} % by hand, {spider:.1} % by the spider",
                    "at most possible"
                );
            }
        }
    }
}

async fn crawl(task: &Task) {
    let products = match task.who {
        Who::ByHand => by_hand(task).await,
        Who::Spider => by_spider(task).await,
    };
    let different: HashSet<&str> = products.iter().map(|product| product.sku.as_str()).collect();
    assert_eq!((products.len(), different.len()), (task.pages, task.pages));
    for product in &products {
        assert!(product.title.starts_with(&product.name) && product.price.starts_with('€') && product.sku.len() == 11);
    }
}

async fn by_spider(task: &Task) -> Vec<Product> {
    let sessions = SessionManager::new();
    let session = HttpSession::builder().ca_certificate(&*task.ca_pem).build().unwrap();
    sessions.add("http", session).unwrap();
    let crawl = Catalogue(task.start.to_string())
        .crawl()
        .sessions(&sessions)
        .concurrency(task.concurrency)
        .run()
        .await
        .unwrap();
    sessions.close().await.unwrap();
    crawl.items
}

/// What somebody who knows the crates would write for this site alone.
async fn by_hand(task: &Task) -> Vec<Product> {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(task.ca_pem.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let mut seen = HashSet::from([task.start.to_string()]);
    let mut queue = VecDeque::from([task.start.clone()]);
    let mut under_way = JoinSet::new();
    let mut products = Vec::new();
    loop {
        while under_way.len() < task.concurrency
            && let Some(url) = queue.pop_front()
        {
            let client = client.clone();
            under_way.spawn(async move {
                let html = client.get(url.clone()).send().await.unwrap().text().await.unwrap();
                read(&url, &html)
            });
        }
        let Some(page) = under_way.join_next().await else {
            return products;
        };
        let (product, links) = page.unwrap();
        products.push(product);
        page_read();
        for link in links {
            if seen.insert(link.to_string()) {
                queue.push_back(link);
            }
        }
    }
}

fn read(url: &Url, html: &str) -> (Product, Vec<Url>) {
    fn selector(css: &str) -> Selector {
        Selector::parse(css).unwrap()
    }
    static LINKS: LazyLock<Selector> = LazyLock::new(|| selector("a[href]"));
    static TITLE: LazyLock<Selector> = LazyLock::new(|| selector("title"));
    static NAME: LazyLock<Selector> = LazyLock::new(|| selector("h1.name"));
    static PRICE: LazyLock<Selector> = LazyLock::new(|| selector("p.price"));
    static SKU: LazyLock<Selector> = LazyLock::new(|| selector("p.sku"));
    let document = Html::parse_document(html);
    let text = |selector: &Selector| {
        let element = document.select(selector).next();
        element.map(|element| element.text().collect()).unwrap_or_default()
    };
    let product = Product {
        title: text(&TITLE),
        name: text(&NAME),
        price: text(&PRICE),
        sku: text(&SKU),
    };
    let links = document.select(&LINKS).filter_map(|link| {
        let mut link = url.join(link.value().attr("href")?).ok()?;
        link.set_fragment(None);
        Some(link)
    });
    (product, links.collect())
}
