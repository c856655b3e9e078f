//! Ladders of sessions, each of which sees a web of its own.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use silkroute_spider::{BlockDetection, BlockReason, Ended, Escalation, Spider as _};

use crate::rungs::{Ladder, content, escalations, html, interstitial, ladder, shell, site};
use crate::support::{Answer, Web, quick};

#[tokio::test(start_paused = true)]
async fn every_page_comes_from_the_cheapest_session_that_gets_it_and_the_second_goes_there_at_once() {
    let host = |url: &str| url.split('/').nth(2).unwrap().to_owned();
    let sessions = Ladder::new(
        move |url, _| match host(url).as_str() {
            "open.test" => content(),
            "blocks.test" | "wall.test" => Answer::status(403),
            _ => shell(),
        },
        move |url, _| match host(url).as_str() {
            "wall.test" => interstitial(),
            _ => content(),
        },
    );
    let starts = ["open.test", "blocks.test", "shell.test", "wall.test"].map(|host| format!("http://{host}/0"));
    let starts: Vec<&str> = starts.iter().map(String::as_str).collect();
    assert_eq!(sessions.starts(), [0, 0, 0]);
    let crawl = sessions.spider(&starts, ladder()).crawl().run().await.unwrap();
    assert_eq!(crawl.ended, Ended::Finished);
    let mut items = crawl.items.clone();
    items.sort();
    let mut expected: Vec<_> = ["open.test", "blocks.test", "shell.test", "wall.test"]
        .iter()
        .flat_map(|host| site(host, 5))
        .collect();
    expected.sort();
    assert_eq!(items, expected, "every page, once");

    // One request to learn, per rung and host; all others go to the right session at once.
    assert_eq!(sessions.hits(), [5 + 1 + 1 + 1, 5 + 5 + 1, 5]);
    assert_eq!(sessions.starts(), [1, 1, 1]);
    assert_eq!(
        escalations(&crawl.stats),
        [
            ("dynamic -> stealth: marker <title>Just a moment...</title>", 1),
            ("http -> dynamic: script shell", 1),
            ("http -> dynamic: status 403", 2),
        ]
    );
    assert_eq!(crawl.stats.blocked, 4);
    let climb_of = |url: &str| {
        let pages = sessions.pages.lock().unwrap();
        pages.iter().find(|(page, _)| page == url).unwrap().1.clone()
    };
    assert_eq!(climb_of("http://open.test/3"), None);
    let first = climb_of("http://blocks.test/0").unwrap();
    assert_eq!(
        (first.from.as_str(), &first.reason, first.remembered),
        ("http", &BlockReason::Status(403), false)
    );
    let second = climb_of("http://blocks.test/1").unwrap();
    assert_eq!(
        (second.from.as_str(), &second.reason, second.remembered),
        ("http", &BlockReason::Status(403), true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_is_not_needed_is_not_started() {
    let sessions = Ladder::new(|_, _| content(), |_, _| content());
    sessions
        .spider(&["http://open.test/0"], ladder())
        .crawl()
        .run()
        .await
        .unwrap();
    assert_eq!((sessions.hits(), sessions.starts()), ([5, 0, 0], [1, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn now_and_then_less_is_tried_and_if_it_is_enough_it_is_what_works() {
    // It blocks three requests, and then no more.
    let blocked = Arc::new(Mutex::new(0));
    let sessions = Ladder::new(
        move |_, _| {
            let mut blocked = blocked.lock().unwrap();
            *blocked += 1;
            if *blocked <= 3 { Answer::status(403) } else { content() }
        },
        |_, _| content(),
    );
    let urls = site("a.test", 30);
    let mut starts: Vec<&str> = urls[1..].iter().map(String::as_str).collect();
    starts.truncate(24);
    let crawl = sessions
        .spider(&starts, ladder().retry_lower_every(5))
        .crawl()
        .run()
        .await
        .unwrap();
    assert_eq!(crawl.items.len(), 24);
    // The first, two tries that failed, and from the third, which did not, all the rest.
    let [http, dynamic, _] = sessions.hits();
    assert_eq!(escalations(&crawl.stats), [("http -> dynamic: status 403", 3)]);
    assert_eq!(http + dynamic, 24 + 3, "each try costs one request");
    let first_back = sessions.http.hits()[3].at;
    assert!(
        sessions.dynamic.hits().iter().all(|hit| hit.at <= first_back),
        "from then on http alone"
    );
    let retried_lower = {
        let pages = sessions.pages.lock().unwrap();
        let climbs = pages.iter().filter_map(|(_, climb)| climb.as_ref());
        climbs.filter(|climb| climb.retried_lower).count()
    };
    assert_eq!(retried_lower, 1);

    let never = Ladder::new(|_, _| Answer::status(403), |_, _| content());
    let spider = never.spider(&starts, ladder().retry_lower_every(0));
    spider.crawl().run().await.unwrap();
    assert_eq!(never.hits(), [1, 24, 0]);
}

#[tokio::test(start_paused = true)]
async fn less_that_is_tried_and_does_not_answer_costs_one_request_and_no_page() {
    for every in [1, 5] {
        // The firewall blocks the first request, and resets all others.
        let blocked = Arc::new(AtomicBool::new(false));
        let http = move |_: &str, _| match blocked.swap(true, SeqCst) {
            false => Answer::status(403),
            true => Answer::refused(),
        };
        let sessions = Ladder::new(http, |_, _| content());
        let urls = site("a.test", 24);
        let starts: Vec<&str> = urls[1..].iter().map(String::as_str).collect();
        let spider = sessions.spider(&starts, ladder().retry_lower_every(every));
        let crawl = spider.crawl().run().await.unwrap();
        assert_eq!((crawl.stats.pages, crawl.stats.failed), (23, 0));
        let [http, dynamic, stealth] = sessions.hits();
        assert_eq!((dynamic, stealth), (23, 0));
        assert_eq!(http as u64, crawl.stats.retries, "each is sent on at once");
        assert!(http > 3, "{http} were sent down");
        assert_eq!(crawl.stats.elapsed, Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_looks_empty_everywhere_is_the_page_and_condemns_nobody() {
    let sessions = Ladder::new(
        |url, _| if url.ends_with("/0") { shell() } else { content() },
        |_, _| shell(),
    );
    let two = Escalation::ladder(["http", "dynamic"]);
    let crawl = sessions.spider(&["http://a.test/0"], two).crawl().run().await.unwrap();
    assert_eq!(crawl.items.len(), 5);
    assert_eq!(
        sessions.hits(),
        [5, 1, 0],
        "its host is not taken for one that needs a browser"
    );
}

#[tokio::test(start_paused = true)]
async fn what_no_session_gets_is_sent_again_on_the_last_and_given_up() {
    let mut sessions = Ladder::new(|_, _| Answer::status(403), |_, _| Answer::status(403));
    sessions.stealth = Web::new(|_, _| Answer::status(429));
    let crawl = sessions
        .spider(&["http://a.test/0"], ladder())
        .crawl()
        .run()
        .await
        .unwrap();
    assert_eq!(crawl.stats.gave_up_blocked, 1);
    assert_eq!(
        sessions.hits(),
        [1, 1, 4],
        "the attempts of blocked_retry, on the last rung"
    );
}

#[tokio::test(start_paused = true)]
async fn server_errors_stay_where_they_are() {
    let sessions = Ladder::new(
        |_, nth| if nth < 2 { Answer::status(502) } else { content() },
        |_, _| content(),
    );
    let mut spider = sessions.spider(&["http://a.test/1"], ladder());
    spider.is_blocked = Some(Box::new(|response| response.status().as_u16() == 502));
    spider.crawl().run().await.unwrap();
    assert_eq!(sessions.hits(), [3, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_the_spider_or_a_predicate_takes_for_a_block_climbs_too() {
    let words = |text: &'static str| move |_: &str, _: usize| html(&text.repeat(20));
    let sessions = Ladder::new(words("<p>please log in to go on"), words("<p>the thing itself"));
    let mut spider = sessions.spider(&["http://a.test/1"], ladder());
    spider.is_blocked = Some(Box::new(|response| response.text().contains("log in")));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(escalations(&crawl.stats), [("http -> dynamic: is_blocked", 1)]);

    let sessions = Ladder::new(words("<p>please log in to go on"), words("<p>the thing itself"));
    let wall = BlockDetection::default().predicate(|response| {
        assert_ne!(response.session(), Some("dynamic"), "a predicate may fail");
        Some("login wall".to_owned())
    });
    let spider = sessions.spider(&["http://a.test/1"], ladder().detection(wall));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(escalations(&crawl.stats), [("http -> dynamic: login wall", 1)]);
    assert!(crawl.stats.hook_errors > 0);
    assert_eq!(crawl.items.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_climbed_is_the_same_request() {
    let sessions = Ladder::new(|_, _| Answer::status(403), |_, _| content());
    let pages = Arc::clone(&sessions.pages);
    // The page links to itself and to another host, whose first rung is enough.
    let mut spider = sessions
        .spider(&["http://a.test/1"], ladder())
        .parsing(move |page, out| {
            let pages = Arc::clone(&pages);
            Box::pin(async move {
                pages
                    .lock()
                    .unwrap()
                    .push((page.url().to_string(), page.climb().cloned()));
                out.visit(page.follow("/1")?).await?;
                out.visit(page.follow("http://b.test/1")?).await?;
                Ok(())
            })
        });
    spider.settings = spider.settings.max_depth(3);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.stats.pages, 2, "{:?}", sessions.pages);
    let urls = |web: &Web| web.urls();
    assert_eq!(
        urls(&sessions.http),
        ["http://a.test/1", "http://b.test/1"],
        "links begin at the bottom"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_begins_at_the_session_it_names() {
    let sessions = Ladder::new(|_, _| content(), |_, _| Answer::status(403));
    let spider = sessions.spider(&["http://a.test/9"], ladder()).parsing(|page, out| {
        Box::pin(async move {
            if page.url().path() == "/9" {
                use silkroute_core::RequestExt as _;
                out.visit(page.follow("/1")?.session("dynamic")).await?;
            }
            Ok(())
        })
    });
    spider.crawl().run().await.unwrap();
    assert_eq!(sessions.hits(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_ladder_that_cannot_be_climbed_is_an_error_before_anything_is_fetched() {
    let sessions = Ladder::new(|_, _| content(), |_, _| content());
    let run = |ladder: &[&str]| {
        let ladder = Escalation::ladder(ladder.iter().copied());
        sessions.spider(&["http://a.test/1"], ladder).crawl().run()
    };
    let error = run(&["http", "magic"]).await.unwrap_err().to_string();
    assert!(
        error.contains("no session 'magic' for the ladder http -> magic"),
        "{error}"
    );
    assert!(error.contains("available: http, dynamic, stealth"), "{error}");
    let error = run(&["http", "dynamic", "http"]).await.unwrap_err().to_string();
    assert!(error.contains("'http' stands on the ladder twice"), "{error}");
    assert_eq!(sessions.hits(), [0, 0, 0]);
}

#[test]
fn a_ladder_is_data() {
    let ladder: Escalation =
        serde_json::from_str(r#"{"ladder": ["http", "dynamic"], "retry_lower_every": 7}"#).unwrap();
    let json = serde_json::to_value(&ladder).unwrap();
    assert_eq!(
        (&json["retry_lower_every"], &json["remember_hosts"]),
        (&7.into(), &10_000.into())
    );
    let misspelt = serde_json::from_str::<Escalation>(r#"{"ladder": [], "retry_lower": 7}"#).unwrap_err();
    assert!(misspelt.to_string().contains("retry_lower_every"), "{misspelt}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_moves_to_another_session_uses_up_no_delay() {
    let webs = Ladder::new(|_, _| Answer::status(403), |_, _| content());
    let spider = webs.spider(&["http://a.test/0"], ladder());
    let spider = spider.set(|settings| settings.download_delay(Duration::from_secs(1)));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.stats.pages, webs.hits()), (5, [1, 5, 0]));
    assert_eq!(crawl.stats.elapsed.as_secs(), 5, "six requests, a second apart");
}

#[tokio::test(start_paused = true)]
async fn a_challenge_that_a_session_did_not_pass_climbs_whatever_its_status() {
    let challenge = |_: &str, _| Answer {
        blocked: Some("managed"),
        ..content()
    };
    let ladder = Ladder::new(challenge, |_, _| content());
    let escalation = Escalation::ladder(["http", "dynamic", "stealth"]);
    let crawl = ladder
        .spider(&["http://a.test/0"], escalation)
        .crawl()
        .run()
        .await
        .unwrap();
    assert_eq!(crawl.stats.pages, 5);
    let pages = ladder.pages.lock().unwrap();
    let climb = pages[0].1.as_ref().unwrap();
    assert_eq!(climb.reason, BlockReason::Challenge("managed".into()));
}

#[tokio::test(start_paused = true)]
async fn who_is_told_to_come_later_does_so_before_it_climbs() {
    for (status, later) in [(429, Some("30")), (503, None)] {
        let busy = move |url: &str, nth: usize| match (url.ends_with("/0") && nth == 0, later) {
            (true, Some(seconds)) => Answer::status(status).header("retry-after", seconds),
            (true, None) => Answer::status(status),
            (false, _) => content(),
        };
        let sessions = Ladder::new(busy, |_, _| content());
        let crawl = sessions
            .spider(&["http://a.test/0"], ladder())
            .crawl()
            .run()
            .await
            .unwrap();
        assert_eq!(crawl.items.len(), 5, "{status}");
        assert_eq!(
            sessions.hits(),
            [5 + 1, 0, 0],
            "{status}: no browser is needed for a limit that passes"
        );
        assert_eq!(sessions.starts(), [1, 0, 0]);
        let [first, again] = [0, 1].map(|hit| sessions.http.hits()[hit].at);
        let asked = Duration::from_secs(later.map_or(0, |seconds| seconds.parse().unwrap()));
        assert!(again - first >= asked, "{:?}", again - first);
        assert!(crawl.stats.escalations.is_empty());
        assert_eq!(crawl.stats.blocked, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_told_so_again_climbs_and_what_tries_less_goes_back_up_at_once() {
    let sessions = Ladder::new(|_, _| Answer::status(429), |_, _| content());
    let crawl = sessions
        .spider(&["http://a.test/0"], ladder().retry_lower_every(2))
        .crawl()
        .run()
        .await
        .unwrap();
    assert_eq!(crawl.items.len(), 5);
    let tries = crawl.stats.escalations["http -> dynamic: status 429"];
    assert!(tries > 1, "less is tried now and then");
    assert_eq!(
        sessions.hits(),
        [tries as usize + 1, 5, 0],
        "it waits once, on its first way up"
    );
}

#[tokio::test(start_paused = true)]
async fn who_may_not_be_sent_again_or_would_wait_too_long_climbs_at_once() {
    let long = |_: &str, _: usize| Answer::status(429).header("retry-after", "86400");
    for (http, attempts) in [
        (Ladder::new(long, |_, _| content()), 4),
        (Ladder::new(|_, _| Answer::status(429), |_, _| content()), 1),
    ] {
        let mut spider = http.spider(&["http://a.test/1"], ladder());
        spider = spider.set(|settings| settings.blocked_retry(quick(attempts)));
        spider.crawl().run().await.unwrap();
        assert_eq!(http.hits(), [1, 1, 0], "{attempts}");
    }
}

#[tokio::test(start_paused = true)]
async fn those_behind_the_first_that_climbs_wait_for_what_becomes_of_it() {
    let sessions = Ladder::new(|_, _| Answer::status(403).after(5), |_, _| interstitial().after(3_000));
    let urls: Vec<String> = (1..=200).map(|n| format!("http://a.test/{n}")).collect();
    let starts: Vec<&str> = urls.iter().map(String::as_str).collect();
    let ladder = ladder().retry_lower_every(0);
    let spider = sessions
        .spider(&starts, ladder)
        .set(|settings| settings.concurrency(16));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.items.len(), 200);
    let [http, dynamic, stealth] = sessions.hits();
    assert!(http <= 16, "{http} were refused, of which one would have done");
    assert!(dynamic <= 16, "{dynamic} had a browser for nothing");
    assert_eq!(stealth, 200);
}
