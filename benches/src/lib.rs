//! What the benchmarks share: a server in a process of its own, contenders that take turns, ratios.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot run has nothing to report"
)]

pub mod crawl;
pub mod fetches;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

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
