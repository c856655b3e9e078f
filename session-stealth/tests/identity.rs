//! One identity over HTTP and in the browser: the same words in the same order.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::Arc;

use silkroute_core::{Error, Fetch, Identity, Proxy, RequestExt as _, Session};
use silkroute_session_http::{Destination, HttpOptions, HttpSession};
use silkroute_session_stealth::{CdpUrl, Fingerprint, GivesWay, Headless, StealthOptions, StealthSession};
use silkroute_testkit::site::{ProxyOptions, ProxyServer, Recorded, TestSite};
use support::human::{Window, display};
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
    let Some(display) = display().await else { return };
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

#[tokio::test]
async fn a_request_over_http_can_be_the_browser() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(StealthSession::builder().ignore_https_errors(true)).await else {
        return;
    };
    fetched(&session, &page(&site)).await;
    let browser = navigation(&site);
    let identity = Session::identity(&session).unwrap();
    assert!(session.can_be(&identity));

    let mut http = HttpSession::builder().verify(false).build().unwrap();
    assert!(http.can_be(&identity));
    http.start().await.unwrap();
    http.fetch(&page(&site).identity(identity.clone())).await.unwrap();
    let as_browser = navigation(&site);
    assert_same(&browser, &as_browser, &[]);
    http.fetch(&page(&site)).await.unwrap();
    let as_itself = navigation(&site);
    assert_eq!(as_itself.header("user-agent"), http.user_agent().as_deref());
    assert_ne!(as_itself.header("sec-ch-ua"), as_browser.header("sec-ch-ua"));
    let hello = |seen: &Recorded| seen.tls.as_ref().unwrap().ja4.clone();
    assert_eq!(hello(&as_browser), hello(&as_itself), "TLS of the newest that is known");

    // A browser that has started is itself, and says so before anything is sent.
    fetched(&session, &page(&site).identity(identity)).await;
    assert_eq!(navigation(&site).header("user-agent"), browser.header("user-agent"));
    let other = Identity::from_name("firefox").unwrap();
    assert!(!session.can_be(&other));
    let error = session.fetch(&page(&site).identity(other)).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(site.requests_to("/shop").is_empty(), "what is refused is not sent");
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
        // What takes another browser cannot be had of one that runs already; all else can.
        let request = Fetch::get(site.http_url("/shop").as_str()).unwrap();
        let blocked = StealthOptions {
            block_webrtc: Some(true),
            ..StealthOptions::default()
        };
        let error = session
            .fetch(&request.clone().with(blocked).unwrap())
            .await
            .unwrap_err();
        let told = error.to_string();
        assert!(told.contains("block_webrtc") && told.contains("cdp_url"), "{told}");
        assert!(site.requests_to("/shop").is_empty(), "what is refused is not sent");
        let searched = StealthOptions {
            google_search: Some(true),
            ..StealthOptions::default()
        };
        fetched(&session, &request.with(searched).unwrap()).await;
        assert_eq!(navigation(&site).header("referer"), Some("https://www.google.com/"));
    }
    for builder in [
        StealthSession::builder().block_webrtc(true),
        StealthSession::builder().allow_webgl(false),
        StealthSession::builder().timezone_id("Europe/Berlin"),
        StealthSession::builder().headless(Headless::Off),
    ] {
        let error = builder.cdp_url(url.clone()).build().unwrap_err().to_string();
        assert!(error.contains("launched") && error.contains("runs already"), "{error}");
    }
}

/// Chosen, and in a profile that somebody set so before. Chromium asks for more than it is told.
#[tokio::test]
async fn an_identity_has_the_languages_that_are_asked_for() {
    let site = TestSite::start().await.unwrap();
    let profile = tempfile::tempdir().unwrap();
    std::fs::create_dir(profile.path().join("Default")).unwrap();
    std::fs::write(
        profile.path().join("Default/Preferences"),
        r#"{"intl": {"accept_languages": "fr-FR,en-US", "selected_languages": "fr-FR,en-US"}}"#,
    )
    .unwrap();
    let chosen = Fingerprint {
        languages: Some(["fr-FR", "en-US"].map(str::to_owned).into()),
        ..Fingerprint::default()
    };
    for builder in [
        StealthSession::builder().user_data_dir(profile.path()),
        StealthSession::builder().fingerprint(chosen),
    ] {
        let Some(mut session) = started(builder.ignore_https_errors(true)).await else {
            return;
        };
        fetched(&session, &page(&site)).await;
        let seen = navigation(&site);
        let asked = seen.header("accept-language");
        assert_eq!(asked, Some("fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7"));
        let identity = Session::identity(&session).unwrap();
        assert_eq!(Some(identity.accept_language().as_str()), asked);
        assert_eq!(session.headers().unwrap()["accept-language"].to_str().ok(), asked);
        session.close().await.unwrap();
    }
}

