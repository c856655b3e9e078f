//! One identity over HTTP and in the browser: the same words in the same order.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::Arc;

use silkroute_core::{Fetch, Identity, Proxy, RequestExt as _, Session};
use silkroute_session_http::HttpSession;
use silkroute_session_stealth::{CdpUrl, Fingerprint, GivesWay, StealthSession};
use silkroute_testkit::site::{ProxyOptions, ProxyServer, Recorded, TestSite};
use support::human::{Display, Window};
use support::{LONG, fetched, started};

/// Over HTTP/2 with TLS: a secure origin, where all headers are sent.
fn page(site: &TestSite) -> Fetch {
    Fetch::get(site.https_url("/shop").as_str()).unwrap()
}

fn navigation(site: &TestSite) -> Arc<Recorded> {
    let seen = site
        .requests_to("/shop")
        .into_iter()
        .next()
        .expect("the page was asked for");
    site.clear();
    seen
}

async fn over_http(site: &TestSite, mut session: HttpSession) -> Arc<Recorded> {
    session.start().await.unwrap();
    session.fetch(&page(site)).await.unwrap();
    session.close().await.unwrap();
    navigation(site)
}

fn assert_same(browser: &Arc<Recorded>, http: &Arc<Recorded>, spared: &[&str]) {
    assert_eq!(browser.version, http.version);
    assert_eq!(browser.header_names(), http.header_names());
    let compared = browser
        .headers
        .iter()
        .filter(|(name, _)| !spared.contains(&name.as_str()));
    for (name, value) in compared {
        assert_eq!(Some(value.as_str()), http.header(name), "{name}");
    }
}

#[tokio::test]
async fn a_navigation_is_a_persons_to_the_last_header() {
    let site = TestSite::start().await.unwrap();
    if support::no_browser().is_some() {
        return;
    }
    let Some(display) = Display::start().await else { return };
    let url = site.https_url("/shop");
    let window = Window::open(&display, &url, &["--ignore-certificate-errors"], &[]);
    site.wait_until(|site| !site.requests_to("/shop").is_empty(), LONG)
        .await
        .unwrap();
    drop(window);
    let person = navigation(&site);
    let Some(session) = started(StealthSession::builder().ignore_https_errors(true)).await else {
        return;
    };
    fetched(&session, &page(&site)).await;
    assert_same(&navigation(&site), &person, &[]);
}

#[tokio::test]
async fn the_browser_can_give_way() {
    let site = TestSite::start().await.unwrap();
    let identity = Identity::from_name("chrome149").unwrap().locale("de-DE");
    let fingerprint = Fingerprint {
        gives_way: GivesWay::Browser,
        ..Fingerprint::from(&identity)
    };
    let builder = StealthSession::builder()
        .fingerprint(fingerprint)
        .ignore_https_errors(true);
    let Some(session) = started(builder).await else { return };
    fetched(&session, &page(&site)).await;
    let browser = navigation(&site);
    let http = HttpSession::builder()
        .impersonate(identity.clone())
        .verify(false)
        .build()
        .unwrap();
    // What the browser can decode is what it can decode: a version of before JPEG XL does not ask for it.
    assert_same(&browser, &over_http(&site, http).await, &["accept"]);
    assert_eq!(browser.header("user-agent"), identity.user_agent().as_deref());
    assert_eq!(browser.header("user-agent"), session.user_agent().as_deref());
    assert_eq!(session.identity().unwrap().version, identity.version);
}

#[tokio::test]
async fn the_identity_can_give_way() {
    let site = TestSite::start().await.unwrap();
    let fingerprint = Fingerprint {
        gives_way: GivesWay::Identity,
        ..Fingerprint::from(&Identity::from_name("chrome149").unwrap())
    };
    let builder = StealthSession::builder()
        .fingerprint(fingerprint)
        .ignore_https_errors(true);
    let Some(session) = started(builder).await else { return };
    fetched(&session, &page(&site)).await;
    let browser = navigation(&site);
    let headers = session.headers().unwrap();
    let http = headers
        .iter()
        .fold(HttpSession::builder().verify(false), |builder, (name, value)| {
            builder.header(name.as_str(), value.to_str().unwrap())
        });
    assert_same(&browser, &over_http(&site, http.build().unwrap()).await, &[]);
    let said = session.identity().unwrap();
    assert_eq!(said.user_agent().as_deref(), browser.header("user-agent"));
    assert_eq!(session.user_agent(), said.user_agent());
}

