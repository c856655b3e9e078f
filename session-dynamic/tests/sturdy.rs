//! A browser or a page that dies, hangs, or is left in the middle: nothing hangs past its deadline, and nothing leaks.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use silkroute_core::{Fetch, FetchErrorKind, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{DynamicSession, DynamicSessionBuilder, PageOptions};
use silkroute_testkit::site::TestSite;
use support::{SOON, fetched, started};
use tokio::time::{Instant, timeout};

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

/// Waits until something is so, looking again and again; it is what the system does and tells nobody.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !so() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn runs(pid: u32) -> bool {
    // A zombie has ended; its parent has only not looked yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

fn signal(pid: u32, signal: &str) {
    let status = std::process::Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

fn command_line(pid: u32) -> String {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        .unwrap_or_default()
}

/// The profile folder of a browser, by its command line.
fn profile(pid: u32) -> PathBuf {
    let line = command_line(pid);
    let dir = line
        .split("--user-data-dir=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    Path::new(dir).to_owned()
}

/// A live session's browser: its process, all its processes, its profile.
fn of(session: &DynamicSession) -> (u32, Vec<u32>, PathBuf) {
    let browser = session.browser().unwrap();
    let pid = browser.pid().unwrap();
    (pid, browser.processes(), profile(pid))
}

fn renderers(session: &DynamicSession) -> Vec<u32> {
    let all = session.browser().unwrap().processes();
    all.into_iter()
        .filter(|pid| command_line(*pid).contains("--type=renderer"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn close_and_drop_leave_no_process_and_no_profile() {
    for close in [true, false] {
        let Some(mut session) = started(once()).await else {
            return;
        };
        let site = TestSite::start().await.unwrap();
        fetched(&session, &Fetch::from(site.http_url("/js/list"))).await;
        let (_, processes, profile) = of(&session);
        assert!(processes.len() > 1 && profile.exists());
        if close {
            session.close().await.unwrap();
        } else {
            drop(session);
        }
        until("all its processes end", || !processes.iter().any(|pid| runs(*pid))).await;
        until("its profile is removed", || !profile.exists()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_browser_fails_its_fetches_at_once_and_leaves_nothing() {
    for how in ["-9", "-15"] {
        let Some(mut session) = started(once().max_pages(2)).await else {
            return;
        };
        let site = TestSite::start().await.unwrap();
        fetched(&session, &Fetch::from(site.http_url("/page/10k"))).await;
        let (pid, processes, profile) = of(&session);
        let request = Fetch::from(site.http_url("/stall")).timeout(Duration::from_secs(60));
        let killing = async {
            site.wait_until(|site| site.in_flight() == 1, SOON).await.unwrap();
            signal(pid, how);
        };
        let (result, ()) = timeout(SOON, async { tokio::join!(session.fetch(&request), killing) })
            .await
            .expect("the fetch ends long before its deadline");
        let error = result.unwrap_err();
        let died = error.as_fetch().unwrap();
        assert_eq!(died.kind(), FetchErrorKind::SessionDied, "{how}: {error}");
        assert!(died.is_retryable());
        until("the session is seen to be dead", || !session.is_alive()).await;
        until("all its processes end", || !processes.iter().any(|pid| runs(*pid))).await;
        until("its profile is removed", || !profile.exists()).await;
        // It can be started again as it is.
        session.start().await.unwrap();
        fetched(&session, &Fetch::from(site.http_url("/page/10k"))).await;
        session.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_renderer_costs_its_fetch_and_no_other() {
    let Some(session) = started(once().max_pages(2)).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let request = Fetch::from(site.http_url("/js/hanging/image")).timeout(Duration::from_secs(60));
    let killing = async {
        // What stalls is the image: by then the page has its process.
        let stalls = |site: &TestSite| !site.requests_to("/stall").is_empty();
        site.wait_until(stalls, SOON).await.unwrap();
        for pid in renderers(&session) {
            signal(pid, "-9");
        }
    };
    let (result, ()) = timeout(SOON, async { tokio::join!(session.fetch(&request), killing) })
        .await
        .expect("the fetch ends long before its deadline");
    let error = result.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Navigation, "{error}");
    assert!(session.is_alive() && error.is_retryable());
    // The one that Chromium keeps in reserve was killed, too, and it may not have noticed yet.
    let again = PageOptions {
        retry: Some(Retry::attempts(3).base(Duration::from_millis(50))),
        ..PageOptions::default()
    };
    for _ in 0..3 {
        let request = Fetch::from(site.http_url("/page/10k")).with(again.clone()).unwrap();
        fetched(&session, &request).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_never_lets_go_ends_with_its_deadline_and_its_tab() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let options = PageOptions {
        wait: Some(Duration::from_millis(300)),
        ..PageOptions::default()
    };
    let request = Fetch::from(site.http_url("/js/hanging/loop")).with(options).unwrap();
    let began = Instant::now();
    let error = session
        .fetch(&request.timeout(Duration::from_secs(3)))
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let response = fetched(&session, &Fetch::from(site.http_url("/js/list"))).await;
    assert_eq!(response.0.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn fetches_that_are_cancelled_anywhere_leave_nothing_open() {
    let Some(session) = started(once().max_pages(4)).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let paths = [
        "/js/list",
        "/js/xhr",
        "/stall",
        "/js/hanging/fetch",
        "/frames/many",
        "/js/redirect/script",
    ];
    // Up to twice what a page takes here: some get to their end.
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    println!("seed {seed}");
    let mut random = seed as u64 | 1;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    fetched(&session, &Fetch::from(site.http_url("/js/list"))).await;
    let before = tasks();
    for _ in 0..50 {
        let fetches = (0..4).map(|_| {
            let request = Fetch::from(site.http_url(paths[next(paths.len() as u64) as usize]));
            let after = Duration::from_millis(next(300));
            let session = &session;
            async move { timeout(after, session.fetch(&request)).await }
        });
        // The outcome of each is chance; that they end is not.
        let _ = futures_util::future::join_all(fetches).await;
    }
    assert!(session.is_alive());
    for _ in 0..8 {
        fetched(&session, &Fetch::from(site.http_url("/js/list"))).await;
    }
    // So do the tasks that watch and close: those of four tabs and of the site may be there.
    let end = Instant::now() + SOON;
    while tasks() > before + 4 * 6 {
        assert!(Instant::now() < end, "{} tasks, and {before} before", tasks());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What is open settles at the idle tabs of the pool.
    let browser = session.browser().unwrap().clone();
    let end = Instant::now() + SOON;
    loop {
        let command = silkroute_browser::cdp::RawCommand::new("Target.getTargets", serde_json::json!({})).unwrap();
        let answer = browser
            .session()
            .send(command, silkroute_browser::Deadline::after(SOON))
            .await
            .unwrap();
        let targets: serde_json::Value = serde_json::from_str(answer.get()).unwrap();
        let pages: BTreeSet<_> = targets["targetInfos"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|target| target["type"] == "page")
            .map(|target| target["targetId"].to_string())
            .collect();
        if pages.len() <= 4 {
            break;
        }
        assert!(Instant::now() < end, "tabs are left open: {targets}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
