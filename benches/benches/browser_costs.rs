//! What a browser session costs over a browser alone: from nothing to the first page, against Chromium started by hand; a page
//! of 85 subrequests with its images blocked, against the same page untouched; a page by the stealth session, against the
//! dynamic one.
//!
//! It fails where a stealth fetch costs over a tenth more than a dynamic one.
//!
//! `cargo bench -p silkroute-benches --bench browser_costs [-- ROUNDS]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot run has nothing to report"
)]

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use silkroute_benches::{Server, chromium, median, serve_if_asked};
use silkroute_core::{Fetch, Session};
use silkroute_session_dynamic::{DynamicSession, ResourceType, Resources, Toggle};
use silkroute_session_stealth::StealthSession;

/// Of the dynamic session's time, what the stealth session may take.
const STEALTH_AT_MOST: f64 = 1.10;

fn main() {
    if serve_if_asked() {
        return;
    }
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let rounds: usize = numbers.next().unwrap_or(9);
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        start(&format!("{}/shop", server.http), rounds).await;
        let list = format!("{}/js/list", server.http);
        blocking(&format!("{}/js/subrequests", server.http), rounds).await;
        stealth(&list, rounds).await;
    });
}

/// From no browser to the HTML of a page.
async fn start(url: &str, rounds: usize) {
    let chromium = chromium();
    let (mut by_hand, mut sessions) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        by_hand.push(dump(&chromium, url));
        let begun = Instant::now();
        let mut session = DynamicSession::builder().build().unwrap();
        session.start().await.unwrap();
        session.fetch(&Fetch::get(url).unwrap()).await.unwrap();
        sessions.push(begun.elapsed().as_secs_f64());
        session.close().await.unwrap();
    }
    report(
        "from no browser to a page",
        "chromium --dump-dom",
        &by_hand,
        "the dynamic session",
        &sessions,
    );
}

/// Seconds until Chromium prints the page. Its end does not count.
fn dump(chromium: &Path, url: &str) -> f64 {
    let begun = Instant::now();
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(chromium);
    // A container has no room for the sandbox of root, nor for much shared memory; the session leaves both out as well.
    command
        .args([
            "--headless=new",
            "--no-first-run",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--dump-dom",
            url,
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    std::io::copy(child.stdout.as_mut().unwrap(), &mut std::io::sink()).unwrap();
    child.wait().unwrap();
    seconds
}

async fn blocking(url: &str, rounds: usize) {
    let images = Toggle::On(Resources::new([ResourceType::Image]));
    let free = started(DynamicSession::builder().build().unwrap()).await;
    let blocks = started(DynamicSession::builder().disable_resources(images).build().unwrap()).await;
    let (free, blocks) = by_turns([&*free, &*blocks], url, rounds).await;
    report(
        "85 subrequests, 40 of them images",
        "everything loaded",
        &free,
        "images blocked",
        &blocks,
    );
}

async fn stealth(url: &str, rounds: usize) {
    let dynamic = started(DynamicSession::builder().wait_selector("#list").build().unwrap()).await;
    let stealth = started(StealthSession::builder().wait_selector("#list").build().unwrap()).await;
    let (dynamic, stealth) = by_turns([&*dynamic, &*stealth], url, rounds * 2).await;
    let ratio = report(
        "a page that its script makes",
        "the dynamic session",
        &dynamic,
        "the stealth session",
        &stealth,
    );
    assert!(
        ratio <= STEALTH_AT_MOST,
        "a stealth fetch costs {ratio:.3} of a dynamic one, more than {STEALTH_AT_MOST}"
    );
}

async fn started<S: Session>(mut session: S) -> Box<dyn Session> {
    session.start().await.unwrap();
    Box::new(session)
}

/// Seconds for a page, by turns; the first of each is not counted.
async fn by_turns(sessions: [&(dyn Session + 'static); 2], url: &str, rounds: usize) -> (Vec<f64>, Vec<f64>) {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for offset in 0..2 {
            let at = (round + offset) % 2;
            let begun = Instant::now();
            sessions[at].fetch(&Fetch::get(url).unwrap()).await.unwrap();
            if round > 0 {
                times[at].push(begun.elapsed().as_secs_f64());
            }
        }
    }
    times.into()
}

/// The median of what the second takes of the first's time.
fn report(title: &str, first: &str, firsts: &[f64], second: &str, seconds: &[f64]) -> f64 {
    let ratio = median(
        seconds
            .iter()
            .zip(firsts)
            .map(|(second, first)| second / first)
            .collect(),
    );
    println!(
        "\n{title}, {} rounds\n  {first:<24} {:>7.1} ms\n  {second:<24} {:>7.1} ms  {ratio:.3}x",
        firsts.len(),
        median(firsts.to_vec()) * 1e3,
        median(seconds.to_vec()) * 1e3,
    );
    ratio
}
