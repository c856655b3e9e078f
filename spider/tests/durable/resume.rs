//! What goes on where it was: exports, statistics, steps, redirects, retries.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use silkroute_core::Retry;
use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::{BlockDetection, Crawl, Ended, Escalation, ItemLog, Output, Page, Result, Settings, Spider};
use silkroute_testkit::site::{TestSite, known};

use crate::support::{SOON, chain};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Step {
    #[default]
    Listing,
    Product {
        listed_on: u32,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Product {
    name: String,
    listed_on: u32,
}

/// The test site's shop: 10 listings of 20 products.
struct Shop {
    start: String,
}

impl Shop {
    fn new(site: &TestSite) -> Self {
        Self {
            start: site.http_url("/shop").to_string(),
        }
    }
}

impl Spider for Shop {
    type Item = Product;
    type Step = Step;

    fn name(&self) -> &str {
        "shop"
    }

    fn settings(&self) -> Settings {
        Settings::default().concurrency(8)
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add("http", HttpSession::new())?;
        Ok(())
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match *page.step() {
            Step::Listing => {
                let query = page.url().query_pairs().find(|(name, _)| name == "page");
                let listed_on = query.map_or(Ok(1), |(_, number)| number.parse())?;
                for link in page.css("a.product::attr(href)")?.get_all() {
                    out.visit(page.follow(&link)?.step(Step::Product { listed_on })).await?;
                }
                for link in page.css("a.next::attr(href)")?.get_all() {
                    out.visit(page.follow(&link)?).await?;
                }
                out.count("listings", 1);
            }
            Step::Product { listed_on } => {
                let name = page.css("h1.name::text")?.get_or("");
                out.item(Product { name, listed_on }).await?;
            }
        }
        Ok(())
    }
}

fn lines(path: &Path) -> Vec<String> {
    let mut lines: Vec<_> = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn e7_a_crawl_in_many_runs_keeps_all_items_and_statistics_and_exports_what_one_run_does() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let whole = Shop::new(&site)
        .crawl()
        .export_jsonl(path("whole.jsonl"))
        .unwrap()
        .export_csv(path("whole.csv"))
        .unwrap();
    let whole = whole.run().await.unwrap();
    assert_eq!(
        (whole.ended, whole.stats.items, whole.pending),
        (Ended::Finished, 200, 0)
    );
    site.clear();
    let (mut runs, mut given) = (0, 0);
    let last: Crawl<Product> = loop {
        runs += 1;
        let crawl = Shop::new(&site).crawl().frontier(path("crawl")).max_pages(runs * 60);
        let crawl = crawl
            .export_jsonl(path("part.jsonl"))
            .unwrap()
            .export_csv(path("part.csv"))
            .unwrap();
        let crawl = crawl.export_json(path("part.json")).unwrap().run().await.unwrap();
        assert_eq!(crawl.stats.pages, 210.min(runs * 60));
        given += crawl.items.len();
        if crawl.ended == Ended::Finished {
            break crawl;
        }
        assert_eq!(crawl.ended, Ended::MaxPages);
        assert!(crawl.pending > 0);
        let array: Vec<Product> = serde_json::from_slice(&std::fs::read(path("part.json")).unwrap()).unwrap();
        assert_eq!(
            array.len() as u64,
            crawl.stats.items,
            "the array is whole after every run"
        );
        // What a crash leaves: items that were written, and whose page was not kept.
        for name in ["part.jsonl", "part.csv", "part.json"] {
            use std::io::Write as _;
            let mut file = std::fs::OpenOptions::new().append(true).open(path(name)).unwrap();
            file.write_all(b"half of an it").unwrap();
        }
    };
    assert_eq!(runs, 4);
    assert_eq!(lines(&path("part.jsonl")), lines(&path("whole.jsonl")));
    assert_eq!(lines(&path("part.csv")), lines(&path("whole.csv")));
    let array: Vec<Product> = serde_json::from_slice(&std::fs::read(path("part.json")).unwrap()).unwrap();
    assert_eq!(array.len(), 200);
    let log = ItemLog::open(path("crawl")).unwrap();
    assert_eq!(log.len().unwrap(), 200);
    assert_eq!(given, 200, "each run gives its own items");

    // Its statistics are those of the whole crawl.
    assert_eq!(
        (last.stats.items, last.stats.pages, last.stats.custom["listings"]),
        (200, 210, 10)
    );
    assert_eq!(last.stats.requests, 210, "nothing was fetched twice");
    assert_eq!(last.stats.sessions["http"].latency.count(), 210);
    assert_eq!(site.requests().len(), 210);

    let again = Shop::new(&site).crawl().frontier(path("crawl")).run().await.unwrap();
    assert_eq!(
        (again.ended, again.stats.items),
        (Ended::Finished, 200),
        "what is finished stays so"
    );
    assert_eq!(site.requests().len(), 210);
    site.close().await;
}

#[tokio::test]
async fn a_page_that_a_redirect_led_to_is_not_lost_when_it_was_not_done() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = site.http_url("/slow?ms=25000");
    let path = format!("/redirect-to?url={}", percent(target.as_str()));
    let run = || {
        chain(&site, &[&path])
            .crawl()
            .frontier(folder.path().join("crawl"))
            .with_handle()
            .unwrap()
    };
    for times in 1..=2 {
        let (handle, crawl) = run();
        let crawl = tokio::spawn(crawl);
        site.wait_until(|site| site.requests_to("/slow").len() == times, SOON)
            .await
            .unwrap();
        handle.stop();
        handle.stop();
        assert_eq!(crawl.await.unwrap().unwrap().pending, 1);
    }
    site.close().await;
}

fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn how_often_a_request_failed_is_not_forgotten() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let crawl = |wait| {
        let mut chain = chain(&site, &["/status/503"]);
        let retry = Retry::attempts(3).base(wait).jitter(false);
        chain.settings = chain.settings.blocked_retry(retry);
        chain.crawl().frontier(folder.path().join("crawl"))
    };
    let (handle, first) = crawl(Duration::from_secs(30)).with_handle().unwrap();
    let first = tokio::spawn(first);
    let failed = async {
        while handle.stats().retries == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, failed)
        .await
        .expect("it is to be sent again");
    handle.stop();
    let first = first.await.unwrap().unwrap();
    assert_eq!((first.ended, first.pending), (Ended::Stopped, 1));
    assert_eq!(site.requests().len(), 1);
    let second = crawl(Duration::from_millis(1)).run().await.unwrap();
    assert_eq!((second.ended, second.stats.gave_up_blocked), (Ended::Finished, 1));
    assert_eq!(site.requests().len(), 3, "three times in all");
    site.close().await;
}

