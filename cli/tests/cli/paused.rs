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

#[tokio::test(flavor = "multi_thread")]
async fn another_crawl_in_the_same_directory_is_refused_and_touches_nothing() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (shop, other) = (site.http_url("/shop?page=1"), site.http_url("/bytes/1"));
    let (frontier, output) = (path("frontier"), path("items.csv"));
    let kept = ["--frontier", frontier.as_str(), "--output", &output];
    let follow = ["--follow", "a.next, a.product", "--field", "name=h1.name"];
    let run = |urls: &[&str], more: &[&str]| silkroute([&["crawl"], urls, &kept, more].concat());
    let limited = ["--max-pages", "40", "-O", "http.body_limit=7777777"];
    let first = run(&[shop.as_str()], &[&follow[..], &limited].concat());
    assert_eq!(first.status, Some(3), "{}", first.stderr);
    let (written, asked) = (fs::read_to_string(&output).unwrap(), site.requests().len());
    assert_eq!(written.lines().count(), 41);

    let option = &limited[2..];
    let more_fields = [&follow[..], option, &["--field", "price=.price"]].concat();
    let deeper = [&follow[..], option, &["--depth", "9", "--timeout", "9s"]].concat();
    let other_option = [&follow[..], &["-O", "http.body_limit=7777778"]].concat();
    let named = [&follow[..], option, &["--session", "fast=http"]].concat();
    for (urls, more, told) in [
        (
            vec![other.as_str()],
            [&follow[..], option].concat(),
            "where it starts was",
        ),
        (
            vec![shop.as_str(), other.as_str()],
            [&follow[..], option].concat(),
            "where it starts was",
        ),
        (
            vec![shop.as_str()],
            more_fields,
            "--field was `name=h1.name`, and is `name=h1.name, price=.price` now",
        ),
        (
            vec![shop.as_str()],
            deeper,
            "--depth was not given, and is `9` now; --timeout was not given, and is `9s` now",
        ),
        (vec![shop.as_str()], other_option, "-O is not what it was begun with"),
        (
            vec![shop.as_str()],
            named,
            "the first --session was `http`, and is `fast` now",
        ),
    ] {
        let refused = run(&urls, &more);
        let error = refused.error(2);
        assert!(error.starts_with("--frontier: ") && error.contains(told), "{error}");
        assert!(
            error.contains("give this one another directory") && !error.contains("777777"),
            "{error}"
        );
    }
    assert_eq!(fs::read_to_string(&output).unwrap(), written);
    assert_eq!(site.requests().len(), asked, "nothing was fetched");

    // What may change from run to run, in another order.
    let elsewhere = path("all.csv");
    let changed = [
        "--concurrency",
        "3",
        "--session",
        "http",
        "--output",
        &elsewhere,
        "--frontier",
        &frontier,
    ];
    let changed = [&["crawl", shop.as_str()], &changed[..], option, &follow].concat();
    let finished = silkroute(&changed);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    let pages = known::LISTING_PAGES + known::PRODUCTS;
    assert_eq!(
        fs::read_to_string(&elsewhere).unwrap().lines().count(),
        pages + 1,
        "a new file has all items"
    );
    assert_eq!(finished.stats()["pages_before"], 40);

    // What is finished says so.
    let again = silkroute(&changed);
    assert_eq!(again.status, Some(0), "{}", again.stderr);
    assert!(
        again.stderr.contains("warning: an earlier run finished this crawl"),
        "{}",
        again.stderr
    );
    let stats = again.stats();
    assert_eq!(
        (&stats["pages"], &stats["pages_before"]),
        (&pages.into(), &pages.into())
    );
    assert_eq!(site.requests().len(), pages);
    site.close().await;
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

    // The session of that name is of another kind now.
    let finished = silkroute([&line[..], &["--session", "slow=http", "--max-pages", "1"]].concat());
    assert_eq!(finished.status, Some(3), "{}", finished.stderr);
    assert_eq!(finished.stats()["pages"], 1, "it goes on with the start");
    site.close().await;
}
