//! A program that records is killed, again and again: what it left is whole or not there.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use silkroute_core::Fetch;
use silkroute_session_cache::CacheMode;
use silkroute_testkit::site::TestSite;
use support::{fetch_ok, in_mode, records, status};

/// Where the killed program records to, and from.
const DIRECTORY: &str = "SILKROUTE_TEST_CACHE";
const SITE: &str = "SILKROUTE_TEST_SITE";
const SIZE: usize = 300_000;

fn page(site: &str, number: usize) -> Fetch {
    Fetch::get(&format!("{site}bytes/{SIZE}?page={number}")).unwrap()
}

/// Records without end when it is run by the test below; alone it has nothing to do.
#[tokio::test]
async fn records_until_it_is_killed() {
    let (Ok(directory), Ok(site)) = (std::env::var(DIRECTORY), std::env::var(SITE)) else {
        return;
    };
    let session = in_mode(directory.as_ref(), CacheMode::Refresh).await;
    for number in (0..40).cycle() {
        fetch_ok(&session, &page(&site, number)).await;
        println!("recorded {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_leaves_whole_records_or_none() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let root = site.http_url("/").to_string();
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["records_until_it_is_killed", "--exact", "--nocapture"])
            .env(DIRECTORY, folder.path())
            .env(SITE, &root)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let recorded = lines.map_while(Result::ok).filter(|line| line.contains("recorded "));
        let enough = tokio::task::spawn_blocking(move || recorded.take(10 + round * 7).count())
            .await
            .unwrap();
        assert_eq!(enough, 10 + round * 7, "it records");
        child.kill().unwrap();
        child.wait().unwrap();

        let whole = records(folder.path())
            .iter()
            .filter(|file| file.extension().is_some())
            .count();
        let replaying = in_mode(folder.path(), CacheMode::Replay).await;
        let mut replayed = 0;
        for number in 0..40 {
            match support::fetch(&replaying, &page(&root, number)).await {
                Ok(response) => {
                    assert_eq!((status(&*response).as_str(), response.body().len()), ("replayed", SIZE));
                    replayed += 1;
                }
                Err(error) => assert!(error.to_string().contains("not on record"), "{error}"),
            }
        }
        assert_eq!(replayed, whole, "every file is a record that can be used");
    }
    site.close().await;
}
