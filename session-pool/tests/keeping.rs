//! What was saved of an identity is not lost where something fails: starts, the disk, a close, a proxy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use silkroute_core::cookies::StorageState;
use silkroute_core::{
    Cookie, CookieJar, FetchError, FetchErrorKind, ProxyPool, RequestExt as _, Result, Session, async_trait,
};
use silkroute_session_pool::{Member, PoolHooks, PoolOptions, SessionPool};
use silkroute_testkit::site::TestSite;
use support::login::{builder, faces, login};
use support::puppet::Strings;
use support::{fetch, fetch_ok, get, make, proxies, started, url};

/// Says what it is told of whether a session is logged in; nothing: the site is down.
#[derive(Default)]
struct Told(Mutex<Option<bool>>);

#[async_trait]
impl PoolHooks for Told {
    async fn is_valid(&self, _: &dyn Session, _: &Member) -> Result<bool> {
        let told = *self.0.lock().unwrap();
        told.ok_or_else(|| FetchError::new(FetchErrorKind::Connect, "the site is down").into())
    }
}

#[tokio::test(start_paused = true)]
async fn starts_that_failed_before_one_that_did_not_are_not_held_against_an_identity_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let hooks = Arc::new(Told::default());
    let pool = SessionPool::builder()
        .identities(1, make)
        .directory(folder.path())
        .hooks(Arc::clone(&hooks));
    let mut pool = started(pool.build().unwrap()).await;
    let handle = pool.handle();
    let starts = async |failing: usize| {
        *hooks.0.lock().unwrap() = Some(false);
        for _ in 0..failing {
            handle.storage_state("identity-001").await.unwrap_err();
            // Longer than it rests.
            tokio::time::sleep(Duration::from_secs(61)).await;
        }
        *hooks.0.lock().unwrap() = Some(true);
        handle.storage_state("identity-001").await.unwrap();
    };
    starts(2).await;
    pool.close().await.unwrap();
    pool.start().await.unwrap();
    starts(1).await;
    assert_eq!(
        handle.stats()[0].generation,
        1,
        "one start that failed does not cost it its place"
    );
    assert!(folder.path().join("identity-001.json").exists());
}

#[tokio::test(start_paused = true)]
async fn a_login_outlives_starts_that_fail_and_is_set_aside_when_it_is_not_valid() {
    let folder = tempfile::tempdir().unwrap();
    let (file, aside) = ["identity-001.json", "identity-001.generation-1.aside"]
        .map(|name| folder.path().join(name))
        .into();
    let jar = CookieJar::new();
    jar.insert(Cookie::new("sid", "by-hand", "127.0.0.1")).unwrap();
    jar.storage_state().write(&file).unwrap();
    let login = std::fs::read(&file).unwrap();
    let hooks = Arc::new(Told::default());
    let pool = SessionPool::builder()
        .identities(1, make)
        .directory(folder.path())
        .hooks(Arc::clone(&hooks));
    let pool = started(pool.build().unwrap()).await;
    let handle = pool.handle();
    let starts = async |count: usize| {
        for _ in 0..count {
            handle.storage_state("identity-001").await.unwrap_err();
            // Longer than it rests.
            tokio::time::sleep(Duration::from_secs(61)).await;
        }
    };
    starts(5).await;
    assert_eq!(handle.stats()[0].generation, 1);
    assert_eq!(std::fs::read(&file).unwrap(), login, "it is as it was put there");
    *hooks.0.lock().unwrap() = Some(false);
    starts(2).await;
    assert_eq!(std::fs::read(&file).unwrap(), login);
    starts(1).await;
    assert_eq!(handle.stats()[0].generation, 2);
    assert!(!file.exists());
    assert_eq!(std::fs::read(&aside).unwrap(), login, "it is kept");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_a_session_does_not_take_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identity-001.json");
    let login = r#"{"cookies": [{"name": "a;b", "value": "1", "domain": "shop.test"}]}"#;
    std::fs::write(&file, login).unwrap();
    let pool = SessionPool::builder().identities(1, make).directory(folder.path());
    let pool = started(pool.build().unwrap()).await;
    for _ in 0..4 {
        pool.handle().storage_state("identity-001").await.unwrap_err();
        tokio::time::sleep(Duration::from_secs(61)).await;
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), login);
}

