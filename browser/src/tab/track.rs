//! What is known of a page's main frame: its navigations, where it is, and where it is about to go.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::console::{ConsoleEntry, MOST_ENTRIES};
use super::document::headers;
use super::events::{Entry, FrameNavigated, Lifecycle, Scheduled, WillBeSent};
use super::loader::Loader;
use crate::CloseReason;

/// Navigations remembered. More client-side redirects of one that was asked for are refused.
pub(super) const MOST_LOADERS: usize = 24;
/// Headers that came before their request.
const EARLY: usize = 32;
/// Origins and storage areas remembered; a tab with more is not used again.
pub(super) const MOST_ORIGINS: usize = 256;

/// Headers as they went over the wire.
pub(super) enum Extra {
    Sent(HeaderMap),
    Received(u16, HeaderMap),
}

#[derive(Default)]
pub(super) struct Track {
    pub(super) main_frame: String,
    /// Of the main frame, oldest first.
    pub(super) loaders: VecDeque<Loader>,
    /// The one that is shown.
    pub(super) current: Option<String>,
    /// The one that was shown when the navigation began.
    pub(super) origin: Option<String>,
    /// The page asked to be somewhere else, in so long, and nothing has come of it yet.
    pub(super) leaving: Option<Duration>,
    /// It did so by a refresh, whose clock goes on when the page has stopped loading.
    refresh: bool,
    /// How many loaders were dropped for want of room.
    pub(super) forgotten: usize,
    pub(super) origins: BTreeSet<String>,
    /// Those that the main frame went on from. Nobody is told what a page writes right before it leaves.
    pub(super) left: BTreeSet<String>,
    /// Areas of session storage that were written to.
    pub(super) session_storage: Vec<Value>,
    pub(super) console: VecDeque<ConsoleEntry>,
    pub(super) closed: Option<CloseReason>,
    early: VecDeque<(String, Extra)>,
}

impl Track {
    pub(super) fn of(main_frame: &str) -> Self {
        Self {
            main_frame: main_frame.to_owned(),
            ..Self::default()
        }
    }

    /// Forgets all of before, but for the document that is shown.
    pub(super) fn begin(&mut self) {
        let current = self.current.clone();
        self.loaders.retain(|loader| Some(&loader.id) == current.as_ref());
        self.origin = current;
        self.leaving = None;
        self.refresh = false;
        self.forgotten = 0;
        self.early.clear();
    }

    /// The tab is used for something else from now on.
    pub(super) fn forget_use(&mut self) {
        self.origins.clear();
        self.left.clear();
        self.session_storage.clear();
        self.console.clear();
    }

