//! A web in memory, and sessions that fetch from it.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use silkroute_core::{FetchError, FetchErrorKind, Hop, Request, Response, ResponseParts, Session, async_trait};
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
    /// The challenge that the session did not pass.
    pub blocked: Option<&'static str>,
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
            closing: None,
            alive: false,
        }
    }
}

#[derive(Debug)]
pub struct Fake {
    web: Web,
    kind: &'static str,
    pub places: Option<usize>,
    /// What comes of its close.
    pub closing: Option<fn() -> silkroute_core::Result<()>>,
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
        self.closing.map_or(Ok(()), |closing| closing())
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
        response.blocked = answer.blocked.map(str::to_owned);
        response.timing = silkroute_core::Timing::new(begun.elapsed(), begun.elapsed());
        Ok(Box::new(Plain(response)))
    }
}

/// The gaps between hits, in milliseconds.
pub fn gaps(hits: &[Hit]) -> Vec<u64> {
    hits.windows(2)
        .map(|pair| (pair[1].at - pair[0].at).as_millis() as u64)
        .collect()
}
