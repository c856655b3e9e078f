//! What happens in a page, kept up to date by the reader of the connection: no event of a navigation can be missed.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::console::{ConsoleEntry, MOST_ENTRIES};
use super::document::headers;
use super::events::{
    ConsoleMessage, Download, ExtraInfo, Failed, FrameNavigated, Lifecycle, LogEntry, OfFrame, Received, Requested,
    Scheduled, StorageItem, WillBeSent,
};
use super::loader::Loader;
use url::Url;

use crate::CloseReason;
use crate::cdp::{Event, Observer};
use crate::local_storage::Written;

/// Navigations remembered: more client-side redirects in a row are refused.
pub(super) const MOST_LOADERS: usize = 24;
/// Headers that came before their request.
const EARLY: usize = 32;
/// Origins and storage areas remembered; a tab with more is not used again.
pub(super) const MOST_ORIGINS: usize = 256;

enum Extra {
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
    pub(super) fn loader(&mut self, id: &str) -> &mut Loader {
        let at = self.loaders.iter().position(|loader| loader.id == id);
        let at = at.unwrap_or_else(|| {
            if self.loaders.len() == MOST_LOADERS {
                self.loaders.pop_front();
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

    fn mine(&mut self, id: &str) -> Option<&mut Loader> {
        self.loaders.iter_mut().find(|loader| loader.id == id)
    }
}

pub(crate) struct Tracker {
    track: Mutex<Track>,
    changed: watch::Sender<()>,
    /// Of the whole context.
    written: Arc<Written>,
}

impl Tracker {
    pub(super) fn new(main_frame: &str, written: Arc<Written>) -> Self {
        let track = Track {
            main_frame: main_frame.to_owned(),
            ..Track::default()
        };
        Self {
            track: Mutex::new(track),
            changed: watch::Sender::new(()),
            written,
        }
    }

    pub(super) fn track(&self) -> MutexGuard<'_, Track> {
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Forgets all of before, but for the document that is shown.
    pub(super) fn begin(&self) {
        let mut track = self.track();
        let current = track.current.clone();
        track.loaders.retain(|loader| Some(&loader.id) == current.as_ref());
        track.origin = current;
        track.leaving = None;
        track.refresh = false;
        track.forgotten = 0;
        track.early.clear();
    }

    /// The tab is used for something else from now on.
    pub(super) fn forget_use(&self) {
        let mut track = self.track();
        track.origins.clear();
        track.left.clear();
        track.session_storage.clear();
        track.console.clear();
    }

    fn read(&self, event: &Event) -> crate::Result<()> {
        let mut track = self.track();
        let track = &mut *track;
        match &*event.method {
            "Page.frameNavigated" => navigated(track, event.read()?),
            "Page.lifecycleEvent" => lifecycle(track, &event.read()?),
            "Page.frameRequestedNavigation" => {
                let Requested { frame_id, disposition } = event.read()?;
                if frame_id == track.main_frame && matches!(disposition.as_str(), "" | "currentTab") {
                    track.leaving = Some(Duration::ZERO);
                }
            }
            "Page.frameScheduledNavigation" => {
                let Scheduled {
                    frame_id,
                    delay,
                    reason,
                } = event.read()?;
                if frame_id == track.main_frame {
                    track.leaving = Some(Duration::try_from_secs_f64(delay).unwrap_or_default());
                    track.refresh = matches!(reason.as_str(), "metaTagRefresh" | "httpHeaderRefresh");
                }
            }
            "Page.frameClearedScheduledNavigation" | "Page.frameStoppedLoading" | "Page.frameStartedLoading" => {
                let OfFrame { frame_id } = event.read()?;
                loading(track, &frame_id, &event.method);
            }
            "Page.downloadWillBegin" => {
                let Download {
                    frame_id,
                    suggested_filename,
                } = event.read()?;
                if frame_id == track.main_frame
                    && let Some(loader) = track.loaders.back_mut().filter(|loader| loader.committed.is_none())
                {
                    loader.download = Some(suggested_filename);
                    track.leaving = None;
                }
            }
            "Network.requestWillBeSent" => will_be_sent(track, &event.read()?),
            "Network.requestWillBeSentExtraInfo" => {
                let ExtraInfo {
                    request_id,
                    headers: sent,
                    ..
                } = event.read()?;
                extra(track, request_id, Extra::Sent(headers(&sent)));
            }
            "Network.responseReceivedExtraInfo" => {
                let ExtraInfo {
                    request_id,
                    headers: received,
                    status_code,
                } = event.read()?;
                extra(track, request_id, Extra::Received(status_code, headers(&received)));
            }
            "Network.responseReceived" => {
                let Received {
                    request_id,
                    loader_id,
                    frame_id,
                    r#type,
                    response,
                } = event.read()?;
                if r#type == "Document" && request_id == loader_id && frame_id == track.main_frame {
                    let loader = track.loader(&loader_id);
                    loader.responded.get_or_insert_with(Instant::now);
                    loader.response_headers = headers(&response.headers);
                    loader.response = Some(response);
                }
            }
            "Network.loadingFailed" => {
                let Failed {
                    request_id, error_text, ..
                } = event.read()?;
                if let Some(loader) = track.mine(&request_id) {
                    if loader.committed.is_none() {
                        loader.failed = Some(error_text);
                        track.leaving = None;
                    } else if error_text != "net::ERR_ABORTED" {
                        // Aborted is what a page is that goes elsewhere before it is read to its end.
                        loader.broken = Some(error_text);
                    }
                }
            }
            "DOMStorage.domStorageItemAdded"
            | "DOMStorage.domStorageItemUpdated"
            | "DOMStorage.domStorageItemRemoved"
            | "DOMStorage.domStorageItemsCleared" => {
                let area = event.read::<StorageItem>()?.storage_id;
                let of_session = area.get("isLocalStorage") == Some(&Value::Bool(false));
                if !of_session {
                    self.written.note(&area);
                } else if !track.session_storage.contains(&area) && track.session_storage.len() < MOST_ORIGINS {
                    track.session_storage.push(area);
                }
            }
            "Log.entryAdded" => keep(track, event.read::<LogEntry>()?.entry),
            "Console.messageAdded" => keep(track, event.read::<ConsoleMessage>()?.message),
            _ => {}
        }
        Ok(())
    }
}

impl Observer for Tracker {
    fn wants(&self, method: &str) -> bool {
        matches!(
            method,
            "Network.requestWillBeSent"
                | "Network.requestWillBeSentExtraInfo"
                | "Network.responseReceived"
                | "Network.responseReceivedExtraInfo"
                | "Network.loadingFailed"
                | "DOMStorage.domStorageItemAdded"
                | "DOMStorage.domStorageItemUpdated"
                | "DOMStorage.domStorageItemRemoved"
                | "DOMStorage.domStorageItemsCleared"
                | "Log.entryAdded"
                | "Console.messageAdded"
        ) || method.starts_with("Page.")
    }

    fn on_event(&self, event: &Event) {
        if let Err(error) = self.read(event) {
            tracing::debug!(%error, "an event cannot be read");
        }
        self.changed.send_replace(());
    }

    fn on_close(&self, reason: &CloseReason) {
        self.track().closed = Some(reason.clone());
        self.changed.send_replace(());
    }
}

fn navigated(track: &mut Track, FrameNavigated { frame }: FrameNavigated) {
    if frame.security_origin.starts_with("http") && track.origins.len() < MOST_ORIGINS {
        track.origins.insert(frame.security_origin.clone());
    }
    if frame.parent_id.is_some() {
        return;
    }
    let before = track.current.as_deref().and_then(|id| track.known(id));
    if let Some(before) = before.filter(|before| before.id != frame.loader_id && !before.error_page)
        && let Ok(url) = Url::parse(&before.url)
        && matches!(url.scheme(), "http" | "https")
        && track.left.len() < MOST_ORIGINS
    {
        track.left.insert(url.origin().ascii_serialization());
    }
    track.main_frame = frame.id;
    track.leaving = None;
    track.refresh = false;
    let loader = track.loader(&frame.loader_id);
    loader.committed.get_or_insert_with(Instant::now);
    loader.mime_type = frame.mime_type;
    match frame.unreachable_url {
        Some(url) => {
            loader.error_page = true;
            loader.url = url;
        }
        None => loader.url = frame.url,
    }
    track.current = Some(frame.loader_id);
}

fn lifecycle(
    track: &mut Track,
    Lifecycle {
        frame_id,
        loader_id,
        name,
    }: &Lifecycle,
) {
    if *frame_id != track.main_frame {
        return;
    }
    let Some(loader) = track.mine(loader_id) else { return };
    let mark = match name.as_str() {
        "DOMContentLoaded" => &mut loader.dom,
        "load" => &mut loader.load,
        "networkIdle" => &mut loader.idle,
        _ => return,
    };
    mark.get_or_insert_with(Instant::now);
}

/// A navigation that was asked for and came to nothing ends with this. One that is under way has a loader.
fn loading(track: &mut Track, frame: &str, method: &str) {
    if frame != track.main_frame {
        return;
    }
    let id = track.current.clone();
    if let Some(current) = id.and_then(|id| track.mine(&id)) {
        current.stopped = match method {
            "Page.frameStartedLoading" => None,
            "Page.frameStoppedLoading" => Some(Instant::now()),
            _ => current.stopped,
        };
    }
    match method {
        "Page.frameStartedLoading" => return,
        "Page.frameClearedScheduledNavigation" => track.refresh = false,
        // Told of after the load, and then the page stops loading: what it waits for is still to come.
        _ if track.refresh => return,
        _ => {}
    }
    if track.under_way().is_none() {
        track.leaving = None;
    }
}

fn will_be_sent(track: &mut Track, sent: &WillBeSent) {
    // The request of a navigation has the navigation's id.
    if sent.r#type != "Document" || sent.request_id != sent.loader_id || sent.frame_id != track.main_frame {
        return;
    }
    let early: Vec<Extra> = {
        let (mine, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut track.early)
            .into_iter()
            .partition(|(id, _)| *id == sent.request_id);
        track.early = others;
        mine.into_iter().map(|(_, extra)| extra).collect()
    };
    let loader = track.loader(&sent.loader_id);
    early.into_iter().for_each(|extra| apply(loader, extra));
    if let Some(response) = &sent.redirect_response {
        loader.redirected(response);
    }
    loader.requested = true;
    loader.url.clone_from(&sent.request.url);
    loader.request_headers = headers(&sent.request.headers);
}

fn extra(track: &mut Track, request: String, extra: Extra) {
    if let Some(loader) = track.mine(&request) {
        return apply(loader, extra);
    }
    if track.early.len() == EARLY {
        track.early.pop_front();
    }
    track.early.push_back((request, extra));
}

fn apply(loader: &mut Loader, extra: Extra) {
    match extra {
        Extra::Sent(headers) => loader.sent.push(headers),
        Extra::Received(status, headers) => loader.received.push((status, headers)),
    }
}

fn keep(track: &mut Track, entry: super::events::Entry) {
    if track.console.len() == MOST_ENTRIES {
        track.console.pop_front();
    }
    track.console.push_back(entry.into());
}
