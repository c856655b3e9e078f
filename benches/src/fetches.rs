//! Contenders that fetch the same page, held against the first of them.
//!
//! Two clients of the same making differ by several per cent for as long as they live: by which of the runtime's threads
//! their connections came to, and the server's. So all are made anew many times, which is a block; within a block they
//! take short turns, each in another order, so that a machine whose speed drifts favours nobody. What is left of both
//! shows in a contender that is the first once more, and in the standard error of each ratio.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use futures_util::future::BoxFuture;

use crate::median;

/// How long a turn is, about.
const TURN: Duration = Duration::from_millis(80);
/// Turns of each contender in a block.
const TURNS: usize = 8;

/// Somebody who can fetch the page.
pub struct Contender {
    /// What the report calls it.
    pub name: &'static str,
    fetch: Box<dyn Fn() -> BoxFuture<'static, usize> + Send + Sync>,
}

impl std::fmt::Debug for Contender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Contender {
    /// A contender whose fetch gives the length of the body it got.
    pub fn new<F: Future<Output = usize> + Send + 'static>(
        name: &'static str,
        fetch: impl Fn() -> F + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            fetch: Box::new(move || Box::pin(fetch())),
        })
    }
}

/// What one turn of one contender came to.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Requests per second.
    pub rate: f64,
    /// Processor time of this process per request, in microseconds.
    pub cpu: f64,
}

/// Fetches so many pages of this length, so many at a time.
pub async fn turn(contender: &Arc<Contender>, concurrency: usize, requests: usize, bytes: usize) -> Turn {
    let left = Arc::new(AtomicUsize::new(requests));
    let (begun, cpu) = (Instant::now(), ProcessTime::now());
    let workers: Vec<_> = (0..concurrency)
        .map(|_| {
            let (contender, left) = (Arc::clone(contender), Arc::clone(&left));
            tokio::spawn(async move {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    assert_eq!((contender.fetch)().await, bytes, "{}", contender.name);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    Turn {
        rate: requests as f64 / begun.elapsed().as_secs_f64(),
        cpu: micros(cpu.elapsed()) / requests as f64,
    }
}

/// Lets contenders, made anew for each block, take turns, and prints of each its rate and processor time, and what
/// these are to the first's: medians of a block's turns, and their mean over the blocks.
pub async fn compare(
    title: &str,
    make: impl AsyncFn() -> Vec<Arc<Contender>>,
    concurrency: usize,
    blocks: usize,
    bytes: usize,
) {
    let mut all: Vec<Vec<[f64; 4]>> = Vec::new();
    let mut names = Vec::new();
    for _ in 0..blocks {
        let contenders = make().await;
        let mut requests = Vec::new();
        for contender in &contenders {
            let probe = turn(contender, concurrency, 500, bytes).await;
            requests.push(((probe.rate * TURN.as_secs_f64()) as usize).max(concurrency * 4));
        }
        let mut turns = vec![Vec::new(); contenders.len()];
        for round in 0..TURNS {
            for offset in 0..contenders.len() {
                let at = (round + offset) % contenders.len();
                // There and back, so that each comes after each.
                let at = if round % 2 == 0 { at } else { contenders.len() - 1 - at };
                turns[at].push(turn(&contenders[at], concurrency, requests[at], bytes).await);
            }
        }
        let of_block = |at: usize| {
            let median_of = |of: &dyn Fn(usize) -> f64| median((0..TURNS).map(of).collect());
            [
                median_of(&|round| turns[at][round].rate),
                median_of(&|round| turns[at][round].rate / turns[0][round].rate),
                median_of(&|round| turns[at][round].cpu),
                median_of(&|round| turns[at][round].cpu - turns[0][round].cpu),
            ]
        };
        all.push((0..contenders.len()).map(of_block).collect());
        names = contenders.iter().map(|contender| contender.name).collect();
    }
    println!("\n{title}, {concurrency} at a time, {blocks} blocks of {TURNS} turns");
    println!(
        "  {:<34} {:>8} {:>7} {:>7} {:>8} {:>7} {:>7}",
        "", "req/s", "ratio", "+-", "CPU us", "more", "+-"
    );
    for (at, name) in names.iter().enumerate() {
        let [rate, ratio, cpu, more] = [0, 1, 2, 3].map(|of| mean(all.iter().map(|block| block[at][of]).collect()));
        println!(
            "  {name:<34} {:>8.0} {:>7.3} {:>7.3} {:>8.1} {:>+7.1} {:>7.1}",
            rate.0, ratio.0, ratio.1, cpu.0, more.0, more.1
        );
    }
}

/// The mean, and its standard error.
fn mean(values: Vec<f64>) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0) / count).sqrt())
}
