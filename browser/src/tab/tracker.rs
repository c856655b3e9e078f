//! What happens in a page, kept up to date by the reader of the connection: no event of a navigation can be missed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::document::headers;
use super::events::{ConsoleMessage, Download, ExtraInfo, Failed, LogEntry, OfFrame, Received, Requested, StorageItem};
use super::track::{Extra, MOST_ORIGINS, Track};
use crate::CloseReason;
use crate::cdp::{Event, Observer};
use crate::local_storage::Written;

pub(crate) struct Tracker {
    track: Mutex<Track>,
    changed: watch::Sender<()>,
    /// Of the whole context.
    written: Arc<Written>,
}

impl Tracker {
    pub(super) fn new(main_frame: &str, written: Arc<Written>) -> Self {
        Self {
            track: Mutex::new(Track::of(main_frame)),
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
        self.track().begin();
    }

    /// The tab is used for something else from now on.
    pub(super) fn forget_use(&self) {
        self.track().forget_use();
    }

    fn read(&self, event: &Event) -> crate::Result<()> {
        let mut track = self.track();
        let track = &mut *track;
        match &*event.method {
            "Page.frameNavigated" => track.navigated(event.read()?),
            "Page.lifecycleEvent" => track.lifecycle(&event.read()?),
            "Page.frameRequestedNavigation" => {
                let Requested { frame_id, disposition } = event.read()?;
                if frame_id == track.main_frame && matches!(disposition.as_str(), "" | "currentTab") {
                    track.leaving = Some(Duration::ZERO);
                }
            }
            "Page.frameScheduledNavigation" => track.scheduled(&event.read()?),
            "Page.frameClearedScheduledNavigation" | "Page.frameStoppedLoading" | "Page.frameStartedLoading" => {
                let OfFrame { frame_id } = event.read()?;
                track.loading(&frame_id, &event.method);
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
            "Network.requestWillBeSent" => track.will_be_sent(&event.read()?),
            "Network.requestWillBeSentExtraInfo" => {
                let ExtraInfo {
                    request_id,
                    headers: sent,
                    ..
                } = event.read()?;
                track.extra(request_id, Extra::Sent(headers(&sent)));
            }
            "Network.responseReceivedExtraInfo" => {
                let ExtraInfo {
                    request_id,
                    headers: received,
                    status_code,
                } = event.read()?;
                track.extra(request_id, Extra::Received(status_code, headers(&received)));
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
            "Log.entryAdded" => track.keep(event.read::<LogEntry>()?.entry),
            "Console.messageAdded" => track.keep(event.read::<ConsoleMessage>()?.message),
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
