//! A directory that may hold so much.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use silkroute_core::Session as _;
use silkroute_session_cache::CacheMode;
use silkroute_testkit::site::TestSite;
use support::{cache, fetch, fetch_ok, get, in_mode, records, started, status};

const LIMIT: u64 = 400_000;
/// Some 10 KB each, and their heads.
const PAGES: usize = 100;

fn held(directory: &Path) -> u64 {
    records(directory)
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum()
}

fn page(site: &TestSite, number: usize) -> silkroute_core::Fetch {
    get(site, &format!("/bytes/10000?page={number}"))
}

/// As if nothing had happened for so many hours, to the records that are there.
fn pass(directory: &Path, hours: u64) {
    let then = SystemTime::now() - Duration::from_secs(hours * 3_600);
    for record in records(directory) {
        File::open(record).unwrap().set_modified(then).unwrap();
    }
}

#[tokio::test]
async fn the_oldest_go_and_the_last_stay() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let mut session = started(cache(folder.path()).max_bytes(LIMIT)).await;
    for number in 0..PAGES {
        fetch_ok(&session, &page(&site, number)).await;
    }
    session.close().await.unwrap();
    let bytes = held(folder.path());
    assert!(bytes <= LIMIT, "{bytes}");
    assert!(bytes >= LIMIT / 2, "no more goes than has to: {bytes}");
    let replaying = in_mode(folder.path(), CacheMode::Replay).await;
    fetch_ok(&replaying, &page(&site, PAGES - 1)).await;
    let error = fetch(&replaying, &page(&site, 0)).await.unwrap_err().to_string();
    assert!(error.contains("it is not on record"), "{error}");
    site.close().await;
}

#[tokio::test]
async fn what_is_used_stays() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let mut session = started(cache(folder.path()).max_bytes(LIMIT)).await;
    for number in 0..10 {
        fetch_ok(&session, &page(&site, number)).await;
    }
    pass(folder.path(), 2);
    assert_eq!(status(&*fetch_ok(&session, &page(&site, 3)).await), "replayed");
    // Few enough that no more goes than has to, even if all of them go at once.
    for number in 10..40 {
        fetch_ok(&session, &page(&site, number)).await;
    }
    session.close().await.unwrap();
    let replaying = in_mode(folder.path(), CacheMode::Replay).await;
    fetch_ok(&replaying, &page(&site, 3)).await;
    let mut left = 0;
    for number in 0..10 {
        left += usize::from(fetch(&replaying, &page(&site, number)).await.is_ok());
    }
    assert!(left < 10, "those that nobody asked for went first");
    site.close().await;
}

#[tokio::test]
async fn a_directory_that_grew_without_a_limit_is_cut_at_the_start() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let mut session = in_mode(folder.path(), CacheMode::Record).await;
    for number in 0..60 {
        fetch_ok(&session, &page(&site, number)).await;
    }
    session.close().await.unwrap();
    assert_eq!(records(folder.path()).len(), 60);
    let stranger = folder.path().join("notes.txt");
    pass(folder.path(), 1);
    std::fs::write(&stranger, vec![0; 1_000_000]).unwrap();
    let mut session = started(cache(folder.path()).max_bytes(LIMIT)).await;
    std::fs::metadata(&stranger).expect("what is no record is left alone");
    std::fs::remove_file(&stranger).unwrap();
    let bytes = held(folder.path());
    assert!((LIMIT / 2..=LIMIT).contains(&bytes), "{bytes}");
    session.close().await.unwrap();
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_who_record_to_one_directory_do_not_hinder_each_other() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(started(cache(folder.path()).max_bytes(LIMIT)).await);
    }
    let recording = sessions.iter().enumerate().map(async |(who, session)| {
        for number in 0..PAGES {
            let response = fetch_ok(session, &page(&site, who * PAGES + number)).await;
            assert_eq!(
                (status(&*response).as_str(), response.body().len()),
                ("recorded", 10_000)
            );
        }
    });
    futures_util::future::join_all(recording).await;
    for session in &mut sessions {
        session.close().await.unwrap();
    }
    let bytes = held(folder.path());
    assert!((LIMIT / 2..=LIMIT + 2 * LIMIT / 16).contains(&bytes), "{bytes}");
    site.close().await;
}

#[tokio::test]
async fn what_there_is_no_room_for_is_not_recorded() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let session = started(cache(folder.path()).max_bytes(9_000)).await;
    let response = fetch_ok(&session, &page(&site, 1)).await;
    assert_eq!(response.body().len(), 10_000);
    assert!(
        status(&*response) == "not recorded: its body has 10000 bytes, and with this `max_bytes` the limit is 8438",
        "{}",
        status(&*response)
    );
    assert!(records(folder.path()).is_empty());
    site.close().await;
}