/// To an origin that is not secure: another machine's, without TLS. There browsers say less.
#[tokio::test]
async fn over_plain_http_they_are_the_same_too() {
    let site = TestSite::start().await.unwrap();
    let server = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    site.serve_host(&server, "plain.example");
    let proxy: Proxy = server.url_socks5h().as_str().parse().unwrap();
    let Some(browser) = started(StealthSession::builder().proxy(proxy.clone())).await else {
        return;
    };
    let page = Fetch::get("http://plain.example/shop").unwrap();
    fetched(&browser, &page).await;
    let navigated = navigation(&site);
    assert_eq!(navigated.header("sec-ch-ua"), None, "{:?}", navigated.header_names());
    let headers = browser.headers().unwrap();
    let http = headers
        .iter()
        .fold(HttpSession::builder().proxy(proxy), |builder, (name, value)| {
            builder.header(name.as_str(), value.to_str().unwrap())
        });
    let mut http = http.build().unwrap();
    http.start().await.unwrap();
    http.fetch(&page).await.unwrap();
    assert_same(&navigated, &navigation(&site), &[]);
    // What a request brings itself is sent.
    http.fetch(&page.clone().header("sec-ch-ua", "mine").unwrap())
        .await
        .unwrap();
    assert_eq!(navigation(&site).header("sec-ch-ua"), Some("mine"));
}

/// A browser that somebody else started in German, where it is, and its folder. It ends with what is given back.
async fn elsewhere() -> Option<(tokio::process::Child, CdpUrl, tempfile::TempDir)> {
    if support::no_browser().is_some() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let child = tokio::process::Command::new(silkroute_session_stealth::find_browser().unwrap())
        .args(["--headless=new", "--no-sandbox", "--no-first-run"])
        .args(["--remote-debugging-port=0", "--accept-lang=de-DE,de", "about:blank"])
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // The file comes once it listens; there is no event for it.
    let end = std::time::Instant::now() + LONG;
    let port = loop {
        let text = std::fs::read_to_string(folder.path().join("DevToolsActivePort")).unwrap_or_default();
        match text.lines().next().map(str::parse::<u16>) {
            Some(Ok(port)) => break port,
            _ => assert!(std::time::Instant::now() < end, "the browser listens"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    };
    let url = CdpUrl::new(&format!("http://127.0.0.1:{port}")).unwrap();
    Some((child, url, folder))
}

#[tokio::test]
async fn a_browser_elsewhere_says_what_its_headers_are() {
    let site = TestSite::start().await.unwrap();
    let Some((_browser, url, _folder)) = elsewhere().await else {
        return;
    };
    // Contexts apart ask for more languages than the browser's own.
    for own in [true, false] {
        let builder = StealthSession::builder().cdp_url(url.clone()).cdp_default_context(own);
        let session = started(builder).await.unwrap();
        fetched(&session, &Fetch::get(site.http_url("/shop").as_str()).unwrap()).await;
        let seen = navigation(&site);
        for (name, value) in &session.headers().unwrap() {
            assert_eq!(seen.header(name.as_str()), value.to_str().ok(), "{name}");
        }
        assert_eq!(session.identity().unwrap().languages[..2], ["de-DE", "de"]);
    }
}

#[tokio::test]
async fn nobody_gives_way_unasked() {
    if support::no_browser().is_some() {
        return;
    }
    let identity = Identity::from_name("chrome100").unwrap();
    let mut session = StealthSession::builder().identity(&identity).build().unwrap();
    assert_eq!(session.identity(), None);
    let error = session.start().await.unwrap_err().to_string();
    assert!(error.contains("chrome 100") && error.contains("gives_way"), "{error}");
}
