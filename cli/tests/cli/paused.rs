//! `silkroute crawl --frontier` that ends before its work is done.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use silkroute_testkit::site::known;

use crate::command::{Ran, command, sessions_file, signal, silkroute};
use crate::crawl::site;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_in_a_directory_is_paused_by_a_signal_and_goes_on() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let shop = site.http_url("/shop?page=1");
    let (frontier, output) = (path("frontier"), path("items.jsonl"));
    let line = [
        "crawl",
        shop.as_str(),
        "--follow",
        "a.next, a.product",
        "--frontier",
        &frontier,
        "--output",
        &output,
    ];

    let child = command([&line[..], &["--delay", "50ms"]].concat()).spawn().unwrap();
    site.wait_until(|site| site.requests().len() >= 10, SOON).await.unwrap();
    let other = silkroute(line);
    assert!(other.error(2).contains("in use by another crawl"), "{}", other.stderr);
    signal(&child, "TERM");
    let paused = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(paused.status, Some(3), "{}", paused.stderr);
    assert!(paused.stderr.contains("\npaused: "), "{}", paused.stderr);
    assert!(paused.stats()["pending"].as_u64().unwrap() > 0);

    let limited = silkroute([&line[..], &["--max-pages", "100"]].concat());
    assert_eq!(
        (limited.status, &limited.stats()["pages"]),
        (Some(3), &100.into()),
        "{}",
        limited.stderr
    );

    let finished = silkroute(line);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    let pages = known::LISTING_PAGES + known::PRODUCTS;
    assert_eq!(
        (&finished.stats()["pages"], &finished.stats()["pending"]),
        (&pages.into(), &0.into())
    );
    let items = fs::read_to_string(&output).unwrap();
    let urls: BTreeSet<_> = items
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["url"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        (items.lines().count(), urls.len()),
        (pages, pages),
        "each page once, in one file"
    );
    assert_eq!(site.requests().len(), pages, "and nothing was asked for twice");
}

/// A browser that does not come up: it says that it was started, and waits to be ended.
fn slow_browser(folder: &Path) -> std::path::PathBuf {
    let browser = folder.join("browser");
    let started = folder.join("started");
    fs::write(
        &browser,
        format!("#!/bin/sh\n: > '{}'\nexec sleep 60\n", started.display()),
    )
    .unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_a_signal_ends_before_its_first_page_is_paused() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let browser = slow_browser(folder.path());
    let text = format!(
        "[sessions.slow]\nkind = \"dynamic\"\nexecutable_path = \"{}\"\n",
        browser.display()
    );
    let config = sessions_file(folder.path(), &text);
    let url = site.http_url("/shop");
    let frontier = path("frontier");
    let line = ["crawl", url.as_str(), "--frontier", &frontier];

    let mut child = command([&line[..], &["--config", &config]].concat()).spawn().unwrap();
    let begun = Instant::now();
    while !folder.path().join("started").exists() {
        assert!(begun.elapsed() < SOON, "its browser is not started");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    signal(&child, "TERM");
    let mut told = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut told).unwrap();
    assert!(told.contains("once more"), "{told}");
    signal(&child, "TERM");
    stderr.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{told}");
    assert!(told.contains("\npaused: the same command goes on\n"), "{told}");

    let finished = silkroute([&line[..], &["--max-pages", "1"]].concat());
    assert_eq!(finished.status, Some(3), "{}", finished.stderr);
    assert_eq!(finished.stats()["pages"], 1, "it goes on with the start");
    site.close().await;
}
