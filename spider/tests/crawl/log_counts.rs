//! What is logged during a crawl, counted by level.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use silkroute_core::{FetchError, FetchErrorKind, Request, Response, Session, async_trait};
use silkroute_manager::SessionExt as _;
use silkroute_spider::{Spider as _, Stats, count_logs};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer, registry};

use crate::support::{Answer, Tester, Web};

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(level, count)| (level.to_owned(), count)).into()
}

/// Logs for each page as many warnings as its path is long, and one line of each other level.
fn wordy(web: &Web, start: &str) -> Tester {
    Tester::new(web, &[start]).parsing(|page, out| {
        async move {
            tracing::error!("an error");
            for _ in page.url().path().chars() {
                tracing::warn!("a warning");
                // So that crawls side by side come by turns.
                tokio::task::yield_now().await;
            }
            tracing::info!("a line");
            tracing::debug!("a detail");
            for link in page.text().lines() {
                out.visit(page.follow(link)?).await?;
            }
            Ok(())
        }
        .boxed()
    })
}

fn site() -> Web {
    Web::of(&[
        ("http://a.test/", Answer::page(&["/12", "/3456"])),
        ("http://a.test/12", Answer::page(&[])),
        ("http://a.test/3456", Answer::page(&[])),
        ("http://b.test/1234567", Answer::page(&[])),
        ("http://b.test/refused", Answer::refused()),
    ])
}

async fn stats_of(tester: Tester) -> Stats {
    tester.crawl().run().await.unwrap().stats
}

#[tokio::test(start_paused = true)]
async fn crawls_side_by_side_count_what_is_their_own() {
    let _guard = tracing::subscriber::set_default(registry().with(count_logs(Level::WARN)));
    let web = site();
    let (one, other) = tokio::join!(
        stats_of(wordy(&web, "http://a.test/")),
        stats_of(wordy(&web, "http://b.test/1234567")),
    );
    tracing::warn!("what is no crawl's is counted for none");
    assert_eq!(one.log_counts, counts([("error", 3), ("warn", 1 + 3 + 5)]));
    assert_eq!(other.log_counts, counts([("error", 1), ("warn", 8)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn crawls_on_several_threads_count_what_is_their_own() {
    tracing::subscriber::set_global_default(registry().with(count_logs(Level::WARN))).unwrap();
    let web = site();
    let crawls = (0..8).map(|n| {
        let start = ["http://a.test/", "http://b.test/1234567"][n % 2];
        tokio::spawn(stats_of(wordy(&web, start)))
    });
    for (n, crawl) in crawls.collect::<Vec<_>>().into_iter().enumerate() {
        let expected = [counts([("error", 3), ("warn", 9)]), counts([("error", 1), ("warn", 8)])];
        assert_eq!(crawl.await.unwrap().log_counts, expected[n % 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_crawl_itself_logs_is_counted_to_its_last_line() {
    let _guard = tracing::subscriber::set_default(registry().with(count_logs(Level::INFO)));
    let stats = stats_of(Tester::new(&site(), &["http://b.test/refused"])).await;
    assert_eq!(stats.failed, 1);
    assert_eq!(
        stats.log_counts,
        counts([("error", 0), ("warn", 1), ("info", 1)]),
        "the failure, and the line at the end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handle_sees_the_counts_of_a_crawl_that_runs() {
    let _guard = tracing::subscriber::set_default(registry().with(count_logs(Level::ERROR)));
    let (handle, crawl) = wordy(&site(), "http://a.test/").crawl().with_handle().unwrap();
    assert_eq!(handle.stats().log_counts, counts([]));
    let crawl = crawl.await.unwrap();
    assert_eq!(handle.stats().log_counts, counts([("error", 3)]));
    assert_eq!(crawl.stats.log_counts, counts([("error", 3)]));
}

#[tokio::test(start_paused = true)]
async fn what_is_printed_makes_no_difference() {
    for printed in [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::TRACE] {
        let subscriber = registry()
            .with(Silent.with_filter(printed))
            .with(count_logs(Level::WARN));
        let stats = {
            let _guard = tracing::subscriber::set_default(subscriber);
            stats_of(wordy(&site(), "http://a.test/")).await
        };
        assert_eq!(stats.log_counts, counts([("error", 3), ("warn", 9)]), "{printed}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_layer_there_are_no_counts() {
    // Where all tests are one process, another one sets one for all threads.
    let guard = tracing::subscriber::set_default(NoSubscriber::new());
    let stats = stats_of(wordy(&site(), "http://a.test/")).await;
    drop(guard);
    assert!(stats.log_counts.is_empty());
    assert!(serde_json::to_value(&stats).unwrap().get("log_counts").is_none());

    let _guard = tracing::subscriber::set_default(registry().with(Silent));
    let stats = stats_of(wordy(&site(), "http://a.test/")).await;
    assert!(stats.log_counts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_session_says_at_its_start_and_end_is_the_crawls() {
    let _guard = tracing::subscriber::set_default(registry().with(count_logs(Level::WARN)));
    let mut tester = Tester::new(&site(), &["http://a.test/"]);
    tester.configure = Some(Box::new(|sessions| {
        sessions.add("http", Grumbling::default().lazy())?;
        Ok(())
    }));
    let stats = stats_of(tester).await;
    assert_eq!(stats.failed, 1, "{stats:?}");
    // The request that failed is a warning too.
    assert_eq!(stats.log_counts, counts([("error", 2), ("warn", 1)]));
}

/// Does what a layer that prints does, but print.
struct Silent;

impl<S: Subscriber> Layer<S> for Silent {}

/// Complains of its start and of its end, and fetches nothing.
#[derive(Debug, Default)]
struct Grumbling {
    alive: bool,
}

#[async_trait]
impl Session for Grumbling {
    fn kind(&self) -> &'static str {
        "grumbling"
    }

    fn is_alive(&self) -> bool {
        self.alive
    }

    async fn start(&mut self) -> silkroute_core::Result<()> {
        tracing::error!("so early");
        self.alive = true;
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> silkroute_core::Result<Box<dyn Response>> {
        let refused = FetchError::new(FetchErrorKind::Connect, "not today");
        Err(refused.request(request).into())
    }

    async fn close(&mut self) -> silkroute_core::Result<()> {
        tracing::error!("so late");
        self.alive = false;
        Ok(())
    }
}
