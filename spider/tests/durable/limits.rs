//! The limits of a crawl that takes more than one run.

use std::path::Path;

use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::{Crawl, Ended, Output, Page, Result, Settings, Spider, Visit};
use silkroute_testkit::site::TestSite;

use crate::support::SOON;

const PAGES: usize = 5;

/// Follows one chain of pages; each gives three items, and then its link.
struct Threes(Vec<String>);

impl Threes {
    fn new(site: &TestSite) -> Self {
        Self(
            (0..PAGES)
                .map(|n| site.http_url(&format!("/bytes/{n}")).into())
                .collect(),
        )
    }

    async fn run(self, folder: &Path, limit: impl FnOnce(Settings) -> Settings) -> Crawl<(usize, u8)> {
        let settings = limit(Settings::default());
        let crawl = self.crawl().settings(settings).frontier(folder.join("crawl")).run();
        tokio::time::timeout(SOON, crawl)
            .await
            .expect("the crawl hangs")
            .unwrap()
    }
}

impl Spider for Threes {
    type Item = (usize, u8);
    type Step = usize;

    fn name(&self) -> &str {
        "threes"
    }

    fn start_urls(&self) -> Vec<String> {
        self.0[..1].to_vec()
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add("http", HttpSession::new())?;
        Ok(())
    }

    async fn parse(&self, page: Page<usize>, out: &mut Output<Self>) -> Result {
        for item in 0..3 {
            out.item((*page.step(), item)).await?;
        }
        let next = page.step() + 1;
        if let Some(url) = self.0.get(next) {
            out.visit(Visit::get(url)?.step(next)).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_limit_counts_all_runs_and_a_run_that_begins_at_it_ends_there() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = |limit: fn(Settings) -> Settings| Threes::new(&site).run(folder.path(), limit);
    for _ in 0..2 {
        let crawl = run(|settings| settings.max_pages(2)).await;
        assert_eq!((crawl.ended, crawl.stats.pages, crawl.pending), (Ended::MaxPages, 2, 1));
    }
    let crawl = run(|settings| settings.max_items(6)).await;
    assert_eq!((crawl.ended, crawl.stats.items), (Ended::MaxItems, 6));
    assert_eq!(site.requests().len(), 2);
    let crawl = run(|settings| settings).await;
    assert_eq!((crawl.ended, crawl.stats.pages), (Ended::Finished, PAGES as u64));
    site.close().await;
}

#[tokio::test]
async fn a_limit_of_items_takes_no_items_and_no_links_from_the_page_that_reaches_it() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = Threes::new(&site)
        .run(folder.path(), |settings| settings.max_items(4))
        .await;
    assert_eq!((first.ended, first.items.len(), first.pending), (Ended::MaxItems, 6, 1));
    let second = Threes::new(&site).run(folder.path(), |settings| settings).await;
    assert_eq!(second.ended, Ended::Finished);
    let all = [first.items, second.items].concat();
    let expected: Vec<_> = (0..PAGES).flat_map(|page| (0..3).map(move |n| (page, n))).collect();
    assert_eq!(all, expected);
    site.close().await;
}
