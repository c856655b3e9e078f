//! One attempt: from the first request along its redirects to a response.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use silkroute_core::{Cookie, CookieJar, FetchError, FetchErrorKind, Hop, Proxy, redact_url};
use url::Url;

use crate::Redirects;
use crate::address::{self, HostKind};
use crate::error;
use crate::fetch::{Doing, Progress};
use crate::headers::{self, Assembled, Facts, Relation};
use crate::plan::Plan;
use crate::redirect::{self, Next};
use crate::transport::{Failure, Incoming, Outgoing, Stage};

/// A trail that ended without a response.
pub(crate) struct Lost {
    pub(crate) error: Box<FetchError>,
    /// Whether a server may have seen the request.
    pub(crate) sent: bool,
    /// Whether it is the proxy's fault.
    pub(crate) proxy: bool,
}

/// One attempt, on its way.
pub(crate) struct Trail<'p> {
    plan: &'p Plan<'p>,
    /// The proxy in force, and whether it has to be named to the client, which knows its own.
    pub(crate) proxy: Option<&'p Proxy>,
    names_proxy: bool,
    pub(crate) method: Method,
    pub(crate) url: Cow<'p, Url>,
    body: Bytes,
    content_type: Option<HeaderValue>,
    /// The user's headers; `None`: nothing but the session's, which are prepared.
    headers: Option<Cow<'p, HeaderMap>>,
    own_cookies: &'p [(String, String)],
    /// The cookies that this trail's redirects set or deleted, for which the jar now speaks, and not the request.
    told_cookies: Option<CookieJar>,
    referer: Option<HeaderValue>,
    site: Relation,
    /// Whether the last response came from a public address.
    from_public: bool,
    /// The headers of the last request.
    pub(crate) sent: Option<Arc<HeaderMap>>,
    pub(crate) history: Vec<Hop>,
    pub(crate) cookies: Vec<Cookie>,
}

impl<'p> Trail<'p> {
    pub(crate) fn new(plan: &'p Plan<'p>, proxy: Option<&'p Proxy>, names_proxy: bool) -> Self {
        let mut trail = Self {
            plan,
            proxy,
            names_proxy,
            method: plan.parts.method.clone(),
            url: Cow::Borrowed(plan.url.as_ref()),
            body: plan.body.clone(),
            content_type: plan.content_type.clone(),
            headers: plan.headers.as_ref().map(Cow::Borrowed),
            own_cookies: &plan.parts.cookies,
            told_cookies: None,
            referer: None,
            site: Relation::None,
            from_public: false,
            sent: None,
            history: Vec::new(),
            cookies: Vec::new(),
        };
        trail.take_referer();
        trail
    }

    /// The `Referer` is kept apart from the user's other headers, for it changes on the way.
    fn take_referer(&mut self) {
        let users = self.headers.as_deref().unwrap_or(&self.plan.settings.headers);
        if let Some(referer) = users.get(redirect::REFERER_NAME) {
            self.referer = Some(referer.clone());
            self.headers = Some(Cow::Owned(headers::retain(users, |name, _| {
                *name != redirect::REFERER_NAME
            })));
        } else if self.plan.google_search && self.plan.of_page.is_none() && self.method == Method::GET {
            self.referer = Some(HeaderValue::from_static("https://www.google.com/"));
        }
        self.widen_site();
    }

    /// A trail that has left a site once does not come back to it in `Sec-Fetch-Site`.
    fn widen_site(&mut self) {
        if let Some(page) = self.referer.as_ref().and_then(redirect::parse_referer) {
            self.site = self.site.max(Relation::between(&page, &self.url));
        }
    }

    /// Sends the request and follows where it leads, to the head of the response at the end.
    pub(crate) async fn walk(&mut self, progress: &Progress) -> Result<Incoming, Lost> {
        loop {
            progress.set(Doing::Waiting);
            let mut incoming = self.exchange().await?;
            self.keep_cookies(incoming.headers());
            let next = match self.plan.redirects {
                Redirects::None => None,
                _ => redirect::next(incoming.status(), incoming.headers(), &self.method, &self.url)
                    .map_err(|error| self.lost(error))?,
            };
            let Some(next) = next else {
                return Ok(incoming);
            };
            self.from_public = self.came_from_public(incoming.remote_addr());
            let (status, headers) = (incoming.status(), incoming.take_headers());
            // Seldom, and so not a part of what every fetch carries along.
            Box::pin(drain(incoming, &headers)).await;
            self.follow(next, status, headers)?;
        }
    }

