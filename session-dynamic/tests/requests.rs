//! What a request asks for is what the server sees: headers, bodies, who is asking.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::{Error, Fetch, Proxy, ProxyPool, Request as _, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{
    ColorScheme, DynamicSession, DynamicSessionBuilder, Geolocation, Headers, PageOptions, Viewport,
};
use silkroute_testkit::site::{ProxyOptions, ProxyServer, TestSite};
use support::{fetched, started};

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

fn with(site: &TestSite, path: &str, options: PageOptions) -> Fetch {
    Fetch::from(site.http_url(path)).with(options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_headers_go_with_everything_and_credentials_with_the_document_alone() {
    let builder = once()
        .extra_header("X-Shop", "de")
        .unwrap()
        .extra_header("X-Api-Key", "secret")
        .unwrap();
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    let options = PageOptions {
        extra_headers: Some(Headers::new([("X-Page", "1")]).unwrap()),
        wait_selector: Some("#list".into()),
        ..PageOptions::default()
    };
    let request = with(&site, "/js/list", options).header("X-Document", "yes").unwrap();
    fetched(&session, &request).await;
    let (document, data) = (site.requests_to("/js/list"), site.requests_to("/js/list.json"));
    for name in ["x-shop", "x-page"] {
        assert!(
            document[0].header(name).is_some() && data[0].header(name).is_some(),
            "{name}"
        );
    }
    for name in ["x-api-key", "x-document"] {
        assert!(document[0].header(name).is_some(), "{name} goes with the document");
        assert!(data[0].header(name).is_none(), "{name} goes nowhere else");
    }
    // Another request of the same tab has none of it.
    fetched(&session, &Fetch::from(site.http_url("/echo/after"))).await;
    let after = &site.requests_to("/echo/after")[0];
    assert!(after.header("x-page").is_none() && after.header("x-document").is_none());
    assert_eq!(after.header("x-shop"), Some("de"));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_connection_are_the_browsers_own() {
    const OURS: [(&str, &str); 9] = [
        ("Connection", "keep-alive"),
        ("Content-Length", "7"),
        ("Host", "shop.test"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("Trailer", "X-Sum"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
    ];
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let mut copied = Fetch::from(site.http_url("/echo/copied"));
    for (name, value) in OURS {
        copied = copied.header(name, value).unwrap();
    }
    let options = PageOptions {
        extra_headers: Some(
            Headers::new(OURS)
                .unwrap()
                .with(&Headers::new([("X-Shop", "de")]).unwrap()),
        ),
        ..PageOptions::default()
    };
    for (request, path) in [
        (copied.header("X-Shop", "de").unwrap(), "/echo/copied"),
        (with(&site, "/echo/extra", options), "/echo/extra"),
    ] {
        let response = fetched(&session, &request).await;
        assert_eq!(response.0.status(), 200);
        let seen = &site.requests_to(path)[0];
        assert_eq!(seen.header("x-shop"), Some("de"));
        assert_eq!(seen.header("host"), Some(&*site.http_url("/").authority().to_owned()));
        for (name, value) in OURS.into_iter().filter(|(name, _)| *name != "Connection") {
            assert_ne!(seen.header(name), Some(value), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_follow_a_redirect_to_another_origin() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let mut elsewhere = site.http_url("/echo/elsewhere");
    elsewhere.set_host(Some("localhost")).unwrap();
    for (name, there) in [("X-Api-Key", false), ("Authorization", false), ("X-Plain", true)] {
        let request = Fetch::from(site.http_url("/redirect-to"))
            .query([("url", elsewhere.as_str())])
            .header(name, "hush")
            .unwrap();
        site.clear();
        fetched(&session, &request).await;
        let seen = &site.requests_to("/echo/elsewhere")[0];
        assert_eq!(seen.header(name).is_some(), there, "{name}");
        // The same origin may have them.
        let request = Fetch::from(site.http_url("/redirect-to"))
            .query([("url", site.http_url("/echo/here").as_str())])
            .header(name, "hush")
            .unwrap();
        fetched(&session, &request).await;
        assert_eq!(site.requests_to("/echo/here")[0].header(name), Some("hush"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn referers_are_the_requests_own_or_a_search() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let google = PageOptions {
        google_search: Some(true),
        ..PageOptions::default()
    };
    fetched(&session, &with(&site, "/echo/google", google.clone())).await;
    let seen = &site.requests_to("/echo/google")[0];
    assert_eq!(seen.header("referer"), Some("https://www.google.com/"));
    let own = with(&site, "/echo/own", google)
        .header("Referer", "https://shop.test/a?b")
        .unwrap();
    fetched(&session, &own).await;
    assert_eq!(
        site.requests_to("/echo/own")[0].header("referer"),
        Some("https://shop.test/a?b")
    );
    fetched(&session, &Fetch::from(site.http_url("/echo/none"))).await;
    assert_eq!(site.requests_to("/echo/none")[0].header("referer"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_is_told_of_the_user_holds_for_its_request_alone() {
    let Some(session) = started(once().permissions(["geolocation"])).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let told = "new Promise(done => { const d = new Date(2024, 0, 1); \
        const say = (place) => { document.title = JSON.stringify({ \
            agent: navigator.userAgent, language: navigator.language, zone: Intl.DateTimeFormat().resolvedOptions().timeZone, \
            locale: Intl.NumberFormat().resolvedOptions().locale, width: innerWidth, \
            dark: matchMedia('(prefers-color-scheme: dark)').matches, place }); \
            document.body.dataset.said = 1; }; \
        navigator.geolocation.getCurrentPosition(p => say(p.coords.latitude), e => say(e.message)); })";
    let options = PageOptions {
        user_agent: Some("Mozilla/5.0 Test".into()),
        locale: Some("de-DE".into()),
        timezone_id: Some("Asia/Tokyo".into()),
        viewport: Some(Viewport {
            width: 500,
            height: 400,
            device_scale_factor: 0.0,
        }),
        color_scheme: Some(ColorScheme::Dark),
        geolocation: Some(Geolocation {
            latitude: 52.5,
            longitude: 13.4,
            accuracy: 10.0,
        }),
        init_scripts: Some(vec![format!("addEventListener('load', () => {told})")]),
        // Where it is, a page is told a while after it asked.
        wait_selector: Some("[data-said]".into()),
        ..PageOptions::default()
    };
    let response = fetched(&session, &with(&site, "/page/10k", options)).await;
    let text = response.0.text().into_owned();
    let title = text.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    let said: serde_json::Value = serde_json::from_str(title).unwrap_or_else(|error| panic!("{error}: {title}"));
    assert_eq!(said["agent"], "Mozilla/5.0 Test");
    assert_eq!(said["language"], "de-DE");
    assert_eq!(said["locale"], "de-DE");
    assert_eq!(said["zone"], "Asia/Tokyo");
    assert_eq!(said["width"], 500);
    assert_eq!(said["dark"], true);
    assert_eq!(said["place"], 52.5);
    let seen = &site.requests_to("/page/10k")[0];
    assert_eq!(seen.header("user-agent"), Some("Mozilla/5.0 Test"));
    assert!(seen.header("accept-language").unwrap().starts_with("de-DE,de"));

    fetched(&session, &Fetch::from(site.http_url("/echo/next"))).await;
    let next = &site.requests_to("/echo/next")[0];
    assert!(next.header("user-agent").unwrap().contains("Chrome/"));
    assert!(!next.header("accept-language").unwrap_or_default().contains("de"));
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_verified_unless_a_request_says_otherwise() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let request = Fetch::from(site.https_url("/json"));
    let error = session.fetch(&request).await.unwrap_err();
    assert!(error.to_string().contains("ignore_https_errors"), "{error}");
    let any = request
        .clone()
        .with(PageOptions {
            ignore_https_errors: Some(true),
            ..PageOptions::default()
        })
        .unwrap();
    assert_eq!(fetched(&session, &any).await.0.status(), 200);
    session
        .fetch(&request)
        .await
        .expect_err("it holds for that request alone");
}

#[tokio::test]
async fn configurations_that_cannot_be_are_refused_by_name() {
    let refused = |builder: DynamicSessionBuilder, field: &str| {
        let error = builder.build().unwrap_err();
        assert!(
            matches!(&error, Error::Config { path, .. } if path == field),
            "{field}: {error}"
        );
    };
    let proxy: Proxy = "http://127.0.0.1:1".parse().unwrap();
    let pool = ProxyPool::new([proxy.clone()]).unwrap();
    let elsewhere = silkroute_session_dynamic::CdpUrl::new("ws://127.0.0.1:1/x").unwrap();
    let socks: Proxy = "socks5://user:secret@127.0.0.1:1".parse().unwrap();
    let error = once().proxy(socks).build().unwrap_err();
    assert!(
        matches!(error, Error::Unsupported { .. }) && !error.to_string().contains("secret"),
        "{error}"
    );
    refused(once().max_pages(0), "max_pages");
    refused(once().max_pages(51), "max_pages");
    refused(once().proxy(proxy.clone()).proxy_pool(pool), "proxy");
    refused(once().timeout(std::time::Duration::ZERO), "timeout");
    refused(once().capture_xhr("("), "capture_xhr");
    refused(once().default_page_action("none"), "page_action");
    refused(once().cdp_default_context(true), "cdp_default_context");
    refused(once().cdp_url(elsewhere.clone()).real_chrome(true), "real_chrome");
    refused(
        once().cdp_url(elsewhere).cdp_default_context(true).proxy(proxy),
        "proxy",
    );
    assert!(silkroute_session_dynamic::CdpUrl::new("ftp://x").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_follows_the_redirects_that_keep_it() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    for (status, method, body) in [
        (303, "GET", ""),
        (302, "GET", ""),
        (307, "POST", "a=1"),
        (308, "POST", "a=1"),
    ] {
        let to = site.http_url(&format!("/echo/{status}"));
        let request = Fetch::post(
            site.http_url(&format!("/redirect-to?status={status}&url={to}"))
                .as_str(),
        )
        .unwrap()
        .form([("a", "1")]);
        fetched(&session, &request).await;
        let seen = &site.requests_to(&format!("/echo/{status}"))[0];
        assert_eq!((seen.method.as_str(), seen.text().as_str()), (method, body), "{status}");
        assert_eq!(seen.header("content-type").is_some(), method == "POST", "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_asks_for_a_password_is_answered_with_what_the_request_has_or_not_at_all() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(once()).await else { return };
    // With a proxy of the request's own, which asks too, or without.
    let proxy = ProxyServer::start(ProxyOptions::default().credentials("member", "hush"))
        .await
        .unwrap();
    let mut through = proxy.url_http();
    through.set_username("member").unwrap();
    through.set_password(Some("hush")).unwrap();
    let direct = |path: &str| Fetch::from(site.http_url(path));
    let proxied = |path: &str| direct(path).proxy(through.as_str()).unwrap();
    let asks: [&dyn Fn(&str) -> Fetch; 2] = [&direct, &proxied];
    for (ask, name) in asks.into_iter().zip(["direct", "proxied"]) {
        let refused = fetched(&session, &ask("/basic-auth")).await;
        assert_eq!(refused.0.status(), 401, "{name}");
        assert!(!refused.0.body().is_empty(), "{name}");
        let mut url = site.http_url("/basic-auth");
        url.set_username("user").unwrap();
        url.set_password(Some("pass")).unwrap();
        let mut let_in = ask("/");
        let_in.parts_mut().url = url;
        assert_eq!(fetched(&session, &let_in).await.0.status(), 200, "{name}");
    }
    // As a picture, a frame and a request it holds up no page.
    let members = "document.addEventListener('DOMContentLoaded', () => { for (const tag of ['img', 'iframe']) \
                   document.body.append(Object.assign(document.createElement(tag), {src: '/basic-auth'})); \
                   fetch('/basic-auth').then(answer => document.body.dataset.members = answer.status); })";
    let options = PageOptions {
        init_scripts: Some(vec![members.into()]),
        wait_selector: Some("[data-members='401']".into()),
        ..PageOptions::default()
    };
    assert_eq!(
        fetched(&session, &with(&site, "/page/10k", options)).await.0.status(),
        200
    );
}
