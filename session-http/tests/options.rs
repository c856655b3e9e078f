//! Configurations, options of a request, and how the kind registers itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use serde_json::json;
use silkroute_core::{Error, Identity, Registry, RequestExt, Session};
use silkroute_session_http::{HttpConfig, HttpOptions, HttpSession, HttpVersion, REGISTRATION, Redirects};
use support::{fetch, fetch_error, fetch_ok, get, http, session, site};

const WHOLE: &str = r#"
    impersonate = ["chrome", "firefox133", { browser = "safari", version = "18.4", locale = "fr-FR" }]
    timeout = "12s"
    connect_timeout = "3s"
    retry = { attempts = 2, base = "100ms" }
    retry_statuses = [502, 504]
    redirects = "all"
    max_redirects = 5
    headers = { X-One = "1" }
    cookie_store = false
    proxy_pool = ["http://user:hush@a.test:1", "socks5h://b.test:2"]
    verify = false
    body_limit = 1000
    http_version = "1"
    local_address = "127.0.0.1"
    google_search = true
    resolve = { "a.test" = "127.0.0.1", "b.test" = "[::1]:8443" }
    pool_idle_timeout = "5s"
    max_idle_origins = 3
    max_idle_per_origin = 2
"#;

#[test]
fn a_configuration_says_all_there_is_and_comes_back_whole() {
    let config: HttpConfig = toml::from_str(WHOLE).unwrap();
    assert_eq!(config.timeout, Duration::from_secs(12));
    assert_eq!(
        (config.redirects, config.http_version),
        (Redirects::All, HttpVersion::Http1)
    );
    assert!(!format!("{config:?}").contains("hush"));
    let text = serde_json::to_string(&config).unwrap();
    let again: HttpConfig = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    let session = HttpSession::from_config(config).unwrap();
    assert_eq!(session.timeout(), Duration::from_secs(12));
    assert!(!format!("{session:?}").contains("hush"));
}

#[test]
fn a_mistake_in_a_configuration_is_named() {
    let registry = Registry::discover().unwrap().with(&REGISTRATION).unwrap();
    for (config, said) in [
        (json!({"timeot": "3s"}), "timeot"),
        (json!({"timeout": 3}), "timeout"),
        (json!({"timeout": "3"}), "unit"),
        (json!({"timeout": "0s"}), "timeout"),
        (json!({"impersonate": "chrome999"}), "chrome149"),
        (json!({"impersonate": "chorme"}), "chrome"),
        (json!({"impersonate": []}), "empty"),
        (json!({"impersonate": {"browser": "safari", "os": "windows"}}), "macos"),
        (json!({"headers": {"a b": "1"}}), "headers.a b"),
        (json!({"headers": {"a": "x\ny"}}), "headers.a"),
        (json!({"redirects": "some"}), "safe"),
        (json!({"http_version": "3"}), "HTTP/3"),
        (json!({"http_version": "4"}), "auto"),
        (json!({"resolve": {"a.test": "nowhere"}}), "resolve.a.test"),
        (json!({"retry_statuses": [1]}), "retry_statuses"),
        (json!({"proxy": "ftp://x"}), "proxy"),
    ] {
        let error = registry.build("http", config.clone()).unwrap_err().to_string();
        assert!(error.contains(said), "{config}: {error}");
    }
    assert!(registry.build("http", json!({})).is_ok());
}

#[test]
fn the_kind_registers_itself_with_help_for_every_field() {
    let registry = Registry::discover().unwrap();
    let kind = registry.get("http").unwrap();
    assert_eq!(
        (kind.package(), kind.version()),
        ("silkroute-session-http", env!("CARGO_PKG_VERSION"))
    );
    for (schema, count) in [(kind.config_schema(), 22), (kind.options_schema(), 12)] {
        let fields = schema["properties"].as_object().unwrap();
        assert_eq!(fields.len(), count, "{fields:?}");
        for (name, field) in fields {
            assert!(
                field["description"].as_str().is_some_and(|help| help.len() > 10),
                "{name}: {field}"
            );
        }
        assert_eq!(schema["additionalProperties"], false);
    }
}

#[tokio::test]
async fn a_wrong_option_of_a_request_is_named() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    for (key, value, said) in [
        ("impersonat", json!("chrome"), "impersonat"),
        ("impersonate", json!("chorme"), "http.impersonate"),
        ("retry_statuses", json!([1]), "http.retry_statuses"),
        ("body_limit", json!("big"), "http.body_limit"),
        ("connect_timeout", json!("0s"), "http.connect_timeout"),
    ] {
        let mut request = get(site.http_url("/"));
        request.parts_mut_for_test().options.set_key("http", key, value);
        let error = fetch(&session, &request).await.unwrap_err();
        assert!(
            matches!(error, Error::Options { .. }) && error.to_string().contains(said),
            "{error}"
        );
    }
    let options = HttpOptions {
        http_version: Some(HttpVersion::Http3),
        ..HttpOptions::default()
    };
    let error = fetch(&session, &get(site.http_url("/")).with(options).unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(site.requests().is_empty());
    // The options of other kinds are none of its business.
    let mut request = get(site.http_url("/"));
    request.parts_mut_for_test().options.set_key("martian", "rays", true);
    fetch_ok(&session, &request).await;
    site.close().await;
}