    /// Notes the origin of a URL that the main frame is about to go to, where sites store by it, and gives it back.
    pub(super) fn going_to(&mut self, url: &Url) -> Option<String> {
        let origin = matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())?;
        if self.origins.len() < MOST_ORIGINS {
            self.origins.insert(origin.clone());
        }
        Some(origin)
    }

    pub(super) fn loader(&mut self, id: &str) -> &mut Loader {
        let at = self.loaders.iter().position(|loader| loader.id == id);
        let at = at.unwrap_or_else(|| {
            if self.loaders.len() == MOST_LOADERS {
                let shown = self.current.as_deref();
                let oldest = self.loaders.iter().position(|loader| Some(&*loader.id) != shown);
                oldest.and_then(|oldest| self.loaders.remove(oldest));
                self.forgotten += 1;
            }
            self.loaders.push_back(Loader::new(id));
            self.loaders.len() - 1
        });
        &mut self.loaders[at]
    }

    pub(super) fn known(&self, id: &str) -> Option<&Loader> {
        self.loaders.iter().find(|loader| loader.id == id)
    }

    pub(super) fn current(&self) -> Option<&Loader> {
        self.known(self.current.as_deref()?)
    }

    /// A navigation under way that began after the document that is shown.
    pub(super) fn under_way(&self) -> Option<&Loader> {
        self.loaders
            .back()
            .filter(|loader| loader.is_open() && !loader.url.is_empty())
    }

    /// A server has answered something since the navigation began: a redirect, or a document.
    pub(super) fn answered(&self) -> bool {
        let later = self
            .loaders
            .iter()
            .filter(|loader| Some(&loader.id) != self.origin.as_ref());
        self.forgotten > 0 || later.into_iter().any(Loader::answered)
    }

    /// A request of the navigation has gone out, over a connection that stood; before it does there are no headers as sent.
    pub(super) fn sent(&self) -> bool {
        let mut later = self
            .loaders
            .iter()
            .filter(|loader| Some(&loader.id) != self.origin.as_ref());
        self.answered() || !self.early.is_empty() || later.any(|loader| !loader.sent.is_empty())
    }

    pub(super) fn mine(&mut self, id: &str) -> Option<&mut Loader> {
        self.loaders.iter_mut().find(|loader| loader.id == id)
    }

    pub(super) fn navigated(&mut self, FrameNavigated { frame }: FrameNavigated) {
        if frame.security_origin.starts_with("http") && self.origins.len() < MOST_ORIGINS {
            self.origins.insert(frame.security_origin.clone());
        }
        if frame.parent_id.is_some() {
            return;
        }
        let before = self.current.as_deref().and_then(|id| self.known(id));
        if let Some(before) = before.filter(|before| before.id != frame.loader_id && !before.error_page)
            && let Ok(url) = Url::parse(&before.url)
            && matches!(url.scheme(), "http" | "https")
            && self.left.len() < MOST_ORIGINS
        {
            self.left.insert(url.origin().ascii_serialization());
        }
        self.main_frame = frame.id;
        self.leaving = None;
        self.refresh = false;
        let loader = self.loader(&frame.loader_id);
        loader.committed.get_or_insert_with(Instant::now);
        loader.mime_type = frame.mime_type;
        match frame.unreachable_url {
            Some(url) => {
                loader.error_page = true;
                loader.url = url;
            }
            None => loader.url = frame.url,
        }
        self.current = Some(frame.loader_id);
    }

    pub(super) fn lifecycle(
        &mut self,
        Lifecycle {
            frame_id,
            loader_id,
            name,
        }: &Lifecycle,
    ) {
        if *frame_id != self.main_frame {
            return;
        }
        let Some(loader) = self.mine(loader_id) else { return };
        let mark = match name.as_str() {
            "DOMContentLoaded" => &mut loader.dom,
            "load" => &mut loader.load,
            "networkIdle" => &mut loader.idle,
            _ => return,
        };
        mark.get_or_insert_with(Instant::now);
    }

    pub(super) fn scheduled(&mut self, scheduled: &Scheduled) {
        if scheduled.frame_id == self.main_frame {
            self.leaving = Some(Duration::try_from_secs_f64(scheduled.delay).unwrap_or_default());
            self.refresh = matches!(scheduled.reason.as_str(), "metaTagRefresh" | "httpHeaderRefresh");
        }
    }

    /// A navigation that was asked for and came to nothing ends with this. One that is under way has a loader.
    pub(super) fn loading(&mut self, frame: &str, method: &str) {
        if frame != self.main_frame {
            return;
        }
        let id = self.current.clone();
        if let Some(current) = id.and_then(|id| self.mine(&id)) {
            current.stopped = match method {
                "Page.frameStartedLoading" => None,
                "Page.frameStoppedLoading" => Some(Instant::now()),
                _ => current.stopped,
            };
        }
        match method {
            "Page.frameStartedLoading" => return,
            "Page.frameClearedScheduledNavigation" => self.refresh = false,
            // Told of after the load, and then the page stops loading: what it waits for is still to come.
            _ if self.refresh => return,
            _ => {}
        }
        if self.under_way().is_none() {
            self.leaving = None;
        }
    }

    pub(super) fn will_be_sent(&mut self, sent: &WillBeSent) {
        // The request of a navigation has the navigation's id.
        if sent.r#type != "Document" || sent.request_id != sent.loader_id || sent.frame_id != self.main_frame {
            return;
        }
        let early: Vec<Extra> = {
            let (mine, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.early)
                .into_iter()
                .partition(|(id, _)| *id == sent.request_id);
            self.early = others;
            mine.into_iter().map(|(_, extra)| extra).collect()
        };
        let loader = self.loader(&sent.loader_id);
        early.into_iter().for_each(|extra| apply(loader, extra));
        if let Some(response) = &sent.redirect_response {
            loader.redirected(response);
        }
        loader.requested = true;
        loader.url.clone_from(&sent.request.url);
        loader.request_headers = headers(&sent.request.headers);
    }

    pub(super) fn extra(&mut self, request: String, extra: Extra) {
        if let Some(loader) = self.mine(&request) {
            return apply(loader, extra);
        }
        if self.early.len() == EARLY {
            self.early.pop_front();
        }
        self.early.push_back((request, extra));
    }

    pub(super) fn keep(&mut self, entry: Entry) {
        if self.console.len() == MOST_ENTRIES {
            self.console.pop_front();
        }
        self.console.push_back(entry.into());
    }
}

fn apply(loader: &mut Loader, extra: Extra) {
    match extra {
        Extra::Sent(headers) => loader.sent.push(headers),
        Extra::Received(status, headers) => loader.received.push((status, headers)),
    }
}
