//! Sessions that have a cache before them, or do not start.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use silkroute_core::{CacheOutcome, Error, Request, RequestExt as _, Response, Session, async_trait};
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_spider::{AutoThrottle, CrawlError, Ended, Escalation, FailureKind, RobotsPolicy, Spider as _};

use crate::support::{Answer, Tester, Web, gaps};
use crate::web::Fake;

/// A session of whose pages those in a cache do not come from the site.
#[derive(Debug)]
struct Cached(Fake, Fake);

#[async_trait]
impl Session for Cached {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }
    fn is_alive(&self) -> bool {
        self.0.is_alive()
    }
    async fn start(&mut self) -> silkroute_core::Result<()> {
        self.0.start().await
    }
    async fn close(&mut self) -> silkroute_core::Result<()> {
        self.0.close().await
    }
    async fn fetch(&self, request: &dyn Request) -> silkroute_core::Result<Box<dyn Response>> {
        let cached = request.parts().url.path().starts_with("/cached");
        let session = if cached { &self.1 } else { &self.0 };
        let mut response = session.fetch(request).await?;
        response.parts_mut().cache = Some(if cached { CacheOutcome::Hit } else { CacheOutcome::Miss });
        Ok(response)
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_a_cache_tells_the_throttle_nothing_of_the_host() {
    for status in [200, 503] {
        let site = Web::new(|_, _| Answer::page(&[]).after(4_000));
        let cache = Web::new(move |_, _| Answer::status(status));
        let mut starts: Vec<_> = (0..10).map(|n| format!("http://a.test/cached/{n}")).collect();
        starts.extend((0..3).map(|n| format!("http://a.test/{n}")));
        let starts: Vec<&str> = starts.iter().map(String::as_str).collect();
        let throttle = AutoThrottle::default().start_delay(Duration::from_secs(4));
        let mut spider = Tester::new(&site, &starts).set(|s| s.throttle(throttle));
        spider.is_blocked = Some(Box::new(|_| false));
        let (plain, cached) = (site.clone(), cache.clone());
        spider.configure = Some(Box::new(move |sessions| {
            sessions.add("http", Cached(plain.session("http"), cached.session("cache")))?;
            Ok(())
        }));
        spider.crawl().run().await.unwrap();
        assert_eq!(gaps(&cache.hits()), [4_000; 9]);
        assert_eq!(gaps(&site.hits()), [4_000; 2]);
    }
}

/// A session whose next so many starts fail.
#[derive(Debug)]
struct Stubborn(Fake, Arc<AtomicUsize>);

#[async_trait]
impl Session for Stubborn {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }
    fn is_alive(&self) -> bool {
        self.0.is_alive()
    }
    async fn start(&mut self) -> silkroute_core::Result<()> {
        let left = self.1.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(Error::invalid("the browser", "there is no memory for it")),
            Err(_) => self.0.start().await,
        }
    }
    async fn close(&mut self) -> silkroute_core::Result<()> {
        self.0.close().await
    }
    async fn fetch(&self, request: &dyn Request) -> silkroute_core::Result<Box<dyn Response>> {
        self.0.fetch(request).await
    }
}

const ALWAYS: usize = usize::MAX;

/// A spider whose default session does not start so many times. There is another one, `plain`.
fn stubborn(web: &Web, starts: &[&str], failures: usize) -> Tester {
    let mut spider = Tester::new(web, starts);
    let (web, failures) = (web.clone(), Arc::new(AtomicUsize::new(failures)));
    spider.configure = Some(Box::new(move |sessions| {
        let browser = Stubborn(web.session("dynamic"), Arc::clone(&failures));
        sessions
            .add("browser", browser.lazy())?
            .add("plain", web.session("http"))?;
        Ok(())
    }));
    spider
}

fn urls(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("http://a.test/{n}")).collect()
}

