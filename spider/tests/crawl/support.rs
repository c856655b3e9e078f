//! A spider that a test writes in closures, and the web in memory that it crawls.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use silkroute_core::{Error, Response};
use silkroute_manager::SessionManager;
use silkroute_spider::{Failure, FailureKind, Output, Page, Result, Settings, Spider, Starts, Visit};

pub use crate::web::{Answer, Web, gaps};

type Parse = dyn for<'a> Fn(Page<u8>, &'a mut Output<Tester>) -> BoxFuture<'a, Result> + Send + Sync;
type Call = dyn Fn() -> BoxFuture<'static, Result> + Send + Sync;
type Hook<T> = Option<Box<T>>;

/// A spider whose hooks a test writes. Without, it follows every line of a page and gives its URL as an item.
pub struct Tester {
    pub starts: Vec<String>,
    pub web: Web,
    pub settings: Settings,
    pub parse: Hook<Parse>,
    pub endless: bool,
    /// How long the hook takes for an item.
    pub item_latency: Duration,
    pub on_item: Hook<dyn Fn(String) -> Result<Option<String>> + Send + Sync>,
    pub is_blocked: Hook<dyn Fn(&dyn Response) -> bool + Send + Sync>,
    pub retry_blocked: Hook<dyn Fn(Visit<u8>) -> Result<Option<Visit<u8>>> + Send + Sync>,
    pub retry_failed: Hook<dyn Fn(Visit<u8>, &Error) -> Result<Option<Visit<u8>>> + Send + Sync>,
    pub on_start: Hook<Call>,
    pub on_close: Hook<Call>,
    pub on_error: Hook<dyn Fn(&Failure<u8>) + Send + Sync>,
    pub configure: Hook<dyn Fn(&SessionManager) -> Result + Send + Sync>,
    pub failures: Arc<Mutex<Vec<(FailureKind, String)>>>,
    pub closes: Arc<AtomicUsize>,
}

impl Tester {
    pub fn new(web: &Web, starts: &[&str]) -> Self {
        Self {
            starts: starts.iter().map(|&url| url.to_owned()).collect(),
            web: web.clone(),
            settings: Settings::default().retry(quick(3)).blocked_retry(quick(4)),
            parse: None,
            endless: false,
            item_latency: Duration::ZERO,
            on_item: None,
            is_blocked: None,
            retry_blocked: None,
            retry_failed: None,
            on_start: None,
            on_close: None,
            on_error: None,
            configure: None,
            failures: Arc::default(),
            closes: Arc::default(),
        }
    }

    pub fn set(mut self, change: impl FnOnce(Settings) -> Settings) -> Self {
        self.settings = change(self.settings);
        self
    }

    pub fn parsing(
        mut self,
        parse: impl for<'a> Fn(Page<u8>, &'a mut Output<Self>) -> BoxFuture<'a, Result> + Send + Sync + 'static,
    ) -> Self {
        self.parse = Some(Box::new(parse));
        self
    }
}

/// Attempts without jitter, one second, then two.
pub fn quick(attempts: u32) -> silkroute_core::Retry {
    silkroute_core::Retry::attempts(attempts).jitter(false)
}

impl Spider for Tester {
    type Item = String;
    type Step = u8;

    fn name(&self) -> &str {
        "tester"
    }

    fn start_urls(&self) -> Vec<String> {
        self.starts.clone()
    }

    fn start_requests(&self) -> Starts<'_, u8> {
        use futures_util::StreamExt as _;
        if self.endless {
            let urls = (0_u64..).map(|n| Visit::get(&format!("http://endless.test/{n}")).map_err(Into::into));
            return futures_util::stream::iter(urls).boxed();
        }
        let starts = self.start_urls().into_iter();
        futures_util::stream::iter(starts.map(|url| Visit::get(&url).map_err(Into::into))).boxed()
    }

    fn settings(&self) -> Settings {
        self.settings.clone()
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        match &self.configure {
            Some(configure) => configure(sessions),
            None => {
                sessions.add("http", self.web.session("http"))?;
                Ok(())
            }
        }
    }

    async fn parse(&self, page: Page<u8>, out: &mut Output<Self>) -> Result {
        if let Some(parse) = &self.parse {
            return parse(page, out).await;
        }
        let text = page.text().into_owned();
        for link in text.lines() {
            out.visit(page.follow(link)?).await?;
        }
        out.item(page.url().to_string()).await?;
        Ok(())
    }

    async fn on_start(&self, _sessions: &SessionManager) -> Result {
        match &self.on_start {
            Some(hook) => hook().await,
            None => Ok(()),
        }
    }

    async fn on_close(&self) -> Result {
        self.closes.fetch_add(1, SeqCst);
        match &self.on_close {
            Some(hook) => hook().await,
            None => Ok(()),
        }
    }

    async fn on_error(&self, failure: Failure<u8>) {
        self.failures.lock().unwrap().push((failure.kind, failure.to_string()));
        if let Some(hook) = &self.on_error {
            hook(&failure);
        }
    }

    async fn on_item(&self, item: String) -> Result<Option<String>> {
        if self.item_latency > Duration::ZERO {
            tokio::time::sleep(self.item_latency).await;
        }
        match &self.on_item {
            Some(hook) => hook(item),
            None => Ok(Some(item)),
        }
    }

    fn is_blocked(&self, response: &dyn Response) -> bool {
        match &self.is_blocked {
            Some(hook) => hook(response),
            None => matches!(response.status().as_u16(), 403 | 429 | 503),
        }
    }

    fn retry_blocked(&self, visit: Visit<u8>, _response: &dyn Response) -> Result<Option<Visit<u8>>> {
        match &self.retry_blocked {
            Some(hook) => hook(visit),
            None => Ok(Some(visit)),
        }
    }

    fn retry_failed(&self, visit: Visit<u8>, error: &Error) -> Result<Option<Visit<u8>>> {
        match &self.retry_failed {
            Some(hook) => hook(visit, error),
            None => Ok(error.is_retryable().then_some(visit)),
        }
    }
}

/// A spider with all hooks as they are by default.
pub struct Bare;

impl Spider for Bare {
    type Item = ();
    type Step = ();

    fn name(&self) -> &str {
        "bare"
    }

    fn start_urls(&self) -> Vec<String> {
        vec!["http://a.test/".into()]
    }

    async fn parse(&self, _page: Page, _out: &mut Output<Self>) -> silkroute_spider::Result {
        Ok(())
    }
}
