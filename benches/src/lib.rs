//! What the benchmarks share: a server in a process of its own, contenders that take turns, ratios of medians.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot run has nothing to report"
)]

pub mod crawl;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use futures_util::future::BoxFuture;
use silkroute_testkit::site::TestSite;

/// The argument that makes a benchmark's program the server.
const SERVE: &str = "serve-the-test-site";

/// The test site in a process of its own, so that its processor time is not the client's. It ends with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Held open: the server may still be writing when all that is needed has been read.
    _stdout: Lines<BufReader<ChildStdout>>,
    /// Root of the plain listener, without a slash at its end.
    pub http: String,
    /// Root of the TLS listener, without a slash at its end.
    pub https: String,
    /// Certificate of its authority, as PEM.
    pub ca_pem: String,
}

impl Server {
    /// Starts it: the running program once more, as the server.
    pub fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = || lines.next().expect("the server ended").unwrap();
        let (http, https) = (line(), line());
        let mut ca_pem = String::new();
        while !ca_pem.contains("END CERTIFICATE") {
            ca_pem.push_str(&line());
            ca_pem.push('\n');
        }
        Self {
            child,
            _stdout: lines,
            http,
            https,
            ca_pem,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its standard input ends, and with it the server.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// Serves until standard input ends, if the program was started as the server. To be called first.
pub fn serve_if_asked() -> bool {
    if !std::env::args().any(|argument| argument == SERVE) {
        return false;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let site = TestSite::builder().record(false).start().await.unwrap();
        let root = |url: String| url.trim_end_matches('/').to_owned();
        println!(
            "{}\n{}\n{}",
            root(site.http_url("/").into()),
            root(site.https_url("/").into()),
            site.ca_pem()
        );
        std::io::stdout().flush().unwrap();
        let mut stdin = tokio::io::stdin();
        tokio::io::copy(&mut stdin, &mut tokio::io::sink()).await.unwrap();
        site.close().await;
    });
    true
}

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

/// Fetches for about this long, so many at a time.
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

/// Lets the contenders take turns, each round in another order, and prints each one's median and its ratio to the first,
/// turn by turn, so that a machine whose speed drifts does not favour anybody.
pub async fn compare(title: &str, contenders: &[Arc<Contender>], concurrency: usize, rounds: usize, bytes: usize) {
    let mut turns = vec![Vec::new(); contenders.len()];
    let mut requests = Vec::new();
    for contender in contenders {
        let probe = turn(contender, concurrency, 500, bytes).await;
        requests.push(((probe.rate * 0.7) as usize).max(200));
    }
    for round in 0..rounds {
        for offset in 0..contenders.len() {
            let at = (round + offset) % contenders.len();
            turns[at].push(turn(&contenders[at], concurrency, requests[at], bytes).await);
        }
    }
    println!("\n{title}, {concurrency} at a time, {rounds} rounds");
    println!(
        "  {:<34} {:>9} {:>8} {:>9} {:>9}",
        "", "req/s", "ratio", "CPU us", "more"
    );
    for (at, contender) in contenders.iter().enumerate() {
        let median_of = |of: &dyn Fn(usize) -> f64| median((0..rounds).map(of).collect());
        println!(
            "  {:<34} {:>9.0} {:>8.3} {:>9.1} {:>+9.1}",
            contender.name,
            median_of(&|round| turns[at][round].rate),
            median_of(&|round| turns[at][round].rate / turns[0][round].rate),
            median_of(&|round| turns[at][round].cpu),
            median_of(&|round| turns[at][round].cpu - turns[0][round].cpu),
        );
    }
}

/// The most memory that this process ever held, in kilobytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The Chromium on the `PATH`.
pub fn chromium() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut all = std::env::split_paths(&paths).flat_map(|path| names.map(|name| path.join(name)));
    all.find(|path| path.is_file()).expect("Chromium on the PATH")
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
