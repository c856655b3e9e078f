//! A crawl of the test site's catalogue: every page of 10 KB exactly once, its title and three fields taken, by the spider
//! and by a crawler written by hand on tokio, reqwest and scraper. Each crawl is a process of its own, so that
//! processor time and memory are its own; they take turns on one server.
//!
//! `cargo bench -p silkroute-benches --bench crawl [-- ROUNDS [PAGES]]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot run has nothing to report"
)]

use std::collections::{HashSet, VecDeque};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Instant;

use cpu_time::ProcessTime;
use scraper::{Html, Selector};
use serde::{Deserialize, Serialize};
use silkroute_benches::{Server, median, peak_memory, serve_if_asked};
use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::{Output, Page, Spider};
use tokio::task::JoinSet;
use url::Url;

/// Runs of a contender are the running program once more, with these arguments behind it.
const CONTENDER: &str = "crawl-as";
const BY_HAND: &str = "by hand: tokio, reqwest, scraper";
const SPIDER: &str = "silkroute's spider";

/// One crawl: who, how many at a time, from where, and the authority's certificate.
#[derive(Serialize, Deserialize)]
struct Task {
    who: String,
    concurrency: usize,
    start: Url,
    pages: usize,
    ca_pem: String,
}

/// What a crawl came to.
#[derive(Serialize, Deserialize)]
struct Outcome {
    seconds: f64,
    cpu_seconds: f64,
    peak_kilobytes: u64,
}

#[derive(Serialize)]
struct Product {
    title: String,
    name: String,
    price: String,
    sku: String,
}

fn main() {
    if serve_if_asked() {
        return;
    }
    let mut arguments = std::env::args().skip_while(|argument| argument != CONTENDER).skip(1);
    if let Some(task) = arguments.next() {
        let outcome = crawl(serde_json::from_str(&task).unwrap());
        println!("{}", serde_json::to_string(&outcome).unwrap());
        return;
    }
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let rounds = numbers.next().unwrap_or(5);
    let pages = numbers.next().unwrap_or(5_000);
    let server = Server::start();
    for (title, root, wait, concurrencies) in [
        ("http", &server.http, 0, [16, 64]),
        ("https", &server.https, 0, [16, 64]),
        ("http, 50 ms a page", &server.http, 50, [64, 256]),
    ] {
        for concurrency in concurrencies {
            let query = if wait > 0 { format!("?ms={wait}") } else { String::new() };
            let task = |who: &str| Task {
                who: who.to_owned(),
                concurrency,
                start: Url::parse(&format!("{root}/catalogue/{pages}/0{query}")).unwrap(),
                pages,
                ca_pem: server.ca_pem.clone(),
            };
            let contenders = [BY_HAND, SPIDER];
            let mut outcomes = [Vec::new(), Vec::new()];
            for round in 0..rounds {
                for offset in 0..contenders.len() {
                    let at = (round + offset) % contenders.len();
                    outcomes[at].push(in_its_own_process(&task(contenders[at])));
                }
            }
            println!("\n{title}, {concurrency} at a time, {pages} pages, {rounds} rounds");
            println!(
                "  {:<34} {:>9} {:>8} {:>14} {:>8} {:>9}",
                "", "pages/s", "ratio", "CPU ms/1,000", "ratio", "peak MB"
            );
            for (at, who) in contenders.iter().enumerate() {
                let of = |value: &dyn Fn(&Outcome) -> f64| median(outcomes[at].iter().map(value).collect());
                let ratio = |value: &dyn Fn(&Outcome) -> f64| {
                    let pairs = outcomes[at].iter().zip(&outcomes[0]);
                    median(pairs.map(|(its, first)| value(its) / value(first)).collect())
                };
                println!(
                    "  {who:<34} {:>9.0} {:>8.3} {:>14.1} {:>8.3} {:>9.1}",
                    of(&|it| pages as f64 / it.seconds),
                    ratio(&|it| 1.0 / it.seconds),
                    of(&|it| it.cpu_seconds * 1e6 / pages as f64),
                    ratio(&|it| it.cpu_seconds),
                    of(&|it| it.peak_kilobytes as f64 / 1024.0),
                );
            }
            if wait > 0 {
                println!(
                    "  at most possible: {:.0} pages/s",
                    concurrency as f64 * 1000.0 / f64::from(wait)
                );
            }
        }
    }
}

fn in_its_own_process(task: &Task) -> Outcome {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([CONTENDER, &serde_json::to_string(task).unwrap()])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}", task.who);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn crawl(task: Task) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (begun, cpu) = (Instant::now(), ProcessTime::now());
    let products = runtime.block_on(async {
        match task.who.as_str() {
            SPIDER => by_spider(&task).await,
            _ => by_hand(&task).await,
        }
    });
    let outcome = Outcome {
        seconds: begun.elapsed().as_secs_f64(),
        cpu_seconds: cpu.elapsed().as_secs_f64(),
        peak_kilobytes: peak_memory(),
    };
    let different: HashSet<&str> = products.iter().map(|product| product.sku.as_str()).collect();
    assert_eq!((products.len(), different.len()), (task.pages, task.pages));
    for product in &products {
        assert!(product.title.starts_with(&product.name) && product.price.starts_with('€') && product.sku.len() == 11);
    }
    outcome
}

struct Catalogue(Url);

impl Spider for Catalogue {
    type Item = Product;
    type Step = ();

    fn name(&self) -> &str {
        "catalogue"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }

    async fn parse(&self, page: Page<()>, out: &mut Output<Self>) -> silkroute_spider::Result {
        for link in page.css("a::attr(href)")?.get_all() {
            out.visit(page.follow(&link)?).await?;
        }
        out.item(Product {
            title: page.css("title::text")?.get_or(""),
            name: page.css("h1.name::text")?.get_or(""),
            price: page.css("p.price::text")?.get_or(""),
            sku: page.css("p.sku::text")?.get_or(""),
        })
        .await?;
        Ok(())
    }
}

async fn by_spider(task: &Task) -> Vec<Product> {
    let sessions = SessionManager::new();
    let session = HttpSession::builder().ca_certificate(&*task.ca_pem).build().unwrap();
    sessions.add("http", session).unwrap();
    let crawl = Catalogue(task.start.clone())
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
