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
