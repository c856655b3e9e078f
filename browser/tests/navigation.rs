//! Going places with a real browser.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use silkroute_browser::{
    Deadline, Error, LaunchOptions, Navigation, RedirectKind, SelectorState, TabOptions, WaitUntil,
};
use support::{Answer, Site, browser, browser_with, go, pages, soon, tab};

#[tokio::test]
async fn redirects_of_every_kind_lead_to_the_document_in_the_end() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        ("/end", Answer::html("<p>end</p>")),
        ("/1", Answer::of(301, &[("location", "/2"), ("x-hop", "1")], "")),
        (
            "/2",
            Answer::of(
                302,
                &[("location", "/end"), ("x-hop", "2"), ("set-cookie", "hop=2")],
                "",
            ),
        ),
        ("/js", Answer::html("<script>location.replace('/end')</script>")),
        ("/js-load", Answer::html("<body onload=\"location.href='/1'\">")),
        (
            "/js-soon",
            Answer::html("<script>onload = () => setTimeout(() => location.href='/end', 0)</script>"),
        ),
        ("/meta", Answer::html("<meta http-equiv=refresh content='0;url=/end'>")),
        (
            "/meta-soon",
            Answer::html("<meta http-equiv=refresh content='1;url=/end'><p>soon</p>"),
        ),
        (
            "/meta-late",
            Answer::html("<meta http-equiv=refresh content='60;url=/end'><p>late</p>"),
        ),
        (
            "/form",
            Answer::html("<form action=/end method=post id=f><input name=x value=y></form><script>f.submit()</script>"),
        ),
        ("/loop", Answer::of(302, &[("location", "/loop")], "")),
        (
            "/js-204",
            Answer::html("<p>here</p><script>location.href='/204'</script>"),
        ),
        ("/204", Answer::of(204, &[], "")),
        (
            "/js-download",
            Answer::html("<p>here</p><script>location.href='/zip'</script>"),
        ),
        ("/zip", Answer::of(200, &[("content-type", "application/zip")], "PK")),
        (
            "/a",
            Answer::html("<script>location.replace('/b' + Math.random())</script>"),
        ),
    ])
    .await;
    let tab = tab(&browser).await;
    let document = go(&tab, &site, "/1").await.unwrap();
    assert_eq!(
        (document.status, document.url.as_str()),
        (200, site.url("/end").as_str())
    );
    let hops: Vec<_> = document
        .redirects
        .iter()
        .map(|hop| (hop.kind, hop.status, hop.url.clone()))
        .collect();
    assert_eq!(
        hops,
        [
            (RedirectKind::Http, 301, site.url("/1").to_string()),
            (RedirectKind::Http, 302, site.url("/2").to_string()),
        ]
    );
    assert_eq!(document.redirects[1].headers["x-hop"], "2");
    assert_eq!(document.redirects[1].headers["set-cookie"], "hop=2");
    for path in ["/js", "/js-load", "/js-soon", "/meta", "/meta-soon", "/form"] {
        let document = go(&tab, &site, path).await.unwrap();
        assert_eq!(document.url, site.url("/end").as_str(), "{path}");
        assert_eq!(document.redirects[0].url, site.url(path).as_str(), "{path}");
        assert_eq!(document.redirects[0].kind, RedirectKind::Client);
        assert!(tab.content(soon()).await.unwrap().contains("end"));
    }
    for path in ["/meta-late", "/js-204", "/js-download"] {
        let document = go(&tab, &site, path).await.unwrap();
        assert_eq!(
            (document.url.as_str(), document.status),
            (site.url(path).as_str(), 200),
            "{path}"
        );
    }
    let error = go(&tab, &site, "/loop").await.unwrap_err();
    assert!(error.to_string().contains("TOO_MANY_REDIRECTS"), "{error}");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn what_never_ends_ends_at_the_deadline_and_what_does_not_matter_is_not_waited_for() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        ("/never", Answer::never()),
        ("/spin", Answer::html("<script>for (;;);</script>")),
        ("/hangs", Answer::html("<p id=p>here</p><img src=/never>")),
        (
            "/lazy",
            Answer::html("<p>top</p><div style='height:9000px'></div><iframe loading=lazy src=/never></iframe>"),
        ),
        ("/204-frame", Answer::html("<iframe src=/204></iframe><p>here</p>")),
        ("/204", Answer::of(204, &[], "")),
        ("/end", Answer::html("<p>end</p>")),
    ])
    .await;
    for path in ["/never", "/hangs", "/spin"] {
        let tab = tab(&browser).await;
        let error = tab
            .navigate(
                &Navigation::to(site.url(path)),
                Deadline::after(Duration::from_millis(700)),
            )
            .await;
        assert!(error.unwrap_err().is_timeout(), "{path}");
    }
    let tab = tab(&browser).await;
    for wait_until in [WaitUntil::Commit, WaitUntil::DomContentLoaded] {
        let to = Navigation {
            wait_until,
            ..Navigation::to(site.url("/hangs"))
        };
        assert_eq!(tab.navigate(&to, soon()).await.unwrap().status, 200);
        tab.wait_for_selector("#p", SelectorState::Visible, soon())
            .await
            .unwrap();
    }
    for path in ["/lazy", "/204-frame"] {
        assert_eq!(go(&tab, &site, path).await.unwrap().status, 200, "{path}");
    }
    // The tabs that timed out are gone, the one with the hung renderer included.
    let closed = async {
        while pages(&browser).await.len() > 1 {
            tokio::task::yield_now().await
        }
    };
    soon().run("closed tabs", closed).await.unwrap();
    let idle = Navigation {
        wait_until: WaitUntil::NetworkIdle,
        ..Navigation::to(site.url("/end"))
    };
    assert!(tab.navigate(&idle, soon()).await.unwrap().timing.network_idle.is_some());
    browser.close().await.unwrap();
}

