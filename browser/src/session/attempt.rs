//! One attempt at a fetch, from an empty tab to a response.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use silkroute_core::{Cookie, FetchError, FetchErrorKind, Hop, Proxy, ResponseParts, Timing};
use tokio::time::Instant;
use url::Url;

use super::browser_session::Settings;
use super::kind::BrowserKind;
use super::plan::Plan;
use super::response::{ChallengeOutcome, PageResponse};
use super::running::{Home, InFlight, Running};
use super::steps::run_hook;
use super::tell;
use super::wear::wear;
use crate::{Deadline, Document, Error, Navigation, Tab};

/// One attempt.
pub(super) struct Attempt<'a, K: BrowserKind> {
    pub(super) settings: &'a Settings<K>,
    pub(super) running: &'a Running<K>,
    pub(super) options: &'a K::Options,
    pub(super) plan: &'a Plan<'a>,
    /// The proxy that it goes through, and whether it is the browser's own.
    pub(super) proxy: Option<&'a Proxy>,
    pub(super) own_proxy: bool,
    pub(super) deadline: Deadline,
    /// Set once the server may have seen the request.
    pub(super) sent: &'a AtomicBool,
}

impl<K: BrowserKind> Attempt<'_, K> {
    pub(super) async fn run(&self) -> Result<Box<PageResponse>, FetchError> {
        let began = Instant::now();
        let home = self.home().await.map_err(|error| self.failed(error))?;
        let own = self.own_cookies();
        self.carry_in(&home, &own).await?;
        let version = self.running.browser.version();
        let mut tab_options = tell::tab_options(self.plan, &self.settings.config, version, self.proxy, self.deadline)
            .await
            .map_err(|error| self.failed(error))?;
        tab_options.refuse_auth = self.running.asks_anybody;
        if let Some(identity) = self.plan.identity {
            let own = self.running.own_words(&self.settings.config, &home, self.deadline);
            let own = own.await.map_err(|error| self.failed(error))?;
            let chosen = self.settings.config.chosen_language().is_some();
            wear(&mut tab_options, &self.plan.page, chosen, identity, own);
        }
        self.settings
            .kind
            .tab(&self.running.state, self.options, &mut tab_options)
            .map_err(|error| self.failed(error))?;
        // Dropped on every way out but the last: the tab is then closed, and no next fetch sees what is left in it.
        let pool = &self.running.pool;
        let lease = if self.is_apart() {
            pool.acquire_once(&home.context, tab_options, self.deadline).await
        } else {
            pool.acquire(&home.context, tab_options, self.deadline).await
        };
        let lease = lease.map_err(|error| self.failed(error))?;
        let result = self.within(&home, &lease, &own, began).await;
        if result.is_err() {
            self.salvage(&home, &lease, &own).await;
        }
        let response = result?;
        // Nobody comes back to a context of its own.
        if self.is_apart() {
            drop(lease);
        } else if self.plan.setup.is_some() {
            // Nobody knows what it told the tab.
            lease.retire();
        } else {
            lease.finish();
        }
        Ok(response)
    }

    /// From an empty tab to a response.
    async fn within(
        &self,
        home: &Home,
        tab: &Tab,
        own: &[Cookie],
        began: Instant,
    ) -> Result<Box<PageResponse>, FetchError> {
        if let Some(setup) = &self.plan.setup {
            run_hook(self.plan, "page_setup", setup, tab, self.deadline).await?;
        }
        // Fetches of one URL at the same time would wait for one another at the browser's cache. Looked at as late as can be,
        // so that the one that uses the cache is the first to be there.
        let flight = Flight::begin(&self.running.in_flight, &self.plan.url);
        if !flight.alone {
            tab.bypass_cache(self.deadline)
                .await
                .map_err(|error| self.failed(error))?;
        }
        let waited = began.elapsed();
        let document = self.navigate(tab).await?;
        let arrived = self.look(tab, document).await?;
        let (arrived, steps) = self.steps(tab, arrived).await?;
        let mut response = self.respond(tab, arrived.document).await?;
        response.steps = steps;
        if let ChallengeOutcome::Failed { kind, .. } = &arrived.challenge {
            response.parts.blocked = Some(kind.to_string());
        }
        response.challenge = arrived.challenge;
        response.parts.timing.first_byte += waited;
        response.parts.cookies = self
            .carry_out(home, tab, own, &response)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(response)
    }

    /// Whether it needs a context of its own: for cookies that must reach no other page, and since a certificate that was
    /// taken once is taken again in the same context.
    fn is_apart(&self) -> bool {
        let page = &self.plan.page;
        !self.plan.cookies.is_empty()
            || !page.cookie_store
            || page.ignore_https_errors != self.settings.config.ignore_https_errors
    }

    async fn home(&self) -> Result<Arc<Home>, Error> {
        let kind = &self.settings.kind;
        if self.is_apart() {
            return self.running.apart(kind, self.proxy, self.deadline).await;
        }
        match self.proxy {
            Some(proxy) if !self.own_proxy => self.running.through(kind, proxy, self.deadline).await,
            _ => Ok(self.running.main()),
        }
    }

    async fn navigate(&self, tab: &Tab) -> Result<Document, FetchError> {
        let plan = self.plan;
        let referrer = plan.referer.clone().or_else(|| {
            let kind = self.settings.kind.referrer(self.options, &plan.url);
            kind.or_else(|| plan.page.google_search.then(|| "https://www.google.com/".to_owned()))
        });
        let navigation = Navigation {
            method: plan.parts.method.clone(),
            body: plan.body.clone(),
            headers: plan.headers.clone(),
            referrer,
            wait_until: plan.page.wait_until,
            download_limit: Some(plan.page.body_limit),
            ..Navigation::to(plan.url.clone())
        };
        let deadline = match plan.page.navigation_timeout {
            Some(time) => self.deadline.capped(time),
            None => self.deadline,
        };
        self.sent.store(true, Ordering::Relaxed);
        let began = Instant::now();
        match tab.navigate(&navigation, deadline).await {
            Ok(document) => Ok(document),
            Err(error) => {
                if error.is_before_connection() && !tab.answered() {
                    // The server has seen nothing of it.
                    self.sent.store(false, Ordering::Relaxed);
                }
                if error.is_timeout() && self.is_proxy_silent(tab, began.elapsed()) {
                    self.sent.store(false, Ordering::Relaxed);
                    return Err(self.silent(error));
                }
                Err(self.not_navigated(error).await)
            }
        }
    }

    /// Whether no request has come through the proxy in all this time. Over http the proxy takes the request itself, and who of the
    /// two is silent nobody can tell.
    fn is_proxy_silent(&self, tab: &Tab, waited: Duration) -> bool {
        let plan = self.plan;
        let time = plan
            .page
            .navigation_timeout
            .map_or(plan.timeout, |time| time.min(plan.timeout));
        // The rest may have gone by in a queue for a tab.
        self.proxy.is_some() && plan.url.scheme() == "https" && waited >= time / 2 && !tab.sent()
    }

    fn silent(&self, error: Error) -> FetchError {
        let message = format!("no connection to the site came through the proxy: {error}");
        let mut failed = self.plan.error(FetchErrorKind::Proxy, message).source(error);
        if let Some(proxy) = self.proxy {
            failed.add_context("proxy", proxy.label());
        }
        failed
    }

    /// A browser that was told to end stops loading before it does: the end is the reason then, and what is worth telling. It comes
    /// within some 100 ms, and later on a busy machine.
    async fn not_navigated(&self, error: Error) -> FetchError {
        const MOMENT: Duration = Duration::from_secs(3);
        if matches!(&error, Error::Navigation { net_error } if net_error == "net::ERR_ABORTED") {
            let closed = self.deadline.capped(MOMENT).run("", self.running.browser.closed());
            if let Ok(reason) = closed.await {
                return self.failed(Error::Gone {
                    what: "the navigation".to_owned(),
                    reason,
                });
            }
        }
        self.failed(error)
    }

    async fn respond(&self, tab: &Tab, document: Document) -> Result<Box<PageResponse>, FetchError> {
        let plan = self.plan;
        let failed = |error| self.failed(error);
        let limit = usize::try_from(plan.page.body_limit).unwrap_or(usize::MAX);
        let (body, utf8) = if plan.parts.method == Method::HEAD {
            (bytes::Bytes::new(), false)
        } else {
            tab.payload(&document, limit, self.deadline).await.map_err(failed)?
        };
        let status = StatusCode::from_u16(document.status).unwrap_or(StatusCode::OK);
        let mut parts = ResponseParts::new(status, self.url_of(&document));
        parts.headers = document.headers.clone();
        if utf8 {
            say_utf8(&mut parts.headers);
        }
        parts.body = body;
        parts.history = history(&document);
        parts.timing = Timing::new(document.timing.response.unwrap_or_default(), Duration::ZERO);
        let mut response = Box::new(PageResponse::new(parts, document.kind.clone()));
        response.server_headers = document.headers;
        response.request_headers = document.request_headers;
        response.remote_addr = document.remote_addr;
        response.protocol = document.protocol;
        response.from_cache = document.from_cache;
        response.document_timing = document.timing;
        response.parts.proxy = self.proxy.map(Proxy::label);
        if plan.capture.is_some() {
            response.captured_xhr = tab.captured(self.deadline).await.map_err(failed)?;
        }
        if let Some(options) = plan.page.screenshot.get() {
            response.screenshot = Some(tab.screenshot(options, self.deadline).await.map_err(failed)?);
        }
        if let Some(options) = plan.page.pdf.get() {
            response.pdf = Some(tab.pdf(options, self.deadline).await.map_err(failed)?);
        }
        response.console = tab.console();
        response.dialogs = tab.dialogs();
        Ok(response)
    }

    /// The network knows no fragments: the request's own is put back where the document is the one it asked for.
    fn url_of(&self, document: &Document) -> Url {
        let asked = &self.plan.url;
        let Ok(mut url) = Url::parse(&document.url) else {
            return asked.clone();
        };
        let mut bare = asked.clone();
        bare.set_fragment(None);
        if url == bare {
            url.set_fragment(asked.fragment());
        }
        url
    }

    /// An error of the engine, with what it was about.
    pub(super) fn failed(&self, error: Error) -> FetchError {
        let mut failed = FetchError::from(error.clone()).parts(self.plan.parts);
        if let Some(proxy) = self.proxy {
            failed.add_context("proxy", proxy.label());
        }
        match &error {
            Error::TooLarge { .. } => failed.hint("raise `body_limit` of the session or of the request"),
            Error::Timeout { .. } => failed.hint("raise `timeout` of the request or of the session"),
            Error::Navigation { net_error } if net_error.contains("CERT_") => {
                failed.hint("accept any certificate with `ignore_https_errors`")
            }
            _ => failed,
        }
    }
}

/// A URL that is being fetched.
struct Flight<'a> {
    urls: &'a InFlight,
    url: String,
    /// Nobody else fetches it.
    alone: bool,
}

impl<'a> Flight<'a> {
    fn begin(urls: &'a InFlight, url: &Url) -> Self {
        let url = url.as_str().to_owned();
        let mut counts = urls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(url.clone()).or_insert(0_usize);
        *count += 1;
        let alone = *count == 1;
        Self { urls, url, alone }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut counts = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.url) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.url);
            }
        }
    }
}

fn history(document: &Document) -> Vec<Hop> {
    let hops = document.redirects.iter().filter_map(|redirect| {
        let status = StatusCode::from_u16(redirect.status).ok()?;
        let url = Url::parse(&redirect.url).ok()?;
        Some(Hop::new(status, url, redirect.headers.clone()))
    });
    hops.collect()
}

/// The body is UTF-8 now, whatever the server sent it in.
fn say_utf8(headers: &mut HeaderMap) {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim())
        .filter(|kind| !kind.is_empty())
        .unwrap_or("text/html");
    if let Ok(value) = HeaderValue::try_from(format!("{kind}; charset=utf-8")) {
        headers.insert(CONTENT_TYPE, value);
    }
}
