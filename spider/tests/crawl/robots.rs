//! robots.txt.

use std::time::Duration;

use silkroute_manager::SessionExt as _;
use silkroute_spider::{RobotsPolicy, Spider as _};

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
async fn what_does_not_exist_allows_everything_and_what_cannot_be_had_nothing() {
    for (robots, pages) in [
        (Answer::status(404), 5),
        (Answer::status(503), 0),
        (Answer::refused(), 0),
    ] {
        let spider = Tester::new(&site(robots), &["http://a.test/"]).set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
        assert_eq!(spider.crawl().run().await.unwrap().stats.pages, pages);
    }
}

#[tokio::test(start_paused = true)]
async fn no_browser_is_started_for_it() {
    let (web, browser) = (
        site(text("user-agent: *\ndisallow: /")),
        Web::new(|_, _| Answer::page(&[])),
    );
    let mut spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
    let (plain, tabs) = (web.clone(), browser.clone());
    spider.configure = Some(Box::new(move |sessions| {
        sessions
            .add("pages", tabs.session("stealth").lazy().as_default())?
            .add("plain", plain.session("http"))?;
        Ok(())
    }));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.stats.robots_disallowed, 1);
    assert_eq!(browser.starts.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(web.hits()[0].session, "http");
}
