//! Pages per second of the dynamic session on a page that its script makes, 1, 4 and 8 tabs at a time, against Playwright and
//! Scrapling on the same Chromium. Everybody keeps one browser open; they take turns. Scrapling 0.4.15 is often said to open
//! a page for each fetch: its `AsyncDynamicSession` navigates the same one again, which its protocol log shows.
//!
//! `cargo bench -p silkroute-benches --bench browser [-- ROUNDS [PAGES]] [--peers]`
//!
//! With `--peers`, Playwright is installed from npm and Scrapling from PyPI into `target/bench-peers`, and they take part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot run has nothing to report"
)]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use silkroute_benches::{Server, chromium, median, serve_if_asked};
use silkroute_core::{Fetch, Session};
use silkroute_session_dynamic::DynamicSession;

const PLAYWRIGHT: &str = "playwright-core@1.65.0";
const SCRAPLING: &str = "scrapling[fetchers]==0.4.15";

fn main() {
    if serve_if_asked() {
        return;
    }
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let rounds = numbers.next().unwrap_or(5);
    let pages = numbers.next().unwrap_or(40);
    let peers = std::env::args()
        .any(|argument| argument == "--peers")
        .then(Peers::install);
    let server = Server::start();
    let url = format!("{}/js/list", server.http);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for tabs in [1, 4, 8] {
        runtime.block_on(compare(&url, tabs, pages, rounds, peers.as_ref()));
    }
}

async fn compare(url: &str, tabs: usize, pages: usize, rounds: usize, peers: Option<&Peers>) {
    let mut contenders = vec![
        Contender::silkroute("silkroute, tabs used again", url, tabs, true).await,
        Contender::silkroute("silkroute, a new tab each", url, tabs, false).await,
    ];
    if let Some(peers) = peers {
        contenders.push(Contender::peer(
            "Playwright, pages used again",
            peers.playwright(url, "reuse"),
        ));
        contenders.push(Contender::peer(
            "Playwright, a new page each",
            peers.playwright(url, "new"),
        ));
        contenders.push(Contender::peer(
            "Scrapling, its pages used again",
            peers.scrapling(url, tabs),
        ));
    }
    for contender in &mut contenders {
        contender.turn(tabs, tabs * 2).await;
    }
    let mut rates = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        for offset in 0..contenders.len() {
            let at = (round + offset) % contenders.len();
            rates[at].push(pages as f64 / contenders[at].turn(tabs, pages).await);
        }
    }
    println!("\n{tabs} at a time, {pages} pages a turn, {rounds} rounds");
    println!("  {:<30} {:>8} {:>12} {:>12}", "", "pages/s", "used again:", "new:");
    for (at, contender) in contenders.iter().enumerate() {
        // How much faster ours are, turn by turn.
        let ahead = |ours: usize| median(rates[ours].iter().zip(&rates[at]).map(|(our, its)| our / its).collect());
        println!(
            "  {:<30} {:>8.1} {:>11.2}x {:>11.2}x",
            contender.name,
            median(rates[at].clone()),
            ahead(0),
            ahead(1),
        );
    }
    for contender in contenders {
        contender.end().await;
    }
}

struct Contender {
    name: &'static str,
    is: Is,
}

enum Is {
    Silkroute { session: Arc<DynamicSession>, url: String },
    Peer(Peer),
}

impl Contender {
    async fn silkroute(name: &'static str, url: &str, tabs: usize, reuse: bool) -> Self {
        let mut session = DynamicSession::builder()
            .max_pages(tabs)
            .reuse_tabs(reuse)
            .wait_selector("#list")
            .build()
            .unwrap();
        session.start().await.unwrap();
        let (session, url) = (Arc::new(session), url.to_owned());
        Self {
            name,
            is: Is::Silkroute { session, url },
        }
    }

    fn peer(name: &'static str, peer: Peer) -> Self {
        Self {
            name,
            is: Is::Peer(peer),
        }
    }

    /// Seconds for so many pages.
    async fn turn(&mut self, tabs: usize, pages: usize) -> f64 {
        match &mut self.is {
            Is::Peer(peer) => peer.turn(tabs, pages),
            Is::Silkroute { session, url } => {
                let left = Arc::new(AtomicUsize::new(pages));
                let begun = Instant::now();
                let workers: Vec<_> = (0..tabs)
                    .map(|_| tokio::spawn(work(Arc::clone(session), url.clone(), Arc::clone(&left))))
                    .collect();
                for worker in workers {
                    worker.await.unwrap();
                }
                begun.elapsed().as_secs_f64()
            }
        }
    }

    async fn end(self) {
        match self.is {
            Is::Silkroute { session, .. } => Arc::into_inner(session).unwrap().close().await.unwrap(),
            Is::Peer(peer) => peer.end(),
        }
    }
}

async fn work(session: Arc<DynamicSession>, url: String, left: Arc<AtomicUsize>) {
    let take = |left: usize| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        let response = session.fetch(&Fetch::get(&url).unwrap()).await.unwrap();
        assert_eq!(response.text().matches("class=\"item\"").count(), 30);
    }
}

/// The others, installed.
struct Peers {
    folder: PathBuf,
    chromium: PathBuf,
}

impl Peers {
    fn install() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench-peers");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("package.json"), "{\"private\": true}").unwrap();
        if !folder.join("node_modules/playwright-core").exists() {
            run(
                Command::new("npm").args(["install", "--no-audit", "--no-fund", PLAYWRIGHT]),
                &folder,
            );
        }
        if !folder.join("venv/bin/scrapling").exists() {
            run(Command::new("python3").args(["-m", "venv", "venv"]), &folder);
            run(
                Command::new("venv/bin/pip").args(["install", "--quiet", SCRAPLING]),
                &folder,
            );
        }
        // Modules are looked for beside the script.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/playwright.mjs");
        std::fs::copy(script, folder.join("playwright.mjs")).unwrap();
        let chromium = chromium();
        Self { folder, chromium }
    }

    fn playwright(&self, url: &str, how: &str) -> Peer {
        Peer::start(
            Command::new("node")
                .arg(self.folder.join("playwright.mjs"))
                .arg(&self.chromium)
                .args([url, how]),
        )
    }

    fn scrapling(&self, url: &str, tabs: usize) -> Peer {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/scrapling_dynamic.py");
        let mut python = Command::new(self.folder.join("venv/bin/python"));
        Peer::start(python.arg(script).arg(&self.chromium).args([url, &tabs.to_string()]))
    }
}

fn run(command: &mut Command, folder: &Path) {
    let status = command.current_dir(folder).status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?}");
}

/// A process that reads `TABS PAGES` and answers in seconds, until its standard input ends.
struct Peer {
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = answers.by_ref().map(Result::unwrap).find(|line| line == "ready");
        assert!(ready.is_some(), "{command:?} did not get ready");
        Self { child, answers }
    }

    fn turn(&mut self, tabs: usize, pages: usize) -> f64 {
        writeln!(self.child.stdin.as_mut().unwrap(), "{tabs} {pages}").unwrap();
        let answer = self.answers.next().expect("a peer ended").unwrap();
        answer.parse().unwrap()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}
