//! Responses to scripts, kept for the caller.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use silkroute_core::RedactedHeaders;

use super::document::{headers, shown_url};
use super::events::{Failed, Received, WillBeSent};
use crate::cdp::{CdpSession, Event, Observer};

/// How many responses of one use of a tab are kept; further ones are not.
pub(super) const MOST_CAPTURED: usize = 1_000;

/// Which URLs of scripts' requests to keep. Any closure over the URL.
#[derive(Clone)]
pub struct CaptureFilter(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl CaptureFilter {
    /// Keeps what the closure says.
    pub fn new(filter: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(filter))
    }
}

impl fmt::Debug for CaptureFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CaptureFilter")
    }
}

/// A response to a script. Its `Debug` shows no credentials, and of the body only how long it is.
#[non_exhaustive]
#[derive(Clone)]
pub struct Captured {
    /// What was asked for.
    pub url: String,
    /// How.
    pub method: String,
    /// The status.
    pub status: u16,
    /// The headers that the page may know of.
    pub headers: HeaderMap,
    /// Those of the request, without what the network adds.
    pub request_headers: HeaderMap,
    /// The body; an error says why it is not there.
    pub body: Result<Bytes, String>,
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("url", &shown_url(&self.url))
            .field("method", &self.method)
            .field("status", &self.status)
            .field("headers", &RedactedHeaders(&self.headers))
            .field("request_headers", &RedactedHeaders(&self.request_headers))
            .field("body", &self.body.as_ref().map(Bytes::len))
            .finish()
    }
}

/// One that is seen and whose body is still with the browser.
#[derive(Clone)]
pub(super) struct Seen {
    /// Of the page or frame that asked for it.
    pub(super) session: Option<String>,
    pub(super) request_id: String,
    pub(super) url: String,
    pub(super) method: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) request_headers: HeaderMap,
    pub(super) complete: bool,
    pub(super) failed: Option<String>,
}

#[derive(Default)]
pub(super) struct Capture {
    filter: Mutex<Option<CaptureFilter>>,
    seen: Mutex<VecDeque<Seen>>,
}

impl Capture {
    fn list(&self) -> MutexGuard<'_, VecDeque<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes from now on what a page or frame asks for.
    pub(super) fn observe(self: &Arc<Self>, session: &CdpSession) {
        session.observe(Arc::new(Asking {
            session: session.id().map(str::to_owned),
            capture: Arc::clone(self),
        }));
    }

    pub(super) fn set(&self, filter: Option<CaptureFilter>) {
        *self.filter.lock().unwrap_or_else(PoisonError::into_inner) = filter;
        self.list().clear();
    }

    pub(super) fn clear(&self) {
        self.list().clear();
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.list().iter().filter(|seen| seen.status > 0).cloned().collect()
    }

    fn keeps(&self, url: &str) -> bool {
        let filter = self.filter.lock().unwrap_or_else(PoisonError::into_inner).clone();
        filter.is_some_and(|filter| (filter.0)(url))
    }
}

/// A page or frame whose requests are seen.
struct Asking {
    session: Option<String>,
    capture: Arc<Capture>,
}

impl Asking {
    fn mine<'a>(&self, list: &'a mut VecDeque<Seen>, request: &str) -> Option<&'a mut Seen> {
        list.iter_mut()
            .find(|seen| seen.request_id == request && seen.session == self.session)
    }

    fn read(&self, event: &Event) -> crate::Result<()> {
        match &*event.method {
            "Network.requestWillBeSent" => {
                let sent: WillBeSent = event.read()?;
                if !matches!(sent.r#type.as_str(), "XHR" | "Fetch") || !self.capture.keeps(&sent.request.url) {
                    return Ok(());
                }
                let mut list = self.capture.list();
                if let Some(known) = self.mine(&mut list, &sent.request_id) {
                    known.url = sent.request.url;
                } else if list.len() < MOST_CAPTURED {
                    list.push_back(Seen {
                        session: self.session.clone(),
                        request_id: sent.request_id,
                        url: sent.request.url,
                        method: sent.request.method,
                        status: 0,
                        headers: HeaderMap::new(),
                        request_headers: headers(&sent.request.headers),
                        complete: false,
                        failed: None,
                    });
                }
            }
            "Network.responseReceived" => {
                let received: Received = event.read()?;
                if let Some(seen) = self.mine(&mut self.capture.list(), &received.request_id) {
                    seen.status = received.response.status;
                    seen.headers = headers(&received.response.headers);
                }
            }
            _ => {
                let Failed {
                    request_id, error_text, ..
                } = event.read()?;
                if let Some(seen) = self.mine(&mut self.capture.list(), &request_id) {
                    seen.complete = true;
                    seen.failed = Some(error_text).filter(|text| !text.is_empty());
                }
            }
        }
        Ok(())
    }
}

impl Observer for Asking {
    fn wants(&self, method: &str) -> bool {
        matches!(
            method,
            "Network.requestWillBeSent"
                | "Network.responseReceived"
                | "Network.loadingFinished"
                | "Network.loadingFailed"
        ) && self
            .capture
            .filter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    fn on_event(&self, event: &Event) {
        if let Err(error) = self.read(event) {
            tracing::debug!(%error, "an event cannot be read");
        }
    }
}
