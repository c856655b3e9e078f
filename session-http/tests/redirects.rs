//! Redirects: where they lead, what goes along, and where they must not lead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::{FetchErrorKind, Proxy, RequestExt};
use silkroute_session_http::{HttpOptions, Redirects};
use silkroute_testkit::site::TestSite;
use support::{fetch_error, fetch_ok, get, post, redirect_to, session, site};

#[tokio::test]
async fn a_chain_is_followed_and_told() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let response = fetch_ok(&session, &get(site.https_url("/redirect/3#part"))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.url(), &site.https_url("/redirect/0#part"));
    let history: Vec<_> = response
        .history()
        .iter()
        .map(|hop| (hop.status.as_u16(), hop.url.path()))
        .collect();
    assert_eq!(
        history,
        [(302, "/redirect/3"), (302, "/redirect/2"), (302, "/redirect/1")]
    );
    assert_eq!(response.history()[0].headers["location"], "/redirect/2");
    let response = fetch_ok(&session, &get(site.http_url("/redirect/relative"))).await;
    assert_eq!(response.url().query(), Some("from=relative"));
    site.close().await;
}

#[tokio::test]
async fn methods_and_bodies_change_as_in_browsers() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    for (status, method, after, body) in [
        (301, "POST", "GET", ""),
        (302, "POST", "GET", ""),
        (303, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (307, "POST", "POST", "k=v"),
        (308, "PUT", "PUT", "k=v"),
        (302, "PUT", "PUT", "k=v"),
    ] {
        site.clear();
        let from = redirect_to(&site.https_url("/"), "/echo", status);
        let request = get(&from).method(method).unwrap().form([("k", "v")]);
        fetch_ok(&session, &request).await;
        let seen = &site.requests()[1];
        assert_eq!(
            (seen.method.as_str(), seen.text().as_str()),
            (after, body),
            "{status} {method}"
        );
        assert_eq!(
            seen.header("content-type").is_some(),
            !body.is_empty(),
            "{status} {method}"
        );
        assert_eq!(
            seen.header("content-length").is_some(),
            !body.is_empty(),
            "{status} {method}"
        );
    }
    site.clear();
    let head = get(redirect_to(&site.https_url("/"), "/echo", 303))
        .method("HEAD")
        .unwrap();
    fetch_ok(&session, &head).await;
    assert_eq!(site.requests()[1].method, "HEAD");
    site.close().await;
}

#[tokio::test]
async fn none_are_followed_when_none_shall_be() {
    let site = site().await;
    let session = session(&site, |builder| builder.redirects(Redirects::None)).await;
    let response = fetch_ok(&session, &get(site.http_url("/redirect/2"))).await;
    assert_eq!(
        (response.status().as_u16(), response.header("location")),
        (302, Some("/redirect/1"))
    );
    let follow = HttpOptions {
        redirects: Some(Redirects::All),
        ..HttpOptions::default()
    };
    let response = fetch_ok(&session, &get(site.http_url("/redirect/2")).with(follow).unwrap()).await;
    assert_eq!(response.status(), 200);
    site.close().await;
}

#[tokio::test]
async fn too_many_are_an_error_that_says_how_many() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let error = fetch_error(&session, &get(site.http_url("/redirect/loop"))).await;
    assert_eq!(error.kind(), FetchErrorKind::Redirect);
    assert!(
        error.to_string().contains("after 30 redirects") && error.to_string().contains("max_redirects"),
        "{error}"
    );
    assert_eq!(site.requests().len(), 31);
    let options = HttpOptions {
        max_redirects: Some(2),
        ..HttpOptions::default()
    };
    let request = |count: u32| {
        get(site.http_url(&format!("/redirect/{count}")))
            .with(options.clone())
            .unwrap()
    };
    assert_eq!(fetch_ok(&session, &request(2)).await.history().len(), 2);
    assert!(
        fetch_error(&session, &request(3))
            .await
            .to_string()
            .contains("after 2 redirects")
    );
    site.close().await;
}

