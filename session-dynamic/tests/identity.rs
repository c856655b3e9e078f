//! A page looks like the identity that its request names, wherever it is asked, and like the browser again after it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use serde_json::{Value, json};
use silkroute_core::identity::{Browser, Os};
use silkroute_core::{Error, Fetch, Identity, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{DynamicSession, DynamicSessionBuilder, Headers, PageOptions};
use silkroute_testkit::site::{ProxyOptions, ProxyServer, Recorded, TestSite, known};
use support::{SOON, elsewhere, fetched, started};

/// Where the browser is asked by scripts of its own: what shared and service workers say is from its launch.
const PLACES: &[&str] = known::CONSISTENCY_PAGE_PLACES;

type Tables = BTreeMap<String, BTreeMap<String, Value>>;

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

fn named(name: &str) -> Identity {
    name.parse().unwrap()
}

/// Another browser, on another system, somewhere else.
fn edge() -> Identity {
    named("edge148_windows").locale("de-DE").timezone("Asia/Tokyo")
}

/// What a page at which the browser is asked in all places says, and its navigation.
async fn said(
    site: &TestSite,
    session: &DynamicSession,
    run: &str,
    identity: Option<&Identity>,
) -> (Tables, Arc<Recorded>) {
    let mut request = Fetch::from(site.http_url(&format!("/consistency?run={run}")))
        .with(PageOptions {
            page_action: Some("note".into()),
            wait_selector: Some("#done".into()),
            ..PageOptions::default()
        })
        .unwrap();
    if let Some(identity) = identity {
        request = request.identity(identity.clone());
    }
    fetched(session, &request).await;
    let all = |site: &TestSite| site.consistency(run).len() == known::CONSISTENCY_PLACES.len();
    site.wait_until(all, SOON).await.unwrap();
    (site.consistency(run), site.requests_to("/consistency").pop().unwrap())
}

/// Of all that a place said, what has to do with who it is.
fn who(tables: &Tables) -> BTreeMap<(String, String), Value> {
    let about = |name: &str| {
        ["headers.", "hints.", "navigator.", "placeAndTime."]
            .iter()
            .any(|part| name.starts_with(part))
    };
    let rows = tables.iter().flat_map(|(place, table)| {
        let rows = table.iter().filter(|(name, _)| about(name));
        rows.map(move |(name, value)| ((place.clone(), name.clone()), value.clone()))
    });
    rows.collect()
}

/// A session, and the tabs that its pages were in.
fn noting() -> (DynamicSessionBuilder, Arc<Mutex<BTreeSet<String>>>) {
    let tabs = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&tabs);
    let builder = once().page_action("note", move |page| {
        noted.lock().unwrap().insert(page.tab().id().to_owned());
        Box::pin(async { Ok(()) })
    });
    (builder, tabs)
}

