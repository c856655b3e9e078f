//! The pool of tabs, with a real browser.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use silkroute_browser::cdp::{RawCommand, Received};
use silkroute_browser::{
    Blocking, ContextOptions, Deadline, Error, Navigation, PoolOptions, TabOptions, TabPool, UserAgent, Viewport,
};
use support::{Answer, Site, browser, soon};

#[tokio::test]
async fn nothing_but_cookies_carries_over_to_the_next_use() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        ("/", Answer::html("<p>x</p>")),
        (
            "/mark",
            Answer::html(
                "<script>window.name = 'n'; localStorage.a = 1; sessionStorage.b = 2; document.cookie = 'c=3'; \
             history.pushState(1, '', '/mark?pushed'); navigator.storage.getDirectory(); indexedDB.open('d')</script>",
            ),
        ),
    ])
    .await;
    let context = browser.default_context();
    let pool = TabPool::new(PoolOptions::default()).unwrap();
    let options = TabOptions {
        user_agent: Some(UserAgent {
            user_agent: "First/1".into(),
            ..UserAgent::default()
        }),
        locale: Some("fr-FR".into()),
        timezone_id: Some("Asia/Tokyo".into()),
        viewport: Some(Viewport {
            width: 300,
            height: 300,
            device_scale_factor: 0.0,
        }),
        init_scripts: vec!["window.early = 7".into()],
        extra_headers: http::HeaderMap::from_iter([(http::HeaderName::from_static("x-extra"), "e".parse().unwrap())]),
        blocking: Some(Arc::new(Blocking::default().domains(["localhost"]))),
        ..TabOptions::default()
    };
    let first = pool.acquire(&context, options, soon()).await.unwrap();
    let id = first.id().to_owned();
    first
        .navigate(&Navigation::to(site.url("/mark")), soon())
        .await
        .unwrap();
    first.finish();
    let second = pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
    assert_eq!((second.id(), second.uses()), (id.as_str(), 2), "the tab is used again");
    second.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    let left: Value = second
        .evaluate_in_page(
            "(async () => ({name: window.name, local: localStorage.length, session: sessionStorage.length, \
             early: typeof early, history: history.length, cookie: document.cookie, wide: innerWidth > 1000, \
             ua: navigator.userAgent.includes('Chrome'), zone: Intl.DateTimeFormat().resolvedOptions().timeZone == 'Asia/Tokyo', \
             french: Intl.DateTimeFormat().resolvedOptions().locale.startsWith('fr'), \
             databases: (await indexedDB.databases()).length}))()",
            soon(),
        )
        .await
        .unwrap();
    assert_eq!(
        left,
        json!({"name": "", "local": 0, "session": 0, "early": "undefined", "history": 2, "cookie": "c=3",
        "wide": true, "ua": true, "zone": false, "french": false, "databases": 0})
    );
    assert!(!site.asked("/")[0].head.to_ascii_lowercase().contains("x-extra"));
    assert_eq!(
        second
            .navigate(&Navigation::to(site.on("localhost", "/")), soon())
            .await
            .unwrap()
            .status,
        200
    );
    browser.close().await.unwrap();
}

#[tokio::test]
async fn what_frames_of_other_sites_store_does_not_carry_over_either() {
    let Some(browser) = browser().await else { return };
    let frame = "<script>parent.postMessage([localStorage.length, sessionStorage.length].join(), '*'); \
                 localStorage.a = 1; sessionStorage.b = 2</script>";
    let around = "<script>told = new Promise(done => onmessage = event => done(event.data)); \
                  addEventListener('DOMContentLoaded', () => { const frame = document.createElement('iframe'); \
                  frame.src = location.href.replace('127.0.0.1', 'localhost').replace('/around', '/frame'); \
                  document.body.append(frame) })</script><body>";
    let site = Site::start(&[("/frame", Answer::html(frame)), ("/around", Answer::html(around))]).await;
    let context = browser.default_context();
    let pool = TabPool::new(PoolOptions::default()).unwrap();
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
    let around = "<script>told = new Promise(done => onmessage = event => done(event.data)); \
                  addEventListener('DOMContentLoaded', () => { const frame = document.createElement('iframe'); \
                  frame.src = location.href.replace('127.0.0.1', 'localhost').replace('/around', '/frame'); \
                  document.body.append(frame) })</script><body>";
    let site = Site::start(&[
        ("/", Answer::html("<p>x</p>")),
        ("/frame", Answer::html(frame)),
        ("/around", Answer::html(around)),
    ])
    .await;
    let context = browser.default_context();
    let pool = TabPool::new(PoolOptions {
        max_pages: 2,
        ..PoolOptions::default()
    })
    .unwrap();
    let lease = async || pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
    let cleared = async |busy| {
        let ended = async {
            while pool.stats().busy > busy {
                tokio::task::yield_now().await;
            }
        };
        soon().run("a tab is cleared", ended).await.unwrap();
    };
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
        cleared(1).await;
        two.finish();
        cleared(0).await;
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
    let pool = TabPool::new(PoolOptions::default()).unwrap();
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
    let pool = TabPool::new(PoolOptions {
        max_pages: 3,
        ..PoolOptions::default()
    })
    .unwrap();
    let lease = async || pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
    let busy = async |most| {
        let ended = async {
            while pool.stats().busy > most {
                tokio::task::yield_now().await;
            }
        };
        soon().run("tabs are cleared", ended).await.unwrap();
    };
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
    busy(1).await;
    let stored = async |expected: u32| {
        let tab = lease().await;
        tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
        let before: u32 = tab.evaluate_in_page("before", soon()).await.unwrap();
        assert_eq!(before, expected);
        tab
    };
    stored(1).await.finish();
    busy(1).await;
    // What stayed for its sake goes with it, though it never got there.
    drop(waiting);
    drop(two);
    busy(0).await;
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
    busy(1).await;
    let kept: u32 = two.evaluate_in_page("localStorage.length", soon()).await.unwrap();
    assert_eq!((write, kept), (2, 2));
    browser.close().await.unwrap();
}

