//! The local storage of the session's jar and that of a browser context, kept alike.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use silkroute_core::CookieJar;
use silkroute_core::cookies::{OriginState, StorageItem};
use tokio::sync::Mutex;

use crate::local_storage::StoragePage;
use crate::{Context, Deadline, Error, Result, Tab};

/// What both sides had of each origin when they were last compared. What differs from it has changed since, and goes over to
/// the other side, item by item.
#[derive(Debug, Default)]
pub(super) struct StorageLedger {
    known: Mutex<HashMap<String, Arc<OriginState>>>,
}

fn by_name(state: &OriginState) -> BTreeMap<&str, &str> {
    let items = state.local_storage.iter();
    items.map(|item| (&*item.name, &*item.value)).collect()
}

/// What leads from one to the other: items to put in, and names to take out.
fn changes(from: Option<&OriginState>, to: Option<&OriginState>) -> (Vec<StorageItem>, Vec<String>) {
    let (old, new) = (
        from.map(by_name).unwrap_or_default(),
        to.map(by_name).unwrap_or_default(),
    );
    let set = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let set = set.map(|(name, value)| StorageItem {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    });
    let removed = old.keys().filter(|name| !new.contains_key(*name));
    (set.collect(), removed.map(|name| (*name).to_owned()).collect())
}

impl StorageLedger {
    /// What changed in the jar goes into the context, before any page of the origin is there to see it without.
    pub(super) async fn carry_in(&self, jar: &CookieJar, context: &Context, deadline: Deadline) -> Result<()> {
        let mut known = deadline.run("the local storage", self.known.lock()).await?;
        let theirs: HashMap<String, Arc<OriginState>> = jar
            .origins()
            .into_iter()
            .map(|state| (state.origin.clone(), state))
            .collect();
        let gone: Vec<String> = known
            .keys()
            .filter(|origin| !theirs.contains_key(*origin))
            .cloned()
            .collect();
        let mut page = None;
        for origin in theirs.keys().chain(&gone) {
            let (old, new) = (known.get(origin), theirs.get(origin));
            if matches!((old, new), (Some(old), Some(new)) if Arc::ptr_eq(old, new)) {
                continue;
            }
            let (set, removed) = changes(old.map(Arc::as_ref), new.map(Arc::as_ref));
            if !set.is_empty() || !removed.is_empty() {
                let page = opened(&mut page, context, deadline).await?;
                match page.change(origin, &set, &removed, deadline).await {
                    Ok(()) => {}
                    Err(error) if error.is_timeout() || error.is_gone() => return Err(error),
                    // One that no page can be at, or more than the browser lets an origin have.
                    Err(error) => tracing::warn!(origin, %error, "local storage is not all in the browser"),
                }
            }
            match new {
                Some(new) => known.insert(origin.clone(), Arc::clone(new)),
                None => known.remove(origin),
            };
        }
        Ok(())
    }

    /// What pages changed goes into the jar.
    pub(super) async fn carry_out(&self, jar: &CookieJar, tab: &Tab, deadline: Deadline) -> Result<()> {
        let context = tab.context();
        let mut written = context.written().take(&tab.origins());
        let mut page = None;
        while let Some(origin) = written.first() {
            let mut known = deadline.run("the local storage", self.known.lock()).await?;
            match now(&origin, tab, &mut page, deadline).await {
                Ok(now) => {
                    let now = OriginState::new(&*origin, now);
                    let (set, removed) = changes(known.get(&origin).map(Arc::as_ref), Some(&now));
                    jar.change_local_storage(&origin, set, &removed);
                    known.insert(origin.clone(), Arc::new(now));
                }
                Err(error) if error.is_timeout() || error.is_gone() => return Err(error),
                Err(error) => tracing::warn!(origin, %error, "local storage stays in the browser"),
            }
            written.done(&origin);
        }
        Ok(())
    }
}

async fn now(
    origin: &str,
    tab: &Tab,
    page: &mut Option<StoragePage>,
    deadline: Deadline,
) -> Result<Vec<StorageItem>, Error> {
    match tab.local_storage(origin, deadline).await? {
        Some(items) => Ok(items),
        // It was there on the way here, or was left since.
        None => {
            opened(page, tab.context(), deadline)
                .await?
                .items(origin, deadline)
                .await
        }
    }
}

async fn opened<'a>(
    page: &'a mut Option<StoragePage>,
    context: &Context,
    deadline: Deadline,
) -> Result<&'a mut StoragePage> {
    match page {
        Some(page) => Ok(page),
        None => Ok(page.insert(StoragePage::open(context, deadline).await?)),
    }
}
