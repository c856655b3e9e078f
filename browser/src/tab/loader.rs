//! One navigation of the main frame, as far as it has come.

use http::HeaderMap;
use http::header::SET_COOKIE;
use tokio::time::Instant;

use super::document::{Document, DocumentKind, DocumentTiming, Redirect, RedirectKind, Response, headers};
use super::navigation::WaitUntil;

pub(super) struct Loader {
    pub(super) id: String,
    pub(super) url: String,
    /// Its request was seen to begin.
    pub(super) requested: bool,
    pub(super) hops: Vec<Redirect>,
    /// As the page's process knows them, without what the network adds.
    pub(super) request_headers: HeaderMap,
    /// As the network had them, one per hop that it told.
    pub(super) sent: Vec<HeaderMap>,
    pub(super) received: Vec<(u16, HeaderMap)>,
    pub(super) response: Option<Response>,
    pub(super) response_headers: HeaderMap,
    pub(super) mime_type: String,
    /// The browser shows a page of its own in place of what could not be had.
    pub(super) error_page: bool,
    pub(super) failed: Option<String>,
    /// It is shown, and not all of it came.
    pub(super) broken: Option<String>,
    pub(super) download: Option<String>,
    pub(super) began: Instant,
    pub(super) responded: Option<Instant>,
    pub(super) committed: Option<Instant>,
    pub(super) dom: Option<Instant>,
    pub(super) load: Option<Instant>,
    /// Nothing of it is loaded any more. A document that asked to go to what is no document, such as a download, gets here
    /// without any of the others.
    pub(super) stopped: Option<Instant>,
    pub(super) idle: Option<Instant>,
}

impl Loader {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            url: String::new(),
            requested: false,
            hops: Vec::new(),
            request_headers: HeaderMap::new(),
            sent: Vec::new(),
            received: Vec::new(),
            response: None,
            response_headers: HeaderMap::new(),
            mime_type: String::new(),
            error_page: false,
            failed: None,
            broken: None,
            download: None,
            began: Instant::now(),
            responded: None,
            committed: None,
            dom: None,
            load: None,
            stopped: None,
            idle: None,
        }
    }

    pub(super) fn reached(&self, until: WaitUntil) -> bool {
        let loaded = self.load.or(self.stopped).is_some();
        match until {
            WaitUntil::Commit => self.committed.is_some(),
            WaitUntil::DomContentLoaded => loaded || self.dom.is_some(),
            WaitUntil::Load => loaded,
            WaitUntil::NetworkIdle => loaded && self.idle.is_some(),
        }
    }

    /// Under way: neither shown nor given up.
    pub(super) fn is_open(&self) -> bool {
        self.committed.is_none() && self.failed.is_none() && self.download.is_none()
    }

    /// A server has answered it, be it with a redirect.
    pub(super) fn answered(&self) -> bool {
        let shown = self.committed.is_some() && !self.error_page && self.url != "about:blank";
        shown || self.response.is_some() || !self.hops.is_empty() || !self.received.is_empty()
    }

    /// The status, from whatever event told it.
    pub(super) fn status(&self) -> Option<u16> {
        let told = self.response.as_ref().map(|response| response.status);
        told.or_else(|| self.last_received().map(|(status, _)| *status))
            .filter(|status| *status > 0)
    }

    pub(super) fn is_html(&self) -> bool {
        let told = self
            .response
            .as_ref()
            .map(|response| response.mime_type.as_str())
            .filter(|mime| !mime.is_empty());
        matches!(
            told.unwrap_or(&self.mime_type),
            "" | "text/html" | "application/xhtml+xml"
        )
    }

    /// The step that it was, if another document came after it.
    fn as_redirect(&self) -> Redirect {
        Redirect {
            kind: RedirectKind::Client,
            url: self.url.clone(),
            status: self.status().unwrap_or(0),
            headers: self.headers(),
        }
    }

    fn headers(&self) -> HeaderMap {
        // What the network told has Set-Cookie, the other has not.
        let Some((status, received)) = self.last_received() else {
            return self.response_headers.clone();
        };
        if self.response.as_ref().is_none_or(|response| response.status == *status) {
            return received.clone();
        }
        // A 304: the browser has the headers that belong to the page, from its cache and brought up to date.
        let mut headers = self.response_headers.clone();
        for cookie in received.get_all(SET_COOKIE) {
            headers.append(SET_COOKIE, cookie.clone());
        }
        headers
    }

    /// What the network told of the last response. It tells of all in their order, but at its own pace: of the last hop only
    /// once it has told of those before.
    fn last_received(&self) -> Option<&(u16, HeaderMap)> {
        self.received.get(self.hops.len())
    }

    /// The hops with the network's own headers, where they are surely theirs.
    fn hops(&self) -> impl Iterator<Item = Redirect> {
        self.hops
            .iter()
            .enumerate()
            .map(|(at, hop)| match self.received.get(at) {
                Some((status, headers)) if *status == hop.status => Redirect {
                    headers: headers.clone(),
                    ..hop.clone()
                },
                _ => hop.clone(),
            })
    }

    /// All that led to the document after this one: its own hops, and itself.
    pub(super) fn as_redirects(&self) -> impl Iterator<Item = Redirect> {
        self.hops().chain([self.as_redirect()])
    }

    pub(super) fn document(&self, before: Vec<Redirect>, since: Instant) -> Document {
        let mut redirects = before;
        redirects.extend(self.hops());
        let after = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(since));
        let kind = if let Some(name) = &self.download {
            DocumentKind::Download {
                file_name: Some(name.clone()).filter(|name| !name.is_empty()),
            }
        } else if self.committed.is_none() || self.error_page {
            DocumentKind::Empty
        } else if self.is_html() {
            DocumentKind::Html
        } else {
            DocumentKind::Raw
        };
        Document {
            kind,
            url: self.url.clone(),
            status: self.status().unwrap_or(0),
            headers: self.headers(),
            request_headers: self
                .sent
                .last()
                .cloned()
                .unwrap_or_else(|| self.request_headers.clone()),
            redirects,
            mime_type: self
                .response
                .as_ref()
                .map_or(&self.mime_type, |response| &response.mime_type)
                .clone(),
            remote_addr: self.response.as_ref().and_then(Response::remote),
            protocol: self.response.as_ref().and_then(|response| response.protocol.clone()),
            from_cache: self
                .response
                .as_ref()
                .is_some_and(|response| response.from_disk_cache || response.from_prefetch_cache),
            timing: DocumentTiming {
                response: after(self.responded),
                commit: after(self.committed),
                dom_content_loaded: after(self.dom),
                load: after(self.load),
                network_idle: after(self.idle),
            },
            loader_id: self.id.clone(),
        }
    }

    pub(super) fn redirected(&mut self, response: &Response) {
        let url = if response.url.is_empty() {
            self.url.clone()
        } else {
            response.url.clone()
        };
        self.hops.push(Redirect {
            kind: RedirectKind::Http,
            url,
            status: response.status,
            headers: headers(&response.headers),
        });
    }
}
