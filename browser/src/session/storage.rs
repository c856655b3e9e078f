//! The local storage of the session's jar and that of a browser context, kept alike.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use silkroute_core::CookieJar;
use silkroute_core::cookies::{OriginState, StorageItem};
use tokio::sync::Mutex;
use url::Url;

use crate::local_storage::StoragePage;
use crate::{Context, Deadline, Error, Result, Tab};

/// Origins besides its own that one fetch waits for: each costs a process of the browser, some 100 ms.
const MOST_AT_ONCE: usize = 16;

/// What both sides had of each origin when they were last compared. What differs from it has changed since, and goes over to
/// the other side, item by item.
#[derive(Debug, Default)]
pub(super) struct StorageLedger {
    entries: Mutex<Entries>,
    /// Counts on, so that it can be told what came first.
    clock: AtomicU64,
}

#[derive(Debug)]
struct Known {
    state: Arc<OriginState>,
    /// When either side was last brought in line with the other.
    at: u64,
}

#[derive(Debug, Default)]
struct Entries {
    known: HashMap<String, Known>,
    /// When one of the known was last let go of.
    forgotten: u64,
    /// Items of the jar that the browser did not take: more than it lets an origin have, or of an origin that no page can be
    /// at. They stay in the jar, and are not tried again until they change.
    refused: HashMap<String, Vec<StorageItem>>,
}

fn pair(item: &StorageItem) -> (&str, &str) {
    (&item.name, &item.value)
}

