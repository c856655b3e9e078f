//! The proxy: who gets through, where to, and what is written down.

use reqwest::{Client, Proxy};
use silkroute_testkit::site::{PROXY_USER, ProxyMode, ProxyOptions, ProxyProtocol, ProxyServer, TestSite};
use url::Url;

use crate::client::{builder, json, names, status};

fn through(site: &TestSite, proxy: Url) -> Client {
    builder(site).proxy(Proxy::all(proxy).unwrap()).build().unwrap()
}

#[tokio::test]
async fn the_right_credentials_open_every_way() {
    let site = TestSite::start().await.unwrap();
    let proxy = site.proxy();
    for (way, url, protocol) in [
        (proxy.url_http(), site.http_url("/echo"), ProxyProtocol::Http),
        (proxy.url_http(), site.https_url("/echo"), ProxyProtocol::Connect),
        (proxy.url_socks5(), site.http_url("/echo"), ProxyProtocol::Socks5),
        (proxy.url_socks5h(), site.https_url("/echo"), ProxyProtocol::Socks5),
    ] {
        proxy.clear();
        let echo = json(&through(&site, way), url.clone()).await;
        assert!(
            names(&echo)
                .iter()
                .all(|name| !name.to_ascii_lowercase().starts_with("proxy")),
            "{echo}"
        );
        let log = proxy.log();
        assert_eq!(log.len(), 1);
        assert_eq!(
            (log[0].protocol, log[0].authorized, log[0].user.as_deref()),
            (protocol, true, Some(PROXY_USER))
        );
        assert!(
            log[0].target.contains(&url.port().unwrap().to_string()),
            "{}",
            log[0].target
        );
    }
}

#[tokio::test]
async fn without_the_right_credentials_nothing_gets_through() {
    let site = TestSite::start().await.unwrap();
    let (http, socks5) = (site.proxy().http_addr(), site.proxy().socks5_addr());
    for user in ["", "user:wrong@", "other:pass%20word@"] {
        let by_http = through(&site, format!("http://{user}{http}").parse().unwrap());
        assert_eq!(status(&by_http, site.http_url("/echo")).await, 407);
        assert!(by_http.get(site.https_url("/echo")).send().await.is_err());
        let by_socks5 = through(&site, format!("socks5h://{user}{socks5}").parse().unwrap());
        assert!(by_socks5.get(site.http_url("/echo")).send().await.is_err());
    }
    assert!(site.requests().is_empty());
    let log = site.proxy().log();
    assert!(log.len() == 9 && log.iter().all(|entry| !entry.authorized), "{log:?}");
}

#[tokio::test]
async fn names_lead_to_the_site_over_both_schemes() {
    let site = TestSite::start().await.unwrap();
    for host in ["public.example", "other.example"] {
        site.serve_host(site.proxy(), host);
    }
    for way in [site.proxy().url_http(), site.proxy().url_socks5h()] {
        let client = through(&site, way);
        for url in [
            "http://public.example/echo",
            "https://public.example/echo",
            "https://other.example/echo",
        ] {
            let echo = json(&client, url.parse().unwrap()).await;
            assert_eq!(echo["host"], Url::parse(url).unwrap().host_str().unwrap());
        }
    }
    let client = through(&site, site.proxy().url_http());
    let moved = client.get("http://public.example/redirect/cross").send().await.unwrap();
    assert_eq!(moved.headers()["location"], "https://public.example/echo?from=cross");
    assert_eq!(status(&client, "http://unknown.example/".parse().unwrap()).await, 502);
    assert_eq!(status(&client, "http://192.0.2.1/".parse().unwrap()).await, 502);
}

#[tokio::test]
async fn an_open_proxy_and_one_in_trouble() {
    let site = TestSite::start().await.unwrap();
    let proxy = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    assert_eq!(
        status(&through(&site, proxy.url_http()), site.http_url("/echo")).await,
        200
    );
    assert_eq!(
        status(&through(&site, proxy.url_socks5()), site.https_url("/echo")).await,
        200
    );
    proxy.set_mode(ProxyMode::Failing);
    assert_eq!(
        status(&through(&site, proxy.url_http()), site.http_url("/echo")).await,
        502
    );
    assert!(
        through(&site, proxy.url_socks5())
            .get(site.http_url("/echo"))
            .send()
            .await
            .is_err()
    );
    proxy.set_mode(ProxyMode::Dropping);
    assert!(
        through(&site, proxy.url_http())
            .get(site.http_url("/echo"))
            .send()
            .await
            .is_err()
    );
    proxy.close().await;
}
