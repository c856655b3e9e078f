//! A fetch: attempts within one deadline.

use std::sync::atomic::{AtomicBool, Ordering};

use silkroute_core::{FetchError, FetchErrorKind, Identity, Proxy, RequestParts, Result, SessionOptions};
use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use super::attempt::Attempt;
use super::browser_session::{Proxies, Settings};
use super::kind::BrowserKind;
use super::options::BrowserOptions;
use super::plan::Plan;
use super::response::PageResponse;
use super::variants::Browsers;
use crate::Deadline;

/// Fetches, within the time that the request has.
pub(super) async fn fetch<K: BrowserKind>(
    settings: &Settings<K>,
    browsers: &Browsers<K>,
    parts: &RequestParts,
) -> Result<Box<PageResponse>> {
    let start = Instant::now();
    let options: K::Options = match parts.options.block(K::Options::KIND) {
        Some(_) => parts.options.get()?,
        None => K::Options::default(),
    };
    // Its own it has without a word.
    let other = |identity: &&Identity| settings.kind.identity().as_ref() != Some(*identity);
    let identity = parts.identity.as_ref().filter(other);
    let plan = Plan::new::<K::Options>(&settings.config, &settings.hooks, options.page(), identity, parts)?;
    let deadline = Deadline::after(plan.timeout);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let sent = AtomicBool::new(false);
        let attempt = async {
            let running = browsers.get(settings, &options, parts.proxy.as_ref(), deadline).await?;
            let picked = pick(settings, &plan);
            let (proxy, own_proxy) = match (&parts.proxy, &settings.proxies) {
                (Some(own), Proxies::One(session)) if own == session => (Some(session), true),
                (Some(own), _) => (Some(own), false),
                (None, Proxies::One(session)) => (Some(session), true),
                (None, Proxies::Pool(_) | Proxies::Direct) => (picked.as_ref(), false),
            };
            let attempt = Attempt {
                settings,
                running: &running,
                options: &options,
                plan: &plan,
                proxy,
                own_proxy,
                deadline,
                sent: &sent,
            };
            let result = Box::pin(attempt.run()).await;
            report(settings, picked.as_ref(), &result);
            result
        };
        match attempt.instrument(debug_span!("attempt", number = attempts)).await {
            Ok(mut response) => {
                response.parts.attempts = attempts;
                response.parts.timing.total = start.elapsed();
                response.parts.timing.first_byte = response.parts.timing.first_byte.min(start.elapsed());
                return Ok(response);
            }
            Err(error) => {
                let wait = again(&plan, &error, attempts, sent.load(Ordering::Relaxed), deadline);
                let Some(wait) = wait else {
                    return Err(error.context("attempts", attempts).into());
                };
                tracing::debug!(attempt = attempts, ?wait, reason = %error, "trying again");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// The pool's choice for this attempt, if there is a pool and the request has no proxy of its own.
fn pick<K: BrowserKind>(settings: &Settings<K>, plan: &Plan<'_>) -> Option<Proxy> {
    match &settings.proxies {
        Proxies::Pool(pool) if plan.parts.proxy.is_none() => Some(pool.pick(plan.url.host_str())),
        _ => None,
    }
}

fn report<K: BrowserKind>(
    settings: &Settings<K>,
    picked: Option<&Proxy>,
    result: &Result<Box<PageResponse>, FetchError>,
) {
    // What went wrong behind the proxy, or in the browser, says nothing of it.
    let ok = match result {
        Ok(_) => true,
        Err(error) if error.kind() == FetchErrorKind::Proxy => false,
        Err(_) => return,
    };
    if let (Proxies::Pool(pool), Some(proxy)) = (&settings.proxies, picked) {
        pool.report(proxy, ok);
    }
}

/// How long to wait before the next attempt; `None`: there is none.
fn again(
    plan: &Plan<'_>,
    error: &FetchError,
    attempts: u32,
    sent: bool,
    deadline: Deadline,
) -> Option<std::time::Duration> {
    // A browser that has gone does not come back by itself: that is for who started the session.
    let hopeless = matches!(error.kind(), FetchErrorKind::SessionDied | FetchErrorKind::Cancelled);
    let may = error.is_retryable() && !hopeless && (plan.is_idempotent() || !sent);
    if !may || attempts >= plan.page.retry.max_attempts() {
        return None;
    }
    let wait = plan.page.retry.delay(attempts);
    (wait < deadline.remaining()).then_some(wait)
}
