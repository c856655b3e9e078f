//! What statistics tell of proxies and caches, with real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::time::Duration;

use silkroute_core::{Proxy, ProxyPool, Retry, Session};
use silkroute_manager::SessionManager;
use silkroute_session_cache::CacheSession;
use silkroute_session_http::{HttpSession, HttpSessionBuilder};
use silkroute_spider::{Output, Page, Result, Settings, Spider, Stats};
use silkroute_testkit::site::{PROXY_PASSWORD, PROXY_USER, ProxyMode, ProxyOptions, ProxyServer, TestSite};

/// Fetches some pages, one after the other.
struct Pages(Vec<String>);

impl Spider for Pages {
    type Item = String;
    type Step = ();

    fn name(&self) -> &str {
        "pages"
    }

    fn start_urls(&self) -> Vec<String> {
        self.0.clone()
    }

    fn settings(&self) -> Settings {
        let retry = Retry::attempts(10).base(Duration::from_millis(1));
        Settings::default()
            .concurrency(1)
            .retry(retry.clone())
            .blocked_retry(retry)
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        out.item(page.url().to_string()).await?;
        Ok(())
    }
}

async fn crawl(site: &TestSite, paths: &[&str], session: impl Session) -> Stats {
    let sessions = SessionManager::new();
    sessions.add("http", session).unwrap();
    let urls = paths.iter().map(|path| site.http_url(path).into()).collect();
    let crawl = Pages(urls).crawl().sessions(&sessions).run().await.unwrap();
    sessions.close().await.unwrap();
    crawl.stats
}

fn once() -> HttpSessionBuilder {
    HttpSession::builder().retry(Retry::attempts(1))
}

#[tokio::test]
async fn each_proxy_has_its_requests_failures_and_blocks_and_no_credentials() {
    let site = TestSite::start().await.unwrap();
    let good: Proxy = site.proxy().url_http().as_str().parse().unwrap();
    let broken = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    broken.set_mode(ProxyMode::Dropping);
    let bad: Proxy = broken.url_http().as_str().parse().unwrap();
    let pool = ProxyPool::new([good.clone(), bad.clone()]).unwrap();
    let session = once().proxy_pool(pool).build().unwrap();
    let stats = crawl(&site, &["/page/10k?1", "/page/10k?2"], session).await;
    assert_eq!((stats.pages, stats.failed, stats.proxies.len()), (2, 0, 2), "{stats:?}");
    let (through, lost) = (&stats.proxies[&good.label()], &stats.proxies[&bad.label()]);
    assert_eq!((through.requests, through.failed, through.latency.count()), (2, 0, 2));
    assert!(through.bytes >= 20_480, "{through:?}");
    assert!(lost.requests >= 1 && lost.failed == lost.requests, "{lost:?}");
    assert_eq!(through.requests + lost.requests, stats.requests);

    let one = once().proxy(good.clone()).build().unwrap();
    let stats = crawl(&site, &["/status/403"], one).await;
    let through = &stats.proxies[&good.label()];
    assert_eq!((through.requests, through.blocked), (10, 10));
    let json = serde_json::to_string(&stats).unwrap();
    for secret in [
        PROXY_USER.to_owned() + ":",
        PROXY_PASSWORD.to_owned(),
        PROXY_PASSWORD.replace(' ', "%20"),
    ] {
        assert!(!json.contains(&secret), "{json}");
    }

    let direct = crawl(&site, &["/page/10k"], once().build().unwrap()).await;
    assert!(direct.proxies.is_empty() && direct.pages == 1, "{direct:?}");
    site.close().await;
}

#[tokio::test]
async fn a_proxy_that_hangs_has_its_failures_too() {
    let site = TestSite::start().await.unwrap();
    let silent = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    silent.set_mode(ProxyMode::Stalling);
    let proxy: Proxy = silent.url_http().as_str().parse().unwrap();
    let session = once().proxy(proxy.clone()).timeout(Duration::from_millis(100));
    let stats = crawl(&site, &["/page/10k"], session.build().unwrap()).await;
    let lost = &stats.proxies[&proxy.label()];
    assert_eq!((lost.requests, lost.failed, stats.pages), (10, 10, 0), "{stats:?}");
    site.close().await;
}

#[tokio::test]
async fn what_a_cache_had_is_told_from_what_was_fetched() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let cached = || {
        CacheSession::builder(once().build().unwrap(), folder.path())
            .build()
            .unwrap()
    };
    let first = crawl(&site, &["/page/10k?1", "/page/10k?2"], cached()).await;
    assert_eq!((first.cache_hits, first.cache_misses, first.pages), (0, 2, 2));
    let second = crawl(&site, &["/page/10k?1", "/page/10k?2", "/page/10k?3"], cached()).await;
    assert_eq!((second.cache_hits, second.cache_misses, second.pages), (2, 1, 3));
    assert_eq!(site.requests().len(), 3);
    let plain = crawl(&site, &["/page/10k?1"], once().build().unwrap()).await;
    assert_eq!((plain.cache_hits, plain.cache_misses), (0, 0));
    site.close().await;
}
