//! What a crawl does when all goes well.

use futures_util::FutureExt as _;
use silkroute_core::{Error, FetchError, FetchErrorKind, Request as _, RequestExt as _};
use silkroute_spider::{CrawlError, Ended, Order, Spider as _, Visit};

use crate::support::{Answer, Bare, Tester, Web};

fn small_site() -> Web {
    Web::of(&[
        ("http://a.test/", Answer::page(&["/1", "/2", "http://b.test/"])),
        ("http://a.test/1", Answer::page(&["/2", "/3", "/1#top"])),
        ("http://a.test/2", Answer::page(&["/"])),
        ("http://a.test/3", Answer::page(&[])),
        ("http://b.test/", Answer::page(&["http://sub.a.test:81/"])),
        ("http://sub.a.test:81/", Answer::page(&[])),
    ])
}

#[tokio::test(start_paused = true)]
async fn every_page_is_fetched_exactly_once() {
    let web = small_site();
    let crawl = Tester::new(&web, &["http://a.test/", "http://a.test/"])
        .crawl()
        .run()
        .await
        .unwrap();
    let mut urls = web.urls();
    urls.sort();
    assert_eq!(
        urls,
        [
            "http://a.test/",
            "http://a.test/1",
            "http://a.test/2",
            "http://a.test/3",
            "http://b.test/",
            "http://sub.a.test:81/"
        ]
    );
    assert_eq!(crawl.ended, Ended::Finished);
    assert_eq!((crawl.stats.pages, crawl.stats.items, crawl.items.len()), (6, 6, 6));
    assert_eq!(crawl.stats.status[&200], 6);
    assert_eq!(crawl.stats.sessions["http"].latency.count(), 6);
    assert_eq!(crawl.stats.hosts["http://a.test"].requests, 4);
    assert_eq!(crawl.stats.duplicates, 4, "the second start request, /2, /1#top and /");
}

#[tokio::test(start_paused = true)]
async fn other_hosts_are_left_alone_as_starts_as_links_and_as_redirects() {
    let web = Web::of(&[
        (
            "http://a.test:8080/",
            Answer::page(&["http://x.test/", "http://sub.a.test/", "/away"]),
        ),
        ("http://sub.a.test/", Answer::page(&[])),
        ("http://a.test:8080/away", Answer::redirect("http://x.test/there")),
    ]);
    let spider =
        Tester::new(&web, &["http://a.test:8080/", "http://elsewhere.test/"]).set(|s| s.allowed_hosts(["a.test"]));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.stats.offsite, 3);
    assert_eq!(crawl.items.len(), 2);
    assert_eq!(web.urls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_two_urls_redirect_to_is_parsed_once_and_not_fetched_again() {
    let web = Web::of(&[
        ("http://a.test/", Answer::page(&["/x", "/y"])),
        ("http://a.test/x", Answer::redirect("http://a.test/page")),
        ("http://a.test/y", Answer::redirect("http://a.test/page")),
        ("http://a.test/page", Answer::page(&["/page"])),
    ]);
    let spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.concurrency(1));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.items, ["http://a.test/", "http://a.test/page"]);
    assert_eq!(crawl.stats.duplicates, 1);
}

