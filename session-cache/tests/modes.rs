//! Replay, record, refresh, off.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

#[path = "support/origin.rs"]
mod origin;
mod support;

use std::time::{Duration, SystemTime};

use http::StatusCode;
use origin::Origin;
use silkroute_core::{
    Error, Fetch, FetchErrorKind, Request, RequestExt as _, Response, ResponseParts, Result, Session, async_trait,
};
use silkroute_manager::SessionManager;
use silkroute_session_cache::{CacheMode, CacheOptions, CacheSession, CachedResponse, RECORDED_AT_META};
use silkroute_session_http::HttpResponse;
use silkroute_testkit::site::TestSite;
use support::{cache, fetch, fetch_ok, get, in_mode, records, started, status};

#[tokio::test]
async fn what_was_recorded_is_replayed_as_it_was_without_the_site() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let recording = in_mode(folder.path(), CacheMode::Record).await;
    let paths = [
        "/shop?page=2",
        "/redirect/2",
        "/image.png",
        "/encoding/shift_jis",
        "/status/404",
        "/empty",
        "/compressed/br",
    ];
    let mut before = Vec::new();
    for path in paths {
        let response = fetch_ok(&recording, &get(&site, path)).await;
        assert_eq!(status(&*response), "recorded");
        assert!(
            response.downcast_ref::<HttpResponse>().is_some(),
            "it is what the session itself makes"
        );
        before.push(response);
    }
    let seen = site.requests().len();
    let replaying = in_mode(folder.path(), CacheMode::Replay).await;
    for (path, before) in paths.iter().zip(&before) {
        let begun = SystemTime::now();
        let response = fetch_ok(&replaying, &get(&site, path)).await;
        assert_eq!(status(&*response), "replayed", "{path}");
        assert!(response.meta()[RECORDED_AT_META].as_str().unwrap().ends_with('Z'));
        let replayed = response.downcast_ref::<CachedResponse>().unwrap();
        assert!(replayed.kind() == "http" && replayed.recorded_at() <= begun);
        assert_eq!(
            (response.status(), response.url(), response.body()),
            (before.status(), before.url(), before.body())
        );
        assert_eq!(response.headers(), before.headers(), "{path}");
        assert_eq!(response.text(), before.text());
        assert_eq!(response.history().len(), before.history().len());
        assert!(!response.timing().total.is_zero());
    }
    assert_eq!(site.requests().len(), seen, "nothing was asked of the site");
    site.close().await;
}

#[tokio::test]
async fn a_replay_knows_only_what_is_on_record_and_says_so() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    fetch_ok(&in_mode(folder.path(), CacheMode::Record).await, &get(&site, "/json")).await;
    let replaying = in_mode(folder.path(), CacheMode::Replay).await;
    let error = fetch(&replaying, &get(&site, "/shop")).await.unwrap_err();
    let told = error.as_fetch().unwrap();
    assert!(
        told.kind() == FetchErrorKind::Request && !error.is_retryable(),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("not on record") && error.to_string().contains("/shop"),
        "{error}"
    );
    let refresh = get(&site, "/json")
        .with(CacheOptions::default().mode(CacheMode::Refresh))
        .unwrap();
    let error = fetch(&replaying, &refresh).await.unwrap_err();
    assert!(
        matches!(error, Error::Options { .. }) && error.to_string().contains("cache.mode"),
        "{error}"
    );
    assert_eq!(site.requests().len(), 1);

    let mut nowhere = cache(&folder.path().join("nowhere"))
        .mode(CacheMode::Replay)
        .build()
        .unwrap();
    let error = nowhere.start().await.unwrap_err().to_string();
    assert!(error.contains("nowhere") && error.contains("record first"), "{error}");
    assert!(!nowhere.is_alive());
    site.close().await;
}

#[tokio::test]
async fn recording_asks_once_and_refreshing_every_time() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let session = in_mode(folder.path(), CacheMode::Record).await;
    let count = get(&site, "/count/visits");
    let with = |mode| count.clone().with(CacheOptions::default().mode(mode)).unwrap();
    let mut seen = Vec::new();
    for request in [
        count.clone(),
        count.clone(),
        with(CacheMode::Off),
        count.clone(),
        with(CacheMode::Refresh),
        count.clone(),
        with(CacheMode::Replay),
    ] {
        let response = fetch_ok(&session, &request).await;
        let told: serde_json::Value = response.json().unwrap();
        seen.push(format!("{} {}", status(&*response), told["count"]));
    }
    assert_eq!(
        seen,
        [
            "recorded 1",
            "replayed 1",
            "off 2",
            "replayed 1",
            "recorded 3",
            "replayed 3",
            "replayed 3"
        ]
    );
    let refreshing = in_mode(folder.path(), CacheMode::Refresh).await;
    for number in 4..6 {
        let told: serde_json::Value = fetch_ok(&refreshing, &count).await.json().unwrap();
        assert_eq!(told["count"], number);
    }
    site.close().await;
}