#[tokio::test]
async fn places_are_handed_out_in_order_and_broken_tabs_replaced() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/never", Answer::never()), ("/", Answer::html("<p>x</p>"))]).await;
    let context = browser.default_context();
    let pool = TabPool::new(PoolOptions {
        max_pages: 2,
        ..PoolOptions::default()
    })
    .unwrap();
    let lease = async || pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
    let (one, two) = (lease().await, lease().await);
    let short = Deadline::after(Duration::from_millis(50));
    assert!(
        pool.acquire(&context, TabOptions::default(), short)
            .await
            .unwrap_err()
            .is_timeout()
    );
    assert_eq!(pool.stats().busy, 2);
    let brief = Deadline::after(Duration::from_millis(300));
    assert!(
        one.navigate(&Navigation::to(site.url("/never")), brief)
            .await
            .unwrap_err()
            .is_timeout()
    );
    let broken = one.id().to_owned();
    drop(one);
    let three = lease().await;
    assert_ne!(three.id(), broken);
    three.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    // A crash fails what waits at once, and the next user gets another tab.
    let crashed = two.id().to_owned();
    let crash = RawCommand::new("Page.crash", json!({})).unwrap();
    let error = two.session().send(crash, soon()).await.unwrap_err();
    assert!(error.is_gone() && !error.is_browser_gone(), "{error}");
    assert!(!two.is_alive());
    two.finish();
    let four = lease().await;
    assert_ne!(four.id(), crashed);
    four.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    pool.close();
    assert!(pool.acquire(&context, TabOptions::default(), soon()).await.is_err());
    assert!(
        TabPool::new(PoolOptions {
            max_pages: 51,
            ..PoolOptions::default()
        })
        .is_err()
    );
    browser.close().await.unwrap();
}

#[tokio::test]
async fn without_reuse_each_use_has_a_tab_that_was_opened_ahead_of_it() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[(
        "/",
        Answer::html("<script>before = localStorage.length; localStorage.a = 1</script>"),
    )])
    .await;
    let context = browser.default_context();
    let options = PoolOptions {
        reuse_tabs: false,
        ..PoolOptions::default()
    };
    let pool = TabPool::new(options).unwrap();
    let mut seen = HashSet::new();
    for _ in 0..5 {
        let tab = pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
        assert!(seen.insert(tab.id().to_owned()), "a tab was used again");
        assert_eq!(tab.uses(), 1);
        tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
        assert_eq!(tab.evaluate_in_page::<u32>("before", soon()).await.unwrap(), 0);
        let ahead = async {
            while pool.stats().idle == 0 {
                tokio::task::yield_now().await;
            }
        };
        soon().run("the next tab", ahead).await.unwrap();
        tab.finish();
    }
    let tidy = async {
        // The next one, and two empty pages that open tabs.
        while pages(&browser).await.len() > 3 {
            tokio::task::yield_now().await;
        }
    };
    soon().run("no tab of those that were used", tidy).await.unwrap();
    browser.close().await.unwrap();
}

#[tokio::test]
async fn no_tab_is_kept_ready_where_nobody_comes_back_to() {
    let Some(browser) = browser().await else { return };
    let (main, other) = (
        browser.default_context(),
        browser.new_context(ContextOptions::default(), soon()).await.unwrap(),
    );
    let id = other.id().unwrap().to_owned();
    let options = PoolOptions {
        max_pages: 4,
        reuse_tabs: false,
        ..PoolOptions::default()
    };
    let pool = TabPool::new(options).unwrap();
    let ready = async || {
        while pool.stats().idle == 0 {
            tokio::task::yield_now().await;
        }
    };
    for once in [true, false] {
        if once {
            drop(pool.acquire_once(&other, TabOptions::default(), soon()).await.unwrap());
        } else {
            // Nobody knows that it comes back, until it has.
            drop(pool.acquire(&other, TabOptions::default(), soon()).await.unwrap());
            let tab = pool.acquire(&other, TabOptions::default(), soon()).await.unwrap();
            soon().run("the next tab", ready()).await.unwrap();
            drop(tab);
            drop(pool.acquire(&main, TabOptions::default(), soon()).await.unwrap());
        }
        let tab = pool.acquire(&main, TabOptions::default(), soon()).await.unwrap();
        let moved = async {
            ready().await;
            while !pages_of(&browser, |page| page["browserContextId"] == *id)
                .await
                .is_empty()
            {
                tokio::task::yield_now().await;
            }
        };
        soon()
            .run("a tab ready in the main context alone", moved)
            .await
            .unwrap();
        assert_eq!(pool.stats().idle, 1, "once: {once}");
        drop(tab);
    }
    browser.close().await.unwrap();
}

