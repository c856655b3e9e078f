//! What no signature shows: HTTP/1.1, insecure origins, forms, and all the identities there are.

use silkroute_core::identity::Os;
use silkroute_core::{Identity, Proxy, RequestExt};
use silkroute_session_http::{HttpOptions, HttpVersion, Impersonate, offered};
use silkroute_testkit::site::wire::HeadersPriority;

use crate::support::{fetch_ok, get, http, post, session, site};

/// Chrome 149 of wreq-util. That this is what the newest Chrome profile looks like was measured with a recorder of its
/// own; see the signatures for how it compares to real browsers.
const CHROME_JA4: &str = "t13d1516h2_8daaf6152771_d8a2da3f94cd";
const CHROME_AKAMAI: &str = "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p";
const CHROME_AKAMAI_HASH: &str = "52d84b11737d980aef856699f885ca86";

/// The newest of each family: its name, its JA4 and the hash of its HTTP/2 as Akamai's. They say that the wire is what it was
/// when they were recorded, at the test site; how near that is to real browsers, the signatures say.
const NEWEST: [(&str, &str, &str, &str); 8] = [
    (
        "chrome",
        "chrome149",
        "t13d1516h2_8daaf6152771_d8a2da3f94cd",
        "52d84b11737d980aef856699f885ca86",
    ),
    (
        "edge",
        "edge148",
        "t13d1516h2_8daaf6152771_d8a2da3f94cd",
        "52d84b11737d980aef856699f885ca86",
    ),
    (
        "firefox",
        "firefox151",
        "t13d1717h2_5b57614c22b0_3cbfd9057e0d",
        "6ea73faa8fc5aac76bded7bd238f6433",
    ),
    (
        "opera",
        "opera131",
        "t13d1516h2_8daaf6152771_02713d6af862",
        "52d84b11737d980aef856699f885ca86",
    ),
    (
        "safari",
        "safari26_4",
        "t13d2014h2_a09f3c656075_e42f34c56612",
        "c52879e43202aeb92740be6e8c86ea96",
    ),
    (
        "chrome_android",
        "chrome149_android",
        "t13d1516h2_8daaf6152771_d8a2da3f94cd",
        "52d84b11737d980aef856699f885ca86",
    ),
    (
        "firefox_android",
        "firefox135_android",
        "t13d1716h2_5b57614c22b0_eeeea6562960",
        "41a06cadb1c6385e6d08c8d0dbbea818",
    ),
    (
        "safari_ios",
        "safari26_2_ios",
        "t13d2013h2_a09f3c656075_7f0f34a4126d",
        "c52879e43202aeb92740be6e8c86ea96",
    ),
];

const CHROME_HEADERS: [&str; 13] = [
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "upgrade-insecure-requests",
    "user-agent",
    "accept",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-user",
    "sec-fetch-dest",
    "accept-encoding",
    "accept-language",
    "priority",
];

#[tokio::test]
async fn chrome_has_the_fingerprints_and_the_header_order_of_the_newest_profile() {
    let site = site().await;
    let session = session(&site, |builder| builder.impersonate("chrome")).await;
    fetch_ok(&session, &get(site.https_url("/fingerprint"))).await;
    let seen = &site.requests()[0];
    assert_eq!(seen.tls.as_ref().unwrap().ja4, CHROME_JA4);
    let http2 = seen.http2.as_ref().unwrap();
    assert_eq!(
        (http2.akamai.as_str(), http2.akamai_hash.as_str()),
        (CHROME_AKAMAI, CHROME_AKAMAI_HASH)
    );
    let weight = HeadersPriority {
        depends_on: 0,
        weight: 256,
        exclusive: true,
    };
    assert_eq!(http2.headers_priority, Some(weight));
    assert_eq!(seen.header_names(), CHROME_HEADERS);
    site.close().await;
}