#[tokio::test]
async fn errors_name_their_reason() {
    // Whatever the names of this machine's network are.
    let options = LaunchOptions {
        extra_flags: vec!["--host-resolver-rules=MAP nothing.invalid ~NOTFOUND".to_owned()],
        ..LaunchOptions::default()
    };
    let Some(browser) = browser_with(options).await else {
        return;
    };
    let tab = tab(&browser).await;
    let to = |url: &str| Navigation::to(url.parse().unwrap());
    for (url, reason) in [
        ("http://127.0.0.1:1/", "ERR_UNSAFE_PORT"),
        ("http://nothing.invalid/", "ERR_NAME_NOT_RESOLVED"),
    ] {
        let error = tab.navigate(&to(url), soon()).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    for url in [
        "file:///etc/passwd",
        "chrome://version",
        "javascript:1",
        "data:text/html,x",
        "view-source:http://a/",
    ] {
        assert!(
            matches!(tab.navigate(&to(url), soon()).await, Err(Error::Invalid { .. })),
            "{url}"
        );
    }
    let site = Site::start(&[("/", Answer::html("<p>x</p>"))]).await;
    assert_eq!(
        go(&tab, &site, "/").await.unwrap().status,
        200,
        "the tab is good after errors"
    );
    browser.close().await.unwrap();
}

#[tokio::test]
async fn other_methods_headers_and_referrer_reach_the_server() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/", Answer::html("<p>x</p><img src=/i>"))]).await;
    let tab = tab(&browser).await;
    let headers = HeaderMap::from_iter([
        (http::header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (http::HeaderName::from_static("x-one"), HeaderValue::from_static("1")),
    ]);
    let post = Navigation {
        method: Method::POST,
        body: Some("{\"a\":\"\u{e4}\"}".into()),
        headers,
        referrer: Some("https://www.google.com/".to_owned()),
        ..Navigation::to(site.url("/"))
    };
    assert_eq!(tab.navigate(&post, soon()).await.unwrap().status, 200);
    let asked = &site.asked("/")[0];
    assert!(asked.head.starts_with("POST / "), "{}", asked.head);
    assert_eq!(asked.body, "{\"a\":\"\u{e4}\"}");
    let head = asked.head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/json") && head.contains("x-one: 1"),
        "{head}"
    );
    assert!(
        head.contains("referer: https://www.google.com/\r\n") || head.ends_with("referer: https://www.google.com/"),
        "{head}"
    );
    assert!(
        !site.asked("/i")[0].head.to_ascii_lowercase().contains("x-one"),
        "headers are the document's only"
    );
    let put = Navigation {
        method: Method::PUT,
        body: Some("x".into()),
        ..Navigation::to(site.url("/"))
    };
    tab.navigate(&put, soon()).await.unwrap();
    assert!(site.asked("/")[1].head.starts_with("PUT"), "{:?}", site.asked("/")[1]);
    go(&tab, &site, "/").await.unwrap();
    assert!(site.asked("/")[2].head.starts_with("GET"));
    browser.close().await.unwrap();
}

