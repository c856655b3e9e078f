//! Downloads: what a navigation came to is kept for it, if it asked for that; all others are cancelled.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::cdp::{Event, Observer};
use crate::targets::Cancel;
use crate::{CloseReason, Deadline, Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Whole,
    Cancelled,
    TooLarge,
}

struct Entry {
    guid: String,
    state: State,
}

/// What one frame waits for.
struct Wanted {
    limit: u64,
    entry: Option<Entry>,
}

#[derive(Default)]
struct Book {
    wanted: HashMap<String, Wanted>,
    closed: Option<CloseReason>,
}

/// The downloads of one browser.
pub(crate) struct Downloads {
    dir: PathBuf,
    book: Mutex<Book>,
    changed: watch::Sender<()>,
    cancel: Cancel,
}

impl Downloads {
    /// Into this folder, which must be there.
    pub(crate) fn new(dir: PathBuf, cancel: Cancel) -> Self {
        Self {
            dir,
            book: Mutex::default(),
            changed: watch::Sender::new(()),
            cancel,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a context is told, so that its downloads are told of and can be had.
    pub(crate) fn behavior(&self, context: Option<&str>) -> Value {
        let mut params = json!({
            "behavior": "allowAndName", "downloadPath": self.dir.to_string_lossy(), "eventsEnabled": true,
        });
        if let Some(context) = context {
            params["browserContextId"] = context.into();
        }
        params
    }

    fn file(&self, guid: &str) -> Option<PathBuf> {
        // It names a file: nothing that leads elsewhere is taken from the browser.
        let plain = !guid.is_empty() && guid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain.then(|| self.dir.join(guid))
    }

    fn begun(&self, event: &Event) -> Result<()> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Begin {
            #[serde(default)]
            frame_id: String,
            guid: String,
        }
        let begin: Begin = event.read()?;
        let mut book = self.book();
        match book.wanted.get_mut(&begin.frame_id) {
            Some(wanted) if wanted.entry.is_none() => {
                wanted.entry = Some(Entry {
                    guid: begin.guid,
                    state: State::Running,
                });
            }
            _ => {
                drop(book);
                self.cancel.download(begin.guid);
            }
        }
        Ok(())
    }

    fn progressed(&self, event: &Event) -> Result<()> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Progress {
            guid: String,
            #[serde(default)]
            received_bytes: f64,
            #[serde(default)]
            total_bytes: f64,
            #[serde(default)]
            state: String,
        }
        let progress: Progress = event.read()?;
        let mut book = self.book();
        let wanted = book.wanted.values_mut().find_map(|wanted| {
            let entry = wanted.entry.as_mut().filter(|entry| entry.guid == progress.guid)?;
            Some((wanted.limit as f64, entry))
        });
        let Some((limit, entry)) = wanted else {
            drop(book);
            // Cancelled too late, it is there.
            if progress.state != "inProgress" {
                self.remove(&progress.guid);
            }
            return Ok(());
        };
        entry.state = match progress.state.as_str() {
            _ if progress.received_bytes > limit || progress.total_bytes > limit => State::TooLarge,
            "completed" => State::Whole,
            "canceled" => State::Cancelled,
            _ => State::Running,
        };
        if entry.state == State::TooLarge {
            drop(book);
            self.cancel.download(progress.guid);
        }
        Ok(())
    }

    fn remove(&self, guid: &str) {
        let Some(file) = self.file(guid) else { return };
        for file in [file.clone(), file.with_extension("crdownload")] {
            if let Err(error) = fs::remove_file(&file)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::debug!(%error, "a download stays until its browser ends");
            }
        }
    }

    async fn read(&self, file: &Path, limit: u64) -> Result<Bytes> {
        let failed = |error| Error::io("reading a download", error);
        let size = tokio::fs::metadata(file).await.map_err(failed)?.len();
        if size > limit {
            return Err(too_large(limit));
        }
        tokio::fs::read(file).await.map(Bytes::from).map_err(failed)
    }
}

fn too_large(limit: u64) -> Error {
    Error::TooLarge {
        what: "the download".to_owned(),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    }
}

impl Observer for Downloads {
    fn wants(&self, method: &str) -> bool {
        matches!(method, "Browser.downloadWillBegin" | "Browser.downloadProgress")
    }

    fn on_event(&self, event: &Event) {
        let read = match &*event.method {
            "Browser.downloadWillBegin" => self.begun(event),
            _ => self.progressed(event),
        };
        if let Err(error) = read {
            tracing::debug!(%error, "an event cannot be read");
        }
        self.changed.send_replace(());
    }

    fn on_close(&self, reason: &CloseReason) {
        self.book().closed = Some(reason.clone());
        self.changed.send_replace(());
    }
}

/// A frame's wish for the download that it may come to. Dropped, what came of it is cancelled and removed.
pub(crate) struct Wish {
    downloads: Arc<Downloads>,
    frame: String,
    limit: u64,
}

impl Wish {
    /// Wants the next download of this frame, of so many bytes at most.
    pub(crate) fn new(downloads: &Arc<Downloads>, frame: &str, limit: u64) -> Self {
        let wanted = Wanted { limit, entry: None };
        downloads.book().wanted.insert(frame.to_owned(), wanted);
        Self {
            downloads: Arc::clone(downloads),
            frame: frame.to_owned(),
            limit,
        }
    }

    /// Waits until it is there.
    pub(crate) async fn body(&self, deadline: Deadline) -> Result<Bytes> {
        let mut changes = self.downloads.changed.subscribe();
        let whole = async {
            loop {
                changes.mark_unchanged();
                let entry = {
                    let book = self.downloads.book();
                    if let Some(reason) = &book.closed {
                        return Err(Error::Gone {
                            what: "the download".to_owned(),
                            reason: reason.clone(),
                        });
                    }
                    let entry = book.wanted.get(&self.frame).and_then(|wanted| wanted.entry.as_ref());
                    entry.map(|entry| (entry.guid.clone(), entry.state))
                };
                match entry {
                    Some((guid, State::Whole)) => return Ok(guid),
                    Some((_, State::TooLarge)) => return Err(too_large(self.limit)),
                    Some((_, State::Cancelled)) => {
                        return Err(Error::Navigation {
                            net_error: "the download broke off".to_owned(),
                        });
                    }
                    Some((_, State::Running)) | None => {}
                }
                // The sender is ours.
                let _ = changes.changed().await;
            }
        };
        let guid = deadline.run("the download", whole).await.and_then(|guid| guid)?;
        let file = self
            .downloads
            .file(&guid)
            .ok_or_else(|| Error::malformed("Browser.downloadWillBegin", "its guid is no name"))?;
        deadline
            .run("reading the download", self.downloads.read(&file, self.limit))
            .await
            .and_then(|body| body)
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        let wanted = self.downloads.book().wanted.remove(&self.frame);
        let Some(entry) = wanted.and_then(|wanted| wanted.entry) else {
            return;
        };
        if entry.state == State::Running {
            self.downloads.cancel.download(entry.guid.clone());
        }
        self.downloads.remove(&entry.guid);
    }
}