fn by_name(state: &OriginState) -> BTreeMap<&str, &str> {
    state.local_storage.iter().map(pair).collect()
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

/// What there is after some items were not taken: what was there of the same names.
fn without(new: &OriginState, old: Option<&OriginState>, refused: &[StorageItem]) -> OriginState {
    let names: HashSet<&str> = refused.iter().map(|item| &*item.name).collect();
    let is_refused = |item: &&StorageItem| names.contains(&*item.name);
    let taken = new.local_storage.iter().filter(|item| !is_refused(item));
    let stayed = old.into_iter().flat_map(|old| &old.local_storage).filter(is_refused);
    OriginState::new(&*new.origin, taken.chain(stayed).cloned().collect())
}

impl Entries {
    /// Whether the sides were brought in line since: what was read then may be of before.
    fn is_newer(&self, origin: &str, than: u64) -> bool {
        self.known.get(origin).map_or(self.forgotten, |known| known.at) > than
    }

    /// What an origin has now goes into the jar.
    fn compare(&mut self, jar: &CookieJar, origin: &str, now: Vec<StorageItem>, at: u64) {
        let state = Arc::new(OriginState::new(origin, now));
        let old = self.known.get(origin).map(|known| &*known.state);
        let (set, removed) = changes(old, Some(&state));
        if !set.is_empty() || !removed.is_empty() {
            jar.change_local_storage(origin, set, &removed);
        }
        self.known.insert(origin.to_owned(), Known { state, at });
    }
}

impl StorageLedger {
    /// What changed in the jar goes into the context, before any page of the origin is there to see it without: first what is
    /// of the URL's own origin, then what changed last. Of many, the rest goes in with the next fetches.
    pub(super) async fn carry_in(
        &self,
        jar: &CookieJar,
        context: &Context,
        url: &Url,
        deadline: Deadline,
    ) -> Result<()> {
        let mut entries = deadline.run("the local storage", self.entries.lock()).await?;
        let Entries {
            known,
            forgotten,
            refused,
        } = &mut *entries;
        let kept = jar.origins();
        let theirs: HashMap<&str, &Arc<OriginState>> = kept.iter().map(|state| (&*state.origin, state)).collect();
        let gone = known.keys().filter(|origin| !theirs.contains_key(&***origin));
        let mut origins: Vec<String> = kept.iter().rev().map(|state| state.origin.clone()).collect();
        origins.extend(gone.cloned());
        let own = url.origin().ascii_serialization();
        origins.sort_by_key(|origin| *origin != own);
        let mut room = MOST_AT_ONCE;
        refused.retain(|origin, _| theirs.contains_key(&**origin));
        let mut page = None;
        for origin in &origins {
            let (before, new) = (known.get(origin), theirs.get(&**origin).copied());
            let old = before.map(|known| &known.state);
            if matches!((old, new), (Some(old), Some(new)) if Arc::ptr_eq(old, new)) {
                continue;
            }
            let (set, removed) = changes(old.map(Arc::as_ref), new.map(Arc::as_ref));
            let not_again: HashSet<_> = refused.get(origin).into_iter().flatten().map(pair).collect();
            let (mut left, set): (Vec<_>, Vec<_>) = set.into_iter().partition(|item| not_again.contains(&pair(item)));
            let mut at = before.map(|known| known.at);
            if !set.is_empty() || !removed.is_empty() {
                if *origin != own {
                    let Some(less) = room.checked_sub(1) else { continue };
                    room = less;
                }
                let page = opened(&mut page, context, deadline).await?;
                match page.change(origin, &set, &removed, deadline).await {
                    Ok(names) if names.is_empty() => {}
                    Ok(names) => {
                        let names: HashSet<String> = names.into_iter().collect();
                        tracing::warn!(
                            origin,
                            items = names.len(),
                            "the browser has no room for local storage of the jar"
                        );
                        left.extend(set.into_iter().filter(|item| names.contains(&item.name)));
                    }
                    Err(error) if error.is_timeout() || error.is_gone() => return Err(error),
                    Err(error) => {
                        tracing::warn!(origin, %error, "local storage does not get into the browser");
                        left.extend(set);
                        refused.insert(origin.clone(), left);
                        continue;
                    }
                }
                at = None;
            }
            let at = at.unwrap_or_else(|| self.tick());
            // What the browser did not take is not known to be there: it would look as if pages had taken it out.
            let state = match new {
                Some(new) if left.is_empty() => Arc::clone(new),
                Some(new) => Arc::new(without(new, old.map(Arc::as_ref), &left)),
                None => {
                    known.remove(origin);
                    *forgotten = self.tick();
                    continue;
                }
            };
            if left.is_empty() {
                refused.remove(origin);
            } else {
                refused.insert(origin.clone(), left);
            }
            known.insert(origin.clone(), Known { state, at });
        }
        Ok(())
    }

    /// What pages changed goes into the jar.
    pub(super) async fn carry_out(&self, jar: &CookieJar, tab: &Tab, deadline: Deadline) -> Result<()> {
        let context = tab.context();
        let mut written = context.written().take(tab);
        let mut page = None;
        while let Some(origin) = written.first() {
            match self.origin_out(&origin, jar, tab, &mut page, deadline).await {
                Ok(()) => {}
                Err(error) if error.is_timeout() || error.is_gone() => return Err(error),
                Err(error) => tracing::warn!(origin, %error, "local storage stays in the browser"),
            }
            written.done(&origin);
        }
        Ok(())
    }

    async fn origin_out(
        &self,
        origin: &str,
        jar: &CookieJar,
        tab: &Tab,
        page: &mut Option<StoragePage>,
        deadline: Deadline,
    ) -> Result<()> {
        // A page may be long in answering, and keeps nobody waiting: what others did meanwhile, though, it is read again after.
        for _ in 0..2 {
            let began = self.tick();
            let now = now(origin, tab, page, deadline).await?;
            let mut entries = deadline.run("the local storage", self.entries.lock()).await?;
            if !entries.is_newer(origin, began) {
                entries.compare(jar, origin, now, self.tick());
                return Ok(());
            }
        }
        let mut entries = deadline.run("the local storage", self.entries.lock()).await?;
        let now = now(origin, tab, page, deadline).await?;
        entries.compare(jar, origin, now, self.tick());
        Ok(())
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed) + 1
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
