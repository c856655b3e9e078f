//! Which session a request goes through, and what it takes along.

use silkroute::http::Redirects;
use silkroute::prelude::*;
use silkroute::spider::FailureKind;
use silkroute_testkit::site::Recorded;

use crate::support::{Found, Probe, all_gone, get, plain, site};

fn agent(request: &Recorded) -> &str {
    request.header("user-agent").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_goes_through_the_session_that_it_names_and_links_inherit_it() {
    let site = site().await;
    let spider = Probe::new([get(site.http_url("/shop?page=1"))])
        .configure(|sessions| {
            sessions
                .add("chrome", plain().impersonate("chrome").build()?)?
                .add("firefox", plain().impersonate("firefox").build()?.lazy())?;
            Ok(())
        })
        .parsing(|page| {
            let mut found = Found::default();
            match page.depth() {
                0 => found.visits.push(page.follow("/shop/product/1")?.session("firefox")),
                1 => found.visits.push(page.follow("/shop/product/2")?),
                _ => found
                    .items
                    .push(page.response().session().unwrap_or_default().to_owned()),
            }
            Ok(found)
        });
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.items, ["firefox"]);
    assert!(agent(&site.requests_to("/shop")[0]).contains("Chrome/"));
    for product in ["/shop/product/1", "/shop/product/2"] {
        assert!(agent(&site.requests_to(product)[0]).contains("Firefox/"), "{product}");
    }
    assert_eq!(crawl.stats.sessions["chrome"].requests, 1);
    assert_eq!(crawl.stats.sessions["firefox"].requests, 2);
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_of_one_request_are_inherited_and_new_ones_win_key_by_key() {
    let site = site().await;
    let options = |options| HttpOptions { ..options };
    let first = get(site.http_url("/redirect/1"))
        .with(options(HttpOptions {
            impersonate: Some("firefox".into()),
            redirects: Some(Redirects::None),
            ..HttpOptions::default()
        }))
        .unwrap();
    let spider = Probe::new([first]).parsing(|page| {
        let mut found = Found::item(format!("{} {}", page.url().path(), page.status().as_u16()));
        match page.depth() {
            0 => found.visits.push(page.follow("/redirect/2")?.with(HttpOptions {
                impersonate: Some("safari".into()),
                ..HttpOptions::default()
            })?),
            1 => found.visits.push(page.follow("/json")?),
            _ => {}
        }
        Ok(found)
    });
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(
        crawl.items,
        ["/redirect/1 302", "/redirect/2 302", "/json 200"],
        "no redirect was followed"
    );
    assert!(agent(&site.requests_to("/redirect/1")[0]).contains("Firefox/"));
    for later in ["/redirect/2", "/json"] {
        let request = &site.requests_to(later)[0];
        assert!(
            agent(request).contains("Safari/") && !agent(request).contains("Chrome/"),
            "{later}"
        );
    }
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_inherits_neither_method_nor_body_nor_authorization() {
    let site = site().await;
    let post = Visit::post(site.http_url("/echo").as_str())
        .unwrap()
        .header("Authorization", "Bearer hush")
        .unwrap()
        .form([("field", "value")])
        .cookie("once", "1");
    let spider = Probe::new([post]).parsing(|page| {
        let seen: serde_json::Value = page.json()?;
        let mut found = Found::item(format!("{} {}", seen["method"].as_str().unwrap_or("?"), seen["form"]));
        if page.depth() == 0 {
            found.visits.push(page.follow("/echo/next")?);
        }
        Ok(found)
    });
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.items.len(), 2, "{:?}", crawl.items);
    assert!(
        crawl.items[0].starts_with("POST ") && crawl.items[0].contains(r#""field""#),
        "{:?}",
        crawl.items
    );
    let (first, next) = (&site.requests_to("/echo")[0], &site.requests_to("/echo/next")[0]);
    assert_eq!(first.header("authorization"), Some("Bearer hush"));
    assert_eq!((&*next.method, next.header("authorization")), ("GET", None));
    assert!(next.cookies().is_empty() && next.text().is_empty());
    assert_eq!(next.header("referer"), Some(site.http_url("/echo").as_str()));
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_logged_in_to_stays_with_it() {
    let site = site().await;
    let login = |session: &str| {
        let form = Visit::post(site.http_url("/login").as_str()).unwrap();
        form.form([("user", "demo"), ("password", "demo")]).session(session)
    };
    let spider = Probe::new([login("member"), get(site.http_url("/account")).session("guest")])
        .configure(|sessions| {
            sessions
                .add("member", plain().build()?)?
                .add("guest", plain().build()?)?;
            Ok(())
        })
        .parsing(|page| {
            let session = page.response().session().unwrap_or_default();
            Ok(Found::item(format!("{session} {}", page.url().path())))
        });
    let failures = std::sync::Arc::clone(&spider.failures);
    let crawl = spider.crawl().blocked_retry(Retry::none()).run().await.unwrap();
    assert_eq!(crawl.items, ["member /account"], "the login leads to the account");
    assert_eq!(crawl.stats.gave_up_blocked, 1);
    let failures = failures.lock().unwrap().clone();
    assert_eq!(failures[0].0, FailureKind::Blocked);
    assert!(
        failures[0].1.contains("/account") && failures[0].1.contains("403"),
        "{failures:?}"
    );
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_that_a_kind_does_not_take_are_refused_where_they_are_queued() {
    let site = site().await;
    let spider = Probe::new([get(site.http_url("/shop"))]).parsing(|page| {
        let mut visit = page.follow("/shop/product/1")?;
        visit.parts_mut().options.set_key("http", "impersonat", "firefox");
        Ok(Found {
            visits: vec![visit],
            ..Found::default()
        })
    });
    let failures = std::sync::Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.stats.parse_errors, site.requests().len()), (1, 1));
    let told = failures.lock().unwrap()[0].1.clone();
    assert!(told.contains("impersonat") && told.contains("`impersonate`"), "{told}");
    all_gone(site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_never_named_never_starts() {
    let site = site().await;
    let sessions = SessionManager::new();
    sessions
        .add("fast", plain().build().unwrap())
        .unwrap()
        .add("heavy", plain().build().unwrap().lazy())
        .unwrap();
    let spider = Probe::new([get(site.http_url("/shop"))]);
    spider.crawl().sessions(&sessions).run().await.unwrap();
    assert!(
        sessions.get("fast").unwrap().is_alive(),
        "sessions that are handed in are left as they are"
    );
    assert_eq!(sessions.get("heavy").unwrap().stats().starts, 0);
    sessions.close().await.unwrap();
    all_gone(site).await;
}
