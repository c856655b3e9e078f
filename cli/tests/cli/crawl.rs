//! `silkroute crawl` against the test site.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

#[cfg(unix)]
use crate::command::signal;
use crate::command::{Ran, command, refusing, sessions_file, silkroute};
use serde_json::Value;
use silkroute_testkit::site::{TestSite, known};
use url::Url;

const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn site() -> TestSite {
    TestSite::start().await.expect("the test site does not start")
}

/// `silkroute crawl URL ...`
pub(crate) fn crawl(url: &Url, arguments: &[&str]) -> Ran {
    silkroute([&["crawl", url.as_str()], arguments].concat())
}

impl Ran {
    /// The last line on standard error.
    #[track_caller]
    pub(crate) fn stats(&self) -> Value {
        let last = self.stderr.lines().next_back().expect("nothing on standard error");
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {last}"))
    }

    /// The items on standard output.
    #[track_caller]
    pub(crate) fn items(&self) -> Vec<Value> {
        let lines = self.text().lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a line is no JSON"))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_shop_with_its_fields() {
    let site = site().await;
    let ran = crawl(
        &site.http_url("/shop"),
        &[
            "--field",
            "name=h1.name",
            "--field",
            "cents=article .price::attr(data-cents)",
            "--field",
            "related[]=a.related",
        ],
    );
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let items = ran.items();
    assert_eq!(
        items.len(),
        known::LISTING_PAGES + known::PRODUCTS + 1,
        "/shop and /shop?page=1 are two"
    );
    let product = items
        .iter()
        .find(|item| item["url"] == site.http_url("/shop/product/7").as_str())
        .expect("product 7 is missing");
    assert_eq!(product["status"], 200);
    assert_eq!(product["name"], known::product_name(7));
    assert_eq!(product["cents"], known::product_price(7).to_string());
    assert_eq!(product["related"].as_array().unwrap().len(), 3);
    let listing = items
        .iter()
        .find(|item| item["url"] == site.http_url("/shop").as_str())
        .unwrap();
    assert!(listing["name"].is_null(), "{listing}");
    let keys: Vec<_> = ran.text().lines().next().unwrap().match_indices("\":").collect();
    assert_eq!(keys.len(), 5);
    assert!(
        ran.text().starts_with(r#"{"url":""#),
        "in the order of the command line"
    );

    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    let stats = ran.stats();
    assert_eq!(stats["ended"], "finished");
    assert_eq!(
        (&stats["pages"], &stats["status"]["200"]),
        (&items.len().into(), &items.len().into())
    );
    assert_eq!(stats["sessions"]["http"]["requests"], items.len());
    let urls: BTreeSet<_> = items.iter().map(|item| item["url"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), items.len(), "each page once");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_links_that_are_asked_for_and_no_further_than_asked() {
    let site = site().await;
    let listings = crawl(&site.http_url("/shop?page=1"), &["--follow", "a.next::attr(href)"]);
    assert_eq!(listings.items().len(), known::LISTING_PAGES, "{}", listings.stderr);
    let inside = crawl(&site.http_url("/shop?page=1"), &["--follow", "nav", "--depth", "2"]);
    assert_eq!(inside.items().len(), 3, "{}", inside.stderr);
    let start = crawl(&site.http_url("/shop"), &["--depth", "0"]);
    assert_eq!((start.status, start.items().len()), (Some(0), 1));
    let ten = crawl(&site.http_url("/shop"), &["--max-pages", "10", "--concurrency", "2"]);
    assert_eq!((ten.status, ten.items().len()), (Some(0), 10));
    assert_eq!(ten.stats()["ended"], "max_pages");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stays_on_its_site_unless_told_otherwise() {
    let site = site().await;
    // By name and by address: to a crawl these are two hosts.
    let mut by_name = site.http_url("/shop");
    by_name.set_host(Some("localhost")).unwrap();
    let away = site.http_url(&format!("/redirect-to?url={by_name}"));
    let stayed = crawl(&away, &["--depth", "0"]);
    assert_eq!(stayed.status, Some(1), "{}", stayed.stderr);
    assert!(stayed.stderr.starts_with("error: nothing could be fetched") && stayed.stderr.contains("--allow"));
    assert_eq!(stayed.stats()["offsite"], 1);
    for allowed in ["localhost", "*"] {
        let went = crawl(&away, &["--depth", "0", "--allow", allowed]);
        assert_eq!(went.status, Some(0), "{}", went.stderr);
        assert_eq!(went.items()[0]["url"], by_name.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_and_statistics_go_to_files() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |name: &str| {
        let ran = crawl(
            &site.http_url("/shop/product/1"),
            &[
                "--depth",
                "0",
                "--field",
                "name=h1",
                "--field",
                "sku=.sku",
                "--output",
                &path(name),
                "--stats",
                &path("stats.json"),
            ],
        );
        assert_eq!((ran.status, ran.stdout.len()), (Some(0), 0), "{}", ran.stderr);
        fs::read_to_string(path(name)).unwrap()
    };
    let url = site.http_url("/shop/product/1");
    let name = known::product_name(1);
    assert_eq!(
        run("items.jsonl"),
        format!(r#"{{"url":"{url}","status":200,"name":"{name}","sku":"SKU-00001"}}"#) + "\n"
    );
    assert_eq!(
        run("items.csv"),
        format!("url,status,name,sku\n{url},200,{name},SKU-00001\n")
    );
    let whole: Value = serde_json::from_str(&run("deep/items.json")).unwrap();
    assert_eq!(whole[0]["sku"], "SKU-00001");
    let stats: Value = serde_json::from_slice(&fs::read(path("stats.json")).unwrap()).unwrap();
    assert_eq!((&stats["ended"], &stats["items"]), (&"finished".into(), &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn robots_txt_is_obeyed_when_asked() {
    let site = site().await;
    let private = site.http_url("/private/");
    assert_eq!(crawl(&private, &["--depth", "0"]).status, Some(0));
    let refused = crawl(&private, &["--depth", "0", "--robots"]);
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.stderr.contains("1 are not allowed by robots.txt"),
        "{}",
        refused.stderr
    );
    assert_eq!(refused.stats()["robots_disallowed"], 1);
    let shop = site.http_url("/shop");
    assert_eq!(crawl(&shop, &["--depth", "0", "--robots"]).status, Some(0));
    assert_eq!(crawl(&shop, &["--depth", "0", "--robots=badbot"]).status, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_spaces_the_requests() {
    let site = site().await;
    let begun = Instant::now();
    let ran = crawl(&site.http_url("/shop"), &["--max-pages", "4", "--delay", "200ms"]);
    assert_eq!(ran.items().len(), 4, "{}", ran.stderr);
    assert!(begun.elapsed() >= Duration::from_millis(550), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_html_is_an_item_without_fields() {
    let site = site().await;
    let ran = crawl(
        &site.http_url("/image.png"),
        &["--field", "name=h1", "--field", "all[]=a"],
    );
    let items = ran.items();
    assert_eq!((items.len(), &items[0]["name"]), (1, &Value::Null));
    assert_eq!(items[0]["all"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_line_by_line_and_the_statistics_stay_last() {
    let site = site().await;
    let ran = silkroute([
        "crawl",
        site.http_url("/status/404").as_str(),
        site.http_url("/flaky?times=99&key=cli&how=503").as_str(),
        "--depth",
        "0",
    ]);
    assert_eq!(ran.status, Some(0), "one page is a crawl: {}", ran.stderr);
    assert_eq!(ran.items()[0]["status"], 404);
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.stderr);
    assert!(lines[0].starts_with("warning: ") && lines[0].contains("/flaky") && lines[0].contains("503"));
    assert_eq!(ran.stats()["gave_up_blocked"], 1);
    assert_eq!(ran.stats()["log_counts"], serde_json::json!({"error": 0, "warn": 1}));
}

#[test]
fn nobody_there_is_status_1_with_the_cause() {
    let (_socket, url) = refusing();
    let ran = crawl(&url, &[]);
    assert_eq!((ran.status, ran.stdout.len()), (Some(1), 0));
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(
        lines[0].starts_with("warning: ") && lines[0].contains("refused"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        lines[1],
        "error: nothing could be fetched: of the requests, 1 brought no response"
    );
    assert_eq!(ran.stats()["failed"], 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_crawl_with_its_statistics() {
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let site = site().await;
        let shop = site.http_url("/shop");
        let child = command(["crawl", shop.as_str(), "--delay", "300ms"]).spawn().unwrap();
        site.wait_until(|site| site.requests().len() >= 2, SOON).await.unwrap();
        signal(&child, name);
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.status, Some(status), "{}", ran.stderr);
        assert!(ran.stderr.contains("error: interrupted\n"), "{}", ran.stderr);
        assert_eq!(ran.stats()["ended"], "stopped");
        assert_eq!(ran.stats()["items"], ran.items().len(), "what was fetched is not lost");
        site.wait_until(|site| site.open_connections() == 0, SOON)
            .await
            .unwrap();
        site.close().await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait() {
    let site = site().await;
    let mut child = command(["crawl", site.http_url("/stall").as_str()]).spawn().unwrap();
    site.wait_until(|site| site.in_flight() == 1, SOON).await.unwrap();
    let begun = Instant::now();
    signal(&child, "INT");
    let mut told = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut told).unwrap();
    assert!(told.contains("once more"), "{told}");
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_ends_the_crawl() {
    let site = site().await;
    let shop = site.http_url("/shop");
    let mut child = command(["crawl", shop.as_str(), "--delay", "300ms"]).spawn().unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stats()["ended"], "stopped");
    assert!(site.requests().len() < 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_lets_the_pages_under_way_finish() {
    let site = site().await;
    let urls = [0, 3_000, 3_300, 6_000].map(|ms| site.http_url(&format!("/slow?ms={ms}")).to_string());
    let arguments = ["crawl"].into_iter().chain(urls.iter().map(String::as_str));
    let mut child = command(arguments).spawn().unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    site.wait_until(|site| site.requests().len() == 4, SOON).await.unwrap();
    drop(reader);
    // The second and the third find nobody; the fourth is still under way.
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(
        (&ran.stats()["pages"], &ran.stats()["ended"]),
        (&4.into(), &"stopped".into())
    );
}

#[test]
fn what_cannot_be_used_is_told_before_anything_is_fetched() {
    // Nothing in here gets as far as this address.
    const URL: &str = "http://127.0.0.1:9/";
    let folder = tempfile::tempdir().unwrap();
    let broken = sessions_file(folder.path(), "[sessions.a]\nkind = \"htpt\"\n");
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["<URL>"]),
        (&["shop.example.com"], &["no scheme"]),
        (&["ftp://shop.example.com/"], &["ftp:", "http"]),
        (&[URL, "--depth", "all"], &["--depth"]),
        (&[URL, "--max-pages", "0"], &["--max-pages"]),
        (&[URL, "--concurrency", "0"], &["concurrency", "1 to"]),
        (&[URL, "--delay", "3"], &["--delay", "with its unit"]),
        (&[URL, "--field", "h1"], &["--field", "NAME=CSS"]),
        (&[URL, "--field", "a=h1", "--field", "a=h2"], &["two fields `a`"]),
        (&[URL, "--field", "status=h1"], &["`status`"]),
        (&[URL, "--field", "a=h1["], &["--field", "character"]),
        (&[URL, "--follow", "a::attr("], &["--follow", "character"]),
        (&[URL, "--allow", "http://x.example.com/"], &["--allow", "host such as"]),
        (&[URL, "--output", "items.xlsx"], &["--output", ".jsonl, .csv or .json"]),
        (
            &[URL, "--output", "/dev/null/no/items.csv"],
            &["/dev/null/no/items.csv"],
        ),
        (&[URL, "--session", "nope"], &["--session nope", "'nope'", "http"]),
        (&[URL, "--session", "a=nope"], &["--session a=nope", "'nope'", "http"]),
        (
            &[URL, "--session", "a=http", "--session", "a=http"],
            &["`a` is given twice"],
        ),
        (
            &[URL, "--session", "http", "--session", "http"],
            &["`http` is given twice"],
        ),
        #[cfg(feature = "disk")]
        (&[URL, "--frontier", "/dev/null/no"], &["--frontier", "/dev/null/no"]),
        (&[URL, "--config", "no/such.toml"], &["no/such.toml", "No such file"]),
        (&[URL, "--config", &broken], &["sessions.a.kind", "'htpt'"]),
    ];
    for (arguments, told) in cases {
        let ran = silkroute([&["crawl"], *arguments].concat());
        let error = ran.error(2);
        for text in *told {
            assert!(error.contains(text), "{arguments:?}: {text:?} is not in: {error}");
        }
    }
}
