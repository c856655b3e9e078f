//! A spider that is told what to do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use silkroute::http::HttpSessionBuilder;
use silkroute::prelude::*;
use silkroute::spider::{Failure, FailureKind, Result, Starts};
use silkroute_testkit::site::TestSite;

/// What a page gave.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) items: Vec<String>,
    pub(crate) visits: Vec<Visit<u8>>,
}

impl Found {
    pub(crate) fn item(item: impl Into<String>) -> Self {
        Self {
            items: vec![item.into()],
            visits: Vec::new(),
        }
    }
}

type Parse = Box<dyn Fn(&Page<u8>) -> Result<Found> + Send + Sync>;
type Configure = Box<dyn Fn(&SessionManager) -> Result + Send + Sync>;
type RetryBlocked = fn(Visit<u8>) -> Option<Visit<u8>>;

/// Starts where it is told, and takes from a page what a closure makes of it.
pub(crate) struct Probe {
    starts: Vec<Visit<u8>>,
    parse: Parse,
    configure: Option<Configure>,
    retry_blocked: Option<RetryBlocked>,
    pub(crate) failures: Arc<Mutex<Vec<(FailureKind, String)>>>,
}

impl Probe {
    /// Its pages give their path and status.
    pub(crate) fn new(starts: impl IntoIterator<Item = Visit<u8>>) -> Self {
        Self {
            starts: starts.into_iter().collect(),
            parse: Box::new(|page| Ok(Found::item(format!("{} {}", page.url().path(), page.status().as_u16())))),
            configure: None,
            retry_blocked: None,
            failures: Arc::default(),
        }
    }

    pub(crate) fn parsing(mut self, parse: impl Fn(&Page<u8>) -> Result<Found> + Send + Sync + 'static) -> Self {
        self.parse = Box::new(parse);
        self
    }

    pub(crate) fn configure(mut self, add: impl Fn(&SessionManager) -> Result + Send + Sync + 'static) -> Self {
        self.configure = Some(Box::new(add));
        self
    }

    pub(crate) fn retry_blocked(mut self, hook: RetryBlocked) -> Self {
        self.retry_blocked = Some(hook);
        self
    }
}

impl Spider for Probe {
    type Item = String;
    type Step = u8;

    fn name(&self) -> &str {
        "probe"
    }

    fn start_requests(&self) -> Starts<'_, u8> {
        Box::pin(futures_util::stream::iter(self.starts.clone().into_iter().map(Ok)))
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        match &self.configure {
            Some(add) => add(sessions)?,
            None => {
                sessions.add("http", plain().build()?)?;
            }
        }
        Ok(())
    }

    async fn parse(&self, page: Page<u8>, out: &mut Output<Self>) -> Result {
        let found = (self.parse)(&page)?;
        for visit in found.visits {
            out.visit(visit).await?;
        }
        for item in found.items {
            out.item(item).await?;
        }
        Ok(())
    }

    async fn on_error(&self, failure: Failure<u8>) {
        let told = (failure.kind, failure.to_string());
        self.failures.lock().unwrap().push(told);
    }

    fn retry_blocked(&self, visit: Visit<u8>, _response: &dyn Response) -> Result<Option<Visit<u8>>> {
        Ok(self.retry_blocked.map_or(Some(visit.clone()), |hook| hook(visit)))
    }
}

/// A session that tries once: what is tried again here, the crawl tries.
pub(crate) fn plain() -> HttpSessionBuilder {
    HttpSession::builder().retry(Retry::none())
}

/// Retries without long waits.
pub(crate) fn soon(attempts: u32) -> Retry {
    Retry::attempts(attempts).base(Duration::from_millis(20)).jitter(false)
}

pub(crate) fn get(url: impl AsRef<str>) -> Visit<u8> {
    Visit::get(url.as_ref()).unwrap()
}

pub(crate) async fn site() -> TestSite {
    TestSite::start().await.unwrap()
}

/// Ends the site when its clients have gone: a crawl that is over holds no connection.
pub(crate) async fn all_gone(site: TestSite) {
    site.wait_until(|site| site.open_connections() == 0, Duration::from_secs(20))
        .await
        .unwrap();
    site.close().await;
}
