//! Beginning and end: nothing of a site outlives it.

use std::net::TcpStream;
use std::time::Duration;

use silkroute_testkit::site::TestSite;

use crate::browser::LONG;
use crate::client::{client, status};

fn ports(site: &TestSite) -> Vec<u16> {
    let urls = [site.http_url("/"), site.https_url("/"), site.mtls_url("/")];
    let proxy = [site.proxy().http_addr().port(), site.proxy().socks5_addr().port()];
    urls.iter().filter_map(url::Url::port).chain(proxy).collect()
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[tokio::test]
async fn close_leaves_no_port_no_connection_and_no_file() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let ports = ports(&site);
    let stalled = tokio::spawn(client.get(site.https_url("/stall")).send());
    site.wait_until(|site| site.in_flight() == 1, LONG).await.unwrap();
    assert!(ports.iter().all(|port| is_open(*port)));
    let ca_path = site.ca_path().to_owned();
    assert_eq!(std::fs::read_to_string(&ca_path).unwrap(), site.ca_pem());
    site.close().await;
    assert!(ports.iter().all(|port| !is_open(*port)));
    assert!(stalled.await.unwrap().is_err());
    assert!(!ca_path.exists());
}

#[tokio::test]
async fn a_dropped_site_frees_its_ports() {
    let site = TestSite::start().await.unwrap();
    let ports = ports(&site);
    drop(site);
    let freed = async {
        while ports.iter().any(|port| is_open(*port)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, freed).await.unwrap();
}

#[tokio::test]
async fn fixed_ports_are_taken_and_given_back() {
    let first = TestSite::start().await.unwrap();
    let [http, https, mtls, ..] = ports(&first)[..] else {
        panic!("ports")
    };
    assert!(TestSite::builder().http_port(http).start().await.is_err());
    first.close().await;
    let again = TestSite::builder()
        .http_port(http)
        .https_port(https)
        .mtls_port(mtls)
        .start()
        .await
        .unwrap();
    assert_eq!(ports(&again)[..3], [http, https, mtls]);
    assert_eq!(again.run_until(async { 7 }).await, 7);
    assert!(!is_open(http));
}

#[tokio::test]
async fn what_never_comes_is_an_error_in_time() {
    let site = TestSite::start().await.unwrap();
    let waited = site
        .wait_until(|site| site.requests().len() == 3, Duration::from_millis(20))
        .await;
    assert_eq!(waited.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    let client = client(&site);
    let fetches = async {
        for _ in 0..3 {
            status(&client, site.http_url("/empty")).await;
        }
    };
    let (waited, ()) = tokio::join!(site.wait_until(|site| site.requests().len() == 3, LONG), fetches);
    waited.unwrap();
}