#[tokio::test]
async fn requests_that_differ_in_what_they_send_have_records_of_their_own() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let session = in_mode(folder.path(), CacheMode::Record).await;
    let base = || get(&site, "/echo");
    let post = || base().method("POST").unwrap();
    for request in [
        base(),
        base().header("Accept", "application/json").unwrap(),
        base().header("Authorization", "Bearer a").unwrap(),
        base().header("Authorization", "Bearer b").unwrap(),
        base().cookie("sid", "1"),
        post().json(&serde_json::json!({"a": 1, "b": 2})).unwrap(),
        post().form([("a", "1")]),
    ] {
        assert_eq!(status(&*fetch_ok(&session, &request).await), "recorded", "{request:?}");
    }
    for request in [
        base().header("Referer", "http://elsewhere.test/").unwrap(),
        base().timeout(Duration::from_secs(9)).meta("page", 1),
        post().json(&serde_json::json!({"b": 2, "a": 1})).unwrap(),
    ] {
        assert_eq!(status(&*fetch_ok(&session, &request).await), "replayed", "{request:?}");
    }
    site.close().await;
}

#[tokio::test]
async fn failures_and_what_is_too_long_are_not_recorded_and_say_why() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let session = started(cache(folder.path()).max_body(1_000)).await;
    for (path, why) in [
        ("/status/503", "status 503"),
        ("/status/429", "status 429"),
        ("/bytes/1001", "with this `max_body` the limit is 1000"),
    ] {
        for _ in 0..2 {
            let response = fetch_ok(&session, &get(&site, path)).await;
            let told = status(&*response);
            assert!(told.starts_with("not recorded: ") && told.contains(why), "{told}");
        }
        assert_eq!(site.requests_to(path).len(), 2);
    }
    fetch_ok(&session, &get(&site, "/bytes/1000")).await;
    fetch(&session, &get(&site, "/drop")).await.unwrap_err();
    assert_eq!(records(folder.path()).len(), 1);
    site.close().await;
}

#[tokio::test]
async fn a_refusal_does_not_answer_the_retries() {
    let (origin, folder) = (Origin::start().await, tempfile::tempdir().unwrap());
    let session = in_mode(folder.path(), CacheMode::Record).await;
    for refusal in [
        "401 Unauthorized",
        "403 Forbidden",
        "407 Proxy Authentication Required",
        "408 Request Timeout",
        "444 No Response",
    ] {
        origin.refuse(refusal, "go away");
        let told = status(&*fetch_ok(&session, &origin.get()).await);
        assert!(told.starts_with("not recorded: "), "{refusal}: {told}");
    }
    origin.answer("the page", &[]);
    for wanted in ["recorded", "replayed"] {
        let response = fetch_ok(&session, &origin.get()).await;
        assert_eq!(
            (response.status().as_u16(), &response.body()[..]),
            (200, &b"the page"[..])
        );
        assert_eq!(status(&*response), wanted);
    }
}

#[tokio::test]
async fn a_replay_never_starts_the_session_behind_it() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    fetch_ok(&in_mode(folder.path(), CacheMode::Record).await, &get(&site, "/json")).await;
    // This one cannot start: its certificate is not there.
    let broken = silkroute_session_http::HttpSession::builder()
        .ca_certificate("/no/such/file")
        .build()
        .unwrap();
    let session = silkroute_session_cache::CacheSession::builder(broken, folder.path()).mode(CacheMode::Replay);
    let manager = SessionManager::new();
    manager.add("cache", session.build().unwrap()).unwrap();
    let response = manager.fetch(get(&site, "/json").meta("page", 7)).await.unwrap();
    assert_eq!(
        (status(&*response).as_str(), &response.meta()["page"]),
        ("replayed", &7.into())
    );
    manager.close().await.unwrap();
    site.close().await;
}

/// Gives a challenge that it did not pass, with status 200.
#[derive(Debug)]
struct Challenged(bool);

#[derive(Debug)]
struct Page(ResponseParts);

impl Response for Page {
    fn parts(&self) -> &ResponseParts {
        &self.0
    }
    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.0
    }
}

#[async_trait]
impl Session for Challenged {
    fn kind(&self) -> &'static str {
        "challenged"
    }
    fn is_alive(&self) -> bool {
        self.0
    }
    async fn start(&mut self) -> Result<()> {
        self.0 = true;
        Ok(())
    }
    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let mut parts = ResponseParts::new(StatusCode::OK, request.parts().url.clone());
        parts.blocked = Some("managed".to_owned());
        Ok(Box::new(Page(parts)))
    }
    async fn close(&mut self) -> Result<()> {
        self.0 = false;
        Ok(())
    }
}

#[tokio::test]
async fn a_challenge_that_was_not_passed_is_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let session = started(CacheSession::builder(Challenged(false), folder.path()).mode(CacheMode::Record)).await;
    let response = fetch_ok(&session, &Fetch::get("http://shop.test/").unwrap()).await;
    assert!(status(&*response).contains("'managed'"), "{}", status(&*response));
    assert!(records(folder.path()).is_empty());
}