#[tokio::test]
async fn requests_for_a_session_that_is_gone_are_told_not_thrown_away() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("crawl");
    let mut first = chain(&site, &["/bytes/1", "/bytes/2"]);
    first.settings = first.settings.max_pages(1);
    first.crawl().frontier(&directory).run().await.unwrap();
    let mut renamed = chain(&site, &["/bytes/1", "/bytes/2"]);
    renamed.session = "api";
    let error = renamed
        .crawl()
        .frontier(&directory)
        .run()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("Session 'http' not found. Available: api"), "{error}");
    let last = chain(&site, &["/bytes/1", "/bytes/2"])
        .crawl()
        .frontier(&directory)
        .run()
        .await
        .unwrap();
    assert_eq!((last.ended, last.stats.pages), (Ended::Finished, 2));
    site.close().await;
}

#[tokio::test]
async fn the_crawl_of_another_spider_is_not_touched() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut chain = chain(&site, &["/bytes/1", "/bytes/2"]);
    chain.settings = chain.settings.max_pages(1);
    let directory = folder.path().join("crawl");
    chain.crawl().frontier(&directory).run().await.unwrap();
    let error = Shop::new(&site).crawl().frontier(&directory).run().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a crawl of the spider 'chain', not of 'shop'"),
        "{error}"
    );
    site.close().await;
}

#[tokio::test]
async fn a_page_that_cannot_be_had_is_done_too() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("crawl");
    let mut broken = chain(&site, &["/drop"]);
    broken.settings = broken.settings.retry(Retry::none());
    let crawl = broken.crawl().frontier(&directory).run().await.unwrap();
    assert_eq!(
        (crawl.ended, crawl.stats.failed, crawl.pending),
        (Ended::Finished, 1, 0)
    );
    let sent = site.requests().len();
    let again = chain(&site, &["/drop"])
        .crawl()
        .frontier(&directory)
        .run()
        .await
        .unwrap();
    assert_eq!((again.stats.failed, site.requests().len()), (1, sent));
    site.close().await;
}

#[tokio::test]
async fn what_worked_for_a_host_is_known_to_the_next_run() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = |pages| {
        let mut chain = chain(&site, &["/bearer?n=1", "/bearer?n=2", "/bearer?n=3"]);
        let ladder = Escalation::ladder(["http", "known"]).detection(BlockDetection::none().statuses([401]));
        chain.settings = chain.settings.escalation(ladder).max_pages(pages);
        let sessions = SessionManager::new();
        let token = format!("Bearer {}", known::BEARER_TOKEN);
        let known = HttpSession::builder().header("authorization", &token).build().unwrap();
        sessions
            .add("http", HttpSession::new())
            .unwrap()
            .add("known", known)
            .unwrap();
        chain
            .crawl()
            .sessions(&sessions)
            .frontier(folder.path().join("crawl"))
            .run()
    };
    let first = run(1).await.unwrap();
    assert_eq!((first.stats.pages, site.requests().len()), (1, 2));
    let second = run(3).await.unwrap();
    assert_eq!((second.ended, second.stats.pages), (Ended::MaxPages, 3));
    assert_eq!(site.requests().len(), 4, "no page of the second run was tried below");
    assert_eq!(second.stats.escalations["http -> known: status 401"], 1);
    site.close().await;
}
