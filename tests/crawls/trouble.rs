//! What sites do to a crawl.

use std::sync::Arc;
use std::time::{Duration, Instant};

use silkroute::prelude::*;
use silkroute::spider::{FailureKind, RobotsPolicy};
use silkroute_testkit::site::TestSite;

use crate::support::{Found, Probe, all_gone, get, plain, site, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_are_followed_to_one_page_and_never_off_the_allowed_hosts() {
    let site = site().await;
    // By address and by name: two hosts to a crawl.
    let mut by_name = site.http_url("/json");
    by_name.set_host(Some("localhost")).unwrap();
    let away = get(site.http_url("/redirect-to")).query([("url", by_name.as_str())]);
    let starts = [
        get(site.http_url("/redirect/3")),
        get(site.http_url("/redirect/2")),
        away,
    ];
    let crawl = Probe::new(starts)
        .crawl()
        .concurrency(1)
        .allowed_hosts(["127.0.0.1"])
        .run()
        .await
        .unwrap();
    assert_eq!(crawl.stats.duplicates, 1, "both lead to the same page");
    assert_eq!(crawl.stats.offsite, 1, "{:?}", crawl.stats);
    assert_eq!((crawl.items.len(), crawl.stats.pages), (1, 1), "{:?}", crawl.items);
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_not_there_is_a_page_and_a_block_is_none() {
    let site = site().await;
    let paths = ["/shop/product/999", "/status/404", "/status/410", "/status/403"];
    let spider = Probe::new(paths.map(|path| get(site.http_url(path))));
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().blocked_retry(soon(3)).run().await.unwrap();
    let mut items = crawl.items;
    items.sort();
    assert_eq!(items, ["/shop/product/999 404", "/status/404 404", "/status/410 410"]);
    assert_eq!(site.requests_to("/status/403").len(), 3);
    let stats = crawl.stats;
    assert_eq!((stats.blocked, stats.gave_up_blocked, stats.retries), (3, 1, 2));
    assert_eq!((stats.status[&404], stats.status[&403]), (2, 3));
    assert_eq!(failures.lock().unwrap().len(), 1);
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_may_be_taken_to_another_session() {
    let site = site().await;
    let flaky = site.http_url("/flaky?times=1&key=crawl&how=503");
    let spider = Probe::new([get(&flaky)])
        .configure(|sessions| {
            sessions
                .add("fast", plain().build()?)?
                .add("careful", plain().impersonate("firefox").build()?.lazy())?;
            Ok(())
        })
        .retry_blocked(|visit| Some(visit.session("careful")))
        .parsing(|page| Ok(Found::item(page.response().session().unwrap_or_default())));
    let crawl = spider.crawl().blocked_retry(soon(2)).run().await.unwrap();
    assert_eq!(crawl.items, ["careful"]);
    assert_eq!(crawl.stats.sessions["fast"].blocked, 1);
    assert_eq!(crawl.stats.sessions["careful"].blocked, 0);
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_waited_for() {
    let site = site().await;
    let begun = Instant::now();
    let spider = Probe::new([get(site.http_url("/retry-after?seconds=1&times=1&key=crawl&status=429"))]);
    let crawl = spider.crawl().blocked_retry(soon(2)).run().await.unwrap();
    assert_eq!((crawl.stats.pages, crawl.stats.blocked), (1, 1));
    assert!(begun.elapsed() >= Duration::from_millis(950), "{:?}", begun.elapsed());
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_are_tried_again_by_the_crawl() {
    let site = site().await;
    let spider = Probe::new([
        get(site.http_url("/flaky?times=2&key=a&how=drop")),
        get(site.http_url("/flaky?times=2&key=b&how=reset")),
        get(site.http_url("/drop")),
    ]);
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().retry(soon(3)).run().await.unwrap();
    let stats = crawl.stats;
    assert_eq!((stats.pages, stats.failed, stats.retries), (2, 1, 6));
    let failures = failures.lock().unwrap().clone();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].0, FailureKind::Fetch);
    assert!(failures[0].1.contains("/drop"), "{failures:?}");
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn robots_txt_is_obeyed_and_asked_for_once() {
    let site = site().await;
    let paths = [
        "/private/",
        "/private/open",
        "/shop",
        "/shop/product/1",
        "/shop/product/2",
    ];
    let spider = Probe::new(paths.map(|path| get(site.http_url(path))));
    let crawl = spider.crawl().robots(RobotsPolicy::obey("MyBot")).run().await.unwrap();
    assert_eq!(site.requests_to("/robots.txt").len(), 1);
    assert!(site.requests_to("/private/").is_empty());
    assert_eq!((crawl.stats.robots_disallowed, crawl.stats.pages), (1, 4));

    let spider = Probe::new([get(site.http_url("/shop/product/3"))]);
    let crawl = spider.crawl().robots(RobotsPolicy::obey("badbot")).run().await.unwrap();
    assert_eq!((crawl.stats.robots_disallowed, crawl.stats.pages), (1, 0));
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_of_robots_txt_are_those_for_the_session_s_own_user_agent() {
    let site = site().await;
    for (agent, pages) in [
        (None, 1),
        (Some("badbot/1.0 (+http://bad.example/)"), 0),
        (Some("other/1.0"), 1),
    ] {
        site.clear();
        let spider = Probe::new([get(site.http_url("/shop"))]).configure(move |sessions| {
            let http = match agent {
                Some(agent) => plain().header("User-Agent", agent).build()?,
                None => plain().build()?,
            };
            sessions.add("http", http)?;
            Ok(())
        });
        let crawl = spider.crawl().robots(RobotsPolicy::default()).run().await.unwrap();
        assert_eq!(crawl.stats.pages, pages, "{agent:?}");
        if let Some(agent) = agent {
            assert_eq!(site.requests_to("/robots.txt")[0].header("user-agent"), Some(agent));
        }
    }
    let session = HttpSession::new();
    let manager = SessionManager::new();
    let user_agent = session.user_agent();
    manager.add("http", session).unwrap();
    manager.fetch(Fetch::from(site.http_url("/headers"))).await.unwrap();
    assert_eq!(
        site.requests_to("/headers")[0].header("user-agent"),
        user_agent.as_deref()
    );
    manager.close().await.unwrap();
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_delay_that_robots_txt_asks_for_is_kept() {
    let robots = "User-agent: *\nCrawl-delay: 0.3\n";
    let site = TestSite::builder().robots_txt(robots).start().await.unwrap();
    let begun = Instant::now();
    let spider = Probe::new((1..=4).map(|id| get(site.http_url(&format!("/shop/product/{id}")))));
    let crawl = spider
        .crawl()
        .robots(RobotsPolicy::obey_as_anyone())
        .run()
        .await
        .unwrap();
    assert_eq!(crawl.stats.pages, 4);
    assert!(begun.elapsed() >= Duration::from_millis(850), "{:?}", begun.elapsed());
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_host_keeps_no_place_from_a_fast_one() {
    let site = site().await;
    let ca = site.ca_pem().to_owned();
    // More than there are places; the third of them ends after six seconds at the earliest.
    let slow = (0..5).map(|n| get(site.http_url(&format!("/slow?ms=2000&n={n}"))));
    let fast = (1..=20).map(|id| get(site.https_url(&format!("/shop/product/{id}"))));
    let spider = Probe::new(slow.chain(fast)).configure(move |sessions| {
        sessions.add("http", plain().ca_certificate(ca.clone()).build()?)?;
        Ok(())
    });
    let crawl = spider.crawl().concurrency(4).host_concurrency(1).run().await.unwrap();
    assert_eq!(crawl.items.len(), 25);
    let last_fast = crawl.items.iter().rposition(|item| item.starts_with("/shop")).unwrap();
    let slow_before = crawl.items[..last_fast]
        .iter()
        .filter(|item| item.starts_with("/slow"))
        .count();
    assert!(
        slow_before <= 2,
        "{slow_before} slow pages came before the last fast one"
    );
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_trusted_fails_its_requests_and_says_why() {
    let site = site().await;
    let spider = Probe::new([get(site.https_url("/shop"))]);
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.stats.pages, crawl.stats.failed), (0, 1));
    let told = failures.lock().unwrap()[0].1.clone();
    assert!(told.contains("certificate"), "{told}");
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_in_urls_stay_out_of_failures() {
    let site = site().await;
    let mut url = site.http_url("/drop");
    url.set_username("me").unwrap();
    url.set_password(Some("hush")).unwrap();
    let spider = Probe::new([get(&url)]);
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().retry(Retry::none()).run().await.unwrap();
    assert_eq!(crawl.stats.failed, 1);
    let told = failures.lock().unwrap()[0].1.clone();
    assert!(told.contains("/drop") && !told.contains("hush"), "{told}");
    all_gone(site).await;
}