#[tokio::test]
async fn nobody_gives_way_unasked() {
    if support::no_browser().is_some() {
        return;
    }
    let identity = Identity::from_name("chrome100").unwrap();
    let builder = StealthSession::builder().start_timeout(LONG);
    let mut session = builder.identity(&identity).build().unwrap();
    assert_eq!(session.identity(), None);
    let error = session.start().await.unwrap_err().to_string();
    assert!(error.contains("chrome 100") && error.contains("gives_way"), "{error}");
}

/// What a page loads: what scripts fetch, images, scripts and styles; over HTTP/2, and over HTTP/1.1 with its case and order.
#[tokio::test]
async fn what_a_page_loads_is_asked_for_in_the_same_words() {
    let site = TestSite::start().await.unwrap();
    let identity = Identity::from_name("chrome149").unwrap();
    let fingerprint = Fingerprint {
        gives_way: GivesWay::Browser,
        ..Fingerprint::from(&identity)
    };
    let builder = StealthSession::builder()
        .fingerprint(fingerprint)
        .ignore_https_errors(true)
        .network_idle(true);
    let Some(session) = started(builder).await else { return };
    let impersonating = HttpSession::builder().impersonate(identity);
    // One that was told what the browser says with a navigation.
    let headers = session.headers().unwrap();
    let handed = headers.iter().fold(HttpSession::builder(), |builder, (name, value)| {
        builder.header(name.as_str(), value.to_str().unwrap())
    });
    let mut sessions = Vec::new();
    for builder in [impersonating, handed] {
        let mut http = builder.verify(false).build().unwrap();
        http.start().await.unwrap();
        sessions.push(http);
    }
    let words = |seen: &Recorded| -> Vec<(String, String)> {
        // The script's own, which a browser places by its name.
        let of_script = |name: &str| ["x-requested-with", "x-token"].contains(&name.to_ascii_lowercase().as_str());
        let all = seen.headers.iter().filter(|(name, _)| !of_script(name));
        // What the browser can decode is what it can decode: a version of before JPEG XL does not ask for it.
        all.map(|(name, value)| (name.clone(), value.replace("image/jxl,", "")))
            .collect()
    };
    let bases = [("HTTP/2.0", site.https_url("/")), ("HTTP/1.1", site.http_url("/"))];
    for (version, base) in bases {
        for (page, path, destination) in [
            ("js/xhr", "/js/api/token", Destination::Fetch),
            ("js/xhr", "/js/api/search", Destination::Fetch),
            ("js/list", "/js/list.css", Destination::Style),
            ("js/head", "/js/resource/1.js", Destination::Script),
            ("js/subrequests?n=1", "/js/resource/0.png", Destination::Image),
        ] {
            site.clear();
            let page = base.join(page).unwrap();
            fetched(&session, &Fetch::get(page.as_str()).unwrap()).await;
            let asked = site.requests_to(path).pop().expect("the page asked for it");
            site.clear();
            let url = base.join(path).unwrap();
            let mut request = Fetch::new(&asked.method, url.as_str())
                .unwrap()
                .header("referer", page.as_str())
                .unwrap()
                .with(HttpOptions {
                    destination: Some(destination),
                    ..HttpOptions::default()
                })
                .unwrap();
            if asked.method == "POST" {
                let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
                request = request.json(&body).unwrap();
            }
            for http in &sessions {
                http.fetch(&request).await.unwrap();
                let sent = site.requests_to(path).pop().unwrap();
                assert_eq!((&*asked.version, &*sent.version), (version, version));
                assert_eq!(words(&sent), words(&asked), "{path} over {version}");
            }
        }
    }
    for mut http in sessions {
        http.close().await.unwrap();
    }

    let mut firefox = HttpSession::builder().impersonate("firefox").build().unwrap();
    firefox.start().await.unwrap();
    let request = Fetch::from(site.http_url("/js/list.css")).with(HttpOptions {
        destination: Some(Destination::Style),
        ..HttpOptions::default()
    });
    let error = firefox.fetch(&request.unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("destination") && error.contains("Chromium"), "{error}");
}
