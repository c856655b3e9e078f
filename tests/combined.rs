//! Kinds together: a browser's login goes on over HTTP, a pool of browsers, a cache before a browser.
#![cfg(all(feature = "http", feature = "dynamic", feature = "pool", feature = "cache"))]
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

use std::collections::BTreeSet;

use serde_json::Value;
use silkroute::cache::STATUS_META;
use silkroute::dynamic::DynamicSession;
use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

fn browser() -> Result<DynamicSession> {
    DynamicSession::builder().build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browsers_login_goes_on_over_http_and_comes_back() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (by_browser, by_http) = (folder.path().join("browser.json"), folder.path().join("http.json"));
    let manager = SessionManager::new();
    manager.add("browser", browser().unwrap().lazy()).unwrap();
    manager.add("http", HttpSession::new().lazy()).unwrap();
    let get = |path: &str, session: &str| Fetch::from(site.http_url(path)).session(session);

    manager
        .fetch(get("/cookies/set?sid=of-the-browser&_path=/", "browser"))
        .await
        .unwrap();
    manager.get("browser").unwrap().save_state(&by_browser).await.unwrap();
    manager.get("http").unwrap().load_state(&by_browser).await.unwrap();
    let seen: Value = manager.fetch(get("/cookies", "http")).await.unwrap().json().unwrap();
    assert_eq!(seen["sid"], "of-the-browser");

    manager
        .fetch(get("/cookies/set?sid=of-http&_path=/", "http"))
        .await
        .unwrap();
    manager.get("http").unwrap().save_state(&by_http).await.unwrap();
    manager.get("browser").unwrap().load_state(&by_http).await.unwrap();
    let page = manager.fetch(get("/cookies", "browser")).await.unwrap();
    assert!(page.text().contains("of-http"), "{}", page.text());
    manager.close().await.unwrap();
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_in_a_pool_have_cookies_of_their_own_and_keep_them() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str, path: &str| {
        let options = PoolOptions::default().identity(name);
        Fetch::from(site.http_url(path)).with(options).unwrap()
    };
    for day in ["today", "tomorrow"] {
        let pool = SessionPool::builder()
            .named(["alice", "bob"], |_| browser())
            .directory(folder.path());
        let manager = SessionManager::new();
        manager.add("pool", pool.build().unwrap()).unwrap();
        let mut seen = BTreeSet::new();
        for name in ["alice", "bob"] {
            if day == "today" {
                let path = format!("/cookies/set?who={name}&_path=/");
                manager.fetch(named(name, &path)).await.unwrap();
            }
            let page = manager.fetch(named(name, "/cookies")).await.unwrap();
            assert!(
                page.text().contains(&format!("\"{name}\"")),
                "{day}, {name}: {}",
                page.text()
            );
            seen.insert(page.text().into_owned());
        }
        assert_eq!(seen.len(), 2, "nobody sees the other's");
        manager.close().await.unwrap();
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_browser_rendered_is_replayed_without_a_browser() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let fetch = async |mode| {
        let manager = SessionManager::new();
        let cache = CacheSession::builder(browser().unwrap(), folder.path())
            .mode(mode)
            .build()
            .unwrap();
        manager.add("cache", cache).unwrap();
        let page = manager.fetch(Fetch::from(site.http_url("/shop"))).await.unwrap();
        manager.close().await.unwrap();
        (page.meta()[STATUS_META].clone(), page.text().into_owned())
    };
    let (recorded, rendered) = fetch(CacheMode::Record).await;
    let (replayed, again) = fetch(CacheMode::Replay).await;
    assert_eq!((recorded, replayed), ("recorded".into(), "replayed".into()));
    assert!(rendered.contains("product") && rendered == again);
    assert_eq!(site.requests_to("/shop").len(), 1);
    site.close().await;
}
