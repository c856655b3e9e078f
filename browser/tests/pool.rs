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
use support::{Answer, Site, browser, patient, pool_of, soon};

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
    let pool = pool_of(1);
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
async fn places_are_handed_out_in_order_and_broken_tabs_replaced() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/never", Answer::never()), ("/", Answer::html("<p>x</p>"))]).await;
    let context = browser.default_context();
    let pool = pool_of(2);
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
        ..patient()
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
        ..patient()
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
        ..patient()
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
        ..patient()
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
