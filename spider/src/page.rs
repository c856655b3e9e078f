//! What `parse` gets.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use silkroute_core::{Error, Meta, RequestParts, Response, redact_url};
use silkroute_select::{Document, Selection};
use url::Url;

use crate::visit::Step;
use crate::{Climb, Visit};

/// A response, with the visit that it answers.
#[doc(alias = "Response")]
pub struct Page<S = ()> {
    response: Box<dyn Response>,
    visit: Arc<Visit<S>>,
    document: OnceLock<Document>,
    referer: OnceLock<Option<HeaderValue>>,
}

impl<S: Step> Page<S> {
    pub(crate) fn new(response: Box<dyn Response>, visit: Arc<Visit<S>>) -> Self {
        Self {
            response,
            visit,
            document: OnceLock::new(),
            referer: OnceLock::new(),
        }
    }

    /// What a CSS selector finds; `::text` and `::attr(name)` at its end give text and attributes instead of elements.
    ///
    /// ```no_run
    /// # fn example(page: silkroute_spider::Page) -> silkroute_spider::Result {
    /// let title = page.css("h1::text")?.get_or("");
    /// let links = page.css("a.product::attr(href)")?.get_all();
    /// # let _ = (title, links);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The selector cannot be read; the error says where.
    pub fn css(&self, selector: &str) -> silkroute_core::Result<Selection<'_>> {
        self.document().css(selector)
    }

    /// The page as an HTML document. It is parsed when it is first asked for, and once.
    pub fn document(&self) -> &Document {
        self.document.get_or_init(|| Document::of(self.response.as_ref()))
    }

    /// A request for a link on this page, absolute or relative to it: to its `<base>`, once its
    /// [`document`](Self::document) was looked at.
    ///
    /// It inherits this page's session, options, meta, priority, timeout, proxy and identity, and names this page as its
    /// referer.
    /// It does not inherit the method, the body, the headers, the cookies or the step.
    ///
    /// # Errors
    /// The link is not a URL that a session could fetch, such as `mailto:` or `javascript:`.
    #[doc(alias = "urljoin")]
    pub fn follow(&self, link: &str) -> silkroute_core::Result<Visit<S>> {
        let base = self.document.get().map_or(self.response.url(), Document::base_url);
        let url = base
            .join(link.trim_matches([' ', '\t', '\n', '\r', '\x0c']))
            .map_err(|error| {
                Error::invalid(
                    format!("the link `{}` on {}", link.escape_debug(), redact_url(base)),
                    error,
                )
            })?;
        if url.cannot_be_a_base() {
            return Err(Error::invalid(
                format!("the link on {}", redact_url(base)),
                format!("a `{}:` URL cannot be fetched", url.scheme()),
            ));
        }
        Ok(self.follow_url(url))
    }

    /// [`follow`](Self::follow) for each of many links; those that could not be fetched are left out.
    pub fn follow_all<L: AsRef<str>>(&self, links: impl IntoIterator<Item = L>) -> impl Iterator<Item = Visit<S>> {
        links.into_iter().filter_map(|link| self.follow(link.as_ref()).ok())
    }

    /// [`follow`](Self::follow) for a URL that is whole already.
    pub fn follow_url(&self, url: Url) -> Visit<S> {
        let parent = &self.visit.parts;
        let mut parts = RequestParts::new(http::Method::GET, url);
        // Where this page had to climb, the next may not.
        parts.session = match &self.visit.climb {
            Some(climb) => Some(climb.from.clone()),
            None => parent.session.clone(),
        };
        parts.timeout = parent.timeout;
        parts.proxy.clone_from(&parent.proxy);
        parts.identity.clone_from(&parent.identity);
        if !parent.meta.is_empty() {
            parts.meta.clone_from(&parent.meta);
        }
        if !parent.options.is_empty() {
            parts.options.clone_from(&parent.options);
        }
        let mut visit = Visit::from(parts);
        visit.priority = self.visit.priority;
        visit.depth = self.visit.depth.saturating_add(1);
        visit.referer = self.referer_for(&visit.parts.url);
        visit
    }

    /// As browsers do by default (`strict-origin-when-cross-origin`): the page without fragment and credentials to its
    /// own origin, only the origin to others, and nothing from https to http.
    fn referer_for(&self, target: &Url) -> Option<HeaderValue> {
        let base = self.response.url();
        if base.scheme() == "https" && target.scheme() == "http" {
            return None;
        }
        let site = url::Position::BeforeHost..url::Position::AfterPort;
        if base.scheme() != target.scheme() || base[site.clone()] != target[site] {
            return HeaderValue::try_from(format!("{}/", base.origin().ascii_serialization())).ok();
        }
        let whole = || HeaderValue::try_from(without_secrets(base).as_ref()).ok();
        self.referer.get_or_init(whole).clone()
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Where it came from, after all redirects.
    pub fn url(&self) -> &Url {
        self.response.url()
    }

    /// Its body as text.
    pub fn text(&self) -> Cow<'_, str> {
        self.response.text()
    }

    /// Its body read as JSON.
    ///
    /// # Errors
    /// It is not the JSON that is expected.
    pub fn json<T: DeserializeOwned>(&self) -> silkroute_core::Result<T> {
        self.response.json()
    }

    /// What part of `parse` it is for.
    #[doc(alias = "callback")]
    pub fn step(&self) -> &S {
        &self.visit.step
    }

    /// The facts that the request carried, and those that the session added.
    pub fn meta(&self) -> &Meta {
        self.response.meta()
    }

    /// How many links it is away from a start request.
    pub fn depth(&self) -> u32 {
        self.visit.depth
    }

    /// How it came to be fetched by another session than was asked for: see [`Escalation`](crate::Escalation).
    pub fn climb(&self) -> Option<&Climb> {
        self.visit.climb()
    }

    /// The request it answers.
    #[doc(alias = "request")]
    pub fn visit(&self) -> &Visit<S> {
        &self.visit
    }

    /// All of the response, with what its session adds.
    pub fn response(&self) -> &dyn Response {
        self.response.as_ref()
    }
}

impl<S: Step> fmt::Debug for Page<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("response", &self.response)
            .field("step", &self.visit.step)
            .field("depth", &self.visit.depth)
            .finish_non_exhaustive()
    }
}

fn without_secrets(url: &Url) -> Cow<'_, str> {
    if url.fragment().is_none() && url.username().is_empty() && url.password().is_none() {
        return Cow::Borrowed(url.as_str());
    }
    let mut bare = url.clone();
    bare.set_fragment(None);
    // It has a host, or there was nothing to take out.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    Cow::Owned(bare.into())
}
