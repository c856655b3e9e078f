//! What a browser session gives back.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;
use silkroute_core::{RedactedHeaders, Response, ResponseParts};

use crate::{Captured, ConsoleEntry, DocumentKind, DocumentTiming};

/// The response of a browser session: what all responses have, and facts of the page.
///
/// The body of an HTML document is the page as it was rendered, in UTF-8, and the response's `Content-Type` says so; the
/// one that the server sent is in [`server_headers`](Self::server_headers). Of other documents the body is what was sent.
///
/// ```
/// use silkroute_browser::session::PageResponse;
/// use silkroute_core::Response;
///
/// fn picture(response: &dyn Response) -> Option<&[u8]> {
///     response.downcast_ref::<PageResponse>()?.screenshot.as_deref()
/// }
/// ```
#[non_exhaustive]
pub struct PageResponse {
    /// What all responses have.
    pub parts: ResponseParts,
    /// What kind of document it is: rendered, raw, empty, or a download.
    pub document: DocumentKind,
    /// The headers as the server sent them.
    pub server_headers: HeaderMap,
    /// The headers of the document's request as they were sent, where the browser tells.
    pub request_headers: HeaderMap,
    /// Where the document came from; behind a proxy, the proxy.
    pub remote_addr: Option<SocketAddr>,
    /// How it was spoken: `http/1.1`, `h2`, `h3`.
    pub protocol: Option<String>,
    /// Whether it came from the browser's cache.
    pub from_cache: bool,
    /// When the steps of the navigation came to pass, counted from its beginning.
    pub document_timing: DocumentTiming,
    /// What each wait and action after the navigation came to, in order.
    pub steps: Vec<Step>,
    /// Responses to scripts, where `capture_xhr` asked for them.
    pub captured_xhr: Vec<Captured>,
    /// The picture, where `screenshot` asked for it.
    pub screenshot: Option<Bytes>,
    /// The page in print, where `pdf` asked for it.
    pub pdf: Option<Bytes>,
    /// What the page wrote to its console, where `console` asked for it: the last 200 entries.
    pub console: Vec<ConsoleEntry>,
    /// The dialogs that the page opened, by type. All were answered at once.
    pub dialogs: Vec<String>,
    /// What became of an anti-bot challenge; `None` for kinds that look for none.
    pub challenge: ChallengeOutcome,
}

impl PageResponse {
    pub(super) fn new(parts: ResponseParts, document: DocumentKind) -> Self {
        Self {
            parts,
            document,
            server_headers: HeaderMap::new(),
            request_headers: HeaderMap::new(),
            remote_addr: None,
            protocol: None,
            from_cache: false,
            document_timing: DocumentTiming::default(),
            steps: Vec::new(),
            captured_xhr: Vec::new(),
            screenshot: None,
            pdf: None,
            console: Vec::new(),
            dialogs: Vec::new(),
            challenge: ChallengeOutcome::None,
        }
    }

    /// What the page wrote to its console as errors, uncaught ones among them.
    pub fn console_errors(&self) -> impl Iterator<Item = &ConsoleEntry> {
        self.console.iter().filter(|entry| entry.level == "error")
    }

    /// The first step of this name, such as `wait_selector`.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }
}

impl Response for PageResponse {
    fn parts(&self) -> &ResponseParts {
        &self.parts
    }

    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.parts
    }
}

impl fmt::Debug for PageResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a page says, and what its scripts fetched, is for bodies and not for logs.
        f.debug_struct("PageResponse")
            .field("parts", &self.parts)
            .field("document", &self.document)
            .field("request_headers", &RedactedHeaders(&self.request_headers))
            .field("remote_addr", &self.remote_addr)
            .field("steps", &self.steps)
            .field("captured_xhr", &self.captured_xhr.len())
            .field("screenshot", &self.screenshot.as_ref().map(Bytes::len))
            .field("pdf", &self.pdf.as_ref().map(Bytes::len))
            .field("console", &self.console.len())
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

/// A wait or an action after the navigation, and what it came to.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The option that asked for it, such as `wait_selector`.
    pub name: &'static str,
    /// What it came to.
    pub outcome: StepOutcome,
    /// How long it took.
    #[serde(with = "silkroute_core::duration")]
    pub took: Duration,
}

impl Step {
    pub(super) fn new(name: &'static str, outcome: StepOutcome, took: Duration) -> Self {
        Self { name, outcome, took }
    }
}

/// What a wait or an action came to. Failures are here only where `on_timeout` says that the page is to be taken all the
/// same.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It came about, or was done.
    Done,
    /// Its time was up.
    TimedOut,
    /// The page stopped growing after so many scrolls.
    Scrolled(u32),
    /// It was still growing after so many scrolls.
    StillGrowing(u32),
    /// There was no page to do it on: the answer was no HTML, such as JSON, a download, or nothing; or it was a challenge
    /// that was not passed.
    NoPage,
}

/// What became of an anti-bot challenge.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeOutcome {
    /// There was none, or none was looked for.
    #[default]
    None,
    /// It was passed, and the response is the page behind it.
    Passed {
        /// Which one, in the solver's words.
        kind: String,
        /// In so many attempts.
        attempts: u32,
        /// How long it took.
        #[serde(with = "silkroute_core::duration")]
        took: Duration,
    },
    /// It was not passed, and the response is the challenge itself.
    Failed {
        /// Which one, in the solver's words.
        kind: String,
        /// Why.
        reason: String,
    },
}