/// To the letter, as the identity has it.
fn assert_sent_as(identity: &Identity, seen: &Recorded) {
    for (name, expected) in [
        ("user-agent", identity.user_agent()),
        ("accept-language", Some(identity.accept_language())),
        ("sec-ch-ua", identity.sec_ch_ua()),
        ("sec-ch-ua-mobile", Some("?0".to_owned())),
        ("sec-ch-ua-platform", Some(identity.sec_ch_ua_platform())),
    ] {
        assert_eq!(seen.header(name), expected.as_deref(), "{name} of {}", seen.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_place_of_a_page_says_who_its_request_names_and_the_next_page_nothing_of_it() {
    let (builder, tabs) = noting();
    let Some(session) = started(builder).await else { return };
    let site = TestSite::start().await.unwrap();
    let (before, plain) = said(&site, &session, "before", None).await;

    let edge = edge();
    let (worn, navigation) = said(&site, &session, "edge", Some(&edge)).await;
    assert_sent_as(&edge, &navigation);
    for &place in PLACES {
        let table = &worn[place];
        let expected = [
            ("headers.user-agent", json!(edge.user_agent())),
            ("headers.accept-language", json!("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7")),
            ("navigator.userAgent", json!(edge.user_agent())),
            ("navigator.language", json!("de-DE")),
            ("navigator.languages", json!(["de-DE", "de", "en-US", "en"])),
            (
                "hints.brands",
                json!(["Chromium 148", "Microsoft Edge 148", "Not/A)Brand 99"]),
            ),
            (
                "hints.fullVersionList",
                json!(["Chromium 148.0.0.0", "Microsoft Edge 148.0.0.0", "Not/A)Brand 99.0.0.0"]),
            ),
            ("hints.platform", json!("Windows")),
            ("hints.platformVersion", json!("19.0.0")),
            ("hints.architecture", json!("x86")),
            ("hints.bitness", json!("64")),
            ("hints.formFactors", json!(["Desktop"])),
            ("hints.mobile", json!(false)),
            ("hints.model", json!("")),
            ("placeAndTime.locale", json!("de-DE")),
            ("placeAndTime.timeZone", json!("Asia/Tokyo")),
            ("placeAndTime.localDay", json!("14.7.2024, 21:00:00")),
        ];
        for (name, value) in expected {
            assert_eq!(table.get(name), Some(&value), "{name} in {place}");
        }
    }
    for place in &PLACES[..3] {
        let table = &worn[*place];
        assert_eq!(table["navigator.platform"], "Win32", "{place}");
        assert_eq!(table["headers.sec-ch-ua"], json!(edge.sec_ch_ua()), "{place}");
        assert_eq!(table["headers.sec-ch-ua-platform"], "\"Windows\"", "{place}");
    }

    let (after, again) = said(&site, &session, "after", None).await;
    assert_eq!(who(&after), who(&before));
    assert_eq!(again.header_names(), plain.header_names());

    let chrome = named("chrome149").os(Os::HOST).languages(["fr", "en"]);
    let (worn, navigation) = said(&site, &session, "chrome", Some(&chrome)).await;
    assert_sent_as(&chrome, &navigation);
    for &place in PLACES {
        let table = &worn[place];
        assert_eq!(table["navigator.userAgent"], json!(chrome.user_agent()), "{place}");
        assert_eq!(table["navigator.languages"], json!(["fr", "en"]), "{place}");
        assert_eq!(table["placeAndTime.locale"], "fr", "{place}");
        // Of the machine no more is told than there was.
        for name in [
            "hints.platform",
            "hints.platformVersion",
            "hints.architecture",
            "navigator.platform",
            "placeAndTime.timeZone",
        ] {
            assert_eq!(table[name], before[place][name], "{name} in {place}");
        }
    }
    assert_eq!(tabs.lock().unwrap().len(), 1, "all of this was one tab");
}

/// The browser that is installed, by another name than that of one without a window. Where another session is it, this one says the
/// same to the last header and its place.
#[tokio::test(flavor = "multi_thread")]
async fn as_the_browser_that_it_is_it_says_all_that_that_says() {
    let Some(session) = started(noting().0).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let (before, plain) = said(&site, &session, "before", None).await;
    let page = &before["page"];
    let brands = page["hints.brands"].to_string();
    let version = page["hints.uaFullVersion"].as_str().unwrap().split('.').next().unwrap();
    let browser = match brands.contains("Google Chrome") {
        true => Browser::Chrome,
        false => Browser::Chromium,
    };
    let languages: Vec<String> = serde_json::from_value(page["navigator.languages"].clone()).unwrap();
    let identity = Identity::new(browser)
        .version(version.parse().unwrap())
        .os(Os::HOST)
        .languages(languages);
    let (worn, navigation) = said(&site, &session, "worn", Some(&identity)).await;
    assert_sent_as(&identity, &navigation);
    assert_eq!(navigation.header_names(), plain.header_names());
    for &place in PLACES {
        let not_named =
            |name: &str| !name.contains("serAgent") && !name.contains("user-agent") && name != "navigator.appVersion";
        let of = |tables: &Tables| {
            let mut rows = who(tables);
            rows.retain(|(at, name), _| at == place && not_named(name));
            rows
        };
        assert_eq!(of(&worn), of(&before));
        assert!(
            !worn[place]["navigator.appVersion"].to_string().contains("Headless"),
            "{place}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_subresources_proxies_and_contexts_of_their_own_keep_it() {
    let Some(session) = started(once().ignore_https_errors(true)).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let edge = edge();

    let mut elsewhere = site.http_url("/echo/elsewhere");
    elsewhere.set_host(Some("localhost")).unwrap();
    let mut first = site.http_url("/redirect-to");
    first.query_pairs_mut().append_pair("url", elsewhere.as_str());
    fetched(&session, &Fetch::from(first).identity(edge.clone())).await;
    assert_sent_as(&edge, &site.requests_to("/redirect-to")[0]);
    assert_sent_as(&edge, &site.requests_to("/echo/elsewhere")[0]);

    let list = Fetch::from(site.https_url("/js/list"))
        .with(PageOptions {
            wait_selector: Some("#list li".into()),
            ..PageOptions::default()
        })
        .unwrap();
    fetched(&session, &list.identity(edge.clone())).await;
    for path in ["/js/list", "/js/list.css", "/js/list.js", "/js/list.json"] {
        assert_sent_as(&edge, &site.requests_to(path)[0]);
    }

    let server = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    let proxy = server.url_http();
    let proxied = Fetch::from(site.https_url("/echo/proxied"))
        .proxy(proxy.as_str())
        .unwrap();
    fetched(&session, &proxied.identity(edge.clone())).await;
    assert!(!server.log().is_empty(), "it went through the proxy");
    assert_sent_as(&edge, &site.requests_to("/echo/proxied")[0]);

    let apart = Fetch::from(site.http_url("/echo/apart")).cookie("own", "1");
    fetched(&session, &apart.identity(edge.clone())).await;
    assert_sent_as(&edge, &site.requests_to("/echo/apart")[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_do_not_mix_their_languages_and_zones() {
    let report = "addEventListener('load', () => { const {locale, timeZone} = Intl.DateTimeFormat().resolvedOptions(); \
                  document.title = `${locale} ${timeZone} ${navigator.userAgent.match(/Chrome.(\\d+)/)[1]}!` })";
    let Some(session) = started(once().max_pages(4).init_scripts([report])).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let people = [
        ("de-DE", "Asia/Tokyo", "141"),
        ("fr-FR", "Europe/Berlin", "142"),
        ("ja", "America/New_York", "143"),
        ("pl-PL", "Africa/Cairo", "144"),
    ];
    let visits = people
        .iter()
        .cycle()
        .take(12)
        .enumerate()
        .map(|(number, (locale, zone, version))| {
            let identity = named(&format!("chrome{version}")).locale(locale).timezone(*zone);
            let request = Fetch::from(site.http_url(&format!("/page/10k?n={number}"))).identity(identity);
            let session = &session;
            async move {
                let page = fetched(session, &request).await;
                let told = format!("<title>{locale} {zone} {version}!</title>");
                assert!(page.0.text().contains(&told), "{told}: {}", page.0.text());
            }
        });
    join_all(visits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_says_itself_wins() {
    let Some(session) = started(once().timezone_id("America/New_York")).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let fetch = async |identity: &Identity, options: PageOptions| {
        let script = "addEventListener('load', () => { const {locale, timeZone} = Intl.DateTimeFormat().resolvedOptions(); \
                      document.body.textContent = `${locale} ${timeZone} ${navigator.userAgentData?.brands.length}!` })";
        let options = PageOptions {
            init_scripts: Some(vec![script.to_owned()]),
            ..options
        };
        let request = Fetch::from(site.http_url("/page/10k")).with(options).unwrap();
        let page = fetched(&session, &request.identity(identity.clone())).await;
        (page.0.text().into_owned(), site.requests_to("/page/10k").pop().unwrap())
    };

    let (page, _) = fetch(&edge(), PageOptions::default()).await;
    assert!(
        page.contains("de-DE Asia/Tokyo 3!"),
        "the zone of the identity, where it has one: {page}"
    );
    let (page, _) = fetch(&named("chrome149"), PageOptions::default()).await;
    assert!(page.contains("en-US America/New_York 3!"), "{page}");

    let own = PageOptions {
        user_agent: Some("mine/1.0".into()),
        locale: Some("ja".into()),
        timezone_id: Some("Europe/Berlin".into()),
        ..PageOptions::default()
    };
    let (page, seen) = fetch(&edge(), own).await;
    assert!(page.contains("ja Europe/Berlin 0!"), "{page}");
    assert_eq!(seen.header("user-agent"), Some("mine/1.0"));
    assert_eq!(seen.header("accept-language"), Some("ja"));
    assert_eq!(seen.header("sec-ch-ua"), None, "brands of another browser");

    let headers = PageOptions {
        extra_headers: Some(
            Headers::new([
                ("User-Agent", "mine/2.0"),
                ("Accept-Language", "it"),
                ("Sec-CH-UA-Platform", "mine"),
            ])
            .unwrap(),
        ),
        ..PageOptions::default()
    };
    let (_, seen) = fetch(&edge(), headers).await;
    assert_eq!(seen.header("user-agent"), Some("mine/2.0"));
    assert_eq!(seen.header("accept-language"), Some("it"));

    let named_by_header = Fetch::from(site.http_url("/echo/header")).identity(edge());
    fetched(&session, &named_by_header.header("User-Agent", "mine/3.0").unwrap()).await;
    let seen = &site.requests_to("/echo/header")[0];
    assert_eq!(seen.header("user-agent"), Some("mine/3.0"));
}

/// One of a German. In a context apart it may ask for other languages than in its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_runs_elsewhere_is_asked_what_it_says_by_itself() {
    let Some((_child, url, _folder)) = elsewhere(&["--accept-lang=de-DE,de"]).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let (english, german) = (named("chrome149"), named("chrome149").languages(["de-DE", "de"]));
    for default in [false, true] {
        let builder = once().cdp_url(url.clone()).cdp_default_context(default);
        let session = started(builder).await.unwrap();
        for (name, identity) in [("english", &english), ("german", &german)] {
            let path = format!("/echo/{name}/{default}");
            fetched(&session, &Fetch::from(site.http_url(&path)).identity(identity.clone())).await;
            assert_sent_as(identity, &site.requests_to(&path)[0]);
            let path = format!("/echo/{name}/{default}/apart");
            let apart = Fetch::from(site.http_url(&path)).cookie("own", "1");
            fetched(&session, &apart.identity(identity.clone())).await;
            assert_sent_as(identity, &site.requests_to(&path)[0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_it_cannot_be_it_refuses_and_says_why() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    assert_eq!(session.identity(), None, "a browser without a window is none");
    let nowhere = Identity::new(Browser::Chromium)
        .version("149".parse().unwrap())
        .os(Os::Android);
    let open = Identity::new(Browser::Chrome);
    for identity in [
        named("firefox133"),
        named("safari18_4"),
        named("chrome131_android"),
        open,
        nowhere,
    ] {
        assert!(!session.can_be(&identity), "{}", identity.name());
        let refused = session
            .fetch(&Fetch::from(site.http_url("/echo/refused")).identity(identity))
            .await;
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        let told = error.to_string();
        assert!(
            told.contains("desktop browser of Chromium's family") && told.contains("chrome149"),
            "{told}"
        );
    }
    assert!(site.requests_to("/echo/refused").is_empty());
    for name in ["chrome149", "chromium156", "edge148_windows", "opera125_macos"] {
        assert!(session.can_be(&named(name)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_says_who_it_is_is_nobody_else() {
    let chrome = named("chrome149");
    let can_be = |builder: DynamicSessionBuilder, identity: &Identity| builder.build().unwrap().can_be(identity);
    assert!(can_be(once(), &chrome));
    assert!(can_be(once().timezone_id("Asia/Tokyo"), &chrome));
    assert!(!can_be(once().user_agent("mine/1.0"), &chrome));
    assert!(!can_be(once().extra_header("Accept-Language", "de").unwrap(), &chrome));
    assert!(!can_be(
        once().extra_header("Sec-CH-UA-Platform", "x").unwrap(),
        &chrome
    ));
    assert!(!can_be(once().extra_flags(["--user-agent=mine/1.0"]), &chrome));
    assert!(!can_be(once().locale("de-DE"), &chrome));
    assert!(!can_be(once().extra_flags(["--accept-lang=de-DE,de"]), &chrome));
    assert!(can_be(once().extra_flags(["--accept-lang=de-DE,de"]), &edge()));
    assert!(can_be(once().locale("de_DE"), &edge()));

    let Some(session) = started(noting().0.locale("de-DE")).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    fetched(&session, &Fetch::from(site.http_url("/echo/german")).identity(edge())).await;
    assert_sent_as(&edge(), &site.requests_to("/echo/german")[0]);
    let of_session = chrome.clone().languages(["de-DE", "de"]);
    let (worn, navigation) = said(&site, &session, "german", Some(&of_session)).await;
    assert_sent_as(&of_session, &navigation);
    assert_eq!(worn["page"]["placeAndTime.locale"], "de-DE", "as without an identity");
    let english = Fetch::from(site.http_url("/echo/english")).identity(chrome);
    let told = session.fetch(&english).await.unwrap_err().to_string();
    assert!(
        told.contains("`locale` is `de-DE`") && told.contains("`en-US`"),
        "{told}"
    );
    assert!(site.requests_to("/echo/english").is_empty());
}
