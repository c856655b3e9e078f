//! Whose turn it is, and when.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use silkroute_core::RequestExt as _;
use silkroute_manager::SessionExt as _;
use silkroute_spider::{AutoThrottle, HostSettings, RobotsPolicy, Spider as _, Visit};
use tokio::time::Instant;

use crate::support::{Answer, Tester, Web, gaps};

#[tokio::test(start_paused = true)]
async fn e2_a_delay_spaces_the_requests_to_a_host() {
    let web = Web::new(|_, _| Answer::page(&[]).after(2_000));
    let starts: Vec<_> = (0..8).map(|n| format!("http://a.test/{n}")).collect();
    let starts: Vec<_> = starts.iter().map(String::as_str).collect();
    let spider = Tester::new(&web, &starts).set(|s| s.concurrency(16).download_delay(Duration::from_millis(300)));
    spider.crawl().run().await.unwrap();
    assert_eq!(gaps(&web.hits()), [300; 7]);
}

#[tokio::test(start_paused = true)]
async fn e3_a_slow_host_holds_no_place_that_another_could_use() {
    let web = Web::new(|url, _| Answer::page(&[]).after(if url.contains("slow") { 3_000 } else { 100 }));
    let slow = (0..6).map(|n| format!("http://slow.test/{n}"));
    let fast = (0..4).map(|n| format!("http://fast.test/{n}"));
    let starts: Vec<_> = slow.chain(fast).collect();
    let starts: Vec<_> = starts.iter().map(String::as_str).collect();
    let mut spider = Tester::new(&web, &[]).set(|s| s.concurrency(4).host_concurrency(1));
    spider.starts = vec!["http://begin.test/".into()];
    let links: Vec<String> = starts.iter().map(|&url| url.to_owned()).collect();
    let spider = spider.parsing(move |page, out| {
        let links = links.clone();
        Box::pin(async move {
            if page.depth() == 0 {
                for link in &links {
                    out.visit(page.follow(link)?).await?;
                }
            }
            Ok(())
        })
    });
    let begun = Instant::now();
    spider.crawl().run().await.unwrap();
    let fast: Vec<_> = web.hits().into_iter().filter(|hit| hit.url.contains("fast")).collect();
    let last = fast.last().unwrap().at - begun;
    assert!(
        last < Duration::from_millis(600),
        "the last of the fast ones went after {last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn concurrency_holds_in_total_for_a_host_and_for_a_session() {
    let peak = |change: fn(silkroute_spider::Settings) -> silkroute_spider::Settings, places: Option<usize>| async move {
        let web = Web::new(|_, _| Answer::page(&[]).after(100));
        let starts: Vec<_> = (0..40).map(|n| format!("http://a.test/{n}")).collect();
        let starts: Vec<_> = starts.iter().map(String::as_str).collect();
        let mut spider = Tester::new(&web, &starts).set(change);
        let fetching = web.clone();
        spider.configure = Some(Box::new(move |sessions| {
            let mut session = fetching.session("http");
            session.places = places;
            sessions.add("http", session)?;
            Ok(())
        }));
        assert_eq!(spider.crawl().run().await.unwrap().stats.pages, 40);
        web.peak.load(SeqCst)
    };
    assert_eq!(peak(|s| s.concurrency(7), None).await, 7);
    assert_eq!(peak(|s| s.host_concurrency(3), None).await, 3);
    let own = |s: silkroute_spider::Settings| s.host("a.test", HostSettings::new().concurrency(4));
    assert_eq!(peak(own, None).await, 4);
    assert_eq!(
        peak(
            |s| s.host_concurrency(2).host("test", HostSettings::new().concurrency(4)),
            None
        )
        .await,
        4
    );
    assert_eq!(peak(|s| s.session_concurrency("http", 2), None).await, 2);
    assert_eq!(peak(|s| s, Some(5)).await, 5);
}

#[tokio::test(start_paused = true)]
async fn what_an_entry_bounds_a_session_by_keeps_requests_from_waiting_in_it_past_their_time() {
    let web = Web::new(|_, _| Answer::page(&[]).after(5_000));
    let starts: Vec<_> = (0..20).map(|n| format!("http://a.test/{n}")).collect();
    let starts: Vec<_> = starts.iter().map(String::as_str).collect();
    let mut spider = Tester::new(&web, &starts).set(|s| s.concurrency(16));
    let fetching = web.clone();
    spider.configure = Some(Box::new(move |sessions| {
        let one = std::num::NonZeroUsize::MIN;
        sessions.add("http", fetching.session("http").max_concurrency(one))?;
        Ok(())
    }));
    let stats = spider.crawl().run().await.unwrap().stats;
    assert_eq!((stats.pages, stats.failed, stats.retries), (20, 0, 0));
    assert_eq!(web.peak.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_session_leaves_the_places_to_the_others() {
    let web = Web::new(|url, _| Answer::page(&[]).after(if url.contains("/tab") { 1_000 } else { 10 }));
    let mut spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.concurrency(4));
    let fetching = web.clone();
    spider.configure = Some(Box::new(move |sessions| {
        let mut browser = fetching.session("browser");
        browser.places = Some(1);
        sessions
            .add("http", fetching.session("http"))?
            .add("browser", browser)?;
        Ok(())
    }));
    let spider = spider.parsing(|page, out| {
        Box::pin(async move {
            if page.depth() == 0 {
                for n in 0..10 {
                    out.visit(page.follow(&format!("/tab{n}"))?.session("browser")).await?;
                }
                for n in 0..10 {
                    out.visit(page.follow(&format!("/plain{n}"))?).await?;
                }
            }
            Ok(())
        })
    });
    let begun = Instant::now();
    spider.crawl().run().await.unwrap();
    let plain: Vec<_> = web.hits().into_iter().filter(|hit| hit.session == "http").collect();
    assert_eq!(plain.len(), 11);
    assert!(plain[10].at - begun < Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn the_throttle_follows_the_latency() {
    let web = Web::new(|_, _| Answer::page(&[]).after(400));
    let starts: Vec<_> = (0..40).map(|n| format!("http://a.test/{n}")).collect();
    let starts: Vec<_> = starts.iter().map(String::as_str).collect();
    let throttle = AutoThrottle::default()
        .start_delay(Duration::from_secs(5))
        .target_concurrency(2.0);
    let crawl = Tester::new(&web, &starts)
        .crawl()
        .throttle(throttle)
        .run()
        .await
        .unwrap();
    let gaps = gaps(&web.hits());
    assert!(
        gaps[0] >= 2_000 && gaps.windows(2).all(|pair| pair[1] <= pair[0]),
        "{gaps:?}"
    );
    assert!((200..205).contains(gaps.last().unwrap()), "{gaps:?}");
    assert!(crawl.stats.throttle_delays["http://a.test"] < Duration::from_millis(205));
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_its_host_and_no_other() {
    let web = Web::new(|url, nth| {
        if url == "http://a.test/" && nth == 0 {
            return Answer::status(429).header("retry-after", "30");
        }
        Answer::page(&[])
    });
    let mut spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.concurrency(1));
    spider.starts.extend((0..3).map(|n| format!("http://a.test/{n}")));
    spider.starts.extend((0..3).map(|n| format!("http://b.test/{n}")));
    let begun = Instant::now();
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.stats.pages, crawl.stats.blocked, crawl.stats.retries), (7, 1, 1));
    for hit in web.hits().iter().skip(1) {
        let waited = (hit.at - begun).as_secs();
        assert_eq!(waited >= 30, hit.url.contains("a.test"), "{} after {waited} s", hit.url);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_longest_wait_gives_the_request_up() {
    let web = Web::new(|_, _| Answer::status(503).header("retry-after", "86400"));
    let begun = Instant::now();
    let crawl = Tester::new(&web, &["http://a.test/"]).crawl().run().await.unwrap();
    assert_eq!((crawl.stats.gave_up_blocked, web.hits().len()), (1, 1));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_endless_stream_of_starts_is_taken_as_there_is_room() {
    let web = Web::new(|_, _| Answer::page(&["/child"]).after(100));
    let mut spider = Tester::new(&web, &[]).set(|s| s.concurrency(4).max_pages(200));
    spider.endless = true;
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.stats.pages, 200);
    assert!(crawl.stats.duplicates > 150);
}

#[tokio::test(start_paused = true)]
async fn latency_alone_decides_how_long_a_crawl_takes() {
    let web = Web::new(|_, _| Answer::page(&[]).after(50));
    let mut spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.concurrency(64));
    spider.starts = (0..640).map(|n| format!("http://a.test/{n}")).collect();
    let begun = Instant::now();
    spider.crawl().run().await.unwrap();
    let took = begun.elapsed();
    assert!(took <= Duration::from_millis(560), "{took:?} for ten rounds of 50 ms");
}

#[tokio::test(start_paused = true)]
async fn a_higher_priority_goes_first() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let spider = Tester::new(&web, &["http://a.test/"])
        .set(|s| s.concurrency(1))
        .parsing(|page, out| {
            Box::pin(async move {
                if page.depth() == 0 {
                    for (n, priority) in [0, 5, -1, 5, 9].into_iter().enumerate() {
                        let host = if n % 2 == 0 { "a" } else { "b" };
                        out.visit(Visit::get(&format!("http://{host}.test/{n}"))?.priority(priority))
                            .await?;
                    }
                }
                Ok(())
            })
        });
    spider.crawl().run().await.unwrap();
    let order: String = web.urls().iter().skip(1).filter_map(|url| url.chars().last()).collect();
    assert_eq!(order, "41302");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_keeps_to_longer_delays_that_the_crawl_or_a_host_asks_for() {
    let web = Web::new(|url, _| {
        if url.ends_with("/robots.txt") {
            return Answer::page(&["User-agent: *", "Crawl-delay: 120"]);
        }
        Answer::page(&[]).after(100)
    });
    let starts: Vec<_> = (0..4).map(|n| format!("http://a.test/{n}")).collect();
    let starts: Vec<_> = starts.iter().map(String::as_str).collect();
    let throttled = || Tester::new(&web, &starts).set(|s| s.throttle(AutoThrottle::default()));
    let own = throttled().set(|s| s.download_delay(Duration::from_secs(90)));
    own.crawl().run().await.unwrap();
    let asked = throttled().set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
    asked.crawl().run().await.unwrap();
    let mut hits = web.hits();
    hits.retain(|hit| !hit.url.ends_with("/robots.txt"));
    assert_eq!(gaps(&hits[..4]), [90_000; 3]);
    assert_eq!(gaps(&hits[4..]), [120_000; 3]);
}

/// The gaps between the requests to each of these hosts, which get four each.
async fn gaps_by_host<const N: usize>(
    hosts: [&str; N],
    change: impl Fn(silkroute_spider::CrawlBuilder<Tester>) -> silkroute_spider::CrawlBuilder<Tester>,
) -> [Vec<u64>; N] {
    let web = Web::new(|url, _| {
        if url.ends_with("/robots.txt") {
            return Answer::page(&["User-agent: *", "Crawl-delay: 2"]);
        }
        Answer::page(&[]).after(100)
    });
    let mut spider = Tester::new(&web, &[]);
    spider.starts = (0..4)
        .flat_map(|n| hosts.map(|host| format!("http://{host}/{n}")))
        .collect();
    change(spider.crawl()).run().await.unwrap();
    hosts.map(|host| {
        let mut hits = web.hits();
        hits.retain(|hit| hit.url.contains(&format!("/{host}/")) && !hit.url.ends_with("/robots.txt"));
        gaps(&hits)
    })
}

#[tokio::test(start_paused = true)]
async fn a_host_has_a_delay_of_its_own() {
    let second = Duration::from_secs(1);
    let hosts = ["shop.test", "api.shop.test:8080", "cdn.shop.test", "other.test"];
    let found = gaps_by_host(hosts, |crawl| {
        crawl
            .download_delay(second)
            .host("shop.test", HostSettings::new().download_delay(3 * second))
            .host("cdn.shop.test", HostSettings::new().download_delay(second / 2))
    })
    .await;
    assert_eq!(found, [[3_000; 3], [3_000; 3], [500; 3], [1_000; 3]]);
}

#[tokio::test(start_paused = true)]
async fn the_delay_of_a_host_bounds_its_throttle_and_does_not_undercut_its_robots_txt() {
    let set = |seconds| HostSettings::new().download_delay(Duration::from_secs(seconds));
    let found = gaps_by_host(["hasty.test", "slow.test"], |crawl| {
        let hosts = crawl.host("hasty.test", set(0)).host("slow.test", set(7));
        hosts.robots(RobotsPolicy::obey_as_anyone())
    })
    .await;
    assert_eq!(found, [[2_000; 3], [7_000; 3]]);
    let found = gaps_by_host(["slow.test", "other.test"], |crawl| {
        let throttle = AutoThrottle::default().start_delay(Duration::from_secs(3));
        crawl.host("slow.test", set(2)).throttle(throttle)
    })
    .await;
    assert_eq!(found[0], [3_000, 2_000, 2_000], "it goes down to what was set");
    assert!(found[1][2] < 2_000, "{found:?}");
}
