//! A crawl in a process of its own, and what it left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use silkroute_core::{Response, ResponseParts};
use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::export::{Export, JsonLines};
use silkroute_spider::{Crawl, CrawlBuilder, ItemLog, Output, Page, Result, Settings, Spider, Starts, Visit};
use silkroute_testkit::site::TestSite;

/// Whatever a test waits for comes within this time, or never.
pub const SOON: Duration = Duration::from_secs(60);
pub const CONCURRENCY: usize = 16;
const PLAN: &str = "SILKROUTE_TEST_PLAN";

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// A crawl of numbered pages, each of which links to eight more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Where the frontier is.
    pub directory: PathBuf,
    /// The URL of a page, but for its number.
    pub page: String,
    pub pages: u64,
    pub jsonl: Option<PathBuf>,
    /// Where all kinds of exports go, one of the user's own among them.
    pub exports: Option<PathBuf>,
    /// The pages that it starts with, each although it was seen.
    pub starts: Option<Vec<u64>>,
    /// Reads the items from a stream, this slowly.
    pub stream: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub n: u64,
}

/// What a child says of its crawl at the end.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub ended: Option<String>,
    pub error: Option<String>,
    pub pages: u64,
    pub pending: u64,
    /// The items that the stream gave.
    pub streamed: Vec<u64>,
}

pub struct Numbered(Plan);

impl Plan {
    pub fn new(directory: &Path, site: &TestSite, path: &str, pages: u64) -> Self {
        Self {
            directory: directory.join("frontier"),
            page: site.http_url(path).to_string(),
            pages,
            jsonl: None,
            exports: None,
            starts: None,
            stream: None,
        }
    }

    pub fn crawl(&self) -> CrawlBuilder<Numbered> {
        let crawl = Numbered(self.clone())
            .crawl()
            .frontier(&self.directory)
            .stop_on_signals();
        let crawl = match &self.jsonl {
            Some(path) => crawl.export_jsonl(path).unwrap(),
            None => crawl,
        };
        let Some(folder) = &self.exports else { return crawl };
        let crawl = crawl.export_jsonl(folder.join("items.jsonl")).unwrap();
        let crawl = crawl.export_json(folder.join("items.json")).unwrap();
        let crawl = crawl.export_csv(folder.join("items.csv")).unwrap();
        crawl.export(Own(JsonLines::create(folder.join("own.jsonl")).unwrap()))
    }

    /// Plays the child, in the process that is one: a test begins with it.
    pub fn play() -> bool {
        let Ok(plan) = std::env::var(PLAN) else {
            return false;
        };
        let plan: Self = serde_json::from_str(&plan).unwrap();
        let runtime = runtime();
        let report = runtime.block_on(plan.run());
        std::fs::write(plan.report_path(), serde_json::to_vec(&report).unwrap()).unwrap();
        true
    }

    async fn run(&self) -> Report {
        let mut streamed = Vec::new();
        let result = match self.stream {
            None => self.crawl().export_only().run().await,
            Some(pace) => {
                let mut items = self.crawl().stream_buffer(4).stream().unwrap();
                while let Some(item) = items.next().await {
                    streamed.push(item.n);
                    tokio::time::sleep(pace).await;
                }
                items.finish().await
            }
        };
        match result {
            Ok(Crawl {
                ended, stats, pending, ..
            }) => Report {
                ended: Some(format!("{ended:?}")),
                error: None,
                pages: stats.pages,
                pending,
                streamed,
            },
            Err(error) => Report {
                ended: None,
                error: Some(error.to_string()),
                pages: 0,
                pending: 0,
                streamed,
            },
        }
    }

    fn report_path(&self) -> PathBuf {
        self.directory.with_extension("report")
    }

    /// A process that runs this binary again, with nothing but the named test, as the child.
    pub fn command(&self, test: &str) -> Command {
        // Where there is this, it is this binary also to a user to whom the folder it stands in is closed.
        let own = PathBuf::from("/proc/self/exe");
        let program = if own.exists() {
            own
        } else {
            std::env::current_exe().unwrap()
        };
        let mut command = Command::new(program);
        command.args([test, "--exact", "--nocapture"]);
        self.settle(&mut command);
        command
    }

    /// Runs what comes of `exec "$0" "$@"` in this shell script.
    pub fn shell(&self, script: &str, test: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture"]);
        self.settle(&mut command);
        command
    }

    fn settle(&self, command: &mut Command) {
        let _ = std::fs::remove_file(self.report_path());
        command.env(PLAN, serde_json::to_string(self).unwrap());
        command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    }

    /// What a child that has ended says.
    pub fn report(&self, child: &mut Running) -> Report {
        let status = child.wait();
        assert!(status.success(), "the child ended with {status}");
        serde_json::from_slice(&std::fs::read(self.report_path()).unwrap()).unwrap()
    }

    /// The items in the frontier, in order.
    pub fn items(&self) -> Vec<u64> {
        let Ok(log) = ItemLog::open(&self.directory) else {
            return Vec::new();
        };
        log.items::<Item>().map(|item| item.unwrap().n).collect()
    }