#[tokio::test]
async fn the_newest_of_each_family_is_on_the_wire_what_it_was_when_it_was_recorded() {
    let site = site().await;
    let mut wrong = Vec::new();
    for (family, name, ja4, akamai) in NEWEST {
        let session = session(&site, |builder| builder.impersonate(family)).await;
        site.clear();
        let response = fetch_ok(&session, &get(site.https_url("/fingerprint"))).await;
        let seen = &site.requests()[0];
        let tls = seen.tls.as_ref().unwrap();
        let http2 = seen.http2.as_ref().unwrap();
        let got = (
            &*http(&*response).identity,
            tls.ja4.as_str(),
            http2.akamai_hash.as_str(),
        );
        if got != (name, ja4, akamai) {
            wrong.push(format!("{family}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    site.close().await;
}

#[tokio::test]
async fn over_http1_chrome_writes_host_first_capitals_and_no_priority() {
    let site = site().await;
    let session = session(&site, |builder| builder.http_version(HttpVersion::Http1)).await;
    fetch_ok(&session, &get(site.https_url("/echo"))).await;
    let seen = &site.requests()[0];
    assert_eq!(seen.version, "HTTP/1.1");
    assert_eq!(
        seen.header_names(),
        [
            "Host",
            "Connection",
            "sec-ch-ua",
            "sec-ch-ua-mobile",
            "sec-ch-ua-platform",
            "Upgrade-Insecure-Requests",
            "User-Agent",
            "Accept",
            "Sec-Fetch-Site",
            "Sec-Fetch-Mode",
            "Sec-Fetch-User",
            "Sec-Fetch-Dest",
            "Accept-Encoding",
            "Accept-Language"
        ]
    );
    assert_eq!(seen.header("connection"), Some("keep-alive"));
    site.close().await;
}

#[tokio::test]
async fn on_an_insecure_origin_nothing_is_said_that_browsers_keep_to_themselves() {
    let site = site().await;
    site.serve_host(site.proxy(), "shop.test");
    let proxy: Proxy = site.proxy().url_http().as_str().parse().unwrap();
    let session = session(&site, |builder| builder.proxy(proxy)).await;
    fetch_ok(&session, &get("http://shop.test/echo")).await;
    let seen = site.requests().remove(0);
    for name in seen.header_names() {
        let name = name.to_ascii_lowercase();
        assert!(
            !name.starts_with("sec-") && !["priority", "upgrade", "http2-settings"].contains(&name.as_str()),
            "{name}"
        );
    }
    assert_eq!(seen.header("accept-encoding"), Some("gzip, deflate"));
    // This machine itself counts as secure.
    site.clear();
    let direct = crate::support::session(&site, |builder| builder).await;
    fetch_ok(&direct, &get(site.http_url("/echo"))).await;
    let seen = &site.requests()[0];
    assert_eq!(seen.header("accept-encoding"), Some("gzip, deflate, br, zstd"));
    assert_eq!(seen.header("sec-fetch-site"), Some("none"));
    assert_eq!((seen.header("upgrade"), seen.header("http2-settings")), (None, None));
    site.close().await;
}

#[tokio::test]
async fn a_form_that_a_page_sends_has_its_headers_where_chrome_puts_them() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    fetch_ok(&session, &get(site.https_url("/cookies/set?a=1&_path=/"))).await;
    site.clear();
    let url = site.https_url("/echo");
    let request = post(&url)
        .form([("q", "1")])
        .header("Referer", url.as_str())
        .unwrap()
        .header("X-Mine", "1")
        .unwrap();
    fetch_ok(&session, &request).await;
    let seen = &site.requests()[0];
    assert_eq!(
        seen.header_names(),
        [
            "content-length",
            "cache-control",
            "sec-ch-ua",
            "sec-ch-ua-mobile",
            "sec-ch-ua-platform",
            "origin",
            "content-type",
            "upgrade-insecure-requests",
            "user-agent",
            "accept",
            "sec-fetch-site",
            "sec-fetch-mode",
            "sec-fetch-user",
            "sec-fetch-dest",
            "referer",
            "x-mine",
            "accept-encoding",
            "accept-language",
            "cookie",
            "priority"
        ]
    );
    assert_eq!(seen.header("sec-fetch-site"), Some("same-origin"));
    assert_eq!(seen.header("origin").unwrap(), url.origin().ascii_serialization());
    site.close().await;
}

#[tokio::test]
async fn every_offered_identity_works_and_says_who_it_is() {
    let site = site().await;
    for name in offered() {
        let session = session(&site, |builder| builder.impersonate(name)).await;
        site.clear();
        let response = fetch_ok(&session, &get(site.https_url("/compressed/gzip"))).await;
        assert_eq!(
            response.json::<serde_json::Value>().unwrap()["compressed"],
            "gzip",
            "{name}"
        );
        let identity = session.identity().unwrap();
        let seen = &site.requests()[0];
        assert_eq!(seen.wire_error, None, "{name}");
        assert_eq!(seen.header("user-agent"), identity.user_agent().as_deref(), "{name}");
        assert_eq!(seen.header("sec-ch-ua"), identity.sec_ch_ua().as_deref(), "{name}");
        assert_eq!(&*http(&*response).identity, name.to_string());
        // As they went out, so they came in.
        let sent: Vec<&str> = http(&*response)
            .request_headers
            .keys()
            .map(http::HeaderName::as_str)
            .collect();
        assert_eq!(seen.header_names(), sent, "{name}");
    }
    site.close().await;
}

#[tokio::test]
async fn the_identity_of_a_request_is_whole_and_leaves_nothing_of_the_sessions() {
    let site = site().await;
    let session = session(&site, |builder| builder.impersonate("chrome")).await;
    let fetch = |who: &'static str| {
        let options = HttpOptions {
            impersonate: Some(who.into()),
            ..HttpOptions::default()
        };
        get(site.https_url("/echo")).with(options).unwrap()
    };
    let alone = crate::support::session(&site, |builder| builder.impersonate("firefox")).await;
    fetch_ok(&alone, &get(site.https_url("/echo"))).await;
    let expected = site.requests().remove(0);
    for _ in 0..2 {
        site.clear();
        let response = fetch_ok(&session, &fetch("firefox")).await;
        assert_eq!(&*http(&*response).identity, "firefox151");
        let seen = site.requests().remove(0);
        assert_eq!(seen.headers, expected.headers);
        assert_eq!(
            seen.tls.as_ref().unwrap().ciphers,
            expected.tls.as_ref().unwrap().ciphers
        );
        assert_eq!(
            seen.http2.as_ref().unwrap().akamai,
            expected.http2.as_ref().unwrap().akamai
        );
        fetch_ok(&session, &get(site.https_url("/echo"))).await;
        assert_eq!(site.requests()[1].header_names(), CHROME_HEADERS);
    }
    // "none" says what it is.
    site.clear();
    fetch_ok(&session, &fetch("none")).await;
    let seen = site.requests().remove(0);
    assert!(seen.header("user-agent").unwrap().starts_with("silkroute/"));
    assert_eq!(seen.header("sec-ch-ua"), None);
    site.close().await;
}

#[tokio::test]
async fn from_a_list_a_session_picks_once_and_stays() {
    let site = site().await;
    let mut picked = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let session = session(&site, |builder| {
            builder.impersonate(Impersonate::any_of(["chrome", "firefox"]))
        })
        .await;
        site.clear();
        for _ in 0..3 {
            fetch_ok(&session, &get(site.http_url("/echo"))).await;
        }
        let agents: std::collections::BTreeSet<_> = site
            .requests()
            .iter()
            .map(|seen| seen.header("user-agent").unwrap().to_owned())
            .collect();
        assert_eq!(agents.len(), 1);
        picked.extend(agents);
    }
    assert_eq!(
        picked.len(),
        2,
        "twenty sessions and all the same: one in half a million"
    );
    site.close().await;
}

#[tokio::test]
async fn a_whole_identity_shows_in_its_headers() {
    let site = site().await;
    let identity = Identity::from_name("chrome").unwrap().os(Os::Windows).locale("de-DE");
    let session = session(&site, |builder| builder.impersonate(identity)).await;
    fetch_ok(&session, &get(site.https_url("/echo"))).await;
    let seen = &site.requests()[0];
    assert_eq!(
        seen.header("accept-language"),
        Some("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7")
    );
    assert_eq!(seen.header("sec-ch-ua-platform"), Some("\"Windows\""));
    assert!(seen.header("user-agent").unwrap().contains("Windows NT 10.0"));
    site.close().await;
}

#[tokio::test]
async fn users_headers_win_whatever_their_case() {
    let site = site().await;
    let session = session(&site, |builder| {
        builder.header("ACCEPT-LANGUAGE", "fr").header("X-Session", "s")
    })
    .await;
    let request = get(site.https_url("/echo"))
        .header("x-SESSION", "r")
        .unwrap()
        .header("User-agent", "me")
        .unwrap();
    fetch_ok(&session, &request).await;
    let seen = &site.requests()[0];
    for (name, value) in [("accept-language", "fr"), ("x-session", "r"), ("user-agent", "me")] {
        assert_eq!(seen.header_values(name).collect::<Vec<_>>(), [value]);
    }
    site.close().await;
}
