//! A session whose every step the test decides, and a probe that saw all of them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use silkroute_core::{
    Error, Fetch, FetchError, FetchErrorKind, Request, Response, ResponseParts, Result, Session, async_trait,
};
use tokio::sync::Semaphore;

/// How a step of a fake session goes.
#[derive(Clone, Debug)]
pub enum Step {
    /// At once.
    Now,
    /// After this long, on tokio's clock.
    After(Duration),
    /// When the test opens the gate.
    Gate(Arc<Semaphore>),
    /// Never.
    Never,
    /// With an error.
    Fail(&'static str),
    /// With a panic.
    Panic,
}

impl Step {
    pub fn gate() -> (Self, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        (Self::Gate(Arc::clone(&gate)), gate)
    }

    async fn take(&self) -> Result<()> {
        match self {
            Self::Now => Ok(()),
            Self::After(time) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            Self::Gate(gate) => {
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
            Self::Never => std::future::pending().await,
            Self::Fail(text) => Err(FetchError::new(FetchErrorKind::Other, *text).into()),
            Self::Panic => panic!("as told"),
        }
    }
}

/// What happened to a fake session, and what shall happen.
#[derive(Debug, Default)]
pub struct Probe {
    /// Sessions that hold something: from the first instant of a start until a close or a drop.
    pub live: AtomicI64,
    pub starts: AtomicUsize,
    pub closes: AtomicUsize,
    pub drops: AtomicUsize,
    /// Sessions that were dropped while they held something that nobody had tried to close.
    pub abandoned: AtomicUsize,
    pub fetches: AtomicUsize,
    pub in_flight: AtomicUsize,
    pub peak: AtomicUsize,
    /// Set to make it die under its users.
    pub dead: AtomicBool,
}

impl Probe {
    pub fn starts(&self) -> usize {
        self.starts.load(SeqCst)
    }
    pub fn closes(&self) -> usize {
        self.closes.load(SeqCst)
    }
    pub fn live(&self) -> i64 {
        self.live.load(SeqCst)
    }
    pub fn fetches(&self) -> usize {
        self.fetches.load(SeqCst)
    }
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(SeqCst)
    }
    pub fn kill(&self) {
        self.dead.store(true, SeqCst);
    }
}

#[derive(Debug)]
pub struct Fake {
    pub probe: Arc<Probe>,
    pub on_start: Vec<Step>,
    pub on_fetch: Step,
    pub on_close: Step,
    pub places: Option<usize>,
    pub timeout: Duration,
    alive: bool,
    holding: bool,
    close_tried: bool,
}

impl Fake {
    pub fn new() -> (Self, Arc<Probe>) {
        let probe = Arc::new(Probe::default());
        let fake = Self {
            probe: Arc::clone(&probe),
            on_start: vec![Step::Now],
            on_fetch: Step::Now,
            on_close: Step::Now,
            places: None,
            timeout: Duration::from_secs(30),
            alive: false,
            holding: false,
            close_tried: false,
        };
        (fake, probe)
    }

    /// The n-th start goes by the n-th step, the later ones by the last.
    pub fn starting(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.on_start = steps.into_iter().collect();
        self
    }
    pub fn fetching(mut self, step: Step) -> Self {
        self.on_fetch = step;
        self
    }
    pub fn closing(mut self, step: Step) -> Self {
        self.on_close = step;
        self
    }
    pub fn places(mut self, places: usize) -> Self {
        self.places = Some(places);
        self
    }
    pub fn timing_out(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn hold(&mut self) {
        self.close_tried = false;
        if !self.holding {
            self.holding = true;
            self.probe.live.fetch_add(1, SeqCst);
        }
    }
    fn let_go(&mut self) {
        if self.holding {
            self.holding = false;
            self.probe.live.fetch_sub(1, SeqCst);
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if self.holding && !self.close_tried {
            self.probe.abandoned.fetch_add(1, SeqCst);
        }
        self.let_go();
        self.probe.drops.fetch_add(1, SeqCst);
    }
}

#[async_trait]
impl Session for Fake {
    fn kind(&self) -> &'static str {
        "fake"
    }

    fn is_alive(&self) -> bool {
        self.alive && !self.probe.dead.load(SeqCst)
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.places.and_then(NonZeroUsize::new)
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn start(&mut self) -> Result<()> {
        let nth = self.probe.starts.fetch_add(1, SeqCst);
        self.hold();
        let step = self
            .on_start
            .get(nth)
            .or(self.on_start.last())
            .cloned()
            .unwrap_or(Step::Now);
        step.take().await?;
        self.probe.dead.store(false, SeqCst);
        self.alive = true;
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        struct Leave<'a>(&'a Probe);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.in_flight.fetch_sub(1, SeqCst);
            }
        }
        if !self.is_alive() {
            return Err(FetchError::new(FetchErrorKind::SessionDied, "not alive").into());
        }
        self.probe.fetches.fetch_add(1, SeqCst);
        let now = self.probe.in_flight.fetch_add(1, SeqCst) + 1;
        self.probe.peak.fetch_max(now, SeqCst);
        let _leave = Leave(&self.probe);
        self.on_fetch.take().await?;
        let mut reply = Reply(ResponseParts::new(http::StatusCode::OK, request.parts().url.clone()));
        reply.0.meta.insert("by".into(), "session".into());
        Ok(Box::new(reply))
    }

    async fn close(&mut self) -> Result<()> {
        self.probe.closes.fetch_add(1, SeqCst);
        self.alive = false;
        self.close_tried = true;
        let step = self.on_close.clone();
        step.take().await?;
        self.let_go();
        Ok(())
    }
}

#[derive(Debug)]
pub struct Reply(pub ResponseParts);

impl Response for Reply {
    fn parts(&self) -> &ResponseParts {
        &self.0
    }
    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.0
    }
}

pub fn request() -> Fetch {
    Fetch::get("http://site.test/").unwrap()
}

/// Lets every other task go as far as it can without time passing.
pub async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Waits until it is so, with a deadline on tokio's clock.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    while !so() {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub fn is_start_error(error: &Error) -> bool {
    matches!(error, Error::Start { .. })
}
