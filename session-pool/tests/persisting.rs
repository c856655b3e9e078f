//! Identities come back: with their cookies, their proxy and their fingerprint, after a restart and after a crash.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use serde_json::Value;
use silkroute_core::cookies::StorageState;
use silkroute_core::{Cookie, CookieJar, Proxy, ProxyPool, RequestExt as _, Session as _};
use silkroute_session_http::HttpSession;
use silkroute_session_pool::{PoolOptions, SessionPool};
use silkroute_testkit::site::TestSite;
use support::login::{builder, faces, login};
use support::puppet::Strings;
use support::{PATIENCE, ask, fetch, fetch_ok, get, make, proxies, started, url};

fn bound(pool: &SessionPool) -> Vec<Option<String>> {
    pool.handle().stats().into_iter().map(|member| member.proxy).collect()
}

#[tokio::test]
async fn identities_come_back_as_they_were() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let directory = folder.path().join("identities");
    let servers = proxies(4).await;
    let all: Vec<Proxy> = servers.iter().map(url).collect();
    let hooks = login(&site);
    let build = |proxies: Vec<Proxy>| {
        let proxies = ProxyPool::new(proxies).unwrap();
        builder(8, &directory, &hooks).proxies(proxies).build().unwrap()
    };
    let mut today = started(build(all.clone())).await;
    let before = faces(&today, &site, 8).await;
    let before_bound = bound(&today);
    assert_eq!(hooks.count.load(SeqCst), 8);
    today.close().await.unwrap();

    // The list is another way round, and longer: an identity keeps its proxy all the same.
    let more = proxies(1).await;
    let mut tomorrow = started(build(all.iter().rev().cloned().chain([url(&more[0])]).collect())).await;
    assert_eq!(faces(&tomorrow, &site, 8).await, before);
    assert_eq!(bound(&tomorrow), before_bound);
    assert_eq!(hooks.count.load(SeqCst), 8, "nobody logs in again");
    assert_eq!(tomorrow.handle().stats()[0].requests, 2, "its use is counted on");
    tomorrow.close().await.unwrap();
    site.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_them_and_no_credentials_of_proxies_are_in_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let directory = folder.path().join("a/b");
    let servers = proxies(1).await;
    let proxies = ProxyPool::new([url(&servers[0])]).unwrap();
    let mut pool = started(builder(2, &directory, &login(&site)).proxies(proxies).build().unwrap()).await;
    faces(&pool, &site, 2).await;
    pool.close().await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let file = directory.join("identity-001.json");
    assert_eq!(mode(&file), 0o600);
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("http://127.0.0.1:"), "{text}");
    assert!(!text.contains("user-0") && !text.contains("hush"), "{text}");
    assert_eq!(
        std::fs::read_dir(&directory).unwrap().count(),
        2,
        "no temporary file is left"
    );
    site.close().await;
}

#[tokio::test]
async fn what_is_saved_on_the_way_survives_a_crash() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let hooks = login(&site);
    let build = || {
        builder(1, folder.path(), &hooks)
            .save_every(Duration::ZERO)
            .build()
            .unwrap()
    };
    let crashed = started(build()).await;
    faces(&crashed, &site, 1).await;
    fetch_ok(&crashed, &get(&site, "/cookies/set?basket=full&_path=/")).await;
    let file = folder.path().join("identity-001.json");
    let saved = async {
        while !StorageState::read(&file)
            .unwrap()
            .cookies
            .iter()
            .any(|cookie| cookie.name == "basket")
        {
            fetch_ok(&crashed, &get(&site, "/empty")).await;
        }
    };
    tokio::time::timeout(PATIENCE, saved)
        .await
        .expect("it is saved while it works");
    drop(crashed);
    let again = started(build()).await;
    let cookies: Value = fetch_ok(&again, &get(&site, "/cookies")).await.json().unwrap();
    assert_eq!(cookies["basket"], "full");
    site.close().await;
}

#[tokio::test]
async fn a_state_that_is_no_longer_valid_is_warmed_up_again() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let hooks = login(&site);
    let mut pool = started(builder(1, folder.path(), &hooks).build().unwrap()).await;
    faces(&pool, &site, 1).await;
    pool.close().await.unwrap();
    let file = folder.path().join("identity-001.json");
    let mut state = StorageState::read(&file).unwrap();
    state.cookies.clear();
    state.write(&file).unwrap();
    let pool = started(builder(1, folder.path(), &hooks).build().unwrap()).await;
    let faces = faces(&pool, &site, 1).await;
    assert_eq!(faces["identity-001"].0, "identity-001-1", "the second login");
    site.close().await;
}

