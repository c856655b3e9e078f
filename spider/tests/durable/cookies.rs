//! Cookies of the run before, also where there are newer ones.

use std::path::Path;
use std::time::Duration;

use silkroute_core::{Fetch, RequestExt as _};
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_session_http::HttpSession;
use silkroute_spider::{
    AutoThrottle, BlockDetection, Ended, Escalation, Output, Page, Result, Settings, Spider, Starts, Visit,
};
use silkroute_testkit::site::{TestSite, known};

use crate::support::chain;

#[tokio::test]
async fn e7_cookies_and_delays_are_those_of_the_run_before() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = |pages| {
        let mut chain = chain(&site, &["/cookies/set?login=yes", "/cookies?n=2", "/cookies?n=3"]);
        let throttle = AutoThrottle::default().start_delay(Duration::from_millis(800));
        // A response that is late by seconds shortens the delay too.
        let throttle = throttle.target_concurrency(100.0);
        chain.settings = chain.settings.throttle(throttle).max_pages(pages);
        chain.crawl().frontier(folder.path().join("crawl")).run()
    };
    let first = run(1).await.unwrap();
    assert_eq!((first.ended, first.pending), (Ended::MaxPages, 1));
    let delay = *first.stats.throttle_delays.values().next().unwrap();
    assert!(delay < Duration::from_millis(800));
    let second = run(2).await.unwrap();
    assert!(second.items[0].contains("login"), "{:?}", second.items);
    let delayed = *second.stats.throttle_delays.values().next().unwrap();
    assert!(delayed < delay * 3 / 4, "it went on from {delay:?}, to {delayed:?}");
    assert_eq!(
        second.stats.pages - first.stats.pages,
        1,
        "one response shortens it once"
    );
    assert!(second.stats.elapsed >= first.stats.elapsed, "the time of both");
    site.close().await;
}

/// Follows one chain of visits, and first fetches what logs it in.
struct LoggedIn {
    visits: Vec<Visit<usize>>,
    login: Option<String>,
    settings: Settings,
}

impl Spider for LoggedIn {
    type Item = String;
    /// Which of the visits it is.
    type Step = usize;

    fn name(&self) -> &str {
        "logged-in"
    }

    fn settings(&self) -> Settings {
        self.settings.clone()
    }

    fn start_requests(&self) -> Starts<'_, usize> {
        let first = self.visits[0].clone();
        Box::pin(futures_util::stream::once(async { Ok(first) }))
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        let token = format!("Bearer {}", known::BEARER_TOKEN);
        let knows = HttpSession::builder().header("authorization", &token).build()?;
        sessions.add("http", HttpSession::new().lazy())?;
        sessions.add("knows", knows.lazy())?;
        Ok(())
    }

    async fn on_start(&self, sessions: &SessionManager) -> Result {
        if let Some(url) = &self.login {
            sessions.fetch(Fetch::get(url)?).await?;
        }
        Ok(())
    }

    async fn parse(&self, page: Page<usize>, out: &mut Output<Self>) -> Result {
        let next = page.step() + 1;
        if let Some(visit) = self.visits.get(next) {
            out.visit(visit.clone().step(next)).await?;
        }
        out.item(page.text().into_owned()).await?;
        Ok(())
    }
}

fn get(site: &TestSite, path: &str) -> Visit<usize> {
    Visit::get(site.http_url(path).as_str()).unwrap()
}

fn logged_in(site: &TestSite, paths: &[&str], pages: u64) -> LoggedIn {
    LoggedIn {
        visits: paths.iter().map(|path| get(site, path)).collect(),
        login: None,
        settings: Settings::default().concurrency(1).max_pages(pages),
    }
}

const PATHS: [&str; 3] = ["/cookies/set?sid=one&kept=yes&_path=/", "/cookies?n=2", "/cookies?n=3"];

/// Runs the first page of [`PATHS`], whose cookies the next run begins with.
async fn first_run(site: &TestSite, directory: &Path) {
    let first = logged_in(site, &PATHS, 1)
        .crawl()
        .frontier(directory)
        .run()
        .await
        .unwrap();
    assert_eq!((first.ended, first.pending), (Ended::MaxPages, 1));
}

#[tokio::test]
async fn a_login_of_on_start_is_newer_than_that_of_the_run_before() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let directory = folder.path().join("crawl");
    first_run(&site, &directory).await;
    let mut second = logged_in(&site, &PATHS, 3);
    second.login = Some(site.http_url("/cookies/set?sid=two&_path=/").to_string());
    let second = second.crawl().frontier(&directory).run().await.unwrap();
    assert_eq!(second.items.len(), 2);
    for page in &second.items {
        assert!(page.contains("two") && !page.contains("one"), "{page}");
        assert!(page.contains("kept"), "what is not newer is as it was: {page}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_login_before_the_crawl_is_newer_than_that_of_the_run_before() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let directory = folder.path().join("crawl");
    first_run(&site, &directory).await;
    let sessions = SessionManager::new();
    sessions.add("http", HttpSession::new()).unwrap();
    let login = Fetch::get(site.http_url("/cookies/set?sid=two&_path=/").as_str()).unwrap();
    sessions.fetch(login).await.unwrap();
    let second = logged_in(&site, &PATHS, 3)
        .crawl()
        .sessions(&sessions)
        .frontier(&directory);
    for page in second.run().await.unwrap().items {
        assert!(
            page.contains("two") && page.contains("kept") && !page.contains("one"),
            "{page}"
        );
    }
    sessions.close().await.unwrap();
    site.close().await;
}

/// As in a crawl that was not interrupted.
#[tokio::test]
async fn what_a_session_above_had_in_the_run_before_is_not_replaced_from_below() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let run = |pages| {
        let ladder = Escalation::ladder(["http", "knows"]).detection(BlockDetection::none().statuses([401]));
        let crawl = LoggedIn {
            visits: vec![
                get(&site, "/cookies/set?sid=one&kept=yes&_path=/").session("knows"),
                get(&site, "/cookies/set?sid=two&below=yes&_path=/"),
                get(&site, "/bearer"),
            ],
            login: None,
            settings: Settings::default().concurrency(1).max_pages(pages).escalation(ladder),
        };
        crawl.crawl().frontier(folder.path().join("crawl")).run()
    };
    assert_eq!(run(1).await.unwrap().pending, 1);
    assert_eq!(run(3).await.unwrap().stats.pages, 3);
    let sent = site.requests_to("/bearer");
    assert_eq!(sent.len(), 2, "it climbed");
    let mut cookies = sent[1].cookies();
    cookies.sort();
    let expected = [("below", "yes"), ("kept", "yes"), ("sid", "one")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(cookies, expected);
    site.close().await;
}
