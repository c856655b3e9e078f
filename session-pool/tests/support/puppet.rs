//! A session that does as it is told: starts or does not, answers when it may, dies.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use silkroute_core::{
    CacheOutcome, FetchError, FetchErrorKind, Request, Response, ResponseParts, Result, Session, async_trait,
};
use tokio::sync::{Semaphore, watch};

/// What all puppets of a test share.
pub(crate) struct Strings {
    pub(crate) starts: AtomicUsize,
    pub(crate) closes: AtomicUsize,
    pub(crate) alive: AtomicUsize,
    /// How many of the next starts fail.
    pub(crate) fail: AtomicUsize,
    /// Starts go well, and nothing lives.
    pub(crate) stillborn: AtomicBool,
    /// A fetch takes one and keeps it: none is left, none answers.
    pub(crate) answers: Semaphore,
    /// A start takes one.
    pub(crate) openings: Semaphore,
    /// So does a close.
    pub(crate) closings: Semaphore,
    /// The status of all answers.
    pub(crate) status: AtomicUsize,
    /// Whether answers are challenges that were not passed.
    pub(crate) challenged: AtomicBool,
    /// What a cache before the puppets says of all answers.
    pub(crate) cache: Mutex<Option<CacheOutcome>>,
    pub(crate) in_flight: watch::Sender<usize>,
    pub(crate) peak: AtomicUsize,
    pub(crate) starting: watch::Sender<usize>,
    /// The puppets that fetch next die of it.
    pub(crate) die: AtomicBool,
}

impl Strings {
    /// Starts and answers freely.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            starts: AtomicUsize::new(0),
            closes: AtomicUsize::new(0),
            alive: AtomicUsize::new(0),
            fail: AtomicUsize::new(0),
            stillborn: AtomicBool::new(false),
            answers: Semaphore::new(1_000_000),
            openings: Semaphore::new(1_000_000),
            closings: Semaphore::new(1_000_000),
            status: AtomicUsize::new(200),
            challenged: AtomicBool::new(false),
            cache: Mutex::new(None),
            in_flight: watch::Sender::new(0),
            peak: AtomicUsize::new(0),
            starting: watch::Sender::new(0),
            die: AtomicBool::new(false),
        })
    }

    /// From now on nothing answers but what is released.
    pub(crate) fn hold(&self) {
        self.answers.forget_permits(usize::MAX >> 4);
    }

    pub(crate) fn puppet(self: &Arc<Self>) -> Puppet {
        Puppet {
            strings: Arc::clone(self),
            alive: AtomicBool::new(false),
            proxy: None,
        }
    }

    /// Waits until so many fetches are in the puppets' hands.
    pub(crate) async fn until_in_flight(&self, count: usize) {
        let mut seen = self.in_flight.subscribe();
        tokio::time::timeout(super::PATIENCE, seen.wait_for(|&now| now == count))
            .await
            .expect("so many fetches come")
            .unwrap();
    }

    pub(crate) async fn until_starting(&self, count: usize) {
        let mut seen = self.starting.subscribe();
        tokio::time::timeout(super::PATIENCE, seen.wait_for(|&now| now == count))
            .await
            .expect("so many starts come")
            .unwrap();
    }
}

pub(crate) struct Puppet {
    strings: Arc<Strings>,
    alive: AtomicBool,
    proxy: Option<String>,
}

impl Puppet {
    /// It says that it goes through this proxy.
    pub(crate) fn through(mut self, proxy: Option<impl ToString>) -> Self {
        self.proxy = proxy.map(|proxy| proxy.to_string());
        self
    }
}

impl fmt::Debug for Puppet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Puppet")
    }
}

/// One more, for as long as it lives.
struct Up<'a>(&'a watch::Sender<usize>);

impl<'a> Up<'a> {
    fn new(gauge: &'a watch::Sender<usize>) -> Self {
        gauge.send_modify(|now| *now += 1);
        Self(gauge)
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|now| *now -= 1);
    }
}

#[async_trait]
impl Session for Puppet {
    fn kind(&self) -> &'static str {
        "puppet"
    }

    fn is_alive(&self) -> bool {
        self.alive.load(SeqCst)
    }

    async fn start(&mut self) -> Result<()> {
        self.strings.starts.fetch_add(1, SeqCst);
        let _starting = Up::new(&self.strings.starting);
        self.strings.openings.acquire().await.unwrap().forget();
        if self
            .strings
            .fail
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            .is_ok()
        {
            return Err(FetchError::new(FetchErrorKind::Connect, "the puppet would not start").into());
        }
        if self.strings.stillborn.load(SeqCst) {
            return Ok(());
        }
        self.alive.store(true, SeqCst);
        self.strings.alive.fetch_add(1, SeqCst);
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let strings = &self.strings;
        if strings.die.swap(false, SeqCst) {
            self.alive.store(false, SeqCst);
            strings.alive.fetch_sub(1, SeqCst);
            return Err(FetchError::new(FetchErrorKind::SessionDied, "the puppet died").into());
        }
        let _up = Up::new(&strings.in_flight);
        strings.peak.fetch_max(*strings.in_flight.borrow(), SeqCst);
        strings.answers.acquire().await.unwrap().forget();
        let status = StatusCode::from_u16(u16::try_from(strings.status.load(SeqCst)).unwrap()).unwrap();
        let mut parts = ResponseParts::new(status, request.parts().url.clone());
        parts.proxy.clone_from(&self.proxy);
        parts.cache = *strings.cache.lock().unwrap();
        parts.blocked = strings.challenged.load(SeqCst).then(|| "managed".to_owned());
        Ok(Box::new(Answer(parts)))
    }

    async fn close(&mut self) -> Result<()> {
        self.strings.closes.fetch_add(1, SeqCst);
        self.strings.closings.acquire().await.unwrap().forget();
        if self.alive.swap(false, SeqCst) {
            self.strings.alive.fetch_sub(1, SeqCst);
        }
        Ok(())
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        if self.alive.swap(false, SeqCst) {
            self.strings.alive.fetch_sub(1, SeqCst);
        }
    }
}

#[derive(Debug)]
struct Answer(ResponseParts);

impl Response for Answer {
    fn parts(&self) -> &ResponseParts {
        &self.0
    }

    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.0
    }
}
