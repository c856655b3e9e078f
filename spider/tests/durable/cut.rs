//! Runs that end while a session is given what it had in the run before.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use silkroute_core::cookies::{OriginState, StorageState};
use silkroute_core::{Request, Response, ResponseParts, Session, async_trait};
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_spider::{Ended, Settings, Spider as _};
use tokio::sync::watch;

use crate::support::{Chain, Empty, SOON};

/// Keeps what a page gave it, which only the login does, and what it was given.
#[derive(Debug)]
struct Slow {
    kept: Arc<Mutex<StorageState>>,
    started: bool,
    /// That it was given something, which it then never comes to the end of.
    stuck: Option<watch::Sender<bool>>,
}

#[async_trait]
impl Session for Slow {
    fn kind(&self) -> &'static str {
        "slow"
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
        if url.path() == "/login" {
            let login = OriginState::new("http://a.test", Vec::new());
            self.kept.lock().unwrap().origins.push(login);
        }
        Ok(Box::new(Empty(ResponseParts::new(StatusCode::OK, url))))
    }
    async fn storage_state(&self) -> silkroute_core::Result<StorageState> {
        Ok(self.kept.lock().unwrap().clone())
    }
    async fn load_storage_state(&self, state: &StorageState) -> silkroute_core::Result<()> {
        if let Some(stuck) = &self.stuck {
            stuck.send_replace(true);
            std::future::pending::<()>().await;
        }
        *self.kept.lock().unwrap() = state.clone();
        Ok(())
    }
}

#[tokio::test]
async fn what_a_session_could_not_take_up_before_the_crawl_was_cut_off_is_there_for_the_next_run() {
    cut_off_while_it_is_given(true).await;
}

#[tokio::test]
async fn nor_before_the_crawl_began() {
    cut_off_while_it_is_given(false).await;
}

/// A session that is lazy is given it by its first request, any other before the crawl begins.
async fn cut_off_while_it_is_given(lazy: bool) {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("crawl");
    let crawl = |stuck| {
        let kept = Arc::default();
        let slow = Slow {
            kept: Arc::clone(&kept),
            started: false,
            stuck,
        };
        let sessions = SessionManager::new();
        if lazy {
            sessions.add("slow", slow.lazy()).unwrap();
        } else {
            sessions.add("slow", slow).unwrap();
        }
        let chain = Chain {
            urls: ["login", "account", "orders"]
                .map(|path| format!("http://a.test/{path}"))
                .into(),
            session: "slow",
            settings: Settings::default().concurrency(1).drain_timeout(SOON),
        };
        (chain.crawl().sessions(&sessions).frontier(&directory), kept)
    };
    let (first, _) = crawl(None);
    assert_eq!(first.max_pages(1).run().await.unwrap().pending, 1);

    let (sender, mut stuck) = watch::channel(false);
    let (second, kept) = crawl(Some(sender));
    let (handle, second) = second.with_handle().unwrap();
    let second = tokio::spawn(second);
    let given = stuck.wait_for(|stuck| *stuck);
    tokio::time::timeout(SOON, given)
        .await
        .expect("it is given it")
        .unwrap();
    handle.stop();
    handle.stop();
    // The session gets ten seconds.
    let second = tokio::time::timeout(Duration::from_secs(9), second).await;
    let second = second.expect("it waits for the session").unwrap().unwrap();
    assert_eq!((second.ended, second.stats.pages), (Ended::Stopped, 1));
    assert_eq!(*kept.lock().unwrap(), StorageState::default());

    let (third, kept) = crawl(None);
    assert_eq!(third.run().await.unwrap().stats.pages, 3);
    assert_eq!(kept.lock().unwrap().origins.len(), 1, "it has the login of the first");
}