#[tokio::test(start_paused = true)]
async fn follow_inherits_session_options_meta_and_priority_but_no_method_body_or_header() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let spider = Tester::new(&web, &["http://a.test/start#x"]).parsing(|page, out| {
        async move {
            if page.depth() == 0 {
                let mut visit = Visit::post("http://a.test/dir/list")?
                    .session("other")
                    .header("x-secret", "1")?
                    .body("b")
                    .meta("shop", 7)
                    .priority(5)
                    .step(3);
                visit.parts_mut().options.set_key("martian", "rays", 1);
                visit.parts_mut().options.set_key("martian", "kept", true);
                let mut shallow = page.follow("/never")?;
                shallow.parts_mut().clone_from(visit.parts());
                return out.visit(shallow.priority(5).step(3)).await;
            }
            if page.depth() == 1 {
                assert_eq!(*page.step(), 3);
                let mut child = page.follow(" ../next ")?;
                child.parts_mut().options.set_key("martian", "rays", 2);
                let parts = child.parts();
                assert_eq!(parts.url.as_str(), "http://a.test/next");
                assert_eq!(
                    (parts.session.as_deref(), parts.method.as_str()),
                    (Some("other"), "GET")
                );
                assert!(parts.body.is_empty() && parts.headers.is_empty());
                assert_eq!(parts.meta["shop"], 7);
                assert_eq!(
                    serde_json::to_string(&parts.options)?,
                    r#"{"martian":{"kept":true,"rays":2}}"#
                );
                assert_eq!(
                    serde_json::to_string(&page.visit().parts().options)?,
                    r#"{"martian":{"kept":true,"rays":1}}"#
                );
                assert_eq!(*child.current_step(), 0);
                out.item("inherited".into()).await?;
                out.visit(child).await?;
            }
            Ok(())
        }
        .boxed()
    });
    let mut spider = spider;
    let other = web.clone();
    spider.configure = Some(Box::new(move |sessions| {
        sessions
            .add("http", other.session("http"))?
            .add("other", other.session("other"))?;
        Ok(())
    }));
    let failures = std::sync::Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.items, ["inherited"], "{:?}", failures.lock().unwrap());
    let last = web.hits().pop().unwrap();
    assert_eq!(last.session, "other");
    assert_eq!(last.referer.as_deref(), Some("http://a.test/dir/list"));
}

