//! A pool of tabs: so many at one time, handed out in the order in which they were asked for, and used again.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::context::Context;
use crate::opener::{Opener, Patience, Way};
use crate::tab::{LocalStorage, Tab, TabOptions};
use crate::{CloseReason, Deadline, Error, Result};

/// How a pool is.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Tabs at one time, 1 to 50. Default 1.
    pub max_pages: usize,
    /// Whether a tab is cleared and used again. Default true; false gives each use a new one, which costs more processor
    /// time. The next one is opened while the last is in use, so that there is one more than `max_pages`: a tab is not
    /// waited for, and its window, which goes with its last tab and takes as long to open as a page, stays. In a browser that
    /// we launched, a new tab takes over the renderer process of one that has gone, if it goes to the same site: each is
    /// opened by an empty page of its own, beside which it is the only one.
    pub reuse_tabs: bool,
    /// After so many uses a tab is closed rather than cleared, or, where tabs are not used again, the process that they take
    /// over from one another ends. Default 100.
    pub recycle_after: u32,
    /// Whether what sites stored (`localStorage`, databases, caches of service workers) goes with each use, as soon as no
    /// other tab of the pool has the site open. Cookies and the HTTP cache always stay. Default true.
    pub clear_storage: bool,
    /// Whether local storage goes with the rest, or stays as cookies do. Default: it goes.
    pub local_storage: LocalStorage,
    /// How long clearing may take; a tab that takes longer is closed. Default 5 s.
    pub clear_timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max_pages: 1,
            reuse_tabs: true,
            recycle_after: 100,
            clear_storage: true,
            local_storage: LocalStorage::Goes,
            clear_timeout: Duration::from_secs(5),
        }
    }
}

/// How many tabs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// Handed out, or being cleared.
    pub busy: usize,
    /// Ready to be used.
    pub idle: usize,
    /// The most there may be.
    pub max_pages: usize,
}

/// `None`: the one that the browser has from the start.
type ContextId = Option<String>;

struct Used {
    tab: Arc<Tab>,
    uses: u32,
    /// The page that opened it, if one of ours did.
    opener: Option<Opener>,
}

impl Used {
    async fn open(way: Way, context: &Context, options: TabOptions, deadline: Deadline) -> Result<Self> {
        let (tab, opener) = way.open(context, options, deadline).await?;
        Ok(Self {
            tab: Arc::new(tab),
            uses: 0,
            opener,
        })
    }
}

#[derive(Default)]
struct Tabs {
    /// The context of the last use.
    last: Option<ContextId>,
    /// Pages of that context which open tabs, and have none now.
    openers: Vec<Opener>,
    /// The one that was used last at the back, as its page is the most likely to be in memory.
    idle: VecDeque<Used>,
    leased: Vec<Arc<Tab>>,
    /// Clearing tabs after their use, and opening the next.
    tasks: JoinSet<()>,
    /// A tab is being opened that nobody waits for.
    preparing: bool,
    closed: bool,
}

struct Inner {
    options: PoolOptions,
    /// With pages of ours that open tabs.
    patience: Arc<Patience>,
    places: Arc<Semaphore>,
    tabs: Mutex<Tabs>,
}

impl Inner {
    fn tabs(&self) -> MutexGuard<'_, Tabs> {
        self.tabs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a new tab is opened; from a page of ours, if there are `more` of its context to come.
    fn way(&self, context: &Context, more: bool) -> Way {
        if !more || self.patience.is_over() {
            return Way::ByItself;
        }
        let mut tabs = self.tabs();
        tabs.openers.retain(|opener| opener.serves(context));
        Way::FromOurs(tabs.openers.pop(), Arc::clone(&self.patience))
    }

    /// An opener whose tab has gone is there for the next.
    fn give_back(&self, opener: Opener) {
        let mut tabs = self.tabs();
        let last = tabs.last.as_ref().map(Option::as_deref);
        if !tabs.closed && opener.opened() < self.options.recycle_after && last == Some(opener.context().id()) {
            tabs.openers.push(opener);
        }
    }
}

/// A pool of tabs of one browser, whatever their contexts. A cheap clone.
#[derive(Clone)]
pub struct TabPool {
    inner: Arc<Inner>,
}

