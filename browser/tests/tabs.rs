//! Tabs and contexts, with a real browser.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use silkroute_browser::cdp::RawCommand;
use silkroute_browser::{
    Blocking, CaptureFilter, ColorScheme, ContextOptions, Deadline, Error, Navigation, PdfOptions, ScreenshotOptions,
    SelectorState, TabOptions, TargetInfo, TargetKind, UserAgent, Viewport,
};
use silkroute_core::Cookie;
use silkroute_testkit::site::TestSite;
use support::{Answer, Site, browser, open, soon, tab};

#[tokio::test]
async fn options_reach_the_page_its_frames_and_its_workers() {
    let Some(browser) = browser().await else { return };
    let facts = "({ua: navigator.userAgent, lang: navigator.language, zone: Intl.DateTimeFormat().resolvedOptions().timeZone, \
                 intl: Intl.DateTimeFormat().resolvedOptions().locale})";
    let site = Site::start(&[
        (
            "/frame",
            Answer::html(&format!("<script>parent.postMessage({facts}, '*')</script>")),
        ),
        (
            "/worker.js",
            Answer::of(
                200,
                &[("content-type", "text/javascript")],
                "postMessage(navigator.userAgent)",
            ),
        ),
    ])
    .await;
    let frame = site.on("localhost", "/frame");
    site.set(
        "/",
        Answer::html(&format!(
            "<script>var got = []; onmessage = e => {{ got.push(e.data); document.title = got.length }};\
         new Worker('/worker.js').onmessage = e => {{ got.push(e.data); document.title = got.length }}</script>\
         <iframe src='{frame}'></iframe>"
        )),
    );
    let options = TabOptions {
        user_agent: Some(UserAgent {
            user_agent: "Tester/1".into(),
            accept_language: Some("de-DE,de".into()),
            ..UserAgent::default()
        }),
        locale: Some("de-DE".into()),
        timezone_id: Some("Asia/Tokyo".into()),
        color_scheme: Some(ColorScheme::Dark),
        viewport: Some(Viewport {
            width: 640,
            height: 480,
            device_scale_factor: 1.0,
        }),
        init_scripts: vec!["window.early = 7".into()],
        extra_headers: http::HeaderMap::from_iter([(http::HeaderName::from_static("x-extra"), "e".parse().unwrap())]),
        ..TabOptions::default()
    };
    let context = browser.new_context(ContextOptions::default(), soon()).await.unwrap();
    let tab = open(&context, options).await;
    tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    let done = "new Promise(done => { const look = () => got.length == 2 ? done(got) : setTimeout(look, 10); look() })";
    let got: Vec<Value> = tab.evaluate_in_page(done, soon()).await.unwrap();
    let own: Value = tab.evaluate_in_page(facts, soon()).await.unwrap();
    assert_eq!(
        own,
        json!({"ua": "Tester/1", "lang": "de-DE", "zone": "Asia/Tokyo", "intl": "de-DE"})
    );
    assert!(got.contains(&own), "the frame of another site: {got:?}");
    assert!(got.contains(&json!("Tester/1")), "the worker: {got:?}");
    let seen: Value = tab
        .evaluate_in_page("[early, innerWidth, matchMedia('(prefers-color-scheme: dark)').matches, document.hidden, document.hasFocus()]", soon())
        .await
        .unwrap();
    assert_eq!(seen, json!([7, 640, true, false, true]));
    assert!(site.asked("/frame")[0].head.to_ascii_lowercase().contains("x-extra: e"));
    // The isolated world knows nothing of the page's variables.
    assert!(
        tab.evaluate::<bool>("typeof early === 'undefined'", soon())
            .await
            .unwrap()
    );
    browser.close().await.unwrap();
}

