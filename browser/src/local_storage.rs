//! Local storage of a context: whose was changed, and a page through which that of any origin is read and changed.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use silkroute_core::cookies::StorageItem;
use url::Url;

use crate::cdp::{RawCommand, Received, Subscription};
use crate::context::Context;
use crate::tab::{Navigation, Tab, TabOptions, WaitUntil};
use crate::{CloseReason, Deadline, Error, Result};

/// Origins remembered between two looks.
const MOST: usize = 1_000;

/// The icon keeps the browser from asking the site for one.
const BLANK: &str = "<!doctype html><link rel=icon href=data:,>";

/// The origins whose local storage pages changed since somebody looked.
#[derive(Debug, Default)]
pub(crate) struct Written(Mutex<BTreeSet<String>>);

impl Written {
    fn origins(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the area of an event. Frames of other sites have areas of their own for each site around them, which no state
    /// has a place for: their keys have more than the origin.
    pub(crate) fn note(&self, area: &Value) {
        let key = area.get("storageKey").and_then(Value::as_str).unwrap_or_default();
        let mut origins = self.origins();
        if let Some(origin) = key.strip_suffix('/')
            && origin.starts_with("http")
            && !origin.contains('^')
            && origins.len() < MOST
        {
            origins.insert(origin.to_owned());
        }
    }

    /// Takes out those that a tab was at, and with them those that it left: what was written last there may not be noted.
    pub(crate) fn take(&self, tab: &Tab) -> Taken<'_> {
        let (here, left) = (tab.origins(), tab.left());
        let mut noted = self.origins();
        let mut origins: BTreeSet<String> = noted.intersection(&here).cloned().collect();
        noted.retain(|origin| !origins.contains(origin));
        origins.extend(left);
        Taken { from: self, origins }
    }
}

/// Origins whose local storage is being read. Those that it was not finished with go back where they came from.
pub(crate) struct Taken<'a> {
    from: &'a Written,
    origins: BTreeSet<String>,
}

impl Taken<'_> {
    pub(crate) fn first(&self) -> Option<String> {
        self.origins.first().cloned()
    }

    pub(crate) fn done(&mut self, origin: &str) {
        self.origins.remove(origin);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.origins.is_empty() {
            self.from.origins().append(&mut self.origins);
        }
    }
}

fn items(entries: Vec<(String, String)>) -> Vec<StorageItem> {
    let item = |(name, value)| StorageItem { name, value };
    entries.into_iter().map(item).collect()
}

impl Tab {
    /// The local storage of an origin that a frame of this tab is of; `None` where none is.
    pub(crate) async fn local_storage(&self, origin: &str, deadline: Deadline) -> Result<Option<Vec<StorageItem>>> {
        #[derive(Deserialize)]
        struct Items {
            entries: Vec<(String, String)>,
        }
        let area = json!({"storageKey": format!("{origin}/"), "isLocalStorage": true});
        let command = RawCommand::new("DOMStorage.getDOMStorageItems", json!({"storageId": area}))?;
        match self.session().send_as::<Items>(command, deadline).await {
            Ok(Items { entries }) => Ok(Some(items(entries))),
            Err(Error::Protocol { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A page of ours that can be at any origin, and sends nothing there: whatever it asks for, we answer.
pub(crate) struct StoragePage {
    tab: Tab,
    requests: Subscription,
}

impl StoragePage {
    pub(crate) async fn open(context: &Context, deadline: Deadline) -> Result<Self> {
        let tab = context.open(TabOptions::default(), deadline).await?;
        let requests = tab.session().subscribe(&["Fetch.requestPaused"], 64);
        let commands = [
            RawCommand::new("Fetch.enable", json!({}))?,
            // What a service worker of the site answers is not paused.
            RawCommand::new("Network.setBypassServiceWorker", json!({"bypass": true}))?,
            // What is changed here is no news.
            RawCommand::new("DOMStorage.disable", json!({}))?,
        ];
        tab.session().send_all(&commands, deadline).await?;
        Ok(Self { tab, requests })
    }

    /// All of an origin.
    pub(crate) async fn items(&mut self, origin: &str, deadline: Deadline) -> Result<Vec<StorageItem>> {
        let entries = self.at(origin, "Object.entries(localStorage)", deadline).await?;
        let entries = serde_json::from_value(entries).map_err(|error| Error::malformed("Runtime.evaluate", error))?;
        Ok(items(entries))
    }

    /// Changes what an origin has, and gives back the names of those items that the browser has no room for.
    pub(crate) async fn change(
        &mut self,
        origin: &str,
        set: &[StorageItem],
        removed: &[String],
        deadline: Deadline,
    ) -> Result<Vec<String>> {
        let set: Vec<_> = set.iter().map(|item| (&item.name, &item.value)).collect();
        let (set, removed) = (json!(set), json!(removed));
        let script = format!(
            "(() => {{ for (const name of {removed}) localStorage.removeItem(name); \
             return {set}.filter(([name, value]) => {{ \
             try {{ localStorage.setItem(name, value) }} catch {{ return true }} \
             }}).map(([name]) => name) }})()"
        );
        let refused = self.at(origin, &script, deadline).await?;
        serde_json::from_value(refused).map_err(|error| Error::malformed("Runtime.evaluate", error))
    }

    async fn at(&mut self, origin: &str, script: &str, deadline: Deadline) -> Result<Value> {
        let url = Url::parse(origin).map_err(|error| Error::invalid(format!("the origin `{origin}`"), error))?;
        if !matches!(url.scheme(), "http" | "https") || url.origin().ascii_serialization() != origin {
            return Err(Error::invalid(format!("the origin `{origin}`"), "no page can be of it"));
        }
        let navigation = Navigation {
            wait_until: WaitUntil::Commit,
            ..Navigation::to(url)
        };
        let (tab, requests) = (&self.tab, &mut self.requests);
        let work = async {
            tab.navigate(&navigation, deadline).await?;
            let here: String = tab.evaluate("location.origin", deadline).await?;
            if here != origin {
                let reason = format!("the browser goes to {here} in its place");
                return Err(Error::invalid(format!("the origin `{origin}`"), reason));
            }
            tab.evaluate(script, deadline).await
        };
        tokio::select! {
            result = work => result,
            reason = answer(tab, requests, deadline) => Err(Error::Gone { what: "a page for local storage".to_owned(), reason }),
        }
    }
}

/// Answers all requests, until the page has gone.
async fn answer(tab: &Tab, requests: &mut Subscription, deadline: Deadline) -> CloseReason {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Paused {
        request_id: String,
    }
    let blank = STANDARD.encode(BLANK);
    while let Some(received) = requests.next().await {
        let Received::Event(event) = received else { continue };
        let Ok(Paused { request_id }) = event.read() else {
            continue;
        };
        let params = json!({
            "requestId": request_id, "responseCode": 200, "body": blank,
            "responseHeaders": [{"name": "Content-Type", "value": "text/html; charset=utf-8"}],
        });
        if let Ok(command) = RawCommand::new("Fetch.fulfillRequest", params) {
            tab.session().post(command, deadline.remaining()).await;
        }
    }
    tab.session().closed().await
}
