//! Each identity goes through its own proxy, and never without.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join3;
use silkroute_core::{Error, Fetch, FetchErrorKind, Proxy, ProxyPool, RequestExt as _, Result};
use silkroute_session_http::{HttpOptions, HttpSession};
use silkroute_session_pool::{Member, MemberState, PoolOptions, SessionPool};
use silkroute_testkit::site::{ProxyMode, TestSite};
use support::puppet::Strings;
use support::{ask, fetch, fetch_ok, http, proxies, started, url, who};

/// Over TLS, where a proxy that fails can be told from a site that does.
fn https(site: &TestSite, path: &str) -> Fetch {
    Fetch::from(site.https_url(path))
}

fn make(member: &Member) -> Result<HttpSession> {
    http(member).verify(false).build()
}

async fn pool(size: usize, proxies: impl IntoIterator<Item = Proxy>) -> SessionPool {
    let proxies = ProxyPool::new(proxies)
        .unwrap()
        .cooldown(Duration::from_secs(60), Duration::from_secs(60))
        .max_failures(1.try_into().unwrap());
    started(
        SessionPool::builder()
            .identities(size, make)
            .proxies(proxies)
            .build()
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn a_proxy_that_fails_takes_its_identities_out_and_the_others_serve() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(3).await;
    let pool = pool(6, servers.iter().map(url)).await;
    servers[1].set_mode(ProxyMode::Dropping);
    let mut failed = 0;
    for _ in 0..30 {
        match fetch(&pool, &https(&site, "/echo")).await {
            Ok(response) => assert!(!["identity-002", "identity-005"].contains(&who(&*response).as_str())),
            Err(error) => {
                let told = error.as_fetch().unwrap();
                assert_eq!(told.kind(), FetchErrorKind::Proxy, "{error}");
                assert_eq!(told.get("identity"), Some("identity-002"), "{error}");
                failed += 1;
            }
        }
    }
    assert_eq!(failed, 1, "one request finds out");
    let states: Vec<_> = pool
        .handle()
        .stats()
        .iter()
        .map(|member| member.state == MemberState::Resting)
        .collect();
    assert_eq!(states, [false, true, false, false, true, false]);
    let health = pool.handle().proxies();
    assert!(health[1].cooling_for.is_some() && health[0].cooling_for.is_none());
    assert_eq!(site.requests().len(), 29, "nothing went around");
    site.close().await;
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_out_when_the_time_for_connecting_is_over() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(2).await;
    let all = ProxyPool::new(servers.iter().map(url))
        .unwrap()
        .max_failures(1.try_into().unwrap());
    let pool = started(SessionPool::builder().proxies(all).identities(2, make).build().unwrap()).await;
    servers[0].set_mode(ProxyMode::Stalling);
    // Of this request alone: the others may be slow.
    let soon = HttpOptions {
        connect_timeout: Some(Duration::from_millis(500)),
        ..HttpOptions::default()
    };
    let stalled = https(&site, "/echo").with(soon).unwrap();
    let error = fetch(&pool, &stalled).await.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Proxy, "{error}");
    for _ in 0..4 {
        assert_eq!(who(&*fetch_ok(&pool, &https(&site, "/echo")).await), "identity-002");
    }
    site.close().await;
}

#[tokio::test]
async fn when_all_proxies_are_out_the_request_fails_and_nothing_goes_out_directly() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(2).await;
    let pool = pool(2, servers.iter().map(url)).await;
    for server in &servers {
        server.set_mode(ProxyMode::Dropping);
    }
    for _ in 0..2 {
        fetch(&pool, &https(&site, "/echo")).await.unwrap_err();
    }
    let error = fetch(&pool, &https(&site, "/echo")).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("all identities") && text.contains("its proxy failed") && error.is_retryable(),
        "{text}"
    );
    assert!(!text.contains("hush"), "{text}");
    // One that names the identity fares no better.
    let named = https(&site, "/echo")
        .with(PoolOptions::default().identity("identity-001"))
        .unwrap();
    fetch(&pool, &named).await.unwrap_err();
    assert!(site.requests().is_empty(), "nothing reached the site");
    site.close().await;
}

