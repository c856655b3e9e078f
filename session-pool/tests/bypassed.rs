//! A session that was made wrong, and goes out by something else than its identity's proxy, is found out and stopped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use silkroute_core::{CacheOutcome, FetchErrorKind, Proxy, ProxyPool, RequestExt as _, Session};
use silkroute_session_http::HttpSession;
use silkroute_session_pool::{MemberState, PoolOptions, SessionPool};
use silkroute_testkit::site::TestSite;
use support::puppet::Strings;
use support::{ask, fetch, fetch_ok, get, http, proxies, started, url, who};

#[tokio::test]
async fn a_session_that_goes_out_directly_is_an_error_and_sends_no_second_request() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(2).await;
    let folder = tempfile::tempdir().unwrap();
    let builder = SessionPool::builder()
        .identities(2, |member| {
            let _ = member.proxy();
            HttpSession::builder().build()
        })
        .proxies(ProxyPool::new(servers.iter().map(url)).unwrap())
        .max_usage(1)
        .directory(folder.path());
    let pool = started(builder.build().unwrap()).await;
    for (name, server) in ["identity-001", "identity-002"].iter().zip(&servers) {
        let named = get(&site, "/echo")
            .with(PoolOptions::default().identity(*name))
            .unwrap();
        let error = fetch(&pool, &named).await.unwrap_err();
        let told = error.as_fetch().unwrap();
        assert_eq!(
            (told.kind(), told.get("identity")),
            (FetchErrorKind::Proxy, Some(*name))
        );
        assert!(!error.is_retryable(), "{error}");
        let text = format!("{error} {error:?}");
        for said in [
            name,
            url(server).label().as_str(),
            "`http` session",
            "directly",
            "hand `member.proxy()`",
        ] {
            assert!(text.contains(said), "{said} is missing: {text}");
        }
        assert!(!text.contains("hush"), "{text}");
        // Nor does one that would come after it: the closure is the same.
        let error = fetch(&pool, &named).await.unwrap_err().to_string();
        assert!(
            error.contains("it did not go through its proxy") && error.contains("hand `member.proxy()`"),
            "{error}"
        );
        assert!(
            folder.path().join(format!("{name}.json")).is_file(),
            "its login is not to blame"
        );
    }
    assert_eq!(site.requests().len(), 2, "one each");
    let states = pool.handle().stats().into_iter().map(|member| member.state);
    assert!(states.into_iter().all(|state| state == MemberState::Gone));
    let health = pool.handle().proxies();
    assert!(
        health.iter().all(|proxy| proxy.successes + proxy.failures == 0),
        "{health:?}"
    );
    site.close().await;
}

#[tokio::test]
async fn a_session_with_another_identitys_proxy_is_found_out_and_the_others_serve() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(3).await;
    let wrong = url(&servers[1]);
    let builder = SessionPool::builder()
        .identities(3, move |member| match member.number() {
            1 => http(member).proxy(wrong.clone()).build(),
            _ => http(member).build(),
        })
        .proxies(ProxyPool::new(servers.iter().map(url)).unwrap());
    let pool = started(builder.build().unwrap()).await;
    let named = get(&site, "/echo")
        .with(PoolOptions::default().identity("identity-001"))
        .unwrap();
    let error = fetch(&pool, &named).await.unwrap_err().to_string();
    let (own, other) = (url(&servers[0]).label(), url(&servers[1]).label());
    assert!(
        error.contains(&format!("its proxy {own}")) && error.contains(&format!("through {other}")),
        "{error}"
    );
    for _ in 0..6 {
        assert_ne!(who(&*fetch_ok(&pool, &get(&site, "/echo")).await), "identity-001");
    }
    site.close().await;
}

/// A pool of one identity, whose session says what it went through.
async fn saying(through: Option<&'static str>, strings: &Arc<Strings>) -> SessionPool {
    let own: Proxy = "http://user:hush@proxy.test:3128".parse().unwrap();
    let builder = SessionPool::builder().identities(1, {
        let strings = Arc::clone(strings);
        move |member| {
            assert!(member.proxy().is_some());
            Ok(strings.puppet().through(through))
        }
    });
    started(builder.proxies(ProxyPool::new([own]).unwrap()).build().unwrap()).await
}

#[tokio::test]
async fn what_a_session_says_is_compared_without_credentials_and_never_shown_with_them() {
    for (through, goes) in [
        (Some("http://proxy.test:3128"), true),
        (Some("http://user:hush@proxy.test:3128"), true),
        (Some("http://user:hush@proxy.test:3129"), false),
        (Some("socks5://proxy.test:3128"), false),
        (Some("hush"), false),
        (None, false),
    ] {
        let pool = saying(through, &Strings::new()).await;
        match fetch(&pool, &ask("shop.test")).await {
            Ok(_) => assert!(goes, "{through:?}"),
            Err(error) => {
                assert!(!goes, "{through:?}: {error}");
                assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_cache_had_went_through_nothing_and_tells_nothing() {
    let strings = Strings::new();
    let pool = saying(None, &strings).await;
    *strings.cache.lock().unwrap() = Some(CacheOutcome::Hit);
    strings.status.store(403, SeqCst);
    for _ in 0..5 {
        assert_eq!(fetch_ok(&pool, &ask("shop.test")).await.status(), 403);
    }
    let handle = pool.handle();
    assert_eq!((handle.stats()[0].generation, handle.stats()[0].blocked), (1, 0));
    assert_eq!((handle.proxies()[0].successes, handle.proxies()[0].blocks), (0, 0));
    *strings.cache.lock().unwrap() = Some(CacheOutcome::Miss);
    fetch(&pool, &ask("shop.test")).await.unwrap_err();
}

#[tokio::test]
async fn a_session_that_was_given_and_a_pool_without_proxies_go_as_they_like() {
    let strings = Strings::new();
    let given: Box<dyn Session> = Box::new(strings.puppet());
    let with = SessionPool::builder()
        .session("alice", given)
        .proxies(ProxyPool::new(["h:1".parse().unwrap()]).unwrap());
    let own = Arc::clone(&strings);
    let without = SessionPool::builder().identities(1, move |_| Ok(own.puppet().through(Some("http://h:2"))));
    for builder in [with, without] {
        let pool = started(builder.build().unwrap()).await;
        fetch_ok(&pool, &ask("shop.test")).await;
    }
}
