//! What it costs that a crawl can be killed: the crawl of the test site's catalogue on a frontier in memory and on one on
//! disk. Each crawl is a process of its own; they take turns on one server.
//!
//! `cargo bench -p silkroute-benches --bench frontier [-- ROUNDS [PAGES]]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot run has nothing to report"
)]

use std::process::Command;
use std::time::Instant;

use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};
use silkroute_benches::{Server, median, peak_memory, serve_if_asked};
use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::{Ended, Output, Page, Spider};

/// Runs of a contender are the running program once more, with these arguments behind it.
const CONTENDER: &str = "crawl-on";

/// One crawl.
#[derive(Serialize, Deserialize)]
struct Task {
    on_disk: bool,
    concurrency: usize,
    start: String,
    pages: u64,
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
        let outcome = crawl(&serde_json::from_str(&task).unwrap());
        println!("{}", serde_json::to_string(&outcome).unwrap());
        return;
    }
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let rounds = numbers.next().unwrap_or(5);
    let pages = numbers.next().unwrap_or(5_000);
    let server = Server::start();
    for concurrency in [16, 64] {
        let mut outcomes = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for offset in 0..2 {
                let at = (round + offset) % 2;
                outcomes[at as usize].push(in_its_own_process(&Task {
                    on_disk: at == 1,
                    concurrency,
                    start: format!("{}/catalogue/{pages}/0", server.http),
                    pages,
                }));
            }
        }
        println!("\nhttp, {concurrency} at a time, {pages} pages, {rounds} rounds");
        println!(
            "  {:<10} {:>9} {:>8} {:>14} {:>9}",
            "", "pages/s", "ratio", "CPU ms/1,000", "peak MB"
        );
        for (at, name) in ["in memory", "on disk"].iter().enumerate() {
            let of = |value: &dyn Fn(&Outcome) -> f64| median(outcomes[at].iter().map(value).collect());
            let pairs = outcomes[at].iter().zip(&outcomes[0]);
            let ratio = median(pairs.map(|(its, memory)| memory.seconds / its.seconds).collect());
            println!(
                "  {name:<10} {:>9.0} {ratio:>8.3} {:>14.1} {:>9.1}",
                of(&|it| pages as f64 / it.seconds),
                of(&|it| it.cpu_seconds * 1e6 / pages as f64),
                of(&|it| it.peak_kilobytes as f64 / 1024.0),
            );
        }
    }
}

fn in_its_own_process(task: &Task) -> Outcome {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([CONTENDER, &serde_json::to_string(task).unwrap()])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn crawl(task: &Task) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (begun, cpu) = (Instant::now(), ProcessTime::now());
    let crawl = runtime.block_on(async {
        let sessions = SessionManager::new();
        sessions.add("http", HttpSession::new()).unwrap();
        let crawl = Catalogue(task.start.clone())
            .crawl()
            .sessions(&sessions)
            .concurrency(task.concurrency);
        let crawl = if task.on_disk {
            crawl.frontier(directory.path())
        } else {
            crawl
        };
        let crawl = crawl.run().await.unwrap();
        sessions.close().await.unwrap();
        crawl
    });
    let outcome = Outcome {
        seconds: begun.elapsed().as_secs_f64(),
        cpu_seconds: cpu.elapsed().as_secs_f64(),
        peak_kilobytes: peak_memory(),
    };
    assert_eq!((crawl.ended, crawl.items.len() as u64), (Ended::Finished, task.pages));
    outcome
}

struct Catalogue(String);

impl Spider for Catalogue {
    type Item = Product;
    type Step = ();

    fn name(&self) -> &str {
        "catalogue"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.0.clone()]
    }

    async fn parse(&self, page: Page<()>, out: &mut Output<Self>) -> silkroute_spider::Result {
        for link in page.css("a::attr(href)")?.get_all() {
            out.visit(page.follow(&link)?).await?;
        }
        out.item(Product {
            name: page.css("h1.name::text")?.get_or(""),
            price: page.css("p.price::text")?.get_or(""),
            sku: page.css("p.sku::text")?.get_or(""),
        })
        .await?;
        Ok(())
    }
}