#[tokio::test]
async fn contexts_that_take_turns_cost_a_tab_for_each_use_and_no_more() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/", Answer::html("<p>x</p>"))]).await;
    let one = browser.new_context(ContextOptions::default(), soon()).await.unwrap();
    let two = browser.new_context(ContextOptions::default(), soon()).await.unwrap();
    let pool = TabPool::new(PoolOptions {
        reuse_tabs: false,
        ..PoolOptions::default()
    })
    .unwrap();
    let mut attached = browser.session().subscribe(&["Target.attachedToTarget"], 256);
    for context in [&one, &two].into_iter().cycle().take(6) {
        let tab = pool.acquire(context, TabOptions::default(), soon()).await.unwrap();
        tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
        tab.finish();
    }
    // Comes after all that was opened before.
    let last = browser
        .default_context()
        .open(TabOptions::default(), soon())
        .await
        .unwrap();
    let mut opened = 0;
    loop {
        let Some(Received::Event(event)) = soon().run("a tab", attached.next()).await.unwrap() else {
            panic!("events were lost");
        };
        let told: Value = event.read().unwrap();
        if told["targetInfo"]["targetId"] == *last.id() {
            break;
        }
        opened += u32::from(told["targetInfo"]["type"] == "page");
    }
    // After the first use nobody knows better than to open another one.
    assert!((6..=7).contains(&opened), "{opened} tabs for 6 uses");

    // A context that is used once takes nothing from the one that comes back.
    for _ in 0..2 {
        let tab = pool.acquire(&one, TabOptions::default(), soon()).await.unwrap();
        tab.finish();
    }
    let ready = async {
        while pool.stats().idle == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon().run("the next tab", ready).await.unwrap();
    let tab = pool.acquire_once(&two, TabOptions::default(), soon()).await.unwrap();
    assert_eq!(pool.stats().idle, 1);
    drop(tab);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn the_next_tab_is_opened_though_the_runtime_of_the_one_before_has_ended() {
    let Some(browser) = browser().await else { return };
    let context = browser.default_context();
    let pool = TabPool::new(PoolOptions {
        max_pages: 2,
        reuse_tabs: false,
        ..PoolOptions::default()
    })
    .unwrap();
    let (of_another, elsewhere) = (pool.clone(), context.clone());
    let using = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let using = of_another.acquire(&elsewhere, TabOptions::default(), soon());
        runtime.block_on(using).unwrap()
    });
    let first = tokio::task::spawn_blocking(|| using.join()).await.unwrap().unwrap();
    let ready = async {
        while pool.stats().idle == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon().run("the next tab", ready).await.unwrap();
    drop(first);
    browser.close().await.unwrap();
}

async fn pages(browser: &silkroute_browser::Browser) -> HashSet<String> {
    pages_of(browser, |_| true).await
}

async fn pages_of(browser: &silkroute_browser::Browser, which: impl Fn(&Value) -> bool) -> HashSet<String> {
    let command = RawCommand::new("Target.getTargets", json!({})).unwrap();
    let targets: Value = browser.session().send_as(command, soon()).await.unwrap();
    let targets = targets["targetInfos"].as_array().unwrap();
    let pages = targets
        .iter()
        .filter(|target| target["type"] == "page" && which(target));
    pages.map(|page| page["targetId"].to_string()).collect()
}

#[tokio::test]
async fn cancelled_uses_leave_no_tab_behind() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/", Answer::html("<p>x</p>"))]).await;
    let context = browser.default_context();
    let pool = TabPool::new(PoolOptions {
        max_pages: 4,
        ..PoolOptions::default()
    })
    .unwrap();
    for step in 0..40_u64 {
        let using = async {
            let tab = pool.acquire(&context, TabOptions::default(), soon()).await?;
            tab.navigate(&Navigation::to(site.url("/")), soon()).await?;
            tab.finish();
            Ok::<(), Error>(())
        };
        // Whether it came to its end is not the point.
        let _ = tokio::time::timeout(Duration::from_millis(step * 5), using).await;
    }
    let tidy = async {
        loop {
            let pages = pages(&browser).await;
            if pages.len() <= pool.stats().idle && pool.stats().busy == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    soon().run("all tabs closed but the idle ones", tidy).await.unwrap();
    browser.close().await.unwrap();
}
