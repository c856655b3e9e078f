//! A use of a tab, and how it ends: the tab is cleared to be used again, or closed.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use tokio::sync::OwnedSemaphorePermit;

use super::{Inner, Used};
use crate::Deadline;
use crate::opener::Opener;
use crate::tab::Tab;

/// A tab that is handed out. [`finish`](Self::finish) gives it back to be used again; dropping it, as a cancelled or failed
/// fetch does, closes it, and the next one gets another. Either way what its sites stored is cleared first, and its place is
/// free once that is done.
pub struct Lease {
    tab: Option<Arc<Tab>>,
    opener: Option<Opener>,
    uses: u32,
    place: Option<OwnedSemaphorePermit>,
    /// Its context ends with it.
    pub(super) once: bool,
    pool: Arc<Inner>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("tab", &self.tab)
            .field("uses", &self.uses)
            .finish_non_exhaustive()
    }
}

impl Deref for Lease {
    type Target = Tab;

    #[expect(clippy::expect_used, reason = "it is taken only by what consumes the lease")]
    fn deref(&self) -> &Tab {
        self.tab.as_ref().expect("a lease has a tab until it ends")
    }
}

impl Lease {
    pub(super) fn new(pool: &Arc<Inner>, used: Used, place: OwnedSemaphorePermit) -> Self {
        Self {
            tab: Some(used.tab),
            opener: used.opener,
            uses: used.uses + 1,
            place: Some(place),
            once: false,
            pool: Arc::clone(pool),
        }
    }

    /// How often this tab has been handed out, this time included.
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// Gives it back in good order, but not to be used again: for one that was told what clearing does not take back.
    pub fn retire(mut self) {
        self.uses = u32::MAX;
        self.finish();
    }

    /// Gives it back in good order: it is cleared in the background, and its place is free once that is done.
    pub fn finish(mut self) {
        let again = self.pool.options.reuse_tabs && self.uses < self.pool.options.recycle_after;
        let opener = self.opener.take();
        self.end(again, opener);
    }

    /// Clears it in the background, to be used again or to be closed; then the page that opened it opens another.
    fn end(&mut self, again: bool, opener: Option<Opener>) {
        let Some(tab) = self.tab.take() else { return };
        let place = self.place.take();
        let (pool, uses) = (Arc::clone(&self.pool), self.uses);
        let options = &pool.options;
        let mut tabs = pool.tabs();
        while tabs.tasks.try_join_next().is_some() {}
        tabs.leased.retain(|leased| !Arc::ptr_eq(leased, &tab));
        // Where it has gone by itself, the page that opened it can still clear what its sites stored.
        let opener = opener.filter(|opener| opener.page().is_alive());
        if tabs.closed || (!tab.is_alive() && opener.is_none()) || (self.once && !again) {
            return;
        }
        let may = options.clear_default_context || tab.context().id().is_some();
        let (clears, local_storage) = (options.clear_storage && may, options.local_storage);
        let deadline = Deadline::after(options.clear_timeout);
        let (weak, runtime) = (Arc::downgrade(&pool), tab.session().runtime().clone());
        let ending = async move {
            let origins = || clears.then(|| leaves(&tab, &weak));
            let ended = match opener {
                Some(opener) if !again => {
                    let closed = tab.close_beside(opener.page(), origins, local_storage, deadline);
                    closed.await.map(|()| Some(opener))
                }
                None if !again && (!clears || tab.origins().is_empty()) => Ok(None),
                // A tab that is about to be closed, too: once it is at no page, none writes anything more.
                _ => tab.clear_where(origins, local_storage, deadline).await.map(|()| None),
            };
            match (ended, weak.upgrade()) {
                (Ok(Some(opener)), Some(pool)) => pool.give_back(opener),
                (Ok(None), Some(pool)) if again => {
                    let mut tabs = pool.tabs();
                    if !tabs.closed {
                        let opener = None;
                        tabs.idle.push_back(Used { tab, uses, opener });
                    }
                }
                (Ok(_), _) => {}
                (Err(error), _) => tracing::debug!(%error, "a tab is closed, and the page that opened it"),
            }
            // Only now: else a new tab would be opened in place of this one.
            drop(place);
        };
        tabs.tasks.spawn_on(ending, &runtime);
    }
}

/// The origins of this tab that no other tab of its context is at, or on its way to.
fn leaves(tab: &Tab, pool: &Weak<Inner>) -> BTreeSet<String> {
    let mut origins = tab.origins();
    if let Some(pool) = pool.upgrade() {
        let others = pool.tabs().origins(tab.context());
        origins.retain(|origin| !others.contains(origin));
    }
    origins
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Whatever is the matter with its page may be so with all that is in its process, unless it closed itself.
        let gone = self.tab.as_ref().is_some_and(|tab| !tab.is_alive());
        let opener = self.opener.take().filter(|_| gone);
        self.end(false, opener);
    }
}