#[tokio::test]
async fn the_set_up_comes_before_the_first_script_everywhere() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[(
        "/",
        Answer::html("<script>document.title = navigator.userAgent</script>"),
    )])
    .await;
    let setup = |target: &TargetInfo| match target.kind() {
        TargetKind::Page => {
            vec![RawCommand::new("Emulation.setUserAgentOverride", json!({"userAgent": "Set/1"})).unwrap()]
        }
        _ => Vec::new(),
    };
    let tab = open(
        &browser.default_context(),
        TabOptions {
            setup: Some(Arc::new(setup)),
            ..TabOptions::default()
        },
    )
    .await;
    tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    assert_eq!(tab.evaluate::<String>("document.title", soon()).await.unwrap(), "Set/1");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn shared_workers_are_told_what_their_context_is() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        (
            "/",
            Answer::html(
                "<script>new SharedWorker('/w.js').port.onmessage = e => { document.title = e.data }</script>",
            ),
        ),
        (
            "/w.js",
            Answer::of(
                200,
                &[("content-type", "text/javascript")],
                "onconnect = e => e.ports[0].postMessage(navigator.userAgent)",
            ),
        ),
    ])
    .await;
    let setup = |target: &TargetInfo| match target.kind() {
        TargetKind::SharedWorker => {
            vec![RawCommand::new("Network.setUserAgentOverride", json!({"userAgent": "Shared/1"})).unwrap()]
        }
        _ => Vec::new(),
    };
    let own = browser
        .new_context(
            ContextOptions {
                proxy: None,
                setup: Some(Arc::new(setup)),
            },
            soon(),
        )
        .await
        .unwrap();
    for context in [own, browser.default_context_with(Some(Arc::new(setup)))] {
        let tab = open(&context, TabOptions::default()).await;
        tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
        let title = "new Promise(done => { const look = () => document.title ? done(document.title) : setTimeout(look, 10); look() })";
        // It need not obey that override, which is the flag's business; it must have run, and not wait for ever.
        assert!(!tab.evaluate::<String>(title, soon()).await.unwrap().is_empty());
    }
    browser.close().await.unwrap();
}