fn strs(urls: &[String]) -> Vec<&str> {
    urls.iter().map(String::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_a_session_that_fails_to_start_for_a_while() {
    for robots in [false, true] {
        let web = Web::new(|url, _| match url {
            "http://a.test/robots.txt" => Answer::status(404),
            _ => Answer::page(&[]),
        });
        let urls = urls(50);
        let mut spider = stubborn(&web, &strs(&urls), 5);
        if robots {
            spider = spider.set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
        }
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        spider.retry_failed = Some(Box::new(move |visit, error| {
            count.fetch_add(1, SeqCst);
            Ok(error.is_retryable().then_some(visit))
        }));
        let failures = Arc::clone(&spider.failures);
        let crawl = spider.crawl().run().await.unwrap();
        let stats = &crawl.stats;
        assert_eq!((crawl.ended, stats.pages, stats.failed), (Ended::Finished, 50, 0));
        assert_eq!(*failures.lock().unwrap(), []);
        // 1 s, 2 s, 4 s, 8 s and 16 s, less up to a quarter.
        let waited = stats.elapsed.as_secs_f64();
        assert!((23.2..=31.1).contains(&waited), "{waited}");
        let pages = if robots { 0 } else { 5 };
        assert_eq!(
            asked.load(SeqCst),
            pages,
            "one request a start finds out, be it for robots.txt"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_holds_up_no_other_and_the_spider_may_send_requests_there() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let urls = urls(50);
    let mut spider = stubborn(&web, &strs(&urls), ALWAYS);
    spider.retry_failed = Some(Box::new(|visit, error| {
        assert!(matches!(error, Error::Start { .. }), "{error}");
        Ok(Some(visit.session("plain")))
    }));
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(
        (crawl.ended, crawl.stats.pages, crawl.stats.failed),
        (Ended::Finished, 50, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_crawl_whose_session_never_starts_says_so_and_gives_nothing_up() {
    for robots in [false, true] {
        let web = Web::new(|_, _| Answer::page(&[]));
        let urls = urls(50);
        let mut spider = Tester::new(&web, &strs(&urls));
        if robots {
            spider = spider.set(|s| s.robots(RobotsPolicy::obey_as_anyone()));
        }
        let browser = web.clone();
        spider.configure = Some(Box::new(move |sessions| {
            let never = Arc::new(AtomicUsize::new(ALWAYS));
            sessions.add("browser", Stubborn(browser.session("dynamic"), never).lazy())?;
            Ok(())
        }));
        let failures = Arc::clone(&spider.failures);
        let error = spider.crawl().run().await.unwrap_err();
        let CrawlError::SessionLost { session, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(session, "browser");
        let told = error.to_string();
        assert!(
            told.contains("'browser'") && told.contains("no memory") && told.contains("run the crawl again"),
            "{told}"
        );
        assert_eq!(*failures.lock().unwrap(), []);
        assert_eq!(web.hits().len(), 0);
    }
}

/// Of a site that blocks each fifth page to http.
fn ladder(web: &Web, blocked: &Web, starts: &[&str]) -> Tester {
    let mut spider =
        Tester::new(web, starts).set(|s| s.escalation(Escalation::ladder(["http", "browser"]).remember_hosts(0)));
    let (web, browser) = (web.clone(), blocked.clone());
    spider.configure = Some(Box::new(move |sessions| {
        let never = Arc::new(AtomicUsize::new(ALWAYS));
        sessions
            .add("http", web.session("http"))?
            .add("browser", Stubborn(browser.session("dynamic"), never).lazy())?;
        Ok(())
    }));
    spider
}

fn each_fifth_is_blocked() -> Web {
    Web::new(|url, _| match url.ends_with(['0', '5']) {
        true => Answer::status(403),
        false => Answer::page(&[]),
    })
}

#[tokio::test(start_paused = true)]
async fn a_rung_that_never_starts_costs_what_needs_it_and_nothing_else() {
    let (web, browser) = (each_fifth_is_blocked(), Web::new(|_, _| Answer::page(&[])));
    let urls = urls(50);
    let spider = ladder(&web, &browser, &strs(&urls));
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    let stats = &crawl.stats;
    assert_eq!((crawl.ended, stats.pages, stats.failed), (Ended::Finished, 40, 10));
    assert_eq!(crawl.items.len(), 40, "what was fetched is not lost with what was not");
    let last = web.hits().last().unwrap().at - web.hits()[0].at;
    assert_eq!(last, Duration::ZERO, "nothing waits for it that does not need it");
    let failures = failures.lock().unwrap();
    assert_eq!(failures.len(), 10);
    for (kind, error) in failures.iter() {
        assert_eq!(*kind, FailureKind::Fetch);
        assert!(error.contains("session 'browser' did not start"), "{error}");
    }
}

#[cfg(feature = "disk")]
#[tokio::test]
async fn on_a_disk_what_needs_a_session_that_never_starts_is_there_for_the_next_run() {
    use silkroute_manager::Limits;

    let urls = urls(50);
    let folder = tempfile::tempdir().unwrap();
    let limits = || Limits::default().backoff(Duration::from_millis(1), Duration::from_millis(2));
    let (web, browser) = (each_fifth_is_blocked(), Web::new(|_, _| Answer::page(&[])));
    let run = |failures| {
        let sessions = SessionManager::with_limits(limits());
        sessions.add("http", web.session("http")).unwrap();
        let failing = Stubborn(browser.session("dynamic"), Arc::new(AtomicUsize::new(failures)));
        sessions.add("browser", failing.lazy()).unwrap();
        let spider = ladder(&web, &browser, &strs(&urls));
        let crawl = spider.crawl().sessions(&sessions).frontier(folder.path()).run();
        tokio::time::timeout(Duration::from_secs(60), crawl)
    };
    let error = run(ALWAYS).await.expect("the crawl hangs").unwrap_err();
    assert!(
        matches!(&error, CrawlError::SessionLost { session, .. } if session == "browser"),
        "{error}"
    );
    assert_eq!((web.hits().len(), browser.hits().len()), (50, 0));
    let crawl = run(3).await.expect("the crawl hangs").unwrap();
    assert_eq!(
        (crawl.ended, crawl.items.len(), crawl.stats.failed),
        (Ended::Finished, 10, 0)
    );
    assert_eq!(
        (crawl.stats.pages, web.hits().len()),
        (50, 50),
        "nothing was fetched twice"
    );
}