impl fmt::Debug for TabPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TabPool")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl TabPool {
    /// An empty pool.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `max_pages` is not 1 to 50.
    pub fn new(options: PoolOptions) -> Result<Self> {
        if !(1..=50).contains(&options.max_pages) {
            return Err(Error::invalid(
                "max_pages",
                format!("it is {}, not 1 to 50", options.max_pages),
            ));
        }
        let places = Arc::new(Semaphore::new(options.max_pages));
        Ok(Self {
            inner: Arc::new(Inner {
                options,
                patience: Arc::default(),
                places,
                tabs: Mutex::default(),
            }),
        })
    }

    /// Waits for a place, in order, and hands out a tab of this context that was told these options. Dropping the future
    /// gives up the place.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Gone`] after [`close`](Self::close), and those of [`Context::open`].
    pub async fn acquire(&self, context: &Context, options: TabOptions, deadline: Deadline) -> Result<Lease> {
        self.acquire_with(context, options, true, deadline).await
    }

    /// The same for a context that is used once: no tab is opened in it ahead of a next use.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_once(&self, context: &Context, options: TabOptions, deadline: Deadline) -> Result<Lease> {
        let mut lease = self.acquire_with(context, options, false, deadline).await?;
        lease.once = true;
        Ok(lease)
    }

    async fn acquire_with(
        &self,
        context: &Context,
        options: TabOptions,
        ahead: bool,
        deadline: Deadline,
    ) -> Result<Lease> {
        let closed = |_| Error::Gone {
            what: "waiting for a tab".to_owned(),
            reason: CloseReason::Closed,
        };
        let waiting = Arc::clone(&self.inner.places).acquire_owned();
        let place = deadline.run("waiting for a free tab", waiting).await?.map_err(closed)?;
        let more = ahead && self.comes_back(context);
        if let Some(used) = self.take(context, &options) {
            match used.tab.tell(options.clone(), deadline).await {
                Ok(()) => {
                    if ahead {
                        self.prepare(context, &options, more);
                    }
                    return Ok(self.lease(used, place));
                }
                // It may have crashed while it was idle: a new one will do.
                Err(error) if error.is_browser_gone() || error.is_timeout() => return Err(error),
                Err(error) => tracing::debug!(%error, "a used tab is replaced"),
            }
        }
        let way = self.inner.way(context, more);
        let used = Used::open(way, context, options.clone(), deadline).await?;
        if ahead {
            self.prepare(context, &options, more);
        }
        Ok(self.lease(used, place))
    }

    /// Whether new tabs of this context are worth a page of ours that opens them: the last use was in it, too.
    fn comes_back(&self, context: &Context) -> bool {
        let mut tabs = self.inner.tabs();
        let again = tabs.last.as_ref().map(Option::as_deref) == Some(context.id());
        if !again {
            tabs.last = Some(context.id().map(str::to_owned));
            tabs.openers.clear();
        }
        again && !self.inner.options.reuse_tabs && context.browser().is_launched()
    }

    /// Opens the tab of the next use, where tabs are not used again.
    fn prepare(&self, context: &Context, options: &TabOptions, more: bool) {
        if self.inner.options.reuse_tabs {
            return;
        }
        let mut tabs = self.inner.tabs();
        if tabs.closed || tabs.preparing || !tabs.idle.is_empty() {
            return;
        }
        tabs.preparing = true;
        drop(tabs);
        let way = self.inner.way(context, more);
        let (context, weak) = (context.clone(), Arc::downgrade(&self.inner));
        // As a tab that was cleared: it has only been set up.
        let options = TabOptions {
            setup: options.setup.clone(),
            ..TabOptions::default()
        };
        let deadline = Deadline::after(self.inner.options.clear_timeout);
        self.inner.tabs().tasks.spawn(async move {
            let opened = Used::open(way, &context, options, deadline).await;
            let Some(pool) = weak.upgrade() else { return };
            let mut tabs = pool.tabs();
            tabs.preparing = false;
            match opened {
                Ok(used) if !tabs.closed => tabs.idle.push_back(used),
                Ok(_) => {}
                // The next use opens its own, and says what is the matter.
                Err(error) => tracing::debug!(%error, "no tab was opened ahead of its use"),
            }
        });
    }

    /// A used tab of this context, if there is one; else room is made for a new one.
    fn take(&self, context: &Context, options: &TabOptions) -> Option<Used> {
        let mut tabs = self.inner.tabs();
        tabs.idle.retain(|used| used.tab.is_alive());
        let fits = |used: &Used| used.tab.context().id() == context.id() && used.tab.has_setup(&options.setup);
        if let Some(at) = tabs.idle.iter().rposition(fits) {
            return tabs.idle.remove(at);
        }
        if !self.inner.options.reuse_tabs {
            // Opened ahead of a use that did not come: the next one is opened where we are.
            tabs.idle.clear();
            return None;
        }
        // All tabs that are not idle have a place of their own, and we have taken one.
        let busy = self.inner.options.max_pages - self.inner.places.available_permits();
        if tabs.idle.len() + busy > self.inner.options.max_pages {
            tabs.idle.pop_front();
        }
        None
    }

    fn lease(&self, used: Used, place: OwnedSemaphorePermit) -> Lease {
        self.inner.tabs().leased.push(Arc::clone(&used.tab));
        Lease {
            tab: Some(used.tab),
            opener: used.opener,
            uses: used.uses + 1,
            place: Some(place),
            once: false,
            pool: Arc::clone(&self.inner),
        }
    }

    /// How many tabs there are.
    pub fn stats(&self) -> PoolStats {
        let max_pages = self.inner.options.max_pages;
        let busy = max_pages - self.inner.places.available_permits().min(max_pages);
        PoolStats {
            busy,
            idle: self.inner.tabs().idle.len(),
            max_pages,
        }
    }

    /// Refuses whoever waits or comes, and closes the tabs that are not handed out. Those that are, are closed as they
    /// come back.
    pub fn close(&self) {
        self.inner.places.close();
        let (idle, openers, mut tasks) = {
            let mut tabs = self.inner.tabs();
            let tabs = &mut *tabs;
            tabs.closed = true;
            let idle = std::mem::take(&mut tabs.idle);
            (idle, std::mem::take(&mut tabs.openers), std::mem::take(&mut tabs.tasks))
        };
        tasks.abort_all();
        drop((idle, openers));
    }
}