trait PartsMut {
    fn parts_mut_for_test(&mut self) -> &mut silkroute_core::RequestParts;
}

impl<R: silkroute_core::Request> PartsMut for R {
    fn parts_mut_for_test(&mut self) -> &mut silkroute_core::RequestParts {
        self.parts_mut()
    }
}

#[tokio::test]
async fn certificates_are_verified_unless_a_request_says_no() {
    let site = site().await;
    let session = support::started(HttpSession::builder()).await;
    let url = site.https_url("/echo");
    fetch_error(&session, &get(&url)).await;
    let options = |verify| HttpOptions {
        verify: Some(verify),
        ..HttpOptions::default()
    };
    fetch_ok(&session, &get(&url).with(options(false)).unwrap()).await;
    fetch_error(&session, &get(&url).with(options(true)).unwrap()).await;
    fetch_error(&session, &get(&url)).await;
    site.close().await;
}

#[tokio::test]
async fn client_certificates_are_shown() {
    let site = site().await;
    let pem = site.client_identity_pem().pem();
    for builder in [
        HttpSession::builder()
            .ca_certificate(site.ca_pem())
            .client_certificate(pem.as_str()),
        HttpSession::builder()
            .ca_certificate(site.ca_path().to_str().unwrap())
            .client_certificate(site.client_identity_path().to_str().unwrap()),
    ] {
        assert!(!format!("{builder:?}").contains("PRIVATE"));
        let session = support::started(builder).await;
        fetch_ok(&session, &get(site.mtls_url("/echo"))).await;
    }
    site.close().await;
}

#[tokio::test]
async fn certificates_that_cannot_be_read_fail_the_start_and_name_the_field() {
    for (builder, field, said) in [
        (
            HttpSession::builder().ca_certificate("/no/such/file.pem"),
            "ca_certificate",
            "/no/such/file.pem",
        ),
        (
            HttpSession::builder().ca_certificate("-----BEGIN CERTIFICATE-----\nhush\n-----END CERTIFICATE-----"),
            "ca_certificate",
            "",
        ),
        (
            HttpSession::builder().client_certificate("-----BEGIN RSA PRIVATE KEY-----\nhush"),
            "client_certificate",
            "pkcs8",
        ),
        (
            HttpSession::builder().client_certificate("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----"),
            "client_certificate",
            "",
        ),
    ] {
        let mut session = builder.build().unwrap();
        let error = session.start().await.unwrap_err();
        assert!(!session.is_alive());
        let text = format!("{error} {error:?}");
        assert!(
            text.contains(field) && text.contains(said) && !text.contains("hush"),
            "{text}"
        );
        session.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_version_of_http_may_be_chosen_for_a_request() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let options = HttpOptions {
        http_version: Some(HttpVersion::Http1),
        ..HttpOptions::default()
    };
    let response = fetch_ok(&session, &get(site.https_url("/echo")).with(options).unwrap()).await;
    assert_eq!(http(&*response).version, http::Version::HTTP_11);
    let response = fetch_ok(&session, &get(site.https_url("/echo"))).await;
    assert_eq!(http(&*response).version, http::Version::HTTP_2);
    site.close().await;
}

#[tokio::test]
async fn a_google_search_is_where_it_comes_from_when_it_shall() {
    let site = site().await;
    let session = session(&site, |builder| builder.google_search(true)).await;
    fetch_ok(&session, &get(site.https_url("/echo"))).await;
    fetch_ok(
        &session,
        &get(site.https_url("/echo")).method("POST").unwrap().body("x"),
    )
    .await;
    fetch_ok(
        &session,
        &get(site.https_url("/echo"))
            .header("referer", site.https_url("/").as_str())
            .unwrap(),
    )
    .await;
    let referers: Vec<_> = site
        .requests()
        .iter()
        .map(|seen| seen.header("referer").map(str::to_owned))
        .collect();
    assert_eq!(
        referers,
        [
            Some("https://www.google.com/".to_owned()),
            None,
            Some(site.https_url("/").to_string())
        ]
    );
    assert_eq!(site.requests()[0].header("sec-fetch-site"), Some("cross-site"));
    let off = HttpOptions {
        google_search: Some(false),
        ..HttpOptions::default()
    };
    site.clear();
    fetch_ok(&session, &get(site.https_url("/echo")).with(off).unwrap()).await;
    assert_eq!(site.requests()[0].header("referer"), None);
    site.close().await;
}

#[tokio::test]
async fn the_address_to_connect_from_is_used() {
    let site = site().await;
    let session = session(&site, |builder| builder.local_address("127.0.0.1".parse().unwrap())).await;
    fetch_ok(&session, &get(site.http_url("/echo"))).await;
    assert_eq!(site.requests()[0].peer.ip().to_string(), "127.0.0.1");
    site.close().await;
}

#[tokio::test]
async fn the_user_of_a_url_becomes_basic_authentication() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let mut url = site.https_url("/echo");
    url.set_username("user").unwrap();
    url.set_password(Some("p@ss w")).unwrap();
    let response = fetch_ok(&session, &get(&url)).await;
    assert_eq!(
        site.requests()[0].header("authorization"),
        Some("Basic dXNlcjpwQHNzIHc=")
    );
    assert!(!format!("{response:?}").contains("p%40ss") && !response.url().as_str().contains("p%40ss"));
    site.close().await;
}

