//! What frames of other sites store. It stands apart for each site around them, by a key that has both, and no origin leads
//! to it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use super::events::StorageItem;
use super::track::MOST_ORIGINS;
use crate::cdp::{CdpSession, Event, Observer, RawCommand};
use crate::{Deadline, Error, Result, TargetKind};

#[derive(Default)]
struct Noted {
    /// Of those that wrote to local storage.
    keys: BTreeSet<String>,
    /// Areas of session storage that were written to, by the session of their frame.
    areas: Vec<(String, Value)>,
}

/// What frames of other sites stored since the tab was last cleared.
#[derive(Default)]
pub(super) struct Embedded(Mutex<Noted>);

impl Embedded {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes from now on what a frame writes.
    pub(super) fn observe(self: &Arc<Self>, frame: &CdpSession) {
        frame.observe(Arc::new(Frame {
            session: frame.id().unwrap_or_default().to_owned(),
            embedded: Arc::clone(self),
        }));
    }

    /// Empties session storage below a page, which must still be there, and notes the keys of all else.
    ///
    /// # Errors
    /// Those of commands, and [`Error::Invalid`] when something is left that only a new tab is rid of. The keys are noted all the
    /// same.
    pub(super) async fn leave(&self, page: &CdpSession, keys: &mut BTreeSet<String>, deadline: Deadline) -> Result<()> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Key {
            storage_key: String,
        }
        let Noted { keys: written, areas } = std::mem::take(&mut *self.noted());
        keys.extend(written);
        let frames = below(page);
        let many = areas.len() + keys.len() + frames.len() >= MOST_ORIGINS;
        let key_of = async |frame: &CdpSession| {
            let params = json!({"frameId": frame.target().target_id});
            let command = RawCommand::new("Storage.getStorageKeyForFrame", params)?;
            frame.send_as::<Key>(command, deadline).await
        };
        let mut failed = Ok(());
        for key in join_all(frames.iter().map(key_of)).await {
            match key {
                Ok(Key { storage_key }) => {
                    keys.insert(storage_key);
                }
                // One that has gone, or that may not store anything.
                Err(Error::Protocol { .. } | Error::Gone { .. }) => {}
                Err(error) => failed = Err(error),
            }
        }
        failed?;
        if many {
            return Err(Error::invalid(
                "the tab",
                "it had too many frames: only a new one is rid of what they stored",
            ));
        }
        for (session, area) in areas {
            let Some(frame) = frames.iter().find(|frame| frame.id() == Some(&session)) else {
                return Err(Error::invalid(
                    "the tab",
                    "a frame left session storage: only a new one is rid of it",
                ));
            };
            let command = RawCommand::new("DOMStorage.clear", json!({"storageId": area}))?;
            frame.send(command, deadline).await?;
        }
        Ok(())
    }
}

/// What frames stored in a context below pages of sites that another tab was still at when theirs was left.
#[derive(Default)]
pub(crate) struct Left(Mutex<VecDeque<Kept>>);

struct Kept {
    /// Where other tabs were.
    shared: BTreeSet<String>,
    keys: BTreeSet<String>,
}

impl Left {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back keys that could not be cleared.
    pub(super) fn again(&self, keys: BTreeSet<String>) {
        let shared = BTreeSet::new();
        self.kept().push_back(Kept { shared, keys });
    }

    /// Adds the keys of a tab that was at `shared` as other tabs still are. Gives back all keys that nobody has a use for once no
    /// tab is at `cleared`.
    pub(super) fn pass(
        &self,
        shared: BTreeSet<String>,
        keys: BTreeSet<String>,
        cleared: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        /// Beyond it what was kept for longest goes, whoever uses it.
        const MOST: usize = 64;
        let mut left = self.kept();
        if !keys.is_empty() {
            left.push_back(Kept { shared, keys });
        }
        let mut due = BTreeSet::new();
        left.retain_mut(|kept| {
            kept.shared.retain(|origin| !cleared.contains(origin));
            if kept.shared.is_empty() {
                due.append(&mut kept.keys);
            }
            !kept.keys.is_empty()
        });
        while left.len() > MOST {
            due.extend(left.pop_front().into_iter().flat_map(|kept| kept.keys));
        }
        due
    }
}

/// The frames that have a session of their own, however deep.
pub(super) fn below(page: &CdpSession) -> Vec<CdpSession> {
    let mut frames = Vec::new();
    let mut left = page.children();
    while let Some(session) = left.pop() {
        if session.target().kind() == TargetKind::Frame && frames.len() < MOST_ORIGINS {
            left.extend(session.children());
            frames.push(session);
        }
    }
    frames
}

struct Frame {
    session: String,
    embedded: Arc<Embedded>,
}

impl Observer for Frame {
    fn wants(&self, method: &str) -> bool {
        matches!(
            method,
            "DOMStorage.domStorageItemAdded" | "DOMStorage.domStorageItemUpdated"
        )
    }

    fn on_event(&self, event: &Event) {
        let Ok(StorageItem { storage_id: area }) = event.read() else {
            return;
        };
        let mut noted = self.embedded.noted();
        if area.get("isLocalStorage") != Some(&Value::Bool(false)) {
            if let Some(key) = area.get("storageKey").and_then(Value::as_str)
                && noted.keys.len() < MOST_ORIGINS
            {
                noted.keys.insert(key.to_owned());
            }
            return;
        }
        let known = |(session, known): &(String, Value)| *session == self.session && *known == area;
        if noted.areas.len() < MOST_ORIGINS && !noted.areas.iter().any(known) {
            noted.areas.push((self.session.clone(), area));
        }
    }
}
