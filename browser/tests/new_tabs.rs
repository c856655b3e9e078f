//! Tabs that are new for each use, with a real browser: what they take over from one another, and what not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use silkroute_browser::cdp::RawCommand;
use silkroute_browser::{
    Browser, Context, Deadline, Headless, LaunchOptions, Lease, Navigation, PoolOptions, TabOptions, TabPool,
};
use support::{Answer, Site, browser, browser_with, display, in_a_window, soon};

/// What a page can tell of where it came from, and what its site stored.
const TELL: &str = "JSON.stringify([window.opener, Object.hasOwn(window, 'opener') && Object.getOwnPropertyDescriptor(window, \
                    'opener').value !== undefined, history.length, window.name, document.referrer, sessionStorage.length, \
                    localStorage.length, document.visibilityState])";
const MARK: &str = "<script>told = TELL; window.name = 'n'; sessionStorage.a = 1; localStorage.a = 1</script>";

fn pool(clear_timeout: Duration) -> TabPool {
    TabPool::new(PoolOptions {
        reuse_tabs: false,
        clear_timeout,
        ..PoolOptions::default()
    })
    .unwrap()
}

async fn acquire(pool: &TabPool, context: &Context) -> Lease {
    let lease = pool.acquire(context, TabOptions::default(), soon()).await.unwrap();
    // The next one is there, so that both of two openers are used in turn.
    let ahead = async {
        while pool.stats().idle == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon().run("the next tab", ahead).await.unwrap();
    lease
}

async fn go(tab: &Lease, url: url::Url) {
    let gone = tab.navigate(&Navigation::to(url.clone()), soon()).await;
    gone.unwrap_or_else(|error| panic!("{url}: {error}"));
}

/// As long as a fetch of a page that hangs may take.
fn brief() -> Deadline {
    Deadline::after(Duration::from_millis(700))
}

/// So many uses that end well.
async fn visit(pool: &TabPool, context: &Context, url: &url::Url, times: usize) {
    for _ in 0..times {
        let tab = acquire(pool, context).await;
        go(&tab, url.clone()).await;
        tab.finish();
    }
}

/// The processes that show pages, as far as the system tells.
fn renderers(browser: &Browser) -> HashSet<u32> {
    let command_line = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let processes = browser.processes().into_iter();
    processes
        .filter(|pid| command_line(*pid).contains("--type=renderer"))
        .collect()
}

#[tokio::test]
async fn new_tabs_of_a_site_take_over_its_process_and_nothing_else() {
    take_over_a_process(LaunchOptions::default()).await;
}

#[tokio::test]
async fn in_a_window_they_do_so_too() {
    let Some(display) = display().await else { return };
    take_over_a_process(in_a_window(&display)).await;
}

#[tokio::test]
async fn in_the_headless_shell_they_do_so_too() {
    let shell = LaunchOptions {
        headless: Headless::Shell,
        ..LaunchOptions::default()
    };
    if let Err(error) = silkroute_browser::launch::find(&shell) {
        // Not every system has it as a package.
        let required = std::env::var("SILKROUTE_REQUIRE_HEADLESS_SHELL").as_deref() == Ok("1");
        assert!(!required, "{error}");
        eprintln!("A TEST OF THE HEADLESS SHELL DID NOT RUN: {error}");
        return;
    }
    take_over_a_process(shell).await;
}

async fn take_over_a_process(options: LaunchOptions) {
    let Some(browser) = browser_with(options).await else {
        return;
    };
    let site = Site::start(&[("/", Answer::html(&MARK.replace("TELL", TELL)))]).await;
    let context = browser.default_context();
    let pool = pool(soon().remaining());
    let (mut tabs, mut processes) = (HashSet::new(), HashSet::new());
    for round in 0..12 {
        let tab = acquire(&pool, &context).await;
        assert!(tabs.insert(tab.id().to_owned()), "a tab was used again");
        go(&tab, site.url("/")).await;
        let told: String = tab.evaluate_in_page("told", soon()).await.unwrap();
        // The first tab of all has an empty page before its first document.
        let history = if told.contains("null,false,2") { 2 } else { 1 };
        let expected = format!("[null,false,{history},\"\",\"\",0,0,\"visible\"]");
        assert_eq!(told, expected, "round {round}");
        assert!(history == 1 || round < 2, "round {round}: {told}");
        processes.extend(renderers(&browser));
        tab.finish();
    }
    // The first tab's, those of the two that take turns, and what the browser keeps at hand.
    assert!(processes.len() <= 6, "{} processes for 12 tabs", processes.len());
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_page_that_hangs_takes_no_later_tab_along() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        ("/", Answer::html("<p>x</p>")),
        ("/hang", Answer::html("<script>for (;;) {}</script>")),
        (
            "/leave",
            Answer::html("<script>onpagehide = () => { for (;;) {} }</script>"),
        ),
    ])
    .await;
    let context = browser.default_context();
    // A page that hangs keeps its place for as long.
    let pool = pool(Duration::from_secs(10));
    visit(&pool, &context, &site.url("/"), 3).await;
    // Pages that hang once they have been fetched: as they are left, or right before.
    for page in ["/leave", "/"] {
        let tab = acquire(&pool, &context).await;
        go(&tab, site.url(page)).await;
        if page == "/" {
            let hang = "setTimeout(() => { for (;;) {} })";
            let _: u32 = tab.evaluate_in_page(hang, soon()).await.unwrap();
            let hung = tab.evaluate_in_page::<u32>("1", brief()).await;
            assert!(hung.unwrap_err().is_timeout());
        }
        tab.finish();
        for _ in 0..3 {
            let tab = acquire(&pool, &context).await;
            go(&tab, site.url("/")).await;
            // Opened by the browser it would have had an empty page before.
            let history: u32 = tab.evaluate_in_page("history.length", soon()).await.unwrap();
            assert_eq!(history, 1, "no page of ours opened the tab after {page}");
            tab.finish();
        }
    }
    for _ in 0..3 {
        let tab = acquire(&pool, &context).await;
        let hung = tab.navigate(&Navigation::to(site.url("/hang")), brief()).await;
        assert!(hung.unwrap_err().is_timeout());
        drop(tab);
        visit(&pool, &context, &site.url("/"), 1).await;
    }
    // The next tab's, those of the two pages that open tabs, and one that the browser keeps at hand.
    let ended = async {
        while renderers(&browser).len() > 4 {
            tokio::task::yield_now().await;
        }
    };
    soon().run("the processes of pages that hung", ended).await.unwrap();
    assert!(!renderers(&browser).is_empty());
    browser.close().await.unwrap();
}

