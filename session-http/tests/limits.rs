//! What is bounded, and what is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use silkroute_core::{FetchErrorKind, RequestExt, Session};
use silkroute_session_http::HttpOptions;
use support::{PATIENCE, fetch_error, fetch_ok, get, session, site};
use tokio::task::JoinHandle;

/// Memory in use by this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap_or("VmRSS: 0 kB");
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_bomb_is_given_up_at_the_limit_and_the_error_names_it() {
    let site = site().await;
    // The site makes its bombs first, which takes it a while.
    let session = session(&site, |builder| builder.body_limit(1_000_000).timeout(PATIENCE)).await;
    for kind in ["gzip", "br", "zstd"] {
        let before = resident();
        let error = fetch_error(&session, &get(site.https_url(&format!("/bomb/{kind}?mb=256")))).await;
        assert_eq!(error.kind(), FetchErrorKind::BodyLimit, "{kind}: {error}");
        assert!(
            error.to_string().contains("1000000 bytes") && error.to_string().contains("body_limit"),
            "{error}"
        );
        assert!(!error.is_retryable());
        let grown = resident().saturating_sub(before);
        assert!(grown < 100_000_000, "{kind}: {grown} bytes more");
    }
    site.close().await;
}

#[tokio::test]
async fn the_limit_is_on_the_decompressed_body_and_a_request_may_move_it() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let with = |limit: u64| HttpOptions {
        body_limit: Some(limit),
        ..HttpOptions::default()
    };
    let request = |path: &str, limit| get(site.https_url(path)).with(with(limit)).unwrap();
    assert_eq!(
        fetch_ok(&session, &request("/bytes/1000", 1000)).await.body().len(),
        1000
    );
    for (path, limit) in [
        ("/bytes/1001", 1000),
        ("/compressed/gzip", 5),
        ("/slow-body?ms=1&chunks=9", 20),
    ] {
        let error = fetch_error(&session, &request(path, limit)).await;
        assert_eq!(error.kind(), FetchErrorKind::BodyLimit, "{error}");
    }
    let large = fetch_ok(&session, &get(site.https_url("/bomb/gzip?mb=40"))).await;
    assert_eq!(large.body().len(), 40 << 20, "40 MiB is below the usual 64");
    site.close().await;
}

#[tokio::test]
async fn all_compressions_are_understood() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    for name in ["identity", "gzip", "deflate", "br", "zstd"] {
        let response = fetch_ok(&session, &get(site.https_url(&format!("/compressed/{name}")))).await;
        assert_eq!(response.json::<serde_json::Value>().unwrap()["compressed"], name);
    }
    site.close().await;
}

#[tokio::test]
async fn idle_connections_are_bounded() {
    let site = site().await;
    let session = Arc::new(session(&site, |builder| builder.max_idle_per_origin(4)).await);
    let fetches = (0..32).map(|_| {
        let (session, request) = (Arc::clone(&session), get(site.http_url("/slow?ms=50")));
        tokio::spawn(async move { session.fetch(&request).await.map(|_| ()) })
    });
    for fetch in fetches.collect::<Vec<_>>() {
        fetch.await.unwrap().unwrap();
    }
    site.wait_until(|site| site.open_connections() <= 4, PATIENCE)
        .await
        .unwrap();
    site.close().await;
}

#[tokio::test]
async fn connections_are_kept_for_so_many_origins_and_no_more() {
    let site = site().await;
    let session = session(&site, |builder| builder.max_idle_origins(3)).await;
    for number in 0..12 {
        let mut url = site.https_url("/echo");
        url.set_host(Some(&format!("h{number}.test.localhost"))).unwrap();
        fetch_ok(&session, &get(url)).await;
    }
    site.wait_until(|site| site.open_connections() <= 3, PATIENCE)
        .await
        .unwrap();
    site.close().await;
}

#[tokio::test]
async fn idle_connections_end_after_their_time() {
    let site = site().await;
    let session = session(&site, |builder| builder.pool_idle_timeout(Duration::from_secs(3))).await;
    fetch_ok(&session, &get(site.http_url("/echo"))).await;
    assert_eq!(site.open_connections(), 1);
    site.wait_until(|site| site.open_connections() == 0, PATIENCE)
        .await
        .unwrap();
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_hidden_cap_on_concurrency() {
    const AT_ONCE: usize = 256;
    let site = site().await;
    for scheme in ["http", "https"] {
        let url = |path: &str| match scheme {
            "http" => site.http_url(path),
            _ => site.https_url(path),
        };
        let session = Arc::new(session(&site, |builder| builder).await);
        // Connects first, in portions: a listener's queue of 128 is no limit of ours.
        for at_once in [64, 128, 192, AT_ONCE] {
            for fetch in fetches(&session, &url("/slow?ms=300"), at_once) {
                fetch.await.unwrap();
            }
        }
        // None of these has its response before all of them have come.
        let all = fetches(&session, &url("/stall"), AT_ONCE);
        site.wait_until(|site| site.in_flight() == AT_ONCE, PATIENCE)
            .await
            .unwrap_or_else(|error| panic!("{scheme}: {} came: {error}", site.in_flight()));
        for fetch in &all {
            fetch.abort();
        }
        site.wait_until(|site| site.in_flight() == 0, PATIENCE).await.unwrap();
    }
    site.close().await;
}

fn fetches(session: &Arc<silkroute_session_http::HttpSession>, url: &url::Url, at_once: usize) -> Vec<JoinHandle<()>> {
    (0..at_once)
        .map(|_| {
            let (session, request) = (Arc::clone(session), get(url));
            tokio::spawn(async move { drop(session.fetch(&request).await.unwrap()) })
        })
        .collect()
}

#[tokio::test]
async fn tls_sessions_are_resumed() {
    let site = site().await;
    let session = session(&site, |builder| builder.pool_idle_timeout(Duration::from_millis(50))).await;
    fetch_ok(&session, &get(site.https_url("/echo"))).await;
    site.wait_until(|site| site.open_connections() == 0, PATIENCE)
        .await
        .unwrap();
    fetch_ok(&session, &get(site.https_url("/echo"))).await;
    let resumed: Vec<_> = site
        .requests()
        .iter()
        .map(|seen| seen.tls.as_ref().unwrap().pre_shared_key)
        .collect();
    assert_eq!(resumed, [false, true]);
    site.close().await;
}

#[tokio::test]
async fn sessions_that_come_and_go_leave_nothing_behind() {
    let site = site().await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut after_warm_up = 0;
    for round in 0..60 {
        let mut session = session(&site, |builder| builder).await;
        fetch_ok(&session, &get(site.http_url("/echo"))).await;
        fetch_ok(&session, &get(site.https_url("/redirect/1"))).await;
        if round % 2 == 0 {
            session.close().await.unwrap();
        }
        drop(session);
        if round == 9 {
            site.wait_until(|site| site.open_connections() == 0, PATIENCE)
                .await
                .unwrap();
            after_warm_up = alive();
        }
    }
    site.wait_until(|site| site.open_connections() == 0, PATIENCE)
        .await
        .unwrap();
    // Tasks end when they next run: they are given the turns they need, and no more time than a hang would take.
    let ended = async {
        while alive() > after_warm_up + 2 {
            tokio::task::yield_now().await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, ended).await.is_ok(),
        "{} tasks, {after_warm_up} before",
        alive()
    );
    site.close().await;
}
