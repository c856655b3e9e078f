//! A fetch: attempts within one deadline.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, StatusCode};
use silkroute_core::{FetchError, Proxy, RequestParts, ResponseParts, Result, Timing, retry_after};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug_span;
use url::Url;

use crate::HttpResponse;
use crate::body::BodyError;
use crate::error;
use crate::live::Live;
use crate::plan::Plan;
use crate::settings::{Proxies, Settings};
use crate::trail::{Lost, Trail, drain};
use crate::transport::{Failure, Incoming};

/// Fetches, within the time that the request has.
pub(crate) async fn fetch(settings: &Settings, live: &Live, parts: &RequestParts) -> Result<Box<HttpResponse>> {
    let start = Instant::now();
    let plan = Plan::new(settings, live, parts)?;
    let progress = Progress::default();
    let fetching = Attempts {
        plan: &plan,
        progress: &progress,
        start,
        // So far ahead that it never comes, where the time is longer than the clock.
        deadline: start
            .checked_add(plan.timeout)
            .unwrap_or_else(|| start + Duration::from_secs(86_400 * 365)),
    };
    // One deadline around all of it. wreq has timeouts of its own, which begin anew with the body. This is tokio's
    // `timeout_at`, but for moving the future into place, which for one of this size is a cost.
    let mut run = pin!(fetching.run());
    let mut alarm = pin!(sleep_until(fetching.deadline));
    let result = poll_fn(|cx| match run.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => alarm.as_mut().poll(cx).map(|()| None),
    });
    match result.await {
        Some(result) => Ok(result?),
        None => Err(error::timed_out(&plan, progress.doing(), progress.attempts(), progress.proxy()).into()),
    }
}

/// How far a fetch has come, to be told when its time runs out.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    attempts: AtomicU32,
    doing: AtomicU8,
    /// The label of the proxy of the last attempt.
    proxy: Mutex<Option<String>>,
}

/// What a fetch is doing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doing {
    Waiting,
    Reading,
    Resting,
}

impl Progress {
    pub(crate) fn set(&self, doing: Doing) {
        self.doing.store(doing as u8, Ordering::Relaxed);
    }

    fn begin(&self) -> u32 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn through(&self, proxy: Option<&Proxy>) {
        *self.proxy.lock().unwrap_or_else(PoisonError::into_inner) = proxy.map(Proxy::label);
    }

    fn proxy(&self) -> Option<String> {
        self.proxy.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    fn doing(&self) -> &'static str {
        const READING: u8 = Doing::Reading as u8;
        const RESTING: u8 = Doing::Resting as u8;
        match self.doing.load(Ordering::Relaxed) {
            READING => "reading the body",
            RESTING => "waiting to try again",
            _ => "waiting for the connection or the response",
        }
    }
}

struct Attempts<'p> {
    plan: &'p Plan<'p>,
    progress: &'p Progress,
    start: Instant,
    deadline: Instant,
}