#[tokio::test]
async fn what_leads_nowhere_is_an_error_and_what_says_nothing_is_the_response() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    for to in [
        "ftp://localhost/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[bad/",
    ] {
        let error = fetch_error(&session, &get(redirect_to(&site.http_url("/"), to, 302))).await;
        assert_eq!(error.kind(), FetchErrorKind::Redirect, "{error}");
        assert!(
            !error.is_retryable() && error.to_string().starts_with("GET http"),
            "{error}"
        );
    }
    for nothing in [
        site.http_url("/redirect/no-location").to_string(),
        redirect_to(&site.http_url("/"), "", 302),
    ] {
        let response = fetch_ok(&session, &get(&nothing)).await;
        assert_eq!(
            (response.status().as_u16(), response.url().as_str()),
            (302, nothing.as_str())
        );
        assert!(response.history().is_empty());
    }
    site.close().await;
}

#[tokio::test]
async fn credentials_stay_at_their_origin() {
    let site = site().await;
    let session = session(&site, |builder| {
        builder.header("X-Session-Token", "hush").header("X-Harmless", "1")
    })
    .await;
    let credentials = [
        "authorization",
        "x-api-key",
        "x-amz-security-token",
        "proxy-authorization",
        "cookie",
        "x-session-token",
    ];
    let request = |url: String| {
        get(url)
            .basic_auth("user", "hush")
            .header("X-Api-Key", "hush")
            .unwrap()
            .header("X-Amz-Security-Token", "hush")
            .unwrap()
            .header("Proxy-Authorization", "hush")
            .unwrap()
            .cookie("own", "hush")
    };
    // Within the origin they go along.
    fetch_ok(&session, &request(redirect_to(&site.http_url("/"), "/echo", 302))).await;
    let seen = &site.requests()[1];
    for name in credentials {
        assert!(seen.header(name).is_some(), "{name}");
    }
    // To another port, which is another origin, and back again, they do not.
    site.clear();
    let back = redirect_to(&site.https_url("/"), site.http_url("/echo").as_str(), 302);
    fetch_ok(&session, &request(redirect_to(&site.http_url("/"), &back, 302))).await;
    for seen in &site.requests()[1..] {
        for name in credentials {
            assert_eq!(seen.header(name), None, "{name}");
        }
        assert_eq!(seen.header("x-harmless"), Some("1"));
    }
    site.close().await;
}

#[tokio::test]
async fn a_cookie_header_of_the_users_own_stays_at_its_origin() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let to = redirect_to(&site.http_url("/"), site.https_url("/echo").as_str(), 302);
    fetch_ok(&session, &get(to).header("Cookie", "own=hush").unwrap()).await;
    assert_eq!(site.requests()[0].header("cookie"), Some("own=hush"));
    assert_eq!(site.requests()[1].header("cookie"), None);
    site.close().await;
}

#[tokio::test]
async fn the_referer_is_shortened_and_the_site_told_again() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let page = site.https_url("/shop?q=1");
    let same = redirect_to(&site.https_url("/"), "/echo", 302);
    fetch_ok(&session, &get(&same).header("Referer", page.as_str()).unwrap()).await;
    for seen in site.requests() {
        assert_eq!(
            (seen.header("referer"), seen.header("sec-fetch-site")),
            (Some(page.as_str()), Some("same-origin"))
        );
    }
    site.clear();
    let foreign = redirect_to(&site.https_url("/"), site.http_url("/echo").as_str(), 302);
    fetch_ok(&session, &get(&foreign).header("Referer", page.as_str()).unwrap()).await;
    let seen = &site.requests()[1];
    assert_eq!(
        (seen.header("referer"), seen.header("sec-fetch-site")),
        (None, Some("cross-site"))
    );
    // Without a page there is none to tell of, redirected or not.
    site.clear();
    fetch_ok(&session, &get(&foreign)).await;
    for seen in site.requests() {
        assert_eq!(
            (seen.header("referer"), seen.header("sec-fetch-site")),
            (None, Some("none"))
        );
    }
    site.close().await;
}

/// A session for which `public.test` is a site on the internet and `inside.test` one in this network.
async fn between_worlds(site: &TestSite, redirects: Redirects) -> silkroute_session_http::HttpSession {
    let address = format!("127.0.0.1:{}", site.http_url("/").port().unwrap())
        .parse()
        .unwrap();
    session(site, |builder| {
        builder
            .redirects(redirects)
            .resolve("public.test", address)
            .assume_public("public.test")
            .resolve("inside.test", address)
    })
    .await
}

