//! Proxies: HTTP, CONNECT and SOCKS5, one or many, never bypassed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_core::{Error, FetchErrorKind, Proxy, ProxyPool, RequestExt, Retry, Rotation};
use silkroute_session_http::{HttpConfig, HttpOptions, HttpSession};
use silkroute_testkit::site::{ProxyMode, ProxyOptions, ProxyProtocol, ProxyServer};
use support::{fetch_error, fetch_ok, get, session, site};

fn proxy(url: url::Url) -> Proxy {
    url.as_str().parse().unwrap()
}

#[tokio::test]
async fn every_kind_of_proxy_is_spoken_to_with_credentials() {
    let site = site().await;
    site.serve_host(site.proxy(), "public.example");
    let server = site.proxy();
    for (url, plain, tunnel) in [
        (server.url_http(), ProxyProtocol::Http, ProxyProtocol::Connect),
        (server.url_socks5h(), ProxyProtocol::Socks5, ProxyProtocol::Socks5),
    ] {
        let proxy = proxy(url);
        for by_request in [false, true] {
            let session = session(&site, |builder| {
                if by_request {
                    builder
                } else {
                    builder.proxy(proxy.clone())
                }
            })
            .await;
            for (url, protocol) in [
                ("http://public.example/echo", plain),
                ("https://public.example/echo", tunnel),
            ] {
                server.clear();
                let mut request = get(url);
                if by_request {
                    request = request.proxy(proxy.url().as_str()).unwrap();
                }
                let response = fetch_ok(&session, &request).await;
                assert_eq!(response.proxy(), Some(proxy.label().as_str()));
                assert!(response.meta().is_empty());
                let entry = &server.log()[0];
                assert_eq!(
                    (entry.protocol, entry.authorized, entry.user.as_deref()),
                    (protocol, true, Some("user"))
                );
                let seen = site.requests().pop().unwrap();
                assert_eq!(seen.header("proxy-authorization"), None, "the site must not see it");
                assert!(!format!("{response:?} {session:?}").contains("pass"));
            }
        }
    }
    site.close().await;
}

#[tokio::test]
async fn socks5_resolves_on_this_side() {
    let site = site().await;
    let session = session(&site, |builder| {
        let address = format!("127.0.0.1:{}", site.http_url("/").port().unwrap())
            .parse()
            .unwrap();
        builder
            .proxy(proxy(site.proxy().url_socks5()))
            .resolve("here.test", address)
    })
    .await;
    let url = format!("http://here.test:{}/echo", site.http_url("/").port().unwrap());
    fetch_ok(&session, &get(url)).await;
    assert!(
        site.proxy().log()[0].target.starts_with("127.0.0.1:"),
        "{:?}",
        site.proxy().log()
    );
    site.close().await;
}

#[tokio::test]
async fn wrong_credentials_are_told_without_showing_them() {
    let site = site().await;
    site.serve_host(site.proxy(), "public.example");
    for url in [site.proxy().url_http(), site.proxy().url_socks5h()] {
        let wrong = proxy(url).with_credentials("user", "hush-hush");
        let session = session(&site, |builder| builder.proxy(wrong).retry(Retry::none())).await;
        let error = fetch_error(&session, &get("https://public.example/")).await;
        assert_eq!(error.kind(), FetchErrorKind::Proxy, "{error}");
        let all = format!(
            "{error} {error:?} {:?}",
            std::error::Error::source(&error).map(ToString::to_string)
        );
        assert!(!all.contains("hush"), "{all}");
        assert!(all.contains("credentials") && all.contains("127.0.0.1"), "{all}");
    }
    // A plain request through an HTTP proxy gets the proxy's own answer: that is a response.
    let wrong = proxy(site.proxy().url_http()).with_credentials("user", "hush-hush");
    let session = session(&site, |builder| builder.proxy(wrong)).await;
    assert_eq!(fetch_ok(&session, &get("http://public.example/")).await.status(), 407);
    site.close().await;
}

