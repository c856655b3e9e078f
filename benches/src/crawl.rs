//! Crawls of the test site's catalogue, each in a process of its own, so that processor time and memory are its own.

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use cpu_time::ProcessTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use silkroute_spider::{Output, Page, Spider};

use crate::median;

/// The argument that makes a benchmark's program one crawl, with its task behind it.
const CRAWL: &str = "crawl-as-told";

/// When each page of this process's crawl was read.
static READ: Mutex<Vec<Instant>> = Mutex::new(Vec::new());

/// What a crawl came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// How long it took.
    pub seconds: f64,
    /// Pages for each second between the first tenth of them and the last. Before, there are not links enough for all places;
    /// after, not pages enough.
    pub steady: f64,
    /// Processor time of its process.
    pub cpu_seconds: f64,
    /// The most memory that its process held.
    pub peak_kilobytes: u64,
}

/// What is taken from a page.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "they are the catalogue's own")]
pub struct Product {
    pub title: String,
    pub name: String,
    pub price: String,
    pub sku: String,
}

/// Crawls a catalogue from the first of its pages.
#[derive(Debug)]
pub struct Catalogue(pub String);

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
        page_read();
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

/// Notes that a page was read. A crawl of either contender calls it for each.
pub fn page_read() {
    READ.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
}

fn steady() -> f64 {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let (first, last) = (read.len() / 10, read.len() * 9 / 10);
    match read.get(first..last) {
        Some([begun, .., end]) => (last - first - 1) as f64 / (*end - *begun).as_secs_f64(),
        _ => f64::NAN,
    }
}

/// Does the task, if the program was started as a crawl. To be called first.
pub fn crawl_if_asked<T: DeserializeOwned>(crawl: impl AsyncFnOnce(&T)) -> bool {
    let Some(task) = std::env::args().skip_while(|argument| argument != CRAWL).nth(1) else {
        return false;
    };
    let task = serde_json::from_str(&task).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (begun, cpu) = (Instant::now(), ProcessTime::now());
    runtime.block_on(crawl(&task));
    let outcome = Outcome {
        seconds: begun.elapsed().as_secs_f64(),
        steady: steady(),
        cpu_seconds: cpu.elapsed().as_secs_f64(),
        peak_kilobytes: crate::peak_memory(),
    };
    println!("{}", serde_json::to_string(&outcome).unwrap());
    true
}

/// The running program once more, as the crawl of a task.
fn in_its_own_process(task: &impl Serialize) -> Outcome {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([CRAWL, &serde_json::to_string(task).unwrap()])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What came of two contenders.
#[derive(Debug)]
pub struct Compared {
    /// How fast the second was, to the first.
    pub speed: f64,
    /// The pages for each second of both in their [steady part](Outcome::steady).
    pub steady: [f64; 2],
}

/// Lets two contenders take turns, and prints the medians of both and their ratios to the first, turn by turn.
pub fn compare<T: Serialize>(title: &str, contenders: [(&str, T); 2], pages: usize, rounds: usize) -> Compared {
    let mut outcomes = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for offset in 0..2 {
            let at = (round + offset) % 2;
            outcomes[at].push(in_its_own_process(&contenders[at].1));
        }
    }
    println!("\n{title}, {pages} pages, {rounds} rounds");
    println!(
        "  {:<34} {:>9} {:>8} {:>9} {:>8} {:>14} {:>8} {:>9}",
        "", "pages/s", "ratio", "steady/s", "ratio", "CPU ms/1,000", "ratio", "peak MB"
    );
    let ratio = |at: usize, value: &dyn Fn(&Outcome) -> f64| {
        let pairs = outcomes[at].iter().zip(&outcomes[0]);
        median(pairs.map(|(its, first)| value(its) / value(first)).collect())
    };
    let speed = |it: &Outcome| 1.0 / it.seconds;
    let of = |at: usize, value: &dyn Fn(&Outcome) -> f64| median(outcomes[at].iter().map(value).collect());
    for (at, (name, _)) in contenders.iter().enumerate() {
        println!(
            "  {name:<34} {:>9.0} {:>8.3} {:>9.0} {:>8.3} {:>14.1} {:>8.3} {:>9.1}",
            of(at, &|it| pages as f64 / it.seconds),
            ratio(at, &speed),
            of(at, &|it| it.steady),
            ratio(at, &|it| it.steady),
            of(at, &|it| it.cpu_seconds * 1e6 / pages as f64),
            ratio(at, &|it| it.cpu_seconds),
            of(at, &|it| it.peak_kilobytes as f64 / 1024.0),
        );
    }
    Compared {
        speed: ratio(1, &speed),
        steady: [0, 1].map(|at| of(at, &|it| it.steady)),
    }
}