#[tokio::test]
async fn dialogs_are_answered_and_popups_closed() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        ("/", Answer::html("<script>onbeforeunload = e => { e.preventDefault(); return 'stay' }; alert(1); \
            document.title = String(confirm('?')) + prompt('!'); open('/pop'); open('/pop', '_blank', 'noopener');</script>")),
        ("/pop", Answer::html("<script>alert('pop')</script>")),
        ("/end", Answer::html("end")),
    ])
    .await;
    let tab = tab(&browser).await;
    go(&tab, &site, "/").await.unwrap();
    assert_eq!(
        tab.evaluate::<String>("document.title", soon()).await.unwrap(),
        "falsenull"
    );
    assert_eq!(tab.dialogs(), ["alert", "confirm", "prompt"]);
    // With a user's gesture a page may both open windows and ask whether to leave.
    let gesture = silkroute_browser::cdp::RawCommand::new(
        "Runtime.evaluate",
        serde_json::json!({"expression": "open('/pop'); 1", "userGesture": true}),
    );
    tab.session().send(gesture.unwrap(), soon()).await.unwrap();
    assert_eq!(go(&tab, &site, "/end").await.unwrap().status, 200);
    assert!(
        tab.dialogs().contains(&"beforeunload".to_owned()),
        "{:?}",
        tab.dialogs()
    );
    let only_ours = async {
        while pages(&browser).await.len() > 1 {
            tokio::task::yield_now().await
        }
    };
    soon().run("popups closed", only_ours).await.unwrap();
    browser.close().await.unwrap();
}

#[tokio::test]
async fn headers_that_the_browser_makes_are_refused_and_hold_nothing_up() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/", Answer::html("<p>x</p>"))]).await;
    let tab = tab(&browser).await;
    let with = |name: &'static str, value: &'static str| Navigation {
        headers: HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_static(value))]),
        ..Navigation::to(site.url("/"))
    };
    for name in [
        "content-length",
        "cookie2",
        "host",
        "keep-alive",
        "proxy-authorization",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        let navigation = with(name, "1");
        let error = tab.navigate(&navigation, soon()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
        let options = TabOptions {
            extra_headers: navigation.headers,
            ..TabOptions::default()
        };
        let error = browser.default_context().open(options, soon()).await.unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    // What only the browser knows that it refuses is an error of its own, at once.
    let error = tab.navigate(&with("connection", "upgrade"), soon()).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert!(error.to_string().to_ascii_lowercase().contains("connection"), "{error}");
    assert!(site.all_asked().is_empty());
    // And the tab is none the worse.
    tab.navigate(&with("connection", "close"), soon()).await.unwrap();
    assert_eq!(go(&tab, &site, "/").await.unwrap().status, 200);
    browser.close().await.unwrap();
}
