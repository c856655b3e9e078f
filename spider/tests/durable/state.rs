//! How often the state of sessions is kept, and what of one that has none.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use silkroute_core::cookies::{OriginState, StorageItem, StorageState};
use silkroute_core::{Error, Request, RequestExt as _, Response, ResponseParts, Session, async_trait};
use silkroute_manager::SessionManager;
use silkroute_spider::{Ended, Output, Page, Result, Spider, Starts, Visit};
use silkroute_testkit::warnings::Warnings;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gate::{Calls, Disk, Gate};
use crate::support::Empty;

const MANY: usize = 2 << 20;

/// Keeps so many bytes, where none is no state at all, and answers when the one that keeps many was asked for them twice.
#[derive(Clone, Debug)]
struct Keeper {
    bytes: usize,
    asked: Arc<Mutex<Vec<Instant>>>,
    given: Arc<AtomicUsize>,
    twice: watch::Sender<bool>,
}

#[async_trait]
impl Session for Keeper {
    fn kind(&self) -> &'static str {
        "keeper"
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
        let mut twice = self.twice.subscribe();
        let asked = twice.wait_for(|twice| *twice).await;
        asked.map_err(|error| Error::invalid("the test", error))?;
        Ok(Box::new(Empty(ResponseParts::new(
            http::StatusCode::OK,
            request.parts().url.clone(),
        ))))
    }
    async fn storage_state(&self) -> silkroute_core::Result<StorageState> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(Instant::now());
        if self.bytes == MANY && asked.len() == 2 {
            self.twice.send_replace(true);
        }
        if self.bytes == 0 {
            return Err(Error::Unsupported {
                kind: self.kind().to_owned(),
                what: "state".to_owned(),
                instead: "keep it elsewhere".to_owned(),
            });
        }
        let item = StorageItem {
            name: "kept".to_owned(),
            value: "x".repeat(self.bytes),
        };
        let mut state = StorageState::default();
        state.origins.push(OriginState::new("http://a.test", vec![item]));
        Ok(state)
    }
    async fn load_storage_state(&self, state: &StorageState) -> silkroute_core::Result<()> {
        let items = state.origins.iter().flat_map(|origin| &origin.local_storage);
        self.given.store(items.map(|item| item.value.len()).sum(), SeqCst);
        Ok(())
    }
}

struct Two {
    little: Keeper,
    much: Keeper,
    path: &'static str,
}

impl Spider for Two {
    type Item = ();
    type Step = ();

    fn name(&self) -> &str {
        "two"
    }

    fn start_requests(&self) -> Starts<'_, ()> {
        let visits = ["little", "much"].map(|id| {
            Ok(Visit::get(&format!("http://a.test/{}", self.path))?
                .session(id)
                .timeout(Duration::from_secs(3_600)))
        });
        Box::pin(futures_util::stream::iter(visits))
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions
            .add("little", self.little.clone())?
            .add("much", self.much.clone())?;
        Ok(())
    }

    async fn parse(&self, _page: Page, _out: &mut Output<Self>) -> Result {
        Ok(())
    }
}

/// A frontier, and its calls.
fn frontier(folder: &TempDir) -> (Gate, watch::Receiver<Calls>) {
    let gate = Gate::new(&folder.path().join("crawl"), &watch::Sender::new(Disk::Done));
    let calls = gate.calls.subscribe();
    (gate, calls)
}

/// Lets the clock run a hundred times as fast while nothing waits for the disk, and stand still from then on.
async fn hurry(until: watch::Receiver<bool>, calls: watch::Receiver<Calls>) {
    loop {
        // While this runs the clock does not jump, though others wait for the disk.
        let wait = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1)));
        wait.await.unwrap();
        if !*until.borrow() && calls.borrow().waiting == 0 {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    }
}

/// A keeper of little, and one of much.
fn keepers(little: usize) -> (Keeper, Keeper) {
    let twice = watch::Sender::new(false);
    let keeper = |bytes| Keeper {
        bytes,
        asked: Arc::default(),
        given: Arc::default(),
        twice: twice.clone(),
    };
    (keeper(little), keeper(MANY))
}

#[tokio::test(start_paused = true)]
async fn a_large_state_is_kept_every_half_minute_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (little, much) = keepers(10);
    let crawl = async |path| {
        let two = Two {
            little: little.clone(),
            much: much.clone(),
            path,
        };
        let (frontier, calls) = frontier(&folder);
        tokio::select! {
            crawl = two.crawl().frontier(frontier).run() => crawl.unwrap(),
            () = hurry(much.twice.subscribe(), calls) => unreachable!("it has no end"),
        }
    };
    let first = crawl("1").await;
    assert_eq!((first.ended, first.stats.pages), (Ended::Finished, 2));
    let (often, seldom) = (little.asked.lock().unwrap().len(), much.asked.lock().unwrap().clone());
    assert_eq!(seldom.len(), 3, "early, after half a minute, at the end");
    let gap = seldom[1] - seldom[0];
    assert!(gap >= Duration::from_secs(30), "{gap:?}");
    assert!(often > 3, "{often}");

    let second = crawl("2").await;
    assert_eq!(second.ended, Ended::Finished);
    assert_eq!(much.given.load(SeqCst), MANY, "the next run has it");
}

#[tokio::test(start_paused = true)]
async fn that_a_session_has_no_state_to_keep_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (little, much) = keepers(0);
    let two = Two {
        little: little.clone(),
        much: much.clone(),
        path: "1",
    };
    let warnings = Warnings::default();
    let guard = tracing::subscriber::set_default(warnings.clone());
    let (frontier, calls) = frontier(&folder);
    let crawl = tokio::select! {
        crawl = two.crawl().frontier(frontier).run() => crawl.unwrap(),
        () = hurry(much.twice.subscribe(), calls) => unreachable!("it has no end"),
    };
    drop(guard);
    assert_eq!(crawl.ended, Ended::Finished);
    let warned = warnings.all();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(
        warned[0].contains("little") && warned[0].contains("keep it elsewhere"),
        "{warned:?}"
    );
    assert_eq!(little.asked.lock().unwrap().len(), 1, "it is not asked any more");
}
