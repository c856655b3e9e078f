//! robots.txt.

use std::sync::Arc;
use std::time::Duration;

use silkroute_core::{RequestExt as _, Retry};
use silkroute_manager::SessionExt as _;
use silkroute_spider::{FailureKind, RobotsPolicy, Spider as _, Visit};

use crate::support::{Answer, Tester, Web, gaps};

fn text(robots: &str) -> Answer {
    Answer {
        body: robots.to_owned(),
        ..Answer::page(&[])
    }
}

fn site(robots: Answer) -> Web {
    Web::new(move |url, _| {
        if url.ends_with("/robots.txt") {
            return robots.clone().after(500);
        }
        match url {
            "http://a.test/" => Answer::page(&["/1", "/2", "/cart", "/cart/open"]),
            _ => Answer::page(&[]),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn e9_robots_txt_is_fetched_once_for_a_host_and_again_when_it_expires() {
    let web = Web::new(|url, nth| {
        if !url.ends_with("/robots.txt") {
            return Answer::page(&[]);
        }
        let robots = if nth == 0 {
            "user-agent: *\ncrawl-delay: 60"
        } else {
            "user-agent: *\ndisallow: /"
        };
        text(robots).after(300)
    });
    let starts: Vec<_> = (0..20).map(|n| format!("http://a.test/{n}")).collect();
    let starts: Vec<_> = starts.iter().map(String::as_str).collect();
    let policy = RobotsPolicy::obey_as_anyone().expires_after(Duration::from_secs(600));
    let spider = Tester::new(&web, &starts).set(|s| s.robots(policy));
    let crawl = spider.crawl().run().await.unwrap();
    let fetched = web.urls().iter().filter(|url| url.ends_with("/robots.txt")).count();
    assert_eq!(
        fetched, 2,
        "twenty requests at once share one, and after ten minutes there is another"
    );
    let pages: Vec<_> = web
        .hits()
        .into_iter()
        .filter(|hit| !hit.url.ends_with("/robots.txt"))
        .collect();
    assert!(gaps(&pages).iter().all(|gap| *gap == 60_000), "{:?}", gaps(&pages));
    assert_eq!(crawl.stats.pages, 10);
    assert_eq!(crawl.stats.robots_disallowed, 10);
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_centuries_holds_up_its_own_host_for_minutes_and_no_other() {
    let web = Web::new(|url, _| match url {
        "http://a.test/robots.txt" => text("user-agent: *\ncrawl-delay: 1e19"),
        "http://b.test/robots.txt" => Answer::status(404),
        _ => Answer::page(&[]),
    });
    let starts = [
        "http://a.test/1",
        "http://a.test/2",
        "http://b.test/1",
        "http://b.test/2",
    ];
    let spider = Tester::new(&web, &starts).set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.items, [starts[0], starts[2], starts[3], starts[1]]);
    let minutes = crawl.stats.elapsed.as_secs() / 60;
    assert_eq!(minutes, 5);
}

#[tokio::test(start_paused = true)]
async fn the_rules_are_those_of_the_agent() {
    let robots = "User-agent: *\nDisallow: /\nUser-agent: mybot\nDisallow: /cart\nAllow: /cart/open";
    let web = site(text(robots));
    let spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.robots(RobotsPolicy::obey("MyBot")));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.stats.pages, crawl.stats.robots_disallowed), (4, 1));
    let spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
    assert_eq!(spider.crawl().run().await.unwrap().stats.pages, 0);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_allows_everything() {
    let web = site(Answer::status(404));
    let spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
    assert_eq!(spider.crawl().run().await.unwrap().stats.pages, 5);
}

/// A site whose robots.txt fails like this so many times.
fn failing(robots: &Answer, times: usize) -> Web {
    let robots = robots.clone();
    Web::new(move |url, nth| match url {
        "http://a.test/robots.txt" if nth < times => robots.clone(),
        "http://a.test/robots.txt" => text("user-agent: *\ndisallow: /cart"),
        "http://a.test/" => Answer::page(&["/1", "/2", "/cart"]),
        _ => Answer::page(&[]),
    })
}

fn asked_for_robots(web: &Web) -> usize {
    web.urls().iter().filter(|url| url.ends_with("/robots.txt")).count()
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_is_asked_for_again_while_all_wait() {
    for robots in [Answer::status(503), Answer::refused()] {
        let web = failing(&robots, 2);
        let spider = Tester::new(&web, &["http://a.test/"]);
        let spider = spider.set(|s| s.retry(Retry::attempts(3)).robots(RobotsPolicy::obey_as_anyone()));
        let stats = spider.crawl().run().await.unwrap().stats;
        assert_eq!((stats.pages, stats.robots_disallowed, stats.failed), (3, 1, 0));
        assert_eq!(asked_for_robots(&web), 3);
        let hits = web.hits();
        let waited = gaps(&hits[..3]);
        assert!(waited.iter().all(|wait| *wait >= 250), "{waited:?}");
    }
    let asks_for_time = failing(&Answer::status(503).header("retry-after", "120"), 1);
    let spider = Tester::new(&asks_for_time, &["http://a.test/"]).set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
    assert_eq!(spider.crawl().run().await.unwrap().stats.pages, 3);
    assert!(gaps(&asks_for_time.hits()[..2])[0] >= 120_000);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_minutes_costs_no_request_of_its_host() {
    for robots in [Answer::status(503), Answer::refused()] {
        let web = failing(&robots, 5);
        let spider = Tester::new(&web, &["http://a.test/", "http://a.test/other", "http://b.test/"]);
        let spider = spider.set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
        let crawl = spider.crawl().run().await.unwrap();
        let stats = &crawl.stats;
        assert_eq!((stats.pages, stats.failed, stats.robots_disallowed), (5, 0, 1));
        assert_eq!(crawl.items[0], "http://b.test/", "other hosts do not wait");
    }
}

#[tokio::test(start_paused = true)]
async fn rules_that_expire_while_the_site_is_down_hold_on() {
    // Ten minutes after the first request robots.txt is gone, and ten minutes later it forbids everything.
    let web = Web::new(|url, nth| match (url.ends_with("/robots.txt"), nth) {
        (false, _) => Answer::page(&[]),
        (true, 0) => text("user-agent: *\ncrawl-delay: 60\ndisallow: /cart"),
        (true, 1..=3) => Answer::status(503),
        (true, _) => text("user-agent: *\ndisallow: /"),
    });
    let starts: Vec<_> = (0..30).map(|n| format!("http://a.test/{n}")).collect();
    let mut starts: Vec<_> = starts.iter().map(String::as_str).collect();
    starts.insert(15, "http://a.test/cart");
    let policy = RobotsPolicy::obey_as_anyone().expires_after(Duration::from_secs(600));
    let spider = Tester::new(&web, &starts).set(|s| s.robots(policy));
    let crawl = spider.crawl().run().await.unwrap();
    let stats = &crawl.stats;
    assert_eq!((stats.pages, stats.robots_disallowed, stats.failed), (20, 11, 0));
    assert_eq!(asked_for_robots(&web), 5);
    let pages: Vec<_> = web
        .hits()
        .into_iter()
        .filter(|hit| !hit.url.ends_with("/robots.txt"))
        .collect();
    assert!(gaps(&pages).iter().all(|gap| *gap >= 60_000), "{:?}", gaps(&pages));
}

/// Nothing is fetched, and nothing gone without a word.
#[tokio::test(start_paused = true)]
async fn where_it_is_not_had_in_the_end_the_requests_fail() {
    for robots in [Answer::status(503), Answer::refused()] {
        let web = failing(&robots, usize::MAX);
        let spider = Tester::new(&web, &["http://a.test/", "http://a.test/other", "http://b.test/"]);
        let spider = spider.set(|s| s.retry(Retry::attempts(3)).robots(RobotsPolicy::obey_as_anyone()));
        let failures = Arc::clone(&spider.failures);
        let crawl = spider.crawl().run().await.unwrap();
        assert_eq!(crawl.items, ["http://b.test/"]);
        let stats = &crawl.stats;
        assert_eq!((stats.pages, stats.failed, stats.robots_disallowed), (1, 2, 0));
        let asked = web
            .urls()
            .iter()
            .filter(|url| *url == "http://a.test/robots.txt")
            .count();
        assert_eq!(asked, 3 + 3, "three times at once, and three more in the minutes after");
        let waited = stats.elapsed.as_secs();
        assert!((210..220).contains(&waited), "{waited}");
        let failures = failures.lock().unwrap();
        assert_eq!(failures.len(), 2);
        for (kind, error) in failures.iter() {
            assert_eq!(*kind, FailureKind::Fetch);
            assert!(
                error.contains("robots.txt of http://a.test") && error.contains("6 times"),
                "{error}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_browser_is_started_for_it() {
    let web = Web::new(|url, _| match url {
        "http://a.test/robots.txt" => text("user-agent: *\ndisallow: /"),
        _ => Answer::page(&[]),
    });
    let browser = Web::new(|_, _| Answer::page(&[]));
    let spider = Tester::new(&web, &["http://start.test/"]).set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
    let mut spider = spider.parsing(|_, out| {
        Box::pin(async move {
            out.visit(Visit::get("http://a.test/")?.session("pages")).await?;
            Ok(())
        })
    });
    let (plain, tabs) = (web.clone(), browser.clone());
    spider.configure = Some(Box::new(move |sessions| {
        sessions
            .add("plain", plain.session("http").as_default())?
            .add("pages", tabs.session("stealth").lazy())?;
        Ok(())
    }));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.stats.robots_disallowed, 1);
    assert_eq!(browser.starts.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(web.urls().last().unwrap(), "http://a.test/robots.txt");
}

/// A session that was set up for something else may lack the proxy that the crawl's own has.
#[tokio::test(start_paused = true)]
async fn no_other_session_is_used_for_it_unless_it_is_named() {
    for (named, fetched_by) in [(None, "stealth"), (Some("plain"), "http")] {
        let robots = || text("user-agent: *\ndisallow: /");
        let (plain, tabs) = (site(robots()), site(robots()));
        let mut policy = RobotsPolicy::obey_as_anyone();
        if let Some(named) = named {
            policy = policy.session(named);
        }
        let mut spider = Tester::new(&tabs, &["http://a.test/"]).set(|s| s.robots(policy));
        let (browser, http) = (tabs.clone(), plain.clone());
        spider.configure = Some(Box::new(move |sessions| {
            sessions
                .add("pages", browser.session("stealth").lazy().as_default())?
                .add("plain", http.session("http"))?;
            Ok(())
        }));
        let crawl = spider.crawl().run().await.unwrap();
        assert_eq!(crawl.stats.robots_disallowed, 1);
        let hits: Vec<_> = plain.hits().into_iter().chain(tabs.hits()).collect();
        assert_eq!(hits.len(), 1);
        assert_eq!(hits[0].session, fetched_by);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_within_a_host_to_what_is_disallowed_gives_no_page() {
    let web = Web::new(|url, _| match url {
        "http://a.test/robots.txt" => text("user-agent: *\ndisallow: /cart"),
        "http://a.test/old" => Answer::redirect("http://a.test/cart"),
        "http://a.test/moved" => Answer::redirect("http://a.test/new"),
        _ => Answer::status(404),
    });
    let spider = Tester::new(&web, &["http://a.test/old", "http://a.test/moved"]);
    let spider = spider.set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.items, ["http://a.test/new"]);
    assert_eq!(crawl.stats.robots_disallowed, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sent_uses_up_no_delay() {
    let web = site(text("user-agent: *\ndisallow: /cart"));
    let mut starts: Vec<_> = (0..200).map(|n| format!("http://a.test/cart/{n}")).collect();
    starts.extend((0..3).map(|n| format!("http://a.test/{n}")));
    let starts: Vec<_> = starts.iter().map(String::as_str).collect();
    let spider = Tester::new(&web, &starts);
    let spider = spider.set(|s| {
        s.robots(RobotsPolicy::obey_as_anyone())
            .download_delay(Duration::from_secs(5))
    });
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.stats.pages, crawl.stats.robots_disallowed), (3, 200));
    let pages = &web.hits()[1..];
    assert_eq!(gaps(pages), [5_000, 5_000]);
    assert!(
        crawl.stats.elapsed < Duration::from_secs(11),
        "{:?}",
        crawl.stats.elapsed
    );
}
