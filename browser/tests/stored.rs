//! What sites stored, from one use of a tab to the next, with a real browser: when it goes, and when it stays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_browser::{Navigation, TabOptions, TabPool};
use support::{Answer, Site, browser, pool_of, soon};

/// A page around a frame of another site, which tells what the frame found stored.
const AROUND: &str = "<script>told = new Promise(done => onmessage = event => done(event.data)); \
                      addEventListener('DOMContentLoaded', () => { const frame = document.createElement('iframe'); \
                      frame.src = location.href.replace('127.0.0.1', 'localhost').replace('/around', '/frame'); \
                      document.body.append(frame) })</script><body>";

/// Waits until no more tabs than these are handed out or being cleared.
async fn cleared(pool: &TabPool, busy: usize) {
    let ended = async {
        while pool.stats().busy > busy {
            tokio::task::yield_now().await;
        }
    };
    soon().run("tabs are cleared", ended).await.unwrap();
}

#[tokio::test]
async fn what_frames_of_other_sites_store_does_not_carry_over_either() {
    let Some(browser) = browser().await else { return };
    let frame = "<script>parent.postMessage([localStorage.length, sessionStorage.length].join(), '*'); \
                 localStorage.a = 1; sessionStorage.b = 2</script>";
    let site = Site::start(&[("/frame", Answer::html(frame)), ("/around", Answer::html(AROUND))]).await;
    let context = browser.default_context();
    let pool = pool_of(1);
    for number in 1..=3 {
        let tab = pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
        assert_eq!(tab.uses(), number);
        tab.navigate(&Navigation::to(site.url("/around")), soon())
            .await
            .unwrap();
        let stored: String = tab.evaluate_in_page("told", soon()).await.unwrap();
        assert_eq!(stored, "0,0", "at use {number}");
        tab.finish();
    }
    browser.close().await.unwrap();
}

#[tokio::test]
async fn what_frames_store_goes_with_the_last_tab_at_a_site() {
    let Some(browser) = browser().await else { return };
    let frame = "<script>parent.postMessage([localStorage.length, sessionStorage.length].join(), '*'); \
                 localStorage.a = 1</script>";
    let site = Site::start(&[
        ("/", Answer::html("<p>x</p>")),
        ("/frame", Answer::html(frame)),
        ("/around", Answer::html(AROUND)),
    ])
    .await;
    let context = browser.default_context();
    let pool = pool_of(2);
    let lease = async || pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
    for retired in [false, true] {
        let (one, two) = (lease().await, lease().await);
        two.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
        one.navigate(&Navigation::to(site.url("/around")), soon())
            .await
            .unwrap();
        let stored: String = one.evaluate_in_page("told", soon()).await.unwrap();
        assert_eq!(stored, "0,0", "retired: {retired}");
        if retired {
            one.retire();
        } else {
            one.finish();
        }
        // While the other is at the site.
        cleared(&pool, 1).await;
        two.finish();
        cleared(&pool, 0).await;
    }
    let three = lease().await;
    three
        .navigate(&Navigation::to(site.url("/around")), soon())
        .await
        .unwrap();
    assert_eq!(three.evaluate_in_page::<String>("told", soon()).await.unwrap(), "0,0");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn what_was_stored_does_not_outlive_a_tab_that_was_not_cleared() {
    let Some(browser) = browser().await else { return };
    // Its frame of another site writes to session storage, and is gone before the tab is cleared.
    let page = "<script>before = localStorage.length; localStorage.a = 1; told = new Promise(done => \
                onmessage = () => { document.querySelector('iframe').remove(); done(true) }); \
                addEventListener('DOMContentLoaded', () => { const frame = document.createElement('iframe'); \
                frame.src = location.href.replace('127.0.0.1', 'localhost').replace('/page', '/frame'); \
                document.body.append(frame) })</script><body>";
    let frame = "<script>sessionStorage.b = 2; parent.postMessage(1, '*')</script>";
    let site = Site::start(&[("/page", Answer::html(page)), ("/frame", Answer::html(frame))]).await;
    let context = browser.default_context();
    let pool = pool_of(1);
    for cancelled in [true, false, true] {
        let tab = pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
        assert_eq!(tab.uses(), 1, "the last one was closed");
        tab.navigate(&Navigation::to(site.url("/page")), soon()).await.unwrap();
        assert_eq!(tab.evaluate_in_page::<u32>("before", soon()).await.unwrap(), 0);
        assert!(tab.evaluate_in_page::<bool>("told", soon()).await.unwrap());
        if cancelled {
            drop(tab);
        } else {
            tab.finish();
        }
    }
    browser.close().await.unwrap();
}

#[tokio::test]
async fn what_a_site_stored_stays_while_another_tab_is_on_its_way_there() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        (
            "/",
            Answer::html("<script>before = localStorage.length; localStorage.a = 1</script>"),
        ),
        (
            "/lingers",
            Answer::html(
                "<script>onpagehide = () => { const end = Date.now() + 2000; while (Date.now() < end); }</script>",
            ),
        ),
        ("/never", Answer::never()),
    ])
    .await;
    let context = browser.default_context();
    let pool = pool_of(3);
    let lease = async || pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
    let (one, two) = (lease().await, lease().await);
    one.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    let waiting = Navigation::to(site.url("/never"));
    let mut waiting = Box::pin(two.navigate(&waiting, soon()));
    let asked = async {
        while site.asked("/never").is_empty() {
            assert!(futures_util::poll!(&mut waiting).is_pending());
            tokio::task::yield_now().await;
        }
    };
    soon().run("a request that nobody answers", asked).await.unwrap();
    one.finish();
    cleared(&pool, 1).await;
    let stored = async |expected: u32| {
        let tab = lease().await;
        tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
        let before: u32 = tab.evaluate_in_page("before", soon()).await.unwrap();
        assert_eq!(before, expected);
        tab
    };
    stored(1).await.finish();
    cleared(&pool, 1).await;
    // What stayed for its sake goes with it, though it never got there.
    drop(waiting);
    drop(two);
    cleared(&pool, 0).await;
    let one = stored(0).await;
    // One that gets there while the last one takes its time to leave keeps what it writes, too.
    one.navigate(&Navigation::to(site.url("/lingers")), soon())
        .await
        .unwrap();
    let two = lease().await;
    one.finish();
    two.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    let write: u32 = two
        .evaluate_in_page("localStorage.b = 2, localStorage.length", soon())
        .await
        .unwrap();
    cleared(&pool, 1).await;
    let kept: u32 = two.evaluate_in_page("localStorage.length", soon()).await.unwrap();
    assert_eq!((write, kept), (2, 2));
    browser.close().await.unwrap();
}