#[tokio::test]
async fn tabs_open_where_the_pages_that_opened_others_have_crashed() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/", Answer::html("<p>x</p>"))]).await;
    let context = browser.default_context();
    let pool = pool(soon().remaining());
    visit(&pool, &context, &site.url("/"), 3).await;
    let tab = acquire(&pool, &context).await;
    let crash = RawCommand::new("Page.crash", json!({})).unwrap();
    let crashed = tab.session().send(crash, soon()).await.unwrap_err();
    assert!(crashed.is_gone(), "{crashed}");
    tab.finish();
    visit(&pool, &context, &site.url("/"), 4).await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_page_that_closes_its_tab_fails_at_once_and_the_next_opens() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        ("/", Answer::html("<script>before = localStorage.length</script>")),
        (
            "/bye",
            Answer::html("<script>localStorage.a = 1; window.close(); for (let n = 0; n < 1e8; n++);</script>"),
        ),
    ])
    .await;
    let context = browser.default_context();
    let pool = pool(soon().remaining());
    let mut failed = 0;
    for _ in 0..3 {
        let tab = acquire(&pool, &context).await;
        go(&tab, site.url("/")).await;
        let stored: u32 = tab.evaluate_in_page("before", soon()).await.unwrap();
        assert_eq!(stored, 0, "what the page stored that closed itself");
        tab.finish();
        let tab = acquire(&pool, &context).await;
        match tab.navigate(&Navigation::to(site.url("/bye")), soon()).await {
            Ok(_) => tab.finish(),
            Err(error) => {
                assert!(error.is_gone(), "{error}");
                failed += 1;
            }
        }
    }
    // The tab of the first round was not opened by a page, and no script closes it.
    assert_eq!(failed, 2);
    browser.close().await.unwrap();
}