#[tokio::test]
async fn a_login_that_a_browser_saved_is_taken_as_it_is() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let jar = CookieJar::new();
    jar.insert(Cookie::new("sid", "from-a-browser", "127.0.0.1")).unwrap();
    jar.storage_state()
        .write(folder.path().join("identity-001.json"))
        .unwrap();
    let hooks = login(&site);
    let pool = started(builder(1, folder.path(), &hooks).build().unwrap()).await;
    assert_eq!(faces(&pool, &site, 1).await["identity-001"].0, "from-a-browser");
    assert_eq!(hooks.count.load(SeqCst), 0);
    let state = pool.handle().storage_state("identity-001").await.unwrap();
    assert_eq!(state.cookies[0].value, "from-a-browser");
    site.close().await;
}

#[tokio::test]
async fn the_state_of_a_retired_identity_is_gone() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let hooks = login(&site);
    let mut pool = started(builder(1, folder.path(), &hooks).build().unwrap()).await;
    let first = faces(&pool, &site, 1).await;
    pool.handle().retire("identity-001").unwrap();
    let second = faces(&pool, &site, 1).await;
    assert_ne!(first["identity-001"].0, second["identity-001"].0);
    pool.close().await.unwrap();
    let pool = started(builder(1, folder.path(), &hooks).build().unwrap()).await;
    assert_eq!(faces(&pool, &site, 1).await, second, "the second one comes back");
    assert_eq!(pool.handle().stats()[0].generation, 2);
    site.close().await;
}

#[tokio::test]
async fn what_could_not_be_removed_of_a_retired_identity_is_not_its_successors() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let hooks = login(&site);
    let pool = started(builder(1, folder.path(), &hooks).build().unwrap()).await;
    let first = faces(&pool, &site, 1).await;
    let file = folder.path().join("identity-001.json");
    let left = std::fs::read(&file).unwrap();
    pool.handle().retire("identity-001").unwrap();
    let retired = async {
        while pool.handle().stats()[0].generation == 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, retired).await.expect("it is retired");
    std::fs::write(&file, left).unwrap();
    assert_ne!(faces(&pool, &site, 1).await["identity-001"].0, first["identity-001"].0);
    site.close().await;
}

#[tokio::test]
async fn a_session_that_was_given_keeps_its_login_in_a_pool_with_proxies() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let servers = proxies(1).await;
    let hooks = login(&site);
    let sid = async || {
        let own = HttpSession::builder().build().unwrap();
        let builder = builder(1, folder.path(), &hooks).session("alice", Box::new(own));
        let builder = builder.proxies(ProxyPool::new([url(&servers[0])]).unwrap());
        let mut pool = started(builder.build().unwrap()).await;
        let request = get(&site, "/cookies").with(PoolOptions::default().identity("alice"));
        let cookies: Value = fetch_ok(&pool, &request.unwrap()).await.json().unwrap();
        pool.close().await.unwrap();
        cookies["sid"].as_str().unwrap().to_owned()
    };
    let today = sid().await;
    assert_eq!(sid().await, today);
    assert_eq!(hooks.count.load(SeqCst), 1, "it logs in once");
    assert!(!folder.path().join("alice.generation-1.aside").exists());
    site.close().await;
}

#[tokio::test]
async fn proxies_that_only_their_passwords_tell_apart_and_a_directory_do_not_go_together() {
    let folder = tempfile::tempdir().unwrap();
    let proxies = ["http://user:hush-1@h:1", "http://user:hush-2@h:1"];
    let proxies = ProxyPool::new(proxies.map(|proxy| proxy.parse().unwrap())).unwrap();
    let pool = || SessionPool::builder().identities(2, make).proxies(proxies.clone());
    pool().build().unwrap();
    let error = pool().directory(folder.path()).build().unwrap_err().to_string();
    assert!(error.contains("http://h:1"), "{error}");
    assert!(!error.contains("user@") && !error.contains("hush"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_kind_without_state_and_a_directory_do_not_go_together() {
    let strings = Strings::new();
    let folder = tempfile::tempdir().unwrap();
    let pool = SessionPool::builder()
        .session("one", Box::new(strings.puppet()))
        .directory(folder.path());
    let pool = started(pool.build().unwrap()).await;
    let request = ask("shop.test").timeout(Duration::from_millis(600));
    let error = fetch(&pool, &request).await.unwrap_err().to_string();
    assert!(
        error.contains("does not support saving and loading its state"),
        "{error}"
    );
}
