//! Sessions that hold themselves up, and no other.

use std::time::{Duration, Instant};

use http::StatusCode;
use silkroute_core::cookies::{OriginState, StorageState};
use silkroute_core::{Request, RequestExt as _, Response, ResponseParts, Session, async_trait};
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_spider::{CrawlHandle, Ended, Output, Page, Result, Settings, Spider, Starts, Visit};
use tokio::sync::watch;

use crate::support::{Empty, SOON};

/// Answers at once, but for a request that is to be under way.
#[derive(Debug, Default)]
struct Held {
    started: bool,
    /// That it was given what it had, which it never comes to the end of.
    stuck: Option<watch::Sender<bool>>,
    /// Does not say what it keeps.
    mute: bool,
}

#[async_trait]
impl Session for Held {
    fn kind(&self) -> &'static str {
        "held"
    }
    fn is_alive(&self) -> bool {
        self.started
    }
    async fn start(&mut self) -> silkroute_core::Result<()> {
        self.started = true;
        Ok(())
    }
    async fn close(&mut self) -> silkroute_core::Result<()> {
        Ok(())
    }
    async fn fetch(&self, request: &dyn Request) -> silkroute_core::Result<Box<dyn Response>> {
        let url = request.parts().url.clone();
        if url.path() == "/under-way" {
            std::future::pending::<()>().await;
        }
        Ok(Box::new(Empty(ResponseParts::new(StatusCode::OK, url))))
    }
    async fn storage_state(&self) -> silkroute_core::Result<StorageState> {
        if self.mute {
            std::future::pending::<()>().await;
        }
        let mut state = StorageState::default();
        state.origins.push(OriginState::new("http://a.test", Vec::new()));
        Ok(state)
    }
    async fn load_storage_state(&self, _: &StorageState) -> silkroute_core::Result<()> {
        if let Some(stuck) = &self.stuck {
            stuck.send_replace(true);
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// Visits a page through one session after the other.
struct Visits {
    path: &'static str,
    sessions: Vec<String>,
    /// So many are there at once.
    first: usize,
    /// The others wait for this.
    until: watch::Receiver<bool>,
}

impl Spider for Visits {
    type Item = ();
    type Step = ();

    fn name(&self) -> &str {
        "visits"
    }

    fn settings(&self) -> Settings {
        Settings::default().drain_timeout(SOON)
    }

    fn start_requests(&self) -> Starts<'_, ()> {
        let numbered = self.sessions.iter().enumerate();
        Box::pin(futures_util::stream::unfold(numbered, async |mut numbered| {
            let (nth, session) = numbered.next()?;
            if nth >= self.first {
                self.until.clone().wait_for(|until| *until).await.ok()?;
            }
            let url = format!("http://a.test/{}", self.path);
            let visit = Visit::get(&url).map(|visit| visit.session(session.as_str()).again());
            Some((visit.map_err(Into::into), numbered))
        }))
    }

    async fn parse(&self, _page: Page, _out: &mut Output<Self>) -> Result {
        Ok(())
    }
}

async fn until_pages(handle: &CrawlHandle, pages: u64, limit: Duration) {
    let came = async {
        while handle.stats().pages < pages {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let came = tokio::time::timeout(limit, came).await;
    came.unwrap_or_else(|_| panic!("{} pages came, not {pages}", handle.stats().pages));
}

#[tokio::test]
async fn a_session_that_does_not_take_up_what_it_kept_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let run = |stuck: Option<watch::Sender<bool>>, pages, first, until| {
        let sessions = SessionManager::new();
        let slow = Held {
            stuck,
            ..Held::default()
        };
        sessions.add("slow", slow.lazy()).unwrap();
        sessions.add("quick", Held::default().lazy()).unwrap();
        let visits = Visits {
            path: "page",
            sessions: ["slow", "quick", "slow", "quick"].map(str::to_owned).into(),
            first,
            until,
        };
        let crawl = visits.crawl().sessions(&sessions).max_pages(pages);
        crawl.frontier(folder.path().join("crawl")).with_handle().unwrap()
    };
    let (never, until) = watch::channel(false);
    let first = run(None, 2, 2, until).1.await.unwrap();
    assert_eq!((first.ended, first.stats.pages), (Ended::MaxPages, 2));
    drop(never);

    let stuck = watch::Sender::new(false);
    let (handle, second) = run(Some(stuck.clone()), 4, 3, stuck.subscribe());
    let second = tokio::spawn(second);
    let mut begun = stuck.subscribe();
    let begun = begun.wait_for(|begun| *begun);
    tokio::time::timeout(SOON, begun)
        .await
        .expect("it is given it")
        .unwrap();
    // The first gets ten seconds.
    until_pages(&handle, 3, Duration::from_secs(9)).await;
    handle.stop();
    handle.stop();
    assert_eq!(second.await.unwrap().unwrap().stats.pages, 3);
}

#[tokio::test]
async fn those_that_do_not_say_what_they_keep_are_waited_for_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = SessionManager::new();
    let ids: Vec<_> = (0..8).map(|nth| format!("mute-{nth}")).collect();
    for id in &ids {
        let mute = Held {
            mute: true,
            ..Held::default()
        };
        sessions.add(id.as_str(), mute).unwrap();
    }
    let visits = Visits {
        path: "under-way",
        first: ids.len(),
        sessions: ids,
        until: watch::channel(true).1,
    };
    let crawl = visits.crawl().sessions(&sessions).frontier(folder.path().join("crawl"));
    let (handle, crawl) = crawl.with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    let sent = async {
        while sessions.stats().iter().map(|session| session.in_flight).sum::<u64>() < 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, sent).await.expect("they are sent");
    handle.stop();
    handle.stop();
    let stopped = Instant::now();
    assert_eq!(crawl.await.unwrap().unwrap().pending, 8);
    let took = stopped.elapsed();
    assert!(
        took < Duration::from_secs(14),
        "it took {took:?}, two seconds for each of them"
    );
}
