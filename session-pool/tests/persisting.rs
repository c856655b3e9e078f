//! Identities come back: with their cookies, their proxy and their fingerprint, after a restart and after a crash.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use silkroute_core::cookies::StorageState;
use silkroute_core::{
    Cookie, CookieJar, Fetch, FetchError, FetchErrorKind, Proxy, ProxyPool, RequestExt as _, Result, Session,
    async_trait,
};
use silkroute_session_http::HttpSession;
use silkroute_session_pool::{Member, PoolHooks, PoolOptions, SessionPool, SessionPoolBuilder};
use silkroute_testkit::site::TestSite;
use support::{PATIENCE, fetch, fetch_ok, get, header, make, proxies, started, url, who};

/// Logs in, and counts how often.
struct Login {
    site: url::Url,
    count: AtomicUsize,
}

#[async_trait]
impl PoolHooks for Login {
    async fn warm_up(&self, session: &dyn Session, member: &Member) -> Result<()> {
        let count = self.count.fetch_add(1, SeqCst);
        let value = format!("{}-{count}", member.name());
        let url = self.site.join(&format!("/cookies/set?sid={value}&_path=/")).unwrap();
        session.fetch(&Fetch::from(url)).await.map(drop)
    }

    async fn is_valid(&self, session: &dyn Session, _: &Member) -> Result<bool> {
        let cookies: Value = session
            .fetch(&Fetch::from(self.site.join("/cookies").unwrap()))
            .await?
            .json()?;
        Ok(cookies.get("sid").is_some())
    }
}

fn login(site: &TestSite) -> Arc<Login> {
    Arc::new(Login {
        site: site.http_url("/"),
        count: AtomicUsize::new(0),
    })
}

fn builder(size: usize, directory: &Path, hooks: &Arc<Login>) -> SessionPoolBuilder {
    SessionPool::builder()
        .identities(size, make)
        .directory(directory)
        .hooks(Arc::clone(hooks))
}

/// What the site sees of each identity: its cookie and its browser.
async fn faces(pool: &SessionPool, site: &TestSite, size: usize) -> BTreeMap<String, (String, String)> {
    let mut faces = BTreeMap::new();
    for number in 1..=size {
        let name = format!("identity-{number:03}");
        let request = get(site, "/echo").with(PoolOptions::default().identity(&name)).unwrap();
        let response = fetch_ok(pool, &request).await;
        assert_eq!(who(&*response), name);
        let echo: Value = response.json().unwrap();
        let sid = echo["cookies"]["sid"].as_str().unwrap().to_owned();
        faces.insert(name, (sid, header(&echo, "user-agent").unwrap()));
    }
    faces
}

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

/// Has nobody logged in while so many starts are still to fail.
struct Clumsy(AtomicUsize);

#[async_trait]
impl PoolHooks for Clumsy {
    async fn warm_up(&self, _: &dyn Session, _: &Member) -> Result<()> {
        Ok(())
    }

    async fn is_valid(&self, _: &dyn Session, _: &Member) -> Result<bool> {
        Ok(self.0.load(SeqCst) == 0)
    }
}

#[tokio::test(start_paused = true)]
async fn starts_that_failed_before_one_that_did_not_are_not_held_against_an_identity_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let hooks = Arc::new(Clumsy(AtomicUsize::new(0)));
    let pool = SessionPool::builder()
        .identities(1, make)
        .directory(folder.path())
        .hooks(Arc::clone(&hooks));
    let mut pool = started(pool.build().unwrap()).await;
    let handle = pool.handle();
    let starts = async |failing: usize| {
        hooks.0.store(failing, SeqCst);
        while hooks.0.load(SeqCst) > 0 {
            handle.storage_state("identity-001").await.unwrap_err();
            hooks.0.fetch_sub(1, SeqCst);
            // Longer than it rests.
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
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
    let strings = support::puppet::Strings::new();
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

#[tokio::test]
async fn a_kind_without_state_and_a_directory_do_not_go_together() {
    let strings = support::puppet::Strings::new();
    let folder = tempfile::tempdir().unwrap();
    let pool = SessionPool::builder()
        .session("one", Box::new(strings.puppet()))
        .directory(folder.path());
    let pool = started(pool.build().unwrap()).await;
    let request = support::ask("shop.test").timeout(Duration::from_millis(600));
    let error = fetch(&pool, &request).await.unwrap_err().to_string();
    assert!(
        error.contains("does not support saving and loading its state"),
        "{error}"
    );
}
