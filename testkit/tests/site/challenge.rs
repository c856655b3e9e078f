//! Pages behind a challenge: who gets through, and what is written down of who does not.

use reqwest::Client;
use serde_json::{Value, json};
use silkroute_testkit::site::{TestSite, known};
use url::Url;

use crate::browser::{self, LONG};
use crate::client::client;

const AGENT: &str = "Mozilla/5.0 (test)";

fn good() -> Value {
    json!({
        "webdriver": false, "userAgent": AGENT, "visibility": "visible", "outer": [1920, 1040],
        "trusted": true, "held": 90.0, "moves": 12, "pressure": 0.5,
    })
}

async fn post(client: &Client, url: Url, body: &Value) -> reqwest::Response {
    let request = client.post(url).header("user-agent", AGENT).body(body.to_string());
    request.send().await.unwrap()
}

/// What the widget is told, given what it saw.
async fn verdict(site: &TestSite, client: &Client, kind: &str, signals: Value) -> Value {
    let url = site.http_url("/cdn-cgi/challenge-platform/verify");
    let answer = post(client, url, &json!({ "kind": kind, "signals": signals })).await;
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_passed_challenge_clears_one_user_agent() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let page = |agent: &'static str, cookie: String| {
        client
            .get(site.http_url("/challenge/managed"))
            .header("user-agent", agent)
            .header("cookie", cookie)
            .send()
    };
    let asked = page(AGENT, String::new()).await.unwrap();
    assert_eq!(
        (asked.status().as_u16(), &asked.headers()["cf-mitigated"]),
        (403, &"challenge".parse().unwrap())
    );
    let text = asked.text().await.unwrap();
    assert!(text.contains("<title>Just a moment...</title>") && text.contains("cType: 'managed'"));
    assert!(text.contains("http://localhost:"), "the widget is of another site");

    let token = verdict(&site, &client, "managed", good()).await["token"].clone();
    let clear = site.http_url("/cdn-cgi/challenge-platform/clear");
    let cleared = post(&client, clear.clone(), &json!({ "token": token })).await;
    let cookie = cleared.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with(known::CLEARANCE_COOKIE) && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    assert_eq!(
        post(&client, clear, &json!({ "token": token })).await.status(),
        403,
        "a token is good once"
    );

    let cookie = cookie.split(';').next().unwrap().to_owned();
    let inside = page(AGENT, cookie.clone()).await.unwrap();
    assert_eq!(inside.status(), 200);
    assert!(inside.text().await.unwrap().contains("id=\"protected\""));
    assert_eq!(page("somebody else", cookie).await.unwrap().status(), 403);
}

#[tokio::test]
async fn every_signal_counts_and_is_written_down() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    for (name, value, why) in [
        ("webdriver", json!(true), "webdriver"),
        ("userAgent", json!("another"), "user agent"),
        ("visibility", json!("hidden"), "see the page"),
        ("outer", json!([0, 0]), "width"),
        ("trusted", json!(false), "by a script"),
        ("held", json!(2), "duration"),
        ("moves", json!(0), "from nowhere"),
        ("pressure", json!(0), "pressure"),
    ] {
        let mut signals = good();
        signals[name] = value.clone();
        let told = verdict(&site, &client, "managed", signals).await;
        assert!(told["token"].is_null(), "{name}");
        let attempt = site.challenges().pop().unwrap();
        assert_eq!(attempt.signals[name], value);
        assert!(
            matches!(attempt.refused.as_slice(), [reason] if reason.contains(why)),
            "{:?}",
            attempt.refused
        );
    }
    let told = verdict(&site, &client, "refusing", good()).await;
    assert!(told["token"].is_null());
    // Without a checkbox there is no press to look at.
    let quiet = json!({ "webdriver": false, "userAgent": AGENT, "visibility": "visible", "outer": [1920, 1040] });
    assert!(verdict(&site, &client, "non-interactive", quiet).await["token"].is_string());
    site.clear();
    assert!(site.challenges().is_empty());
}

#[tokio::test]
async fn the_embedded_widget_opens_what_is_behind_it() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let page = client.get(site.http_url("/challenge/embedded")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("cf-turnstile"));
    let content = site.http_url("/challenge/embedded/content");
    assert_eq!(
        post(&client, content.clone(), &json!({ "token": "guess" }))
            .await
            .status(),
        403
    );
    let token = verdict(&site, &client, "embedded", good()).await["token"].clone();
    let opened = post(&client, content, &json!({ "token": token })).await;
    assert!(opened.text().await.unwrap().contains("Welcome"));
}

#[tokio::test]
async fn a_headless_browser_is_refused_without_a_click() {
    let site = TestSite::start().await.unwrap();
    let Some(_window) = browser::open(&site.http_url("/challenge/non-interactive")) else {
        return;
    };
    site.wait_until(|site| !site.challenges().is_empty(), LONG)
        .await
        .unwrap();
    let attempt = &site.challenges()[0];
    assert_eq!(attempt.refused, ["a headless user agent"], "{:?}", attempt.signals);
}
