//! The jar and the browser have the same cookies, and those of a request are its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_core::{Cookie, CookieJar, Fetch, FetchErrorKind, RequestExt as _, Retry, SameSite, Session as _};
use silkroute_session_dynamic::{DynamicSession, DynamicSessionBuilder, PageOptions};
use silkroute_testkit::site::TestSite;
use support::{SOON, fetched, started};
use url::Url;

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

fn with(site: &TestSite, path: &str, options: PageOptions) -> Fetch {
    Fetch::from(site.http_url(path)).with(options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jar_goes_in_and_comes_out() {
    let jar = CookieJar::new();
    let Some(session) = started(
        once()
            .cookie_jar(jar.clone())
            .cookie(Cookie::new("first", "1", "127.0.0.1")),
    )
    .await
    else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    jar.insert(Cookie::new("second", "2", "127.0.0.1")).unwrap();
    fetched(&session, &Fetch::from(site.http_url("/echo/a"))).await;
    let mut sent = site.requests_to("/echo/a")[0].cookies();
    sent.sort();
    assert_eq!(
        sent,
        [
            ("first".to_owned(), "1".to_owned()),
            ("second".to_owned(), "2".to_owned())
        ]
    );

    let response = fetched(
        &session,
        &Fetch::from(site.http_url("/cookies/set?third=3&_path=/&_redirect=1")),
    )
    .await;
    assert!(response.0.cookies().iter().any(|cookie| cookie.name == "third"));
    assert_eq!(jar.get(&site.http_url("/"), "third").unwrap().value, "3");

    // What a script sets counts as well, and what the jar lets go of is gone in the browser.
    let script = PageOptions {
        init_scripts: Some(vec!["document.cookie = 'fourth=4; path=/'".into()]),
        ..PageOptions::default()
    };
    let response = fetched(&session, &with(&site, "/js/list", script)).await;
    assert!(response.0.cookies().iter().any(|cookie| cookie.name == "fourth"));
    assert!(jar.remove("127.0.0.1", "/", "second"));
    fetched(&session, &Fetch::from(site.http_url("/echo/b"))).await;
    let names: Vec<_> = site.requests_to("/echo/b")[0]
        .cookies()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(
        names.contains(&"fourth".to_owned()) && !names.contains(&"second".to_owned()),
        "{names:?}"
    );

    let without = PageOptions {
        cookie_store: Some(false),
        ..PageOptions::default()
    };
    fetched(&session, &with(&site, "/echo/c", without)).await;
    assert!(site.requests_to("/echo/c")[0].cookies().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_browsers_refuse_stays_in_the_jar_and_keeps_none_away() {
    let jar = CookieJar::new();
    let Some(session) = started(once().cookie_jar(jar.clone())).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let mut refused = Cookie::new("refused", "1", "127.0.0.1");
    refused.same_site = Some(SameSite::None);
    jar.insert(refused).unwrap();
    let mut long = Cookie::new("long", "2", "127.0.0.1");
    long.expires = Some(std::time::SystemTime::now() + std::time::Duration::from_secs(10 * 365 * 24 * 3600));
    jar.insert(long).unwrap();
    for path in ["/echo/first", "/echo/second"] {
        let response = fetched(&session, &Fetch::from(site.http_url(path))).await;
        assert!(response.0.cookies().is_empty(), "{:?}", response.0.cookies());
        assert_eq!(
            site.requests_to(path)[0].cookies(),
            [("long".to_owned(), "2".to_owned())]
        );
    }
    let apart = Fetch::from(site.http_url("/echo/apart")).cookie("own", "3");
    fetched(&session, &apart).await;
    assert!(jar.get(&site.http_url("/"), "refused").is_some() && jar.len() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_its_own_cookies_has_the_jars_too_and_leaves_none() {
    let Some(session) = started(once().cookie(Cookie::new("kept", "1", "127.0.0.1"))).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let request = Fetch::from(site.http_url("/echo/own")).cookie("mine", "2");
    fetched(&session, &request).await;
    let mut sent = site.requests_to("/echo/own")[0].cookies();
    sent.sort();
    assert_eq!(
        sent,
        [("kept".to_owned(), "1".to_owned()), ("mine".to_owned(), "2".to_owned())]
    );
    assert!(session.cookie_jar().get(&site.http_url("/"), "mine").is_none());
    // A header of that name is the same thing.
    let request = Fetch::from(site.http_url("/echo/header"))
        .header("Cookie", "a=1; b=2")
        .unwrap();
    fetched(&session, &request).await;
    assert_eq!(site.requests_to("/echo/header")[0].cookies().len(), 3);
    // One of the jar's name takes its place for this request alone.
    let request = Fetch::from(site.http_url("/echo/same")).cookie("kept", "other");
    let response = fetched(&session, &request).await;
    let sent = site.requests_to("/echo/same")[0].cookies();
    assert_eq!(sent, [("kept".to_owned(), "other".to_owned())]);
    assert!(response.0.cookies().is_empty(), "{:?}", response.0.cookies());
    let kept = session.cookie_jar().get(&site.http_url("/"), "kept");
    assert_eq!(kept.expect("the jar's own is still there").value, "1");
    fetched(&session, &Fetch::from(site.http_url("/echo/after"))).await;
    let sent = site.requests_to("/echo/after")[0].cookies();
    assert_eq!(sent, [("kept".to_owned(), "1".to_owned())]);
}

/// The tab of a fetch that failed is closed, and it may be the last.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_of_the_browsers_session_stay_when_its_last_tab_is_gone() {
    let profile = tempfile::tempdir().unwrap();
    for builder in [once(), once().user_data_dir(profile.path())] {
        let Some(mut session) = started(builder).await else {
            return;
        };
        let site = TestSite::start().await.unwrap();
        fetched(&session, &Fetch::from(site.http_url("/cookies/set?login=7&_path=/"))).await;
        for path in ["/stall?1", "/stall?2"] {
            let stalled = Fetch::from(site.http_url(path)).timeout(Duration::from_secs(1));
            session.fetch(&stalled).await.unwrap_err();
        }
        fetched(&session, &Fetch::from(site.http_url("/echo/later"))).await;
        let login = [("login".to_owned(), "7".to_owned())];
        assert_eq!(site.requests_to("/echo/later")[0].cookies(), login);
        assert_eq!(
            session.cookie_jar().get(&site.http_url("/"), "login").unwrap().value,
            "7"
        );
        session.close().await.unwrap();
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_its_site_takes_out_leaves_the_jar() {
    let jar = CookieJar::new();
    let Some(session) = started(once().cookie_jar(jar.clone())).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let mut elsewhere = site.http_url("/echo/elsewhere");
    elsewhere.set_host(Some("localhost")).unwrap();
    for name in ["header", "script"] {
        jar.insert(Cookie::new(name, "1", "127.0.0.1")).unwrap();
    }
    fetched(&session, &Fetch::from(elsewhere)).await;
    assert_eq!(jar.len(), 2);
    fetched(
        &session,
        &Fetch::from(site.http_url("/cookies/set?header=&_path=/&_max_age=0")),
    )
    .await;
    assert!(jar.get(&site.http_url("/"), "header").is_none() && jar.len() == 1);
    let script = PageOptions {
        init_scripts: Some(vec!["document.cookie = 'script=; path=/; max-age=0'".into()]),
        ..PageOptions::default()
    };
    fetched(&session, &with(&site, "/js/list", script)).await;
    assert!(jar.is_empty());
}

/// Of more than 3,300, Chromium drops those first that came from us and that no page has used.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_the_browser_has_no_room_for_any_more_stays_in_the_jar_and_is_put_back() {
    let jar = CookieJar::new();
    let builder = once()
        .cookie_jar(jar.clone())
        .cookie(Cookie::new("login", "7", "localhost"));
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    fetched(&session, &Fetch::from(site.http_url("/echo/first"))).await;
    let context = session.browser().unwrap().default_context();
    let deadline = silkroute_browser::Deadline::after(SOON);
    let of_host = |host| (0..100).map(move |number| Cookie::new(format!("c{number}"), "1", format!("{host}.test")));
    let many: Vec<Cookie> = (0..34).flat_map(of_host).collect();
    context.set_cookies(&many, deadline).await.unwrap();
    let kept = context.cookies(deadline).await.unwrap();
    assert!(
        kept.len() > 2_000 && kept.iter().all(|cookie| cookie.name != "login"),
        "{}",
        kept.len()
    );

    let mut there = site.http_url("/echo/there");
    there.set_host(Some("localhost")).unwrap();
    fetched(&session, &Fetch::from(site.http_url("/echo/second"))).await;
    assert_eq!(jar.get(&there, "login").expect("nobody was at its site").value, "7");
    fetched(&session, &Fetch::from(there)).await;
    let login = [("login".to_owned(), "7".to_owned())];
    assert_eq!(site.requests_to("/echo/there")[0].cookies(), login);
}

/// A session for which all hosts of this name are the test site. Cookies are told apart there that browsers do not tell apart
/// on this machine.
async fn of_shop() -> Option<DynamicSession> {
    let builder = once().extra_flags(["--host-resolver-rules=MAP *.shop.test 127.0.0.1"]);
    started(builder.ignore_https_errors(true)).await
}

fn at_shop(mut url: Url) -> Url {
    url.set_host(Some("www.shop.test")).unwrap();
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_of_the_request_takes_the_place_of_all_of_its_name() {
    let Some(session) = of_shop().await else { return };
    let site = TestSite::start().await.unwrap();
    let mut deep = Cookie::new("sid", "deep", "www.shop.test");
    deep.path = "/echo".to_owned();
    let all = [
        Cookie::new("sid", "jar", ".shop.test"),
        deep,
        Cookie::new("sid", "other", "login.shop.test"),
        Cookie::new("lang", "de", ".shop.test"),
    ];
    for cookie in all.clone() {
        session.cookie_jar().insert(cookie).unwrap();
    }
    let url = at_shop(site.http_url("/echo/sid"));
    fetched(&session, &Fetch::from(url).cookie("sid", "own")).await;
    let mut sent = site.requests_to("/echo/sid")[0].cookies();
    sent.sort();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(sent, [pair("lang", "de"), pair("sid", "own")]);
    assert_eq!(session.cookie_jar().cookies(), all, "the jar is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_of_a_request_over_https_may_say_so_and_go_nowhere_in_clear() {
    let Some(session) = of_shop().await else { return };
    let site = TestSite::start().await.unwrap();
    let clear = at_shop(site.http_url("/echo/clear"));
    let request = Fetch::from(at_shop(site.https_url("/redirect-to"))).query([("url", clear.as_str())]);
    let request = request.cookie("__Host-sid", "1").cookie("plain", "2");
    fetched(&session, &request).await;
    assert_eq!(site.requests_to("/redirect-to")[0].cookies().len(), 2);
    assert_eq!(site.requests_to("/echo/clear")[0].cookies(), []);
    // What cannot be says which one it is.
    for (name, length) in [("__Secure-sid", 1), ("long", 5_000)] {
        let request = Fetch::from(clear.clone())
            .cookie("fine", "1")
            .cookie(name, "x".repeat(length));
        let error = session.fetch(&request).await.unwrap_err();
        assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Request, "{error}");
        assert!(
            error.to_string().contains(name) && !error.to_string().contains("xx"),
            "{error}"
        );
    }
    assert_eq!(site.requests_to("/echo/clear").len(), 1);
}