    async fn exchange(&mut self) -> Result<Incoming, Lost> {
        let safe = self.plan.redirects == Redirects::Safe;
        let kind = if safe {
            address::host_kind(&self.url)
        } else {
            HostKind::Public
        };
        if self.from_public && kind == HostKind::Inside {
            let cause = "the host is an address of this machine or its network";
            return Err(self.failed(&Failure::unsent(Stage::NotPublic, cause)));
        }
        // Names go through the client that connects to public addresses alone. That an address is asked for outright
        // and is not public shows there, before anything is sent; after a redirect from the internet it ends there.
        let judged = safe && self.proxy.is_none() && kind == HostKind::Name;
        let mut guarded = judged && (self.from_public || !self.plan.live.is_inside(self.name()));
        loop {
            let headers = self.request_headers().map_err(|error| self.lost(error))?;
            self.sent = Some(headers.shown);
            let outgoing = Outgoing {
                method: self.method.clone(),
                url: &self.url,
                headers: headers.wire,
                body: self.body.clone(),
                proxy: self.proxy.filter(|_| self.names_proxy),
            };
            let outfit = &self.plan.outfit;
            let client = if guarded { &outfit.guarded } else { &outfit.open };
            let sending = client.send(outgoing).map_err(|failure| self.failed(&failure))?;
            match sending.await {
                Ok(incoming) => return Ok(incoming),
                Err(failure) if guarded && failure.stage == Stage::NotPublic && !self.from_public => {
                    self.plan.live.remember_inside(self.name());
                    guarded = false;
                }
                Err(failure) => return Err(self.failed(&failure)),
            }
        }
    }

    fn name(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn request_headers(&self) -> Result<Assembled, FetchError> {
        let of_page = self.plan.of_page.as_deref();
        let set = of_page.unwrap_or(&self.plan.outfit.headers);
        let secure = address::is_trustworthy(&self.url);
        let cookie = self.cookie()?;
        let content_length = match self.body.len() {
            // For any other method the length goes out even if it is 0, and were it not put in its place here, wreq
            // would put it last.
            0 if matches!(self.method, Method::GET | Method::HEAD | Method::DELETE) => None,
            length => Some(length as u64),
        };
        // A page asks, whether it tells its name or not.
        let site = match self.site {
            Relation::None if of_page.is_some() => Relation::SameOrigin,
            site => site,
        };
        if of_page.is_none()
            && self.headers.is_none()
            && cookie.is_none()
            && content_length.is_none()
            && self.referer.is_none()
        {
            return Ok(set.bare(secure, &self.url));
        }
        let facts = Facts {
            content_length,
            content_type: self.content_type.clone(),
            form: of_page.is_none() && self.plan.is_form() && self.content_type.is_some(),
            cookie,
            origin: self.origin(),
            referer: self.referer.clone(),
            site,
        };
        let users = self.headers.as_deref().unwrap_or(&self.plan.settings.headers);
        Ok(set.assemble(secure, &self.url, users, &self.plan.parts.headers, &facts))
    }

    /// The cookies for this hop: the jar's, and the request's own but for those that a hop before set or deleted. A `Cookie`
    /// header of the user's stands in for both.
    fn cookie(&self) -> Result<Option<HeaderValue>, FetchError> {
        let users = self.headers.as_deref().unwrap_or(&self.plan.settings.headers);
        if users.contains_key(COOKIE) {
            return Ok(None);
        }
        if self.own_cookies.is_empty() {
            return Ok(if self.plan.cookie_store {
                self.plan.settings.jar.header(&self.url)
            } else {
                None
            });
        }
        let empty = CookieJar::new();
        let jar = if self.plan.cookie_store {
            &self.plan.settings.jar
        } else {
            &empty
        };
        jar.header_with(&self.url, &self.cookies_still_own())
            .map_err(|error| self.plan.error(FetchErrorKind::Request, error.to_string()))
    }

    fn cookies_still_own(&self) -> Cow<'p, [(String, String)]> {
        let Some(told) = &self.told_cookies else {
            return Cow::Borrowed(self.own_cookies);
        };
        let told = told.cookies_for(&self.url);
        let own = self.own_cookies.iter();
        own.filter(|(name, _)| told.iter().all(|told| told.name != *name))
            .cloned()
            .collect()
    }