#[tokio::test]
async fn a_request_waits_for_a_proxy_that_comes_back_in_time() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(1).await;
    let proxies = ProxyPool::new([url(&servers[0])])
        .unwrap()
        .cooldown(Duration::from_secs(5), Duration::from_secs(5))
        .max_failures(1.try_into().unwrap());
    let pool = started(
        SessionPool::builder()
            .identities(1, make)
            .proxies(proxies)
            .build()
            .unwrap(),
    )
    .await;
    servers[0].set_mode(ProxyMode::Dropping);
    fetch(&pool, &https(&site, "/echo")).await.unwrap_err();
    servers[0].set_mode(ProxyMode::Working);
    let response = fetch_ok(&pool, &https(&site, "/echo")).await;
    assert!(
        response.timing().queued > Duration::from_millis(200),
        "{:?}",
        response.timing()
    );
    site.close().await;
}

#[tokio::test]
async fn a_requests_proxy_is_that_of_an_identity_or_refused() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(3).await;
    let pool = pool(6, servers.iter().map(url)).await;
    for _ in 0..4 {
        let request = https(&site, "/echo").proxy(servers[2].url_http().as_str()).unwrap();
        let identity = who(&*fetch_ok(&pool, &request).await);
        assert!(
            ["identity-003", "identity-006"].contains(&identity.as_str()),
            "{identity}"
        );
    }
    // Tunnels that are there are used again.
    let logged = servers.iter().map(|server| server.log().len()).collect::<Vec<_>>();
    assert_eq!(logged, [0, 0, 2]);

    site.clear();
    let elsewhere = https(&site, "/echo").proxy(site.proxy().url_http().as_str()).unwrap();
    let error = fetch(&pool, &elsewhere).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let text = error.to_string();
    assert!(
        !text.contains("pass") && text.contains("add the proxy to the pool"),
        "{text}"
    );
    let of_another = https(&site, "/echo").proxy(servers[0].url_http().as_str()).unwrap();
    let of_another = of_another
        .with(PoolOptions::default().identity("identity-002"))
        .unwrap();
    let error = fetch(&pool, &of_another).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(site.requests().is_empty());
    site.close().await;
}

#[tokio::test]
async fn a_proxy_that_its_identity_has_left_is_told_as_such() {
    let strings = Strings::new();
    strings.hold();
    let proxies = ["http://a.test:1", "http://b.test:1"].map(|proxy| proxy.parse().unwrap());
    let pool = SessionPool::builder()
        .identities(1, {
            let strings = Arc::clone(&strings);
            move |member| Ok(strings.puppet().through(member.proxy()))
        })
        .places(1.try_into().unwrap())
        .proxies(ProxyPool::new(proxies).unwrap());
    let pool = started(pool.build().unwrap()).await;
    let through = |proxy: &str| ask("shop.test").proxy(proxy).unwrap();
    let moved = |error: Error| {
        let text = error.to_string();
        assert!(
            text.contains("now") && text.contains("leave the request's proxy out"),
            "{text}"
        );
        assert!(!text.contains("add the proxy") && !text.contains("closure"), "{text}");
    };
    moved(fetch(&pool, &through("http://b.test:1")).await.unwrap_err());
    // One fetches, one waits, and the identity is retired meanwhile: the next one has the other proxy.
    let request = through("http://a.test:1");
    let retire = async {
        strings.until_in_flight(1).await;
        pool.handle().retire("identity-001").unwrap();
        strings.answers.add_permits(1);
    };
    let (served, late, ()) = join3(fetch(&pool, &request), fetch(&pool, &request), retire).await;
    served.unwrap();
    moved(late.unwrap_err());
}

#[tokio::test]
async fn who_takes_a_place_gets_a_proxy_that_works() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(3).await;
    let pool = pool(3, servers.iter().map(url)).await;
    servers[0].set_mode(ProxyMode::Dropping);
    let one = https(&site, "/echo")
        .with(PoolOptions::default().identity("identity-001"))
        .unwrap();
    fetch(&pool, &one).await.unwrap_err();
    pool.handle().retire("identity-001").unwrap();
    fetch_ok(&pool, &one).await;
    let proxy = pool.handle().stats()[0].proxy.clone().unwrap();
    assert!(
        [url(&servers[1]).label(), url(&servers[2]).label()].contains(&proxy),
        "{proxy}"
    );
    site.close().await;
}
