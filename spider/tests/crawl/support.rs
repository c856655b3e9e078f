//! A web in memory, sessions that fetch from it, and a spider that a test writes in closures.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use silkroute_core::{FetchError, FetchErrorKind, Hop, Request, Response, ResponseParts, Session, async_trait};
use silkroute_manager::SessionManager;
use silkroute_spider::{Failure, FailureKind, Output, Page, Result, Settings, Spider, Starts, Visit};
use tokio::time::Instant;

/// What a URL answers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// The links of the page, one a line.
    pub body: String,
    /// The body, where it is no text.
    pub bytes: Vec<u8>,
    pub latency: Duration,
    pub headers: Vec<(&'static str, String)>,
    pub redirect: Option<String>,
    pub refused: bool,
}

impl Answer {
    pub fn page(links: &[&str]) -> Self {
        Self {
            status: 200,
            body: links.join("\n"),
            ..Self::default()
        }
    }
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
    pub fn refused() -> Self {
        Self {
            refused: true,
            ..Self::default()
        }
    }
    pub fn redirect(to: &str) -> Self {
        Self {
            redirect: Some(to.to_owned()),
            ..Self::page(&[])
        }
    }
    pub fn after(mut self, ms: u64) -> Self {
        self.latency = Duration::from_millis(ms);
        self
    }
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Answering = dyn Fn(&str, usize) -> Answer + Send + Sync;

/// A request as the web saw it: when, by which session, to where.
#[derive(Clone, Debug)]
pub struct Hit {
    pub at: Instant,
    pub session: &'static str,
    pub url: String,
    pub referer: Option<String>,
}

/// What answers; the second argument tells the how-manieth request of the URL it is, from 0.
#[derive(Clone)]
pub struct Web {
    answer: Arc<Answering>,
    hits: Arc<Mutex<Vec<Hit>>>,
    pub in_flight: Arc<AtomicUsize>,
    pub peak: Arc<AtomicUsize>,
    pub starts: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Web")
    }
}

impl Web {
    pub fn new(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            hits: Arc::default(),
            in_flight: Arc::default(),
            peak: Arc::default(),
            starts: Arc::default(),
        }
    }

    /// Pages by URL, each always the same; others are 404.
    pub fn of(pages: &[(&str, Answer)]) -> Self {
        let pages: HashMap<String, Answer> = pages.iter().map(|(url, a)| ((*url).to_owned(), a.clone())).collect();
        Self::new(move |url, _| pages.get(url).cloned().unwrap_or_else(|| Answer::status(404)))
    }

    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    pub fn urls(&self) -> Vec<String> {
        self.hits().into_iter().map(|hit| hit.url).collect()
    }

    pub fn session(&self, kind: &'static str) -> Fake {
        Fake {
            web: self.clone(),
            kind,
            places: None,
            alive: false,
        }
    }
}

#[derive(Debug)]
pub struct Fake {
    web: Web,
    kind: &'static str,
    pub places: Option<usize>,
    alive: bool,
}

struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[derive(Debug)]
struct Plain(ResponseParts);

impl Response for Plain {
    fn parts(&self) -> &ResponseParts {
        &self.0
    }
    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.0
    }
}

#[async_trait]
impl Session for Fake {
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn is_alive(&self) -> bool {
        self.alive
    }
    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.places.and_then(NonZeroUsize::new)
    }
    async fn start(&mut self) -> silkroute_core::Result<()> {
        self.web.starts.fetch_add(1, SeqCst);
        self.alive = true;
        Ok(())
    }
    async fn close(&mut self) -> silkroute_core::Result<()> {
        self.alive = false;
        Ok(())
    }
    async fn fetch(&self, request: &dyn Request) -> silkroute_core::Result<Box<dyn Response>> {
        let now = self.web.in_flight.fetch_add(1, SeqCst) + 1;
        let _leaving = Leaving(&self.web.in_flight);
        self.web.peak.fetch_max(now, SeqCst);
        let begun = Instant::now();
        let parts = request.parts();
        let url = parts.url.to_string();
        let nth = {
            let mut hits = self.web.hits.lock().unwrap();
            let nth = hits.iter().filter(|hit| hit.url == url).count();
            let referer = parts
                .headers
                .get("referer")
                .map(|value| value.to_str().unwrap().to_owned());
            hits.push(Hit {
                at: begun,
                session: self.kind,
                url: url.clone(),
                referer,
            });
            nth
        };
        let answer = (self.web.answer)(&url, nth);
        if answer.latency > Duration::ZERO {
            tokio::time::sleep(answer.latency).await;
        }
        if answer.refused {
            return Err(FetchError::new(FetchErrorKind::Connect, "refused")
                .request(request)
                .into());
        }
        let target = answer
            .redirect
            .as_ref()
            .map_or(parts.url.clone(), |to| to.parse().unwrap());
        let mut response = ResponseParts::new(http::StatusCode::from_u16(answer.status).unwrap(), target);
        if answer.redirect.is_some() {
            let hop = Hop::new(http::StatusCode::FOUND, parts.url.clone(), http::HeaderMap::new());
            response.history.push(hop);
        }
        response.body = if answer.bytes.is_empty() {
            answer.body.into()
        } else {
            answer.bytes.into()
        };
        for (name, value) in &answer.headers {
            response.headers.insert(*name, value.parse().unwrap());
        }
        response.timing = silkroute_core::Timing::new(begun.elapsed(), begun.elapsed());
        Ok(Box::new(Plain(response)))
    }
}

type Parse = dyn for<'a> Fn(Page<u8>, &'a mut Output<Tester>) -> BoxFuture<'a, Result> + Send + Sync;
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

    async fn on_close(&self) -> Result {
        self.closes.fetch_add(1, SeqCst);
        Ok(())
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
}

/// The gaps between hits, in milliseconds.
pub fn gaps(hits: &[Hit]) -> Vec<u64> {
    hits.windows(2)
        .map(|pair| (pair[1].at - pair[0].at).as_millis() as u64)
        .collect()
}
