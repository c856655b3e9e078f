//! Records that grow old, as RFC 9111 says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

#[path = "support/origin.rs"]
mod origin;
mod support;

use origin::Origin;
use silkroute_core::{RequestExt as _, Session};
use silkroute_session_cache::CacheMode;
use support::{cache, fetch, fetch_ok, records, started, status};

const OLD: &str = "Date: Mon, 01 Jan 2024 00:00:00 GMT";

async fn seen(session: &dyn Session, origin: &Origin) -> (String, String) {
    let response = fetch_ok(session, &origin.get()).await;
    (status(&*response), response.text().into_owned())
}

fn told(status: &str, text: &str) -> (String, String) {
    (status.to_owned(), text.to_owned())
}

#[tokio::test]
async fn what_is_fresh_is_replayed_and_what_is_stale_is_fetched() {
    let (origin, folder) = (Origin::start().await, tempfile::tempdir().unwrap());
    let session = started(cache(folder.path()).freshness(true)).await;
    origin.answer("one", &["Cache-Control: max-age=60"]);
    assert_eq!(seen(&session, &origin).await, told("recorded", "one"));
    origin.answer("two", &["Cache-Control: max-age=60", OLD, "Age: 3600"]);
    assert_eq!(seen(&session, &origin).await, told("replayed", "one"));
    assert_eq!(origin.asked().len(), 1);

    // Whoever asks for it anew gets it anew.
    let anew = origin.get().header("Cache-Control", "no-cache").unwrap();
    assert_eq!(fetch_ok(&session, &anew).await.text(), "two");
    assert_eq!(fetch_ok(&session, &anew).await.text(), "two");
    assert_eq!(origin.asked().len(), 2, "an hour old where a minute is allowed");
}

#[tokio::test]
async fn a_stale_record_that_still_holds_is_used_after_the_site_said_so() {
    let (origin, folder) = (Origin::start().await, tempfile::tempdir().unwrap());
    let session = started(cache(folder.path()).freshness(true)).await;
    origin.answer("one", &["ETag: \"1\"", "Cache-Control: max-age=0", "X-Shelf: 1"]);
    assert_eq!(seen(&session, &origin).await, told("recorded", "one"));
    origin.answer(
        "never sent",
        &["ETag: \"1\"", "Cache-Control: max-age=60", "X-Shelf: 2"],
    );
    assert_eq!(seen(&session, &origin).await, told("revalidated", "one"));
    let asked = origin.asked();
    assert!(
        asked.len() == 2 && !asked[0].contains("if-none-match") && asked[1].contains("if-none-match: \"1\""),
        "{asked:?}"
    );
    let response = fetch_ok(&session, &origin.get()).await;
    assert_eq!(
        (status(&*response).as_str(), response.header("x-shelf")),
        ("replayed", Some("2")),
        "the site's newer word counts"
    );
    assert!(origin.asked().is_empty());
}

#[tokio::test]
async fn a_stale_record_that_no_longer_holds_is_replaced() {
    let (origin, folder) = (Origin::start().await, tempfile::tempdir().unwrap());
    let session = started(cache(folder.path()).freshness(true)).await;
    origin.answer("one", &["ETag: \"1\"", "Cache-Control: max-age=0"]);
    seen(&session, &origin).await;
    origin.answer("two", &["ETag: \"2\"", "Cache-Control: max-age=60"]);
    assert_eq!(seen(&session, &origin).await, told("recorded", "two"));
    assert_eq!(seen(&session, &origin).await, told("replayed", "two"));
    assert_eq!(origin.asked().len(), 2);
}

#[tokio::test]
async fn what_must_not_be_kept_is_not() {
    let (origin, folder) = (Origin::start().await, tempfile::tempdir().unwrap());
    let session = started(cache(folder.path()).freshness(true)).await;
    origin.answer("secret", &["Cache-Control: no-store"]);
    for _ in 0..2 {
        assert_eq!(
            seen(&session, &origin).await.0,
            "not recorded: RFC 9111 does not let it be kept"
        );
    }
    assert!(records(folder.path()).is_empty());
    let post = origin.get().method("POST").unwrap();
    assert!(status(&*fetch_ok(&session, &post).await).starts_with("not recorded"));
}

#[tokio::test]
async fn what_depends_on_cookies_is_asked_about_each_time() {
    let (origin, folder) = (Origin::start().await, tempfile::tempdir().unwrap());
    let session = started(cache(folder.path()).freshness(true)).await;
    origin.answer(
        "for you",
        &["Vary: Accept, Cookie", "Cache-Control: max-age=60", "ETag: \"1\""],
    );
    seen(&session, &origin).await;
    assert_eq!(seen(&session, &origin).await, told("revalidated", "for you"));
    origin.answer("for another", &["Vary: Cookie", "Cache-Control: max-age=60"]);
    assert_eq!(seen(&session, &origin).await, told("recorded", "for another"));
    assert_eq!(
        seen(&session, &origin).await,
        told("recorded", "for another"),
        "with nothing to ask with, it is fetched"
    );
}

#[tokio::test]
async fn a_replay_asks_nobody_however_old_the_record_is() {
    let (origin, folder) = (Origin::start().await, tempfile::tempdir().unwrap());
    origin.answer("one", &["Cache-Control: max-age=0", OLD]);
    seen(&started(cache(folder.path()).freshness(true)).await, &origin).await;
    let replaying = started(cache(folder.path()).freshness(true).mode(CacheMode::Replay)).await;
    assert_eq!(seen(&replaying, &origin).await, told("replayed", "one"));
    fetch(&replaying, &origin.get().method("HEAD").unwrap())
        .await
        .unwrap_err();
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test]
async fn without_it_records_never_grow_old() {
    let (origin, folder) = (Origin::start().await, tempfile::tempdir().unwrap());
    let session = started(cache(folder.path())).await;
    origin.answer("one", &["Cache-Control: no-store, max-age=0", OLD]);
    assert_eq!(seen(&session, &origin).await, told("recorded", "one"));
    assert_eq!(seen(&session, &origin).await, told("replayed", "one"));
}