/// A tab that is handed out. [`finish`](Self::finish) gives it back to be used again; dropping it, as a cancelled or failed
/// fetch does, closes it, and the next one gets another. Either way what its sites stored is cleared first, and its place is
/// free once that is done.
pub struct Lease {
    tab: Option<Arc<Tab>>,
    opener: Option<Opener>,
    uses: u32,
    place: Option<OwnedSemaphorePermit>,
    /// Its context ends with it.
    once: bool,
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
        let origins = options.clear_storage.then(|| leaves(&tab, &tabs.leased));
        let (local_storage, deadline) = (options.local_storage, Deadline::after(options.clear_timeout));
        let (weak, runtime) = (Arc::downgrade(&pool), tab.session().runtime().clone());
        let ending = async move {
            let origins = origins.as_ref();
            let ended = match opener {
                _ if again => tab.clear(origins, local_storage, deadline).await.map(|()| None),
                None => retire(&tab, origins, local_storage, deadline).await.map(|()| None),
                Some(opener) => {
                    let closed = tab.close_beside(opener.page(), origins, local_storage, deadline);
                    closed.await.map(|()| Some(opener))
                }
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
                (Err(error), _) => tracing::debug!(%error, "a tab is closed, as it cannot be cleared"),
            }
            // Only now: else a new tab would be opened in place of this one.
            drop(place);
        };
        tabs.tasks.spawn_on(ending, &runtime);
    }
}

/// Leaves a tab that is about to be closed: its page writes nothing more, and what its sites stored goes.
async fn retire(
    tab: &Tab,
    origins: Option<&BTreeSet<String>>,
    local_storage: LocalStorage,
    deadline: Deadline,
) -> Result<()> {
    if origins.is_none() || tab.origins().is_empty() {
        return Ok(());
    }
    tab.clear(origins, local_storage, deadline).await
}

/// The origins of this tab that no other tab of its context is at.
fn leaves(tab: &Tab, others: &[Arc<Tab>]) -> BTreeSet<String> {
    let mut origins = tab.origins();
    for other in others.iter().filter(|other| other.context().id() == tab.context().id()) {
        for origin in other.origins() {
            origins.remove(&origin);
        }
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
