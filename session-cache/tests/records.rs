//! What is on disk: whole records or none, for their owner, and what to do about those that cannot be used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use silkroute_core::RequestExt as _;
use silkroute_session_cache::{CacheMode, CacheOptions};
use silkroute_testkit::site::TestSite;
use support::{cache, fetch, fetch_ok, get, in_mode, records, started, status};

#[tokio::test]
async fn a_record_that_is_too_long_by_now_is_told_from_a_damaged_one() {
    const LONG: usize = 5_000_000;
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let page = get(&site, &format!("/bytes/{LONG}"));
    fetch_ok(&in_mode(folder.path(), CacheMode::Record).await, &page).await;
    let file = records(folder.path()).remove(0);
    let size = std::fs::metadata(&file).unwrap().len();

    let replaying = started(cache(folder.path()).mode(CacheMode::Replay).max_body(1_000)).await;
    let error = fetch(&replaying, &page).await.unwrap_err().to_string();
    for told in [
        file.to_str().unwrap(),
        &format!("{size} bytes"),
        "`max_body` is 1000",
        "raise `max_body`",
    ] {
        assert!(error.contains(told), "{told}: {error}");
    }
    assert!(!error.contains("delete"), "{error}");
    // It is not lost by it.
    let recording = started(cache(folder.path()).max_body(1_000)).await;
    assert!(status(&*fetch_ok(&recording, &page).await).starts_with("not recorded: "));
    let replaying = in_mode(folder.path(), CacheMode::Replay).await;
    assert_eq!(fetch_ok(&replaying, &page).await.body().len(), LONG);
    site.close().await;
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_costs_no_response() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let directory = folder.path().join("records");
    let session = in_mode(&directory, CacheMode::Record).await;
    std::fs::remove_dir_all(&directory).unwrap();
    std::fs::write(&directory, "a file where the directory was").unwrap();
    let error = fetch(&session, &get(&site, "/json")).await.unwrap_err().to_string();
    assert!(error.contains("record cannot be read"), "{error}");
    let refresh = get(&site, "/json")
        .with(CacheOptions::default().mode(CacheMode::Refresh))
        .unwrap();
    let response = fetch_ok(&session, &refresh).await;
    assert!(response.status().is_success() && status(&*response).starts_with("not recorded: "));
    site.close().await;
}

#[tokio::test]
async fn a_damaged_record_is_made_anew_and_never_replayed() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let session = in_mode(folder.path(), CacheMode::Record).await;
    fetch_ok(&session, &get(&site, "/page/10k")).await;
    let file = records(folder.path()).remove(0);
    let whole = std::fs::read(&file).unwrap();
    for length in [0, 10, 200, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        let replaying = in_mode(folder.path(), CacheMode::Replay).await;
        let error = fetch(&replaying, &get(&site, "/page/10k"))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("cannot be used") && error.contains(".entry"), "{error}");
        let response = fetch_ok(&session, &get(&site, "/page/10k")).await;
        assert_eq!(
            (status(&*response).as_str(), response.body().len()),
            ("recorded", 10_240)
        );
        assert_eq!(status(&*fetch_ok(&session, &get(&site, "/page/10k")).await), "replayed");
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_write_and_read_one_record_never_see_half_of_it() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let session = Arc::new(in_mode(folder.path(), CacheMode::Record).await);
    let refresh = get(&site, "/bytes/200000")
        .with(CacheOptions::default().mode(CacheMode::Refresh))
        .unwrap();
    fetch_ok(&*session, &refresh).await;
    let replaying = Arc::new(in_mode(folder.path(), CacheMode::Replay).await);
    let tasks = (0..16).map(|number| {
        let (session, request) = match number % 2 {
            0 => (Arc::clone(&session), refresh.clone()),
            _ => (Arc::clone(&replaying), get(&site, "/bytes/200000")),
        };
        tokio::spawn(async move {
            for _ in 0..20 {
                assert_eq!(fetch_ok(&*session, &request).await.body().len(), 200_000);
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(records(folder.path()).len(), 1, "no temporary file is left");
    site.close().await;
}

#[tokio::test]
async fn what_a_killed_program_left_half_written_is_swept_away() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    fetch_ok(&in_mode(folder.path(), CacheMode::Record).await, &get(&site, "/json")).await;
    let record = records(folder.path()).remove(0);
    let (old, young) = (record.with_file_name(".tmp-old"), record.with_file_name(".tmp-young"));
    for file in [&old, &young] {
        std::fs::write(file, "silkroute-cache 1\n{").unwrap();
    }
    let hours_ago = SystemTime::now() - Duration::from_secs(7_200);
    std::fs::File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(hours_ago)
        .unwrap();
    in_mode(folder.path(), CacheMode::Record).await;
    assert!(
        !old.exists() && young.exists() && record.exists(),
        "another program may still be writing the younger one"
    );
    site.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn credentials_are_not_recorded_unless_wanted_and_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    for secrets in [false, true] {
        let directory = folder.path().join(secrets.to_string());
        let session = started(cache(&directory).secrets(secrets)).await;
        let mut url = site.http_url("/cookies/set?sid=hush-cookie");
        url.set_username("user").unwrap();
        url.set_password(Some("hush-password")).unwrap();
        let request = silkroute_core::Fetch::from(url)
            .header("X-Auth-Token", "hush-token")
            .unwrap();
        fetch_ok(&session, &request).await;
        let file = records(&directory).remove(0);
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        let head = text.lines().nth(1).unwrap();
        assert_eq!(head.contains("set-cookie\",\"sid=hush-cookie"), secrets, "{head}");
        assert!(
            !text.contains("hush-password") && !text.contains("hush-token"),
            "{text}"
        );
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&file), mode(&directory), mode(file.parent().unwrap())),
            (0o600, 0o700, 0o700)
        );
        let replayed = fetch_ok(&session, &request).await;
        assert_eq!(replayed.cookies().len(), usize::from(secrets));
    }
    site.close().await;
}