    pub fn assert_every_item_once(&self) {
        let mut items = self.items();
        items.sort_unstable();
        assert_eq!(items, (0..self.pages).collect::<Vec<_>>());
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let numbers = |path: &Path, text: &str| {
            let mut lines: Vec<u64> = text
                .lines()
                .map(|line| serde_json::from_str::<Item>(line).unwrap().n)
                .collect();
            lines.sort_unstable();
            assert_eq!(lines, items, "{}", path.display());
        };
        if let Some(path) = &self.jsonl {
            numbers(path, &read(path));
        }
        if let Some(folder) = &self.exports {
            for name in ["items.jsonl", "own.jsonl"] {
                let path = folder.join(name);
                numbers(&path, &read(&path));
            }
            let path = folder.join("items.json");
            let array: Vec<Item> = serde_json::from_str(&read(&path)).unwrap();
            let lines: Vec<_> = array.iter().map(|item| serde_json::to_string(item).unwrap()).collect();
            numbers(&path, &lines.join("\n"));
            let path = folder.join("items.csv");
            let text = read(&path);
            let rows = text.strip_prefix("n\n").expect("its columns, once");
            let lines: Vec<_> = rows.lines().map(|row| format!("{{\"n\":{row}}}")).collect();
            numbers(&path, &lines.join("\n"));
        }
    }
}

/// An export of the user's own, which can be taken back and takes no JSON.
struct Own(JsonLines);

impl Export<Item> for Own {
    fn write(&mut self, item: &Item) -> Result {
        self.0.write(item)
    }
    fn begin(&mut self, position: Option<u64>) -> std::io::Result<()> {
        Export::<Item>::begin(&mut self.0, position)
    }
    fn checkpoint(&mut self) -> std::io::Result<Option<u64>> {
        Export::<Item>::checkpoint(&mut self.0)
    }
    fn finish(&mut self) -> std::io::Result<()> {
        Export::<Item>::finish(&mut self.0)
    }
    fn path(&self) -> String {
        Export::<Item>::path(&self.0)
    }
}

/// A child process that does not outlive its test.
pub struct Running(Child);

impl Running {
    pub fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.wait();
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub fn wait(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the child does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The numbers of the pages that were asked for, in order, from the nth request on.
pub fn requested(site: &TestSite, from: usize) -> Vec<u64> {
    let requests = site.requests();
    requests[from.min(requests.len())..]
        .iter()
        .map(|request| request.param("n").unwrap().parse().unwrap())
        .collect()
}

/// How often each page was asked for.
pub fn counts(site: &TestSite) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for n in requested(site, 0) {
        *counts.entry(n).or_default() += 1;
    }
    counts
}

impl Spider for Numbered {
    type Item = Item;
    type Step = ();

    fn name(&self) -> &str {
        "numbered"
    }

    fn settings(&self) -> Settings {
        Settings::default().concurrency(CONCURRENCY).drain_timeout(SOON)
    }

    fn start_requests(&self) -> Starts<'_, ()> {
        let visit = |n: &u64| Ok(Visit::get(&format!("{}{n}", self.0.page))?);
        match &self.0.starts {
            None => Box::pin(futures_util::stream::iter([visit(&0)])),
            Some(starts) => {
                let visits = starts.iter().map(move |n| Ok(visit(n)?.again()));
                Box::pin(futures_util::stream::iter(visits))
            }
        }
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add("http", HttpSession::new())?;
        Ok(())
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        let url = page.url().as_str();
        let n: u64 = url.rsplit_once('=').ok_or("a page without a number")?.1.parse()?;
        for child in (8 * n + 1..=8 * n + 8).take_while(|child| *child < self.0.pages) {
            out.visit(Visit::get(&format!("{}{child}", self.0.page))?).await?;
        }
        out.item(Item { n }).await?;
        Ok(())
    }
}

/// Follows one chain of pages, through one session.
pub struct Chain {
    pub urls: Vec<String>,
    pub session: &'static str,
    pub settings: Settings,
}

impl Spider for Chain {
    type Item = String;
    type Step = usize;

    fn name(&self) -> &str {
        "chain"
    }

    fn settings(&self) -> Settings {
        self.settings.clone()
    }

    fn start_urls(&self) -> Vec<String> {
        self.urls[..1].to_vec()
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add(self.session, HttpSession::new())?;
        Ok(())
    }

    async fn parse(&self, page: Page<usize>, out: &mut Output<Self>) -> Result {
        let next = page.step() + 1;
        if let Some(url) = self.urls.get(next) {
            out.visit(Visit::get(url)?.step(next)).await?;
        }
        out.item(page.text().into_owned()).await?;
        Ok(())
    }
}

pub fn chain(site: &TestSite, paths: &[&str]) -> Chain {
    Chain {
        urls: paths.iter().map(|path| site.http_url(path).to_string()).collect(),
        session: "http",
        settings: Settings::default().concurrency(2),
    }
}

/// A response of no bytes.
#[derive(Debug)]
pub struct Empty(pub ResponseParts);

impl Response for Empty {
    fn parts(&self) -> &ResponseParts {
        &self.0
    }
    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.0
    }
}