fn on(host: &str, site: &TestSite, path: &str) -> String {
    format!("http://{host}:{}{path}", site.http_url("/").port().unwrap())
}

#[tokio::test]
async fn safe_redirects_never_lead_from_outside_into_a_private_network() {
    let site = site().await;
    let session = between_worlds(&site, Redirects::Safe).await;
    let public: url::Url = on("public.test", &site, "/").parse().unwrap();
    let inside = on("inside.test", &site, "/echo");
    for target in [
        site.http_url("/echo").to_string(),
        inside.clone(),
        on("localhost", &site, "/echo"),
        on("[::ffff:7f00:1]", &site, "/echo"),
        on("0x7f.1", &site, "/echo"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
    ] {
        site.clear();
        let error = fetch_error(&session, &get(redirect_to(&public, &target, 302))).await;
        assert_eq!(error.kind(), FetchErrorKind::Redirect, "{target}: {error}");
        assert!(
            error.to_string().contains("private network") && !error.is_retryable(),
            "{error}"
        );
        assert_eq!(site.requests().len(), 1, "{target} was asked for");
    }
    // Also not when the way there was open before: asked for outright, the name is fine.
    assert_eq!(fetch_ok(&session, &get(&inside)).await.status(), 200);
    assert_eq!(fetch_ok(&session, &get(&inside)).await.status(), 200);
    let error = fetch_error(&session, &get(redirect_to(&public, &inside, 302))).await;
    assert_eq!(error.kind(), FetchErrorKind::Redirect, "{error}");
    // Nor over a detour.
    let detour = redirect_to(&public, &redirect_to(&public, &inside, 307), 302);
    assert_eq!(
        fetch_error(&session, &get(detour)).await.kind(),
        FetchErrorKind::Redirect
    );
    site.close().await;
}

#[tokio::test]
async fn safe_redirects_lead_anywhere_from_inside_and_from_outside_to_outside() {
    let site = site().await;
    let session = between_worlds(&site, Redirects::Safe).await;
    let inside: url::Url = on("inside.test", &site, "/").parse().unwrap();
    let public: url::Url = on("public.test", &site, "/").parse().unwrap();
    for (from, to) in [
        (&inside, site.http_url("/echo").to_string()),
        (&site.http_url("/"), inside.join("/echo").unwrap().to_string()),
        (&inside, public.join("/echo").unwrap().to_string()),
        (&public, public.join("/echo").unwrap().to_string()),
    ] {
        assert_eq!(
            fetch_ok(&session, &get(redirect_to(from, &to, 302))).await.status(),
            200,
            "{from} {to}"
        );
    }
    site.close().await;
}

#[tokio::test]
async fn all_redirects_are_followed_when_all_shall_be() {
    let site = site().await;
    let session = between_worlds(&site, Redirects::All).await;
    let public: url::Url = on("public.test", &site, "/").parse().unwrap();
    let inside = on("inside.test", &site, "/echo");
    assert_eq!(
        fetch_ok(&session, &get(redirect_to(&public, &inside, 302)))
            .await
            .status(),
        200
    );
    site.close().await;
}

#[tokio::test]
async fn behind_a_proxy_addresses_in_the_url_are_judged() {
    let site = site().await;
    site.serve_host(site.proxy(), "public.example");
    let proxy: Proxy = site.proxy().url_http().as_str().parse().unwrap();
    let session = session(&site, |builder| builder.proxy(proxy)).await;
    let public: url::Url = "https://public.example/".parse().unwrap();
    for target in [site.http_url("/echo").to_string(), "http://localhost/".to_owned()] {
        let error = fetch_error(&session, &get(redirect_to(&public, &target, 302))).await;
        assert_eq!(error.kind(), FetchErrorKind::Redirect, "{error}");
    }
    assert_eq!(
        fetch_ok(&session, &get(redirect_to(&public, "/echo", 302)))
            .await
            .status(),
        200
    );
    site.close().await;
}

#[tokio::test]
async fn a_body_goes_along_to_another_origin_only_with_307_and_308() {
    let site = site().await;
    let session = session(&site, |builder| builder).await;
    let to = redirect_to(&site.http_url("/"), site.https_url("/echo").as_str(), 307);
    fetch_ok(&session, &post(to).body("kept")).await;
    assert_eq!(site.requests()[1].text(), "kept");
    site.close().await;
}