#[tokio::test]
async fn an_identity_that_cannot_be_saved_works_and_is_saved_when_it_can() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let directory = folder.path().join("identities");
    let hooks = login(&site);
    let mut pool = started(builder(1, &directory, &hooks).build().unwrap()).await;
    std::fs::remove_dir(&directory).unwrap();
    faces(&pool, &site, 1).await;
    std::fs::create_dir(&directory).unwrap();
    pool.close().await.unwrap();
    assert!(directory.join("identity-001.json").exists());
    site.close().await;
}

#[tokio::test]
async fn a_close_that_is_given_up_has_saved_those_that_live() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let strings = Strings::new();
    strings.openings.forget_permits(usize::MAX >> 4);
    strings.closings.forget_permits(usize::MAX >> 4);
    let pool = SessionPool::builder()
        .named(["one"], make)
        .session("stuck", Box::new(strings.puppet()))
        .directory(folder.path());
    let mut pool = started(pool.build().unwrap()).await;
    let by = |name, path: &str| get(&site, path).with(PoolOptions::default().identity(name)).unwrap();
    fetch_ok(&pool, &by("one", "/empty")).await;
    fetch_ok(&pool, &by("one", "/cookies/set?basket=full&_path=/")).await;
    let stuck = by("stuck", "/empty");
    tokio::select! {
        _ = fetch(&pool, &stuck) => panic!("it cannot start"),
        () = strings.until_starting(1) => {}
    }
    let file = folder.path().join("one.json");
    let saved = async {
        loop {
            let cookies = StorageState::read(&file).unwrap().cookies;
            if cookies.iter().any(|cookie| cookie.name == "basket") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = pool.close() => panic!("one of them does not end before the others are saved"),
        () = saved => {}
    }
    site.close().await;
}

#[tokio::test]
async fn an_identity_whose_proxy_is_gone_does_not_come_back_through_another() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let servers = proxies(2).await;
    let hooks = login(&site);
    let build = |server| {
        let proxies = ProxyPool::new([url(server)]).unwrap();
        builder(1, folder.path(), &hooks).proxies(proxies).build().unwrap()
    };
    let mut pool = started(build(&servers[0])).await;
    let first = faces(&pool, &site, 1).await;
    pool.close().await.unwrap();
    let mut pool = started(build(&servers[1])).await;
    assert_ne!(faces(&pool, &site, 1).await["identity-001"].0, first["identity-001"].0);
    pool.close().await.unwrap();
    let aside = folder.path().join("identity-001.generation-1.aside");
    assert_eq!(
        StorageState::read(aside).unwrap().cookies[0].value,
        first["identity-001"].0,
        "it is kept"
    );
    site.close().await;
}

#[tokio::test]
async fn what_is_set_aside_does_not_take_the_place_of_what_was_before() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let servers = proxies(3).await;
    let hooks = login(&site);
    let mut sids = Vec::new();
    for server in &servers {
        let proxies = ProxyPool::new([url(server)]).unwrap();
        let pool = builder(1, folder.path(), &hooks).proxies(proxies).build();
        let mut pool = started(pool.unwrap()).await;
        sids.push(faces(&pool, &site, 1).await["identity-001"].0.clone());
        pool.close().await.unwrap();
    }
    for (name, sid) in ["generation-1.aside", "generation-1-2.aside"].into_iter().zip(&sids) {
        let aside = StorageState::read(folder.path().join(format!("identity-001.{name}"))).unwrap();
        assert_eq!(aside.cookies[0].value, *sid, "{name}");
    }
    site.close().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_its_file_and_left_alone() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("identity-001.json");
    for text in [
        "no JSON",
        r#"{"cookies": 3}"#,
        r#"{"silkroute": {"format": 7, "generation": 1, "seed": "0", "proxy": null, "requests": 0, "born": 0}}"#,
    ] {
        std::fs::write(&file, text).unwrap();
        let mut pool = builder(1, folder.path(), &login(&site)).build().unwrap();
        let error = pool.start().await.unwrap_err().to_string();
        assert!(error.contains("identity-001.json"), "{error}");
        assert!(!pool.is_alive());
        fetch(&pool, &get(&site, "/echo")).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
    site.close().await;
}