#[tokio::test]
async fn a_request_looks_like_its_identity_or_is_refused() {
    let site = site().await;
    let newer: Identity = "chromium156".parse().unwrap();
    // What only a browser shows makes no difference here.
    let newer = newer.locale("de-DE").screen(1920, 1080).timezone("Europe/Berlin");
    let url = site.https_url("/echo");
    let seen = || site.requests().pop().unwrap();
    let chrome = session(&site, |builder| builder).await;
    assert!(chrome.can_be(&newer) && chrome.can_be(&Session::identity(&chrome).unwrap()));

    let response = fetch_ok(&chrome, &get(&url).identity(newer.clone())).await;
    assert_eq!(&*http(&*response).identity, "chromium156");
    let request = seen();
    assert_eq!(request.header("user-agent"), newer.user_agent().as_deref());
    assert_eq!(request.header("sec-ch-ua"), newer.sec_ch_ua().as_deref());
    assert_eq!(
        request.header("accept-language"),
        Some("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7")
    );

    // Its own words, and the option, win.
    let named = get(&url).identity(newer.clone()).header("user-agent", "mine").unwrap();
    fetch_ok(&chrome, &named).await;
    assert_eq!(seen().header("user-agent"), Some("mine"));
    let impersonating = HttpOptions {
        impersonate: Some("firefox".into()),
        ..HttpOptions::default()
    };
    let named = get(&url).identity(newer.clone()).with(impersonating).unwrap();
    let response = fetch_ok(&chrome, &named).await;
    assert_eq!(&*http(&*response).identity, "firefox151");

    site.clear();
    let honest = session(&site, |builder| builder.impersonate("none")).await;
    let worded = session(&site, |builder| builder.header("User-Agent", "mine")).await;
    let unknown: Identity = "chrome999".parse().unwrap();
    for (session, identity, why) in [
        (&honest, &newer, "impersonates nobody"),
        (&worded, &newer, "user-agent"),
        (&chrome, &unknown, "chrome149"),
    ] {
        assert!(!session.can_be(identity));
        let error = fetch(session, &get(&url).identity(identity.clone())).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        let told = error.to_string();
        assert!(
            told.contains(why) && told.contains(&identity.name().to_string()),
            "{told}"
        );
    }
    assert!(site.requests().is_empty(), "what is refused is not sent");
    assert_eq!((Session::identity(&honest), Session::identity(&worded)), (None, None));
    site.close().await;
}

#[tokio::test]
async fn a_host_that_is_not_the_urls_is_refused() {
    let site = site().await;
    let plain = session(&site, |builder| builder).await;
    let url = site.http_url("/echo");
    let copied = get(&url)
        .header("Host", &url.authority().to_uppercase())
        .unwrap()
        .header("Content-Length", "7")
        .unwrap();
    fetch_ok(&plain, &copied).await;
    let seen = &site.requests_to("/echo")[0];
    assert_eq!(seen.header_values("host").collect::<Vec<_>>(), [url.authority()]);
    assert_eq!(seen.header("content-length"), None);
    site.clear();

    let meant = session(&site, |builder| builder.header("Host", "shop.test")).await;
    for (session, request) in [
        (&plain, get(&url).header("Host", "shop.test").unwrap()),
        (&plain, get(&url).header("Host", "").unwrap()),
        (&meant, get(&url)),
    ] {
        let error = fetch(session, &request).await.unwrap_err();
        assert!(
            matches!(error, Error::Unsupported { .. }) && error.to_string().contains("`resolve`"),
            "{error:?}"
        );
    }
    assert!(site.requests().is_empty());
    // The request's own counts, and a redirect has the name of where it leads.
    let to = support::redirect_to(&url, site.https_url("/echo").as_str(), 302);
    fetch_ok(&meant, &get(to).header("Host", url.authority()).unwrap()).await;
    site.close().await;
}
