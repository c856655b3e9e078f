//! Sessions that never answer when they are asked what they keep, or given it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use http::StatusCode;
use silkroute_core::cookies::{OriginState, StorageState};
use silkroute_core::{Request, Response, ResponseParts, Session, async_trait};
use silkroute_manager::SessionManager;
use silkroute_spider::{BlockDetection, Ended, Escalation, Output, Page, Result, Settings, Spider, Visit};

use crate::support::Empty;

/// Answers every request with one status, and what it keeps when it is told to.
#[derive(Debug)]
struct Mute {
    status: StatusCode,
    answers: Arc<AtomicBool>,
}

impl Mute {
    async fn answer(&self) {
        if !self.answers.load(SeqCst) {
            std::future::pending().await
        }
    }
}

#[async_trait]
impl Session for Mute {
    fn kind(&self) -> &'static str {
        "mute"
    }
    fn is_alive(&self) -> bool {
        true
    }
    async fn start(&mut self) -> silkroute_core::Result<()> {
        Ok(())
    }
    async fn close(&mut self) -> silkroute_core::Result<()> {
        Ok(())
    }
    async fn fetch(&self, request: &dyn Request) -> silkroute_core::Result<Box<dyn Response>> {
        let url = request.parts().url.clone();
        Ok(Box::new(Empty(ResponseParts::new(self.status, url))))
    }
    async fn storage_state(&self) -> silkroute_core::Result<StorageState> {
        self.answer().await;
        let mut state = StorageState::default();
        state.origins.push(OriginState::new("http://a.test", Vec::new()));
        Ok(state)
    }
    async fn load_storage_state(&self, _: &StorageState) -> silkroute_core::Result<()> {
        self.answer().await;
        Ok(())
    }
}

/// Goes from one host to another.
struct Hosts {
    answers: Arc<AtomicBool>,
}

impl Spider for Hosts {
    type Item = ();
    type Step = ();

    fn name(&self) -> &str {
        "hosts"
    }

    fn settings(&self) -> Settings {
        let ladder = Escalation::ladder(["lower", "upper"]);
        let settings = Settings::default().drain_timeout(Duration::from_secs(36_000));
        settings.escalation(ladder.detection(BlockDetection::none().statuses([401])))
    }

    fn start_urls(&self) -> Vec<String> {
        vec!["http://a.test/".to_owned()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        let mute = |status| Mute {
            status,
            answers: Arc::clone(&self.answers),
        };
        sessions.add("lower", mute(StatusCode::UNAUTHORIZED))?;
        sessions.add("upper", mute(StatusCode::OK))?;
        Ok(())
    }

    async fn parse(&self, _page: Page, out: &mut Output<Self>) -> Result {
        out.visit(Visit::get("http://b.test/")?).await
    }
}

/// Lets the clock run a hundred times as fast, for half a minute at least.
async fn hurry() {
    for _ in 0..30_000 {
        // While this runs the clock does not jump, though others wait for the disk.
        let wait = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1)));
        wait.await.unwrap();
        tokio::time::advance(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_session_that_does_not_answer_does_not_keep_the_crawl() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Arc::new(AtomicBool::new(true));
    let run = |pages| {
        let hosts = Hosts {
            answers: Arc::clone(&answers),
        };
        let crawl = hosts.crawl().max_pages(pages).frontier(folder.path().join("crawl"));
        crawl.run()
    };
    let first = run(1).await.unwrap();
    assert_eq!((first.ended, first.pending), (Ended::MaxPages, 1));
    answers.store(false, SeqCst);
    tokio::time::pause();
    let second = tokio::select! {
        crawl = run(9) => crawl.unwrap(),
        () = hurry() => panic!("it waits for a session"),
    };
    assert_eq!((second.ended, second.stats.pages), (Ended::Finished, 2));
    assert_eq!(
        second.stats.escalations["lower -> upper: status 401"], 2,
        "the second climbed as well"
    );
}