#[tokio::test(start_paused = true)]
async fn breadth_or_depth_first_and_higher_priorities_before() {
    for (order, expected) in [
        (Order::BreadthFirst, ["/", "/1", "/2", "/11", "/12", "/21", "/22"]),
        (Order::DepthFirst, ["/", "/2", "/22", "/21", "/1", "/12", "/11"]),
    ] {
        let web = Web::new(|url, _| match url.trim_start_matches("http://a.test") {
            "/" => Answer::page(&["/1", "/2"]),
            "/1" => Answer::page(&["/11", "/12"]),
            "/2" => Answer::page(&["/21", "/22"]),
            _ => Answer::page(&[]),
        });
        let spider = Tester::new(&web, &["http://a.test/"]).set(|s| s.concurrency(1).order(order));
        spider.crawl().run().await.unwrap();
        let paths: Vec<_> = web.urls().iter().map(|url| url.replace("http://a.test", "")).collect();
        assert_eq!(paths, expected, "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn items_are_written_as_they_come_and_a_bad_one_is_its_own_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("deep").join(name);
    let web = small_site();
    let mut spider = Tester::new(&web, &["http://a.test/"]);
    spider.on_item = Some(Box::new(|item| match item.as_str() {
        "http://a.test/1" => Err("no".into()),
        "http://a.test/2" => Ok(None),
        "http://a.test/3" => panic!("as told"),
        _ => Ok(Some(item)),
    }));
    let crawl = spider
        .crawl()
        .export_jsonl(path("items.jsonl"))
        .unwrap()
        .export_json(path("items.json"))
        .unwrap();
    let crawl = crawl.export_only().run().await.unwrap();
    assert!(crawl.items.is_empty());
    assert_eq!(
        (crawl.stats.items, crawl.stats.items_dropped, crawl.stats.items_failed),
        (3, 1, 2)
    );
    let lines = std::fs::read_to_string(path("items.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 3);
    let whole: Vec<String> = serde_json::from_slice(&std::fs::read(path("items.json")).unwrap()).unwrap();
    assert_eq!(whole.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_crawl_cannot_begin_with_is_said() {
    let web = small_site();
    let none = Tester::new(&web, &[]).crawl().run().await.unwrap_err();
    assert!(matches!(none, CrawlError::NoStart { .. }), "{none}");
    let mut spider = Tester::new(&web, &["http://a.test/"]);
    spider.configure = Some(Box::new(|_| Ok(())));
    let empty = spider.crawl().run().await.unwrap_err();
    assert!(empty.to_string().contains("did not add any session"), "{empty}");
    let mut spider = Tester::new(&web, &["http://a.test/"]);
    spider.configure = Some(Box::new(|_| Err("no browser here".into())));
    let failed = spider.crawl().run().await.unwrap_err();
    assert!(failed.to_string().contains("no browser here"), "{failed}");
    let zero = Tester::new(&web, &["http://a.test/"])
        .crawl()
        .concurrency(0)
        .run()
        .await
        .unwrap_err();
    assert!(zero.to_string().contains("`concurrency`"), "{zero}");
    let misspelt = Tester::new(&web, &["http://a.test/"])
        .crawl()
        .session_concurrency("http", 2)
        .session_concurrency("htpp", 2);
    let misspelt = misspelt.run().await.unwrap_err().to_string();
    assert!(
        misspelt.contains("`session_concurrency`") && misspelt.contains("no session 'htpp'; available: http"),
        "{misspelt}"
    );
    let policy = silkroute_spider::RobotsPolicy::default().session("htpp");
    let misspelt = Tester::new(&web, &["http://a.test/"]).set(|s| s.robots(policy));
    let misspelt = misspelt.crawl().run().await.unwrap_err().to_string();
    assert!(misspelt.contains("`robots`") && misspelt.contains("htpp"), "{misspelt}");
    assert!(web.hits().is_empty());
}

#[tokio::test]
async fn without_the_kind_http_there_is_no_default_session_and_that_is_said() {
    let error = Bare.crawl().run().await.unwrap_err().to_string();
    assert!(
        error.contains("spider 'bare': configure_sessions failed") && error.contains("feature `http`"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_given_are_used_and_left_running() {
    let web = small_site();
    let sessions = silkroute_manager::SessionManager::new();
    sessions.add("given", web.session("http")).unwrap();
    let mut spider = Tester::new(&web, &["http://a.test/"]);
    spider.configure = Some(Box::new(|_| panic!("not asked")));
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    assert_eq!(crawl.stats.sessions["given"].requests, 6);
    assert!(sessions.get("given").unwrap().is_alive());
    sessions.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_close_cleanly_costs_no_item() {
    let hangs = || Err(FetchError::new(FetchErrorKind::Other, "the browser hangs").into());
    let cases: [(fn() -> silkroute_core::Result<()>, &str); 2] =
        [(hangs, "the browser hangs"), (|| panic!("as told"), "as told")];
    for (closing, said) in cases {
        let spider = || {
            let web = small_site();
            let mut spider = Tester::new(&web, &["http://a.test/"]);
            spider.configure = Some(Box::new(move |sessions| {
                let mut session = web.session("http");
                session.closing = Some(closing);
                sessions.add("http", session)?.add("other", web.session("other"))?;
                Ok(())
            }));
            spider
        };
        let crawl = spider().crawl().run().await.unwrap();
        assert_eq!(
            (crawl.items.len(), crawl.stats.pages, crawl.ended),
            (6, 6, Ended::Finished)
        );
        let error = crawl.close_error.unwrap();
        assert!(
            matches!(&error, Error::Close { failures } if failures.len() == 1 && failures[0].0 == "http"),
            "{error:?}"
        );
        assert!(error.to_string().contains(said), "{error}");

        let mut streamed = spider().crawl().stream().unwrap();
        let mut items = 0;
        while streamed.next().await.is_some() {
            items += 1;
        }
        let crawl = streamed.finish().await.unwrap();
        assert_eq!((items, crawl.stats.items), (6, 6));
        assert!(crawl.close_error.is_some());

        // What ended the crawl is what is said of it.
        let mut failing = spider();
        failing.on_start = Some(Box::new(|| async { Err("no login".into()) }.boxed()));
        let failed = failing.crawl().run().await.unwrap_err();
        assert!(matches!(failed, CrawlError::OnStart { .. }), "{failed}");
    }
    let crawl = Tester::new(&small_site(), &["http://a.test/"])
        .crawl()
        .run()
        .await
        .unwrap();
    assert!(crawl.close_error.is_none());
}