#[tokio::test]
async fn blocking_capture_pictures_cookies_and_waits() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        ("/", Answer::html("<img src=/i.png><link rel=stylesheet href=/s.css><ul id=list></ul><script>\
            fetch('/api?x=1').then(r => r.json()).then(v => { list.innerHTML = v.map(x => `<li class=late>${x}</li>`).join('') });\
            fetch('/other');</script>")),
        ("/api?x=1", Answer::of(200, &[("content-type", "application/json")], "[1,2,3]")),
        ("/scroll", Answer::html("<div id=d style='height:3000px'></div><script>let n = 0; onscroll = () => { \
            if (n < 3 && innerHeight + scrollY >= document.body.scrollHeight - 50) { n++; d.style.height = 3000 + n * 1000 + 'px' } }</script>")),
    ])
    .await;
    let context = browser.new_context(ContextOptions::default(), soon()).await.unwrap();
    let mut cookie = Cookie::new("mine", "1", "127.0.0.1");
    cookie.http_only = true;
    context.set_cookies(&[cookie], soon()).await.unwrap();
    let options = TabOptions {
        blocking: Some(Arc::new(Blocking::default().types(["Image", "Stylesheet"]))),
        capture: Some(CaptureFilter::new(|url| url.contains("/api"))),
        ..TabOptions::default()
    };
    let tab = open(&context, options).await;
    tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    tab.wait_for_selector("li.late", SelectorState::Visible, soon())
        .await
        .unwrap();
    tab.wait_for_selector("li.never", SelectorState::Detached, soon())
        .await
        .unwrap();
    let short = Deadline::after(Duration::from_millis(200));
    assert!(
        tab.wait_for_selector("li.never", SelectorState::Attached, short)
            .await
            .unwrap_err()
            .is_timeout()
    );
    assert!(matches!(
        tab.wait_for_selector("li[", SelectorState::Attached, soon()).await,
        Err(Error::Script { .. })
    ));
    assert!(site.asked("/i.png").is_empty() && site.asked("/s.css").is_empty());
    assert!(site.asked("/")[0].head.contains("mine=1"));
    let captured = tab.captured(soon()).await.unwrap();
    assert_eq!(captured.len(), 1);
    assert_eq!(
        (captured[0].status, captured[0].body.as_deref().unwrap()),
        (200, b"[1,2,3]".as_slice())
    );
    assert!(
        tab.screenshot(
            &ScreenshotOptions {
                full_page: true,
                ..ScreenshotOptions::default()
            },
            soon()
        )
        .await
        .unwrap()
        .starts_with(b"\x89PNG")
    );
    assert!(
        tab.pdf(&PdfOptions::default(), soon())
            .await
            .unwrap()
            .starts_with(b"%PDF")
    );
    let cookies = context.cookies(soon()).await.unwrap();
    assert!(
        cookies
            .iter()
            .any(|cookie| cookie.name == "mine" && cookie.http_only && cookie.domain == "127.0.0.1")
    );
    context.clear_cookies(soon()).await.unwrap();
    assert!(context.cookies(soon()).await.unwrap().is_empty());
    tab.navigate(&Navigation::to(site.url("/scroll")), soon())
        .await
        .unwrap();
    let outcome = tab.auto_scroll(100, Duration::from_secs(5), soon()).await.unwrap();
    assert!(outcome.complete && outcome.height >= 6000, "{outcome:?}");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_proxy_with_credentials_is_never_bypassed() {
    let Some(browser) = browser().await else { return };
    let site = TestSite::start().await.unwrap();
    let proxy: silkroute_core::Proxy = site.proxy().url_http().as_str().parse().unwrap();
    let context = browser
        .new_context(
            ContextOptions {
                proxy: Some(proxy.clone()),
                setup: None,
            },
            soon(),
        )
        .await
        .unwrap();
    let options = TabOptions {
        proxy_credentials: Some(proxy),
        ..TabOptions::default()
    };
    let through = open(&context, options).await;
    let document = through
        .navigate(&Navigation::to(site.http_url("/shop")), soon())
        .await
        .unwrap();
    assert_eq!(document.status, 200);
    assert!(!site.proxy().log().is_empty());
    let without = open(
        &browser
            .new_context(
                ContextOptions {
                    proxy: Some(site.proxy().url_http().as_str().parse().unwrap()),
                    setup: None,
                },
                soon(),
            )
            .await
            .unwrap(),
        TabOptions::default(),
    )
    .await;
    let refused = without.navigate(&Navigation::to(site.http_url("/shop")), soon()).await;
    assert!(
        refused.as_ref().map_or(true, |document| document.status == 407),
        "{refused:?}"
    );
    let tls = tab(&browser).await;
    let error = tls
        .navigate(&Navigation::to(site.https_url("/shop")), soon())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ERR_CERT_AUTHORITY_INVALID"), "{error}");
    let any = open(
        &browser.default_context(),
        TabOptions {
            ignore_https_errors: true,
            ..TabOptions::default()
        },
    )
    .await;
    assert_eq!(
        any.navigate(&Navigation::to(site.https_url("/shop")), soon())
            .await
            .unwrap()
            .status,
        200
    );
    browser.close().await.unwrap();
    site.close().await;
}

#[tokio::test]
async fn every_sort_of_worker_runs_where_nobody_has_anything_to_tell_it() {
    let Some(browser) = browser().await else { return };
    let site = TestSite::start().await.unwrap();
    let context = browser.new_context(ContextOptions::default(), soon()).await.unwrap();
    for context in [browser.default_context(), context] {
        let tab = open(&context, TabOptions::default()).await;
        tab.navigate(&Navigation::to(site.http_url("/workers")), soon())
            .await
            .unwrap();
        // The page tells when its dedicated, blob, shared and service worker have all answered.
        site.wait_until(|site| !site.requests_to("/echo/workers").is_empty(), soon().remaining())
            .await
            .unwrap();
        site.clear();
    }
    browser.close().await.unwrap();
    site.close().await;
}
