//! Statuses, passing failures, slowness, broken connections and bytes that are no HTTP.

use std::time::{Duration, Instant};

use silkroute_testkit::site::TestSite;

use crate::client::{client, http1_client, json, status};

/// Half of what a stalled response holds out.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn statuses_are_given_as_asked() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    for code in [200, 204, 304, 404, 418, 500, 599, 999] {
        assert_eq!(status(&client, site.http_url(&format!("/status/{code}"))).await, code);
    }
    assert_eq!(status(&client, site.http_url("/status/many")).await, 400);
    assert_eq!(status(&client, site.http_url("/no/such/page")).await, 404);
}

#[tokio::test]
async fn passing_failures_pass() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let later = client
        .get(site.http_url("/retry-after?seconds=7&times=1&key=a"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            later.status().as_u16(),
            later.headers()["retry-after"].to_str().unwrap()
        ),
        (503, "7")
    );
    assert_eq!(
        status(&client, site.http_url("/retry-after?seconds=7&times=1&key=a")).await,
        200
    );
    let dated = client
        .get(site.http_url("/retry-after?seconds=3600&date=1&key=b"))
        .send()
        .await
        .unwrap();
    let date = httpdate::parse_http_date(dated.headers()["retry-after"].to_str().unwrap()).unwrap();
    assert!(date.duration_since(std::time::SystemTime::now()).unwrap() > Duration::from_secs(3000));

    for expected in [503, 503, 200, 200] {
        assert_eq!(status(&client, site.http_url("/flaky?times=2&key=a")).await, expected);
    }
    let http1 = http1_client(&site);
    assert!(
        http1
            .get(site.https_url("/flaky?times=1&key=b&how=reset"))
            .send()
            .await
            .is_err()
    );
    assert_eq!(
        status(&http1, site.https_url("/flaky?times=1&key=b&how=reset")).await,
        200
    );
    for count in 1..=3 {
        assert_eq!(json(&client, site.http_url("/count/visits")).await["count"], count);
    }
    site.clear();
    assert_eq!(json(&client, site.http_url("/count/visits")).await["count"], 1);
}

#[tokio::test]
async fn slow_responses_take_their_time() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    for path in ["/slow?ms=60", "/slow-body?ms=20&chunks=3", "/drip?ms=6&bytes=10"] {
        let start = Instant::now();
        let body = client
            .get(site.https_url(path))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert!(
            start.elapsed() >= Duration::from_millis(60) && !body.is_empty(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn stalled_responses_end_with_their_client() {
    let site = TestSite::start().await.unwrap();
    for client in [client(&site), http1_client(&site)] {
        let stalled = tokio::spawn(client.get(site.https_url("/stall")).send());
        site.wait_until(|site| site.in_flight() == 1, SOON).await.unwrap();
        stalled.abort();
        drop(client);
        site.wait_until(|site| site.in_flight() == 0 && site.open_connections() == 0, SOON)
            .await
            .unwrap();

        site.clear();
    }
    let client = client(&site);
    let mut half = client.get(site.http_url("/stall-body")).send().await.unwrap();
    assert_eq!(half.chunk().await.unwrap().unwrap(), "first half, ");
}

#[tokio::test]
async fn broken_connections_are_errors_over_both_protocols() {
    let site = TestSite::start().await.unwrap();
    for client in [client(&site), http1_client(&site)] {
        for path in [
            "/drop",
            "/reset",
            "/malformed/header",
            "/malformed/status",
            "/malformed/length",
        ] {
            let outcome = client.get(site.https_url(path)).send().await;
            assert!(outcome.is_err(), "{path}: {outcome:?}");
        }
        for path in ["/drop-body", "/malformed/chunk"] {
            let outcome = async { client.get(site.https_url(path)).send().await?.bytes().await };
            assert!(outcome.await.is_err(), "{path}");
        }
        assert_eq!(status(&client, site.https_url("/page/10k")).await, 200);
    }
    site.wait_until(|site| site.in_flight() == 0 && site.open_connections() == 0, SOON)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_dropped_connection_ends_and_a_reset_one_is_reset() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let site = TestSite::start().await.unwrap();
    let ask = async |path: &str| {
        let port = site.http_url("/").port().unwrap();
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.map(|_| bytes)
    };
    assert_eq!(ask("/drop").await.unwrap(), b"");
    assert_eq!(
        ask("/reset").await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
    let malformed = ask("/malformed/status").await.unwrap();
    assert!(malformed.starts_with(b"HTP/1.1 TWO HUNDRED"));
}

#[tokio::test]
async fn the_peak_of_requests_in_flight_is_kept() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let stalled: Vec<_> = (0..7)
        .map(|_| tokio::spawn(client.get(site.https_url("/stall")).send()))
        .collect();
    site.wait_until(|site| site.in_flight() == 7, SOON).await.unwrap();
    stalled.iter().for_each(tokio::task::JoinHandle::abort);
    site.wait_until(|site| site.in_flight() == 0, SOON).await.unwrap();
    assert_eq!((site.peak_in_flight(), site.requests_to("/stall").len()), (7, 7));
}