    /// Browsers say which page sends what is not a mere look.
    fn origin(&self) -> Option<HeaderValue> {
        if matches!(self.method, Method::GET | Method::HEAD) {
            return None;
        }
        let page = redirect::parse_referer(self.referer.as_ref()?)?;
        HeaderValue::try_from(page.origin().ascii_serialization()).ok()
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        if headers.contains_key(SET_COOKIE) {
            let set = match self.plan.cookie_store {
                true => self.plan.settings.jar.store(&self.url, headers),
                false => CookieJar::new().store(&self.url, headers),
            };
            self.cookies.extend(set);
            if self.plan.cookie_store && !self.own_cookies.is_empty() {
                let told = self.told_cookies.get_or_insert_default();
                told.store(&self.url, &with_long_lives(headers));
            }
        }
    }

    fn came_from_public(&self, remote_addr: Option<SocketAddr>) -> bool {
        if self.plan.settings.resolver.assumes_public(self.name()) {
            return true;
        }
        match (self.proxy, remote_addr) {
            (None, Some(address)) => address::is_public(address.ip()),
            // Behind a proxy only what the URL says is known; of what is not known the worst is assumed.
            _ => address::host_kind(&self.url) != HostKind::Inside,
        }
    }

    fn follow(&mut self, next: Next, status: StatusCode, headers: HeaderMap) -> Result<(), Lost> {
        let from = self.url.clone().into_owned();
        self.history.push(Hop::new(status, from.clone(), headers));
        let followed = u32::try_from(self.history.len()).unwrap_or(u32::MAX);
        if followed > self.plan.max_redirects {
            let error = self
                .plan
                .error(
                    FetchErrorKind::Redirect,
                    format!("gave up after {} redirects", self.plan.max_redirects),
                )
                .context("next", redact_url(&next.url))
                .hint("if that is not a loop, raise `max_redirects`");
            return Err(self.lost(error));
        }
        tracing::debug!(status = status.as_u16(), from = %redact_url(&from), to = %redact_url(&next.url), "redirect");
        if from.origin() != next.url.origin() {
            self.leave_origin();
        }
        if !next.keeps_body {
            self.drop_body();
        }
        self.method = next.method;
        self.url = Cow::Owned(next.url);
        if let Some(referer) = self.referer.take() {
            // Related to the page as it was named before it is shortened for the new origin.
            self.referer = Some(referer);
            self.widen_site();
            self.referer = self
                .referer
                .take()
                .and_then(|referer| redirect::referer_for(referer, &self.url));
        }
        Ok(())
    }

    /// What lets in at one origin is not shown to another, and is not taken up again on the way back.
    fn leave_origin(&mut self) {
        let users = self.headers.as_deref().unwrap_or(&self.plan.settings.headers);
        if users.iter().any(|(name, value)| redirect::is_credential(name, value)) {
            self.headers = Some(Cow::Owned(headers::retain(users, |name, value| {
                !redirect::is_credential(name, value)
            })));
        }
        self.own_cookies = &[];
    }

    fn drop_body(&mut self) {
        let users = self.headers.as_deref().unwrap_or(&self.plan.settings.headers);
        if users.keys().any(redirect::describes_body) {
            self.headers = Some(Cow::Owned(headers::retain(users, |name, _| {
                !redirect::describes_body(name)
            })));
        }
        self.body = Bytes::new();
        self.content_type = None;
    }

    fn failed(&self, failure: &Failure) -> Lost {
        Lost {
            error: Box::new(error::of_failure(failure, self.plan, &self.url, self.proxy)),
            sent: failure.sent || !self.history.is_empty(),
            proxy: failure.stage == Stage::Proxy,
        }
    }

    fn lost(&self, error: FetchError) -> Lost {
        Lost {
            error: Box::new(error.parts(self.plan.parts)),
            sent: true,
            proxy: false,
        }
    }
}

/// The `Set-Cookie` of a response, each with a life that has not ended: so a jar tells of those that are deleted, too, where
/// they would have gone.
fn with_long_lives(headers: &HeaderMap) -> HeaderMap {
    let set = headers.get_all(SET_COOKIE).iter();
    // Of several ages the last counts, and an age counts more than a date.
    let lasting = set.filter_map(|set| HeaderValue::try_from([set.as_bytes(), b"; Max-Age=86400"].concat()).ok());
    lasting.map(|set| (SET_COOKIE, set)).collect()
}

/// Reads what is left of a redirect, so that its connection can be used again. A long or slow one is not worth it: the
/// connection is given up, which is no error.
pub(crate) async fn drain(incoming: Incoming, headers: &HeaderMap) {
    const SHORT: u64 = 64 * 1024;
    const SOON: Duration = Duration::from_millis(500);
    let long = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
        .is_some_and(|length| length > SHORT);
    if !long {
        let _ = tokio::time::timeout(SOON, incoming.body(SHORT)).await;
    }
}
