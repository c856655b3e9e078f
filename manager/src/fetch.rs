//! The path of one request: its session, a place in it, its start, the fetch, what the response gets.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use silkroute_core::{Error, FetchError, FetchErrorKind, Request, Response, Result, redact_url};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::Instrument;

use crate::slot::{CutShort, Entered, Found, Running, Slot, panicked};
use crate::stats::Gauge;

/// A session ends its fetch by itself when the time is up, and knows best what it was doing then. Where a request did
/// not have to wait, so that both clocks started together, the session gets this long to say so first.
const FIRST_WORD: Duration = Duration::from_millis(250);
/// A wait shorter than this is none.
const NO_WAIT: Duration = Duration::from_millis(5);

/// A fetch's use of a session, which ends also where the fetch is given up.
struct Use<'a>(Option<&'a Running>);

impl Use<'_> {
    fn ended(mut self, at: Instant) {
        if let Some(running) = self.0.take() {
            running.touch(at);
        }
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.touch(Instant::now());
        }
    }
}

impl Slot {
    /// Fetches one request, within its deadline.
    pub(crate) async fn fetch(self: &Arc<Self>, request: Arc<dyn Request>) -> Result<Box<dyn Response>> {
        let begun = Instant::now();
        let timeout = request.parts().timeout.unwrap_or(self.timeout);
        self.counters.requests.fetch_add(1, Ordering::Relaxed);

        let mut queued = Duration::ZERO;
        let span = tracing::debug_span!(
            "fetch",
            session = %self.id,
            kind = self.kind,
            method = %request.parts().method,
            url = redact_url(&request.parts().url),
        );
        let (result, ended) = self
            .fetch_within(&request, begun, timeout, &mut queued)
            .instrument(span)
            .await;

        let took = ended.saturating_duration_since(begun);
        self.meters.record(&self.id, self.kind, &result, queued, took);
        match result {
            Ok(mut response) => {
                self.counters.succeeded.fetch_add(1, Ordering::Relaxed);
                let parts = response.parts_mut();
                // On top of what the session itself had it wait, such as a pool for one of its identities.
                parts.timing.queued += queued;
                parts.session = Some(Arc::clone(&self.id));
                for (key, value) in &request.parts().meta {
                    if !parts.meta.contains_key(key) {
                        parts.meta.insert(key.clone(), value.clone());
                    }
                }
                parts.request = Some(request);
                Ok(response)
            }
            Err(mut error) => {
                if let Error::Fetch(error) = &mut error {
                    error.add_context("session", &self.id);
                }
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                self.counters.note_error(&error);
                tracing::debug!(session = %self.id, %error, "fetch failed");
                Err(error)
            }
        }
    }

    /// The fetch, and when it was over.
    async fn fetch_within(
        self: &Arc<Self>,
        request: &Arc<dyn Request>,
        begun: Instant,
        timeout: Duration,
        queued: &mut Duration,
    ) -> (Result<Box<dyn Response>>, Instant) {
        // A timeout too long to add up is none that can pass.
        let deadline = begun
            .checked_add(timeout)
            .unwrap_or_else(|| begun + Duration::from_secs(u32::MAX.into()));
        let (_place, running) = match self.get_in(request, begun, deadline, timeout, queued).await {
            Ok(got_in) => got_in,
            Err(error) => return (Err(error), Instant::now()),
        };
        let waited = *queued;
        let guard = if waited < NO_WAIT {
            deadline + FIRST_WORD
        } else {
            deadline
        };

        let _in_flight = Gauge::up(&self.counters.in_flight);
        let use_of_it = Use(Some(&running));
        let fetch = AssertUnwindSafe(running.fetch(request.as_ref())).catch_unwind();
        let result = tokio::select! {
            biased;
            result = fetch => match result {
                Ok(result) => result,
                Err(panic) => Err(panicked("fetch", self.kind, &*panic)),
            },
            why = running.pulse.cut_short(begun + waited, guard) => Err(match why {
                CutShort::Late => self.too_late(request, timeout, waited, "the session did not answer in time"),
                CutShort::Cancelled => self.cut_off(request, &running),
            }),
        };
        let ended = Instant::now();
        use_of_it.ended(ended);
        (result, ended)
    }

    /// Gets a place in the session, and then the session itself, alive. Says how long that took, which is no time at all
    /// where nothing was to be waited for: a look at the clock is a cost that every fetch would bear.
    async fn get_in(
        self: &Arc<Self>,
        request: &Arc<dyn Request>,
        begun: Instant,
        deadline: Instant,
        timeout: Duration,
        queued: &mut Duration,
    ) -> Result<(Option<OwnedSemaphorePermit>, Arc<Running>)> {
        let _waiting = Gauge::up(&self.counters.waiting);
        let (place, found) = match self.enter()? {
            Entered::Found(Found::Lease(running)) => return Ok((None, running)),
            Entered::Found(found) => (None, Some(found)),
            Entered::Queue(places) => {
                let place = match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => place,
                    Err(_) => match tokio::time::timeout_at(deadline, places.acquire_owned()).await {
                        Ok(Ok(place)) => place,
                        Ok(Err(_)) => {
                            return Err(self.closed("it was closed while the request waited for a place in it"));
                        }
                        Err(_) => {
                            *queued = begun.elapsed();
                            let limit = self.concurrency.unwrap_or(usize::MAX);
                            let why = format!("none of its {limit} places came free");
                            return Err(self.too_late(request, timeout, *queued, &why));
                        }
                    },
                };
                (Some(place), None)
            }
        };
        match tokio::time::timeout_at(deadline, self.lease_to_fetch(found)).await {
            Ok(running) => {
                *queued = begun.elapsed();
                Ok((place, running?))
            }
            Err(_) => {
                *queued = begun.elapsed();
                Err(self.too_late(request, timeout, *queued, "it was still starting or draining"))
            }
        }
    }

    fn too_late(&self, request: &Arc<dyn Request>, timeout: Duration, waited: Duration, why: &str) -> Error {
        FetchError::new(
            FetchErrorKind::Timeout,
            format!("no response within {timeout:?}: {why}"),
        )
        .request(request.as_ref())
        .context("waited", format!("{waited:?}"))
        .hint("raise the timeout, or send fewer requests to this session at once")
        .into()
    }

    fn cut_off(&self, request: &Arc<dyn Request>, running: &Running) -> Error {
        let error = if running.is_alive() {
            FetchError::new(
                FetchErrorKind::Cancelled,
                "the session was closed, and the time to finish was over",
            )
        } else {
            FetchError::new(FetchErrorKind::SessionDied, "the session died")
        };
        error.request(request.as_ref()).into()
    }
}