impl Attempts<'_> {
    async fn run(&self) -> Result<Box<HttpResponse>, FetchError> {
        loop {
            let attempt = self.progress.begin();
            let began = Instant::now();
            let picked = self.pick();
            let (proxy, names_proxy) = self.proxy(picked.as_deref());
            self.progress.through(proxy);
            let mut trail = Trail::new(self.plan, proxy, names_proxy);
            let span = debug_span!("attempt", number = attempt);
            let walked = {
                let mut walk = pin!(trail.walk(self.progress));
                poll_fn(|cx| span.in_scope(|| walk.as_mut().poll(cx))).await
            };
            self.report(proxy, &walked);
            let landed = match walked {
                Ok(incoming) => match self.status_wait(attempt, &incoming) {
                    Some(wait) => {
                        Box::pin(self.again(attempt, wait, incoming)).await;
                        continue;
                    }
                    None => {
                        self.progress.set(Doing::Reading);
                        let (mut response, body) = self.land(&mut trail, incoming, attempt, began);
                        body.await
                            .map(|body| {
                                response.parts.body = body;
                                response.parts.timing.total = self.start.elapsed();
                                response
                            })
                            .map_err(|broken| self.broken(broken, &trail.url, proxy))
                    }
                },
                Err(lost) => Err(lost),
            };
            match landed {
                Ok(response) => return Ok(response),
                Err(lost) => Box::pin(self.retry(attempt, lost)).await?,
            }
        }
    }

    /// The pool's choice for this attempt, if there is a pool and the request has no proxy of its own.
    fn pick(&self) -> Option<Box<Proxy>> {
        match &self.plan.settings.proxies {
            Proxies::Pool(pool) if self.plan.parts.proxy.is_none() => {
                Some(Box::new(pool.pick(self.plan.url.host_str())))
            }
            _ => None,
        }
    }

    /// The proxy of this attempt, and whether the client has to be told of it: it knows the session's one proxy
    /// itself.
    fn proxy<'a>(&'a self, picked: Option<&'a Proxy>) -> (Option<&'a Proxy>, bool) {
        match (&self.plan.parts.proxy, &self.plan.settings.proxies) {
            (Some(own), _) => (Some(own), true),
            (None, Proxies::One(proxy)) => (Some(proxy), false),
            (None, Proxies::Direct | Proxies::Pool(_)) => (picked, picked.is_some()),
        }
    }

    fn report(&self, proxy: Option<&Proxy>, walked: &Result<Incoming, Lost>) {
        // What went wrong behind the proxy says nothing of it.
        let ok = match walked {
            Ok(_) => true,
            Err(lost) if lost.proxy => false,
            Err(_) => return,
        };
        if let (Proxies::Pool(pool), Some(proxy)) = (&self.plan.settings.proxies, proxy) {
            pool.report(proxy, ok);
        }
    }

    /// How long to wait before trying again for a status; `None`: this is the response.
    fn status_wait(&self, attempt: u32, incoming: &Incoming) -> Option<Duration> {
        let status = incoming.status();
        let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let listed = self.plan.retry_statuses.contains(&status);
        if !(busy || listed) || !self.plan.is_idempotent() || attempt >= self.plan.retry.max_attempts() {
            return None;
        }
        let asked = retry_after(incoming.headers(), SystemTime::now());
        if asked.is_none() && !listed {
            return None;
        }
        let wait = self.plan.retry.delay_with(attempt, asked);
        self.fits(wait).then_some(wait)
    }

    /// Gives a response up for another attempt.
    async fn again(&self, attempt: u32, wait: Duration, mut incoming: Incoming) {
        tracing::debug!(attempt, ?wait, status = incoming.status().as_u16(), "trying again");
        let headers = incoming.take_headers();
        drain(incoming, &headers).await;
        self.rest(wait).await;
    }

    /// Whether there is time left after a wait.
    fn fits(&self, wait: Duration) -> bool {
        Instant::now()
            .checked_add(wait)
            .is_some_and(|then| then < self.deadline)
    }

    /// Waits for the next attempt, or gives the error back if there is to be none.
    async fn retry(&self, attempt: u32, lost: Lost) -> Result<(), FetchError> {
        let error = lost.error.context("attempts", attempt);
        let wait = self.plan.retry.delay(attempt);
        let may = error.is_retryable() && (self.plan.is_idempotent() || !lost.sent);
        if !may || attempt >= self.plan.retry.max_attempts() || !self.fits(wait) {
            return Err(error);
        }
        tracing::debug!(attempt, ?wait, reason = %error, "trying again");
        self.rest(wait).await;
        Ok(())
    }

    async fn rest(&self, wait: Duration) {
        self.progress.set(Doing::Resting);
        sleep(wait).await;
    }

    /// The response, but for its body, which is still to be read.
    fn land(
        &self,
        trail: &mut Trail<'_>,
        mut incoming: Incoming,
        attempt: u32,
        began: Instant,
    ) -> (
        Box<HttpResponse>,
        impl Future<Output = Result<Bytes, BodyError<Failure>>> + use<>,
    ) {
        let mut parts = ResponseParts::new(incoming.status(), trail.url.as_ref().clone());
        parts.headers = incoming.take_headers();
        parts.history = mem::take(&mut trail.history);
        parts.cookies = mem::take(&mut trail.cookies);
        parts.attempts = attempt;
        parts.proxy = trail.proxy.map(Proxy::label);
        parts.timing = Timing::new(began.elapsed(), Duration::ZERO);
        let response = HttpResponse {
            parts,
            version: incoming.version(),
            remote_addr: incoming.remote_addr(),
            request_headers: trail.sent.take().unwrap_or_default(),
            identity: self.plan.outfit.profile.name.clone(),
        };
        // What a server sends after the head all the same is not read: HTTP/2 makes it an error.
        let body = match trail.method {
            Method::HEAD => None,
            _ => Some(incoming.body(self.plan.body_limit)),
        };
        let body = async {
            match body {
                Some(body) => body.await,
                None => Ok(Bytes::new()),
            }
        };
        (Box::new(response), body)
    }

    fn broken(&self, broken: BodyError<Failure>, url: &Url, proxy: Option<&Proxy>) -> Lost {
        let error = match broken {
            BodyError::TooLong => error::body_too_long(self.plan),
            BodyError::Broken(failure) => error::of_failure(&failure, self.plan, url, proxy),
        };
        Lost {
            error: Box::new(error),
            sent: true,
            proxy: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fetch allocates and moves its future: it is to stay small, with what is seldom needed on the heap.
    #[tokio::test]
    async fn the_future_of_a_fetch_is_small() {
        let settings = Settings::standard();
        let live = Live::new(&settings).unwrap();
        let parts = RequestParts::new(Method::GET, "http://h/".parse().unwrap());
        let size = size_of_val(&fetch(&settings, &live, &parts));
        assert!(size <= 2_560, "{size} bytes");
    }
}
