//! What is logged during a crawl that takes more than one run, counted by level.

use std::collections::BTreeMap;

use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::{Output, Page, Result, Spider, Stats, count_logs};
use silkroute_testkit::site::TestSite;
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;

/// Warns of each page.
struct Wary(Vec<String>);

impl Spider for Wary {
    type Item = ();
    type Step = ();

    fn name(&self) -> &str {
        "wary"
    }

    fn start_urls(&self) -> Vec<String> {
        self.0.clone()
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add("http", HttpSession::new())?;
        Ok(())
    }

    async fn parse(&self, _page: Page, _out: &mut Output<Self>) -> Result {
        tracing::warn!("one more page");
        Ok(())
    }
}

#[tokio::test]
async fn counts_go_on_where_they_were() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let urls: Vec<String> = (0..5).map(|n| site.http_url(&format!("/bytes/{n}")).into()).collect();
    let run = async |pages| -> Stats {
        let crawl = Wary(urls.clone()).crawl().concurrency(1).max_pages(pages);
        crawl.frontier(folder.path().join("crawl")).run().await.unwrap().stats
    };
    let counted = |warn: u64| BTreeMap::from([("error".to_owned(), 0), ("warn".to_owned(), warn)]);

    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(count_logs(Level::WARN)));
    assert_eq!(run(2).await.log_counts, counted(2));
    assert_eq!(run(3).await.log_counts, counted(3));
    drop(guard);
    assert_eq!(
        run(4).await.log_counts,
        counted(3),
        "a run that does not count keeps what was counted"
    );
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(count_logs(Level::WARN)));
    assert_eq!(run(9).await.log_counts, counted(4));
    site.close().await;
}
