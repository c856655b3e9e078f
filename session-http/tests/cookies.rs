//! Cookies: the session's jar, and a request's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::{CookieJar, RequestExt};
use silkroute_session_http::HttpOptions;
use support::{fetch_ok, get, session, site};

#[tokio::test]
async fn cookies_are_kept_and_sent_again_also_those_set_on_the_way() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let response = fetch_ok(&session, &get(site.https_url("/cookies/set?a=1&_path=/&_redirect=1"))).await;
    assert_eq!(response.json::<serde_json::Value>().unwrap()["a"], "1");
    let names: Vec<_> = response.cookies().iter().map(|cookie| cookie.name.as_str()).collect();
    assert_eq!(names, ["a"]);
    assert_eq!(session.cookie_jar().get(&site.https_url("/"), "a").unwrap().value, "1");
    let response = fetch_ok(&session, &get(site.https_url("/cookies"))).await;
    assert!(response.cookies().is_empty());
    assert_eq!(site.requests().last().unwrap().header("cookie"), Some("a=1"));
    site.close().await;
}

#[tokio::test]
async fn a_jar_is_shared_and_bad_cookies_are_refused() {
    let site = site().await;
    let jar = CookieJar::new();
    let one = session(&site, |builder| builder.cookie_jar(jar.clone())).await;
    let other = session(&site, |builder| builder.cookie_jar(jar.clone()).impersonate("firefox")).await;
    fetch_ok(&one, &get(site.https_url("/cookies/attributes"))).await;
    fetch_ok(&other, &get(site.https_url("/cookies"))).await;
    let sent: Vec<_> = site
        .requests()
        .last()
        .unwrap()
        .cookies()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(
        sent.contains(&"secure".to_owned()) && sent.contains(&"__Host-good".to_owned()),
        "{sent:?}"
    );
    for bad in ["everyone", "foreign", "__Host-bad-path", "__Secure-bad", "expired"] {
        assert!(!sent.contains(&bad.to_owned()), "{bad}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_requests_own_cookies_are_sent_once_and_not_kept() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    fetch_ok(&session, &get(site.http_url("/cookies/set?kept=1&both=jar&_path=/"))).await;
    fetch_ok(
        &session,
        &get(site.http_url("/echo")).cookie("own", "2").cookie("both", "request"),
    )
    .await;
    let sent = site.requests().last().unwrap().cookies();
    assert_eq!(
        sent,
        [("kept", "1"), ("own", "2"), ("both", "request")].map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    fetch_ok(&session, &get(site.http_url("/echo"))).await;
    assert_eq!(site.requests().last().unwrap().cookies().len(), 2);
    assert_eq!(site.requests().last().unwrap().header_values("cookie").count(), 1);
    site.close().await;
}

#[tokio::test]
async fn what_a_redirect_sets_or_deletes_counts_more_than_the_requests_own() {
    let site = site().await;
    for (set, sent) in [
        ("sid=new&_path=/", "own=1; sid=new"),
        ("sid=gone&_path=/&_max_age=0", "own=1"),
        (
            "sid=gone&_path=/&_expires=Thu,%2001%20Jan%201970%2000:00:00%20GMT",
            "own=1",
        ),
        // These are no cookies of the page that it leads to.
        ("sid=new&_path=/admin", "own=1; sid=old"),
        ("sid=new&_path=/&_domain=unrelated.example", "own=1; sid=old"),
    ] {
        let session = session(&site, |builder| builder).await;
        let request = get(site.http_url(&format!("/cookies/set?{set}&_redirect=1")))
            .cookie("sid", "old")
            .cookie("own", "1");
        let response = fetch_ok(&session, &request).await;
        assert_eq!(response.url().path(), "/cookies");
        let seen = site.requests();
        let [.., first, second] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert_eq!(first.cookies().len(), 2, "the first hop has what the request brings");
        let mut cookies: Vec<_> = second.cookies().iter().map(|(k, v)| format!("{k}={v}")).collect();
        cookies.sort();
        assert_eq!(cookies.join("; "), sent, "{set}");
    }
    // A session that keeps none sends what it was given.
    let session = session(&site, |builder| builder.cookie_store(false)).await;
    let request = get(site.http_url("/cookies/set?sid=new&_path=/&_redirect=1")).cookie("sid", "old");
    fetch_ok(&session, &request).await;
    assert_eq!(site.requests().last().unwrap().header("cookie"), Some("sid=old"));
    site.close().await;
}

#[tokio::test]
async fn a_cookie_header_stands_in_for_the_jar() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    fetch_ok(&session, &get(site.http_url("/cookies/set?a=1&_path=/"))).await;
    fetch_ok(
        &session,
        &get(site.http_url("/echo")).header("cookie", "mine=1").unwrap(),
    )
    .await;
    assert_eq!(site.requests().last().unwrap().header("cookie"), Some("mine=1"));
    site.close().await;
}

#[tokio::test]
async fn without_a_store_nothing_is_kept_or_sent_and_the_response_tells_all_the_same() {
    let site = site().await;
    let off = session(&site, |builder| builder.cookie_store(false)).await;
    let response = fetch_ok(&off, &get(site.http_url("/cookies/set?a=1&_path=/&_redirect=1"))).await;
    assert_eq!(response.cookies().len(), 1);
    assert!(off.cookie_jar().is_empty());
    assert_eq!(site.requests().last().unwrap().header("cookie"), None);

    let on = session(&site, |builder| builder).await;
    fetch_ok(&on, &get(site.http_url("/cookies/set?a=1&_path=/"))).await;
    let without = HttpOptions {
        cookie_store: Some(false),
        ..HttpOptions::default()
    };
    fetch_ok(
        &on,
        &get(site.http_url("/cookies/set?b=1"))
            .cookie("own", "1")
            .with(without)
            .unwrap(),
    )
    .await;
    assert_eq!(site.requests().last().unwrap().header("cookie"), Some("own=1"));
    assert_eq!(on.cookie_jar().len(), 1);
    site.close().await;
}

#[tokio::test]
async fn another_identity_keeps_the_jar() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    fetch_ok(&session, &get(site.https_url("/cookies/set?a=1&_path=/"))).await;
    let firefox = HttpOptions {
        impersonate: Some("firefox".into()),
        ..HttpOptions::default()
    };
    fetch_ok(&session, &get(site.https_url("/echo")).with(firefox).unwrap()).await;
    assert_eq!(site.requests().last().unwrap().header("cookie"), Some("a=1"));
    site.close().await;
}
