//! What a session kept in the run before, while requests come to it from a ladder.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use silkroute_core::cookies::{Cookie, OriginState, StorageItem, StorageState};
use silkroute_core::{Error, Request, RequestExt as _, Response, ResponseParts, Session, async_trait};
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_spider::{BlockDetection, Ended, Escalation, Output, Page, Result, Settings, Spider, Starts, Visit};
use tokio::sync::watch;

use crate::support::Empty;

/// Keeps an item for each host, the lower session a cookie, and takes its time to load what is of several hosts: until all have climbed.
#[derive(Debug)]
struct Keeper {
    status: StatusCode,
    started: bool,
    seen: Seen,
}

#[derive(Clone, Debug)]
struct Seen {
    /// How many requests were refused.
    refused: watch::Sender<usize>,
    /// How many hosts each of the states was of that the upper session loaded, in the order in which it had.
    loaded: Arc<Mutex<Vec<usize>>>,
}

const HOSTS: [&str; 2] = ["http://a.test", "http://b.test"];

#[async_trait]
impl Session for Keeper {
    fn kind(&self) -> &'static str {
        "keeper"
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
        if self.status == StatusCode::UNAUTHORIZED {
            self.seen.refused.send_modify(|refused| *refused += 1);
        }
        Ok(Box::new(Empty(ResponseParts::new(self.status, url))))
    }
    async fn storage_state(&self) -> silkroute_core::Result<StorageState> {
        let mut state = StorageState::default();
        // What both have would stay with the upper one.
        if self.status == StatusCode::UNAUTHORIZED {
            state.cookies = ["a.test", "b.test"].map(|host| Cookie::new("met", "yes", host)).into();
            return Ok(state);
        }
        for host in HOSTS {
            let item = StorageItem {
                name: "kept".to_owned(),
                value: "yes".to_owned(),
            };
            state.origins.push(OriginState::new(host, vec![item]));
        }
        Ok(state)
    }
    async fn load_storage_state(&self, state: &StorageState) -> silkroute_core::Result<()> {
        if self.status == StatusCode::UNAUTHORIZED {
            return Ok(());
        }
        if state.origins.len() == HOSTS.len() {
            let mut refused = self.seen.refused.subscribe();
            let all = refused.wait_for(|refused| *refused == HOSTS.len()).await;
            all.map_err(|error| Error::invalid("the test", error))?;
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
        }
        let hosts = state.origins.len() + state.cookies.len();
        self.seen.loaded.lock().unwrap().push(hosts);
        Ok(())
    }
}

/// Goes from one page to one of each host.
struct Fork {
    seen: Seen,
}

impl Spider for Fork {
    type Item = ();
    type Step = ();

    fn name(&self) -> &str {
        "fork"
    }

    fn settings(&self) -> Settings {
        let ladder = Escalation::ladder(["lower", "upper"]);
        let ladder = ladder.detection(BlockDetection::none().statuses([401]));
        Settings::default().concurrency(8).escalation(ladder)
    }

    fn start_requests(&self) -> Starts<'_, ()> {
        let start = Visit::get("http://start.test/").map(|visit| visit.session("upper"));
        Box::pin(futures_util::stream::once(async { start.map_err(Into::into) }))
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        let keeper = |status| Keeper {
            status,
            started: false,
            seen: self.seen.clone(),
        };
        sessions.add("lower", keeper(StatusCode::UNAUTHORIZED))?;
        sessions.add("upper", keeper(StatusCode::OK).lazy())?;
        Ok(())
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        if page.url().host_str() == Some("start.test") {
            for host in HOSTS {
                out.visit(Visit::get(&format!("{host}/"))?).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_goes_along_for_one_host_waits_until_the_state_of_the_run_before_is_loaded_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Seen {
        refused: watch::Sender::new(0),
        loaded: Arc::default(),
    };
    let run = |pages| {
        let fork = Fork { seen: seen.clone() };
        fork.crawl()
            .max_pages(pages)
            .frontier(folder.path().join("crawl"))
            .run()
    };
    assert_eq!(run(1).await.unwrap().pending, 2);
    assert_eq!(*seen.loaded.lock().unwrap(), [0_usize; 0]);
    let second = run(9).await.unwrap();
    assert_eq!((second.ended, second.stats.pages), (Ended::Finished, 3));
    assert_eq!(second.stats.escalations["lower -> upper: status 401"], 2);
    assert_eq!(*seen.loaded.lock().unwrap(), [2, 1, 1], "the older first");
}