#[tokio::test]
async fn a_proxy_that_is_down_is_an_error_and_never_bypassed() {
    let site = site().await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let proxy: Proxy = format!("{scheme}://user:hush@{address}").parse().unwrap();
        let session = session(&site, |builder| builder.proxy(proxy).retry(Retry::none())).await;
        for url in [site.http_url("/echo"), site.https_url("/echo")] {
            let error = fetch_error(&session, &get(&url)).await;
            assert_eq!(error.kind(), FetchErrorKind::Proxy, "{scheme} {url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
    }
    assert!(site.requests().is_empty());
    for (mode, kind) in [
        (ProxyMode::Failing, FetchErrorKind::Connect),
        (ProxyMode::Dropping, FetchErrorKind::Proxy),
    ] {
        site.proxy().set_mode(mode);
        let session = session(&site, |builder| {
            builder.proxy(proxy(site.proxy().url_http())).retry(Retry::none())
        })
        .await;
        assert_eq!(
            fetch_error(&session, &get(site.https_url("/echo"))).await.kind(),
            kind,
            "{mode:?}"
        );
    }
    assert!(site.requests().is_empty());
    site.close().await;
}

#[tokio::test]
async fn a_pool_goes_on_with_the_next_proxy_by_attempt() {
    let site = site().await;
    let good = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    let bad = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    bad.set_mode(ProxyMode::Dropping);
    let pool = ProxyPool::new([proxy(bad.url_http()), proxy(good.url_http())]).unwrap();
    let retry = Retry::attempts(3).base(Duration::from_millis(5));
    let session = session(&site, |builder| builder.proxy_pool(pool.clone()).retry(retry)).await;
    let response = fetch_ok(&session, &get(site.https_url("/echo"))).await;
    assert_eq!(response.attempts(), 2);
    assert_eq!(response.proxy(), Some(proxy(good.url_http()).label().as_str()));
    let health = pool.health();
    assert_eq!((health[0].failures, health[1].successes), (1, 1));
    // A request's own proxy goes before the pool.
    let response = fetch_ok(
        &session,
        &get(site.https_url("/echo")).proxy(good.url_http().as_str()).unwrap(),
    )
    .await;
    assert_eq!(response.attempts(), 1);
    site.close().await;
}

#[tokio::test]
async fn a_pool_learns_of_a_proxy_from_what_the_proxy_did_and_from_nothing_else() {
    let site = site().await;
    let server = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    let pool = ProxyPool::new([proxy(server.url_http())]).unwrap();
    let session = session(&site, |builder| builder.proxy_pool(pool.clone()).retry(Retry::none())).await;
    let counts = || {
        let health = pool.health().remove(0);
        (health.successes, health.failures, health.consecutive_failures)
    };
    server.set_mode(ProxyMode::Stalling);
    // Of this request alone: the others may be slow.
    let soon = HttpOptions {
        connect_timeout: Some(Duration::from_millis(300)),
        ..HttpOptions::default()
    };
    let error = fetch_error(&session, &get(site.https_url("/echo")).with(soon).unwrap()).await;
    assert_eq!(error.kind(), FetchErrorKind::Proxy, "{error}");
    assert!(error.to_string().contains("connect_timeout"), "{error}");
    assert_eq!(counts(), (0, 1, 1));
    server.set_mode(ProxyMode::Working);
    // The site hangs up: that is no success of the proxy, which would make it good again, and no failure.
    let error = fetch_error(&session, &get(site.https_url("/drop"))).await;
    assert_eq!(error.kind(), FetchErrorKind::Protocol, "{error}");
    assert_eq!(counts(), (0, 1, 1));
    fetch_ok(&session, &get(site.https_url("/echo"))).await;
    assert_eq!(counts(), (1, 1, 0));
    site.close().await;
}

#[tokio::test]
async fn a_pool_learns_of_a_proxy_that_hangs_within_a_timeout_shorter_than_that_of_a_connection() {
    let site = site().await;
    let [bad, good] = [
        ProxyServer::start(ProxyOptions::default()).await.unwrap(),
        ProxyServer::start(ProxyOptions::default()).await.unwrap(),
    ];
    bad.set_mode(ProxyMode::Stalling);
    let timeout = Duration::from_secs(4);
    let pool = ProxyPool::new([proxy(bad.url_http())]).unwrap();
    let alone = session(&site, |builder| {
        builder.timeout(timeout).proxy_pool(pool.clone()).retry(Retry::none())
    })
    .await;
    let error = fetch_error(&alone, &get(site.https_url("/echo"))).await;
    assert_eq!(error.kind(), FetchErrorKind::Proxy, "{error}");
    assert_eq!(pool.health()[0].failures, 1);
    // There is time left for another.
    let pool = ProxyPool::new([proxy(bad.url_http()), proxy(good.url_http())]).unwrap();
    let both = session(&site, |builder| builder.timeout(timeout * 3).proxy_pool(pool.clone())).await;
    let response = fetch_ok(&both, &get(site.https_url("/echo"))).await;
    assert_eq!((response.attempts(), pool.health()[0].failures), (2, 1));
    site.close().await;
}

#[tokio::test]
async fn a_site_that_is_down_costs_a_proxy_nothing() {
    let site = site().await;
    let (_socket, closed) = support::refusing();
    let url = format!("https://{closed}/");
    let server = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    for proxy in [server.url_http(), server.url_socks5(), server.url_socks5h()].map(proxy) {
        let pool = ProxyPool::new([proxy.clone()]).unwrap();
        let session = session(&site, |builder| builder.proxy_pool(pool.clone()).retry(Retry::none())).await;
        let error = fetch_error(&session, &get(&url)).await;
        assert_eq!(error.kind(), FetchErrorKind::Connect, "{proxy}: {error}");
        assert!(
            error.to_string().contains("the proxy got no connection to `127.0.0.1`"),
            "{error}"
        );
        let health = pool.health().remove(0);
        assert_eq!((health.successes, health.failures), (0, 0), "{proxy}: {error}");
    }
    let pool = ProxyPool::new([proxy(server.url_socks5())]).unwrap();
    let session = session(&site, |builder| builder.proxy_pool(pool.clone()).retry(Retry::none())).await;
    let error = fetch_error(&session, &get("https://nowhere.invalid/")).await;
    assert_eq!(error.kind(), FetchErrorKind::Dns, "{error}");
    assert_eq!(pool.health()[0].failures, 0);
    site.close().await;
}

#[tokio::test]
async fn a_sticky_pool_goes_by_the_host() {
    let site = site().await;
    let servers = [
        ProxyServer::start(ProxyOptions::default()).await.unwrap(),
        ProxyServer::start(ProxyOptions::default()).await.unwrap(),
    ];
    let pool = ProxyPool::new(servers.iter().map(|server| proxy(server.url_http())))
        .unwrap()
        .rotation(Rotation::Sticky);
    let session = session(&site, |builder| builder.proxy_pool(pool)).await;
    let mut used = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let response = fetch_ok(&session, &get(site.http_url("/echo"))).await;
        used.insert(response.proxy().map(str::to_owned));
    }
    assert_eq!(used.len(), 1);
    site.close().await;
}

#[tokio::test]
async fn one_proxy_and_a_pool_are_a_contradiction() {
    let one: Proxy = "http://a.test:1".parse().unwrap();
    let pool = ProxyPool::new(["http://b.test:2".parse().unwrap()]).unwrap();
    let error = HttpSession::builder()
        .proxy(one.clone())
        .proxy_pool(pool.clone())
        .build()
        .unwrap_err();
    assert!(
        matches!(error, Error::Config { .. }) && error.to_string().contains("proxy_pool"),
        "{error}"
    );
    let mut config = HttpConfig::default();
    (config.proxy, config.proxy_pool) = (Some(one), Some(pool));
    assert!(HttpSession::from_config(config).is_err());
}
