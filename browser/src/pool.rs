//! A pool of tabs: so many at one time, handed out in the order in which they were asked for, and used again.

mod lease;
mod options;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::context::Context;
use crate::opener::{Opener, Patience, Way};
use crate::tab::{Tab, TabOptions};
use crate::{CloseReason, Deadline, Error, Result};
pub use lease::Lease;
pub use options::{PoolOptions, PoolStats};

/// `None`: the one that the browser has from the start.
type ContextId = Option<String>;

/// In which context the next use may be, by that of the last two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The same.
    Here,
    /// There was only one.
    Unknown,
    /// Another one.
    Elsewhere,
}

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
    closed: bool,
}

impl Tabs {
    fn last_was_in(&self, context: &Context) -> bool {
        self.last.as_ref().is_some_and(|last| last.as_deref() == context.id())
    }

    /// The origins of the tabs that are handed out in a context.
    fn origins(&self, context: &Context) -> BTreeSet<String> {
        let here = self.leased.iter().filter(|tab| tab.context().id() == context.id());
        here.flat_map(|tab| tab.origins()).collect()
    }
}

struct Inner {
    options: PoolOptions,
    /// With pages of ours that open tabs.
    patience: Arc<Patience>,
    places: Arc<Semaphore>,
    /// To open a tab that nobody waits for: one at one time.
    ahead: Arc<Semaphore>,
    tabs: Mutex<Tabs>,
}

impl Inner {
    fn tabs(&self) -> MutexGuard<'_, Tabs> {
        self.tabs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a new tab is opened; from a page of ours, if that is of use for later ones of its context.
    fn way(&self, context: &Context, next: Next) -> Way {
        let more = next == Next::Here && !self.options.reuse_tabs && context.browser().is_launched();
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
        let used_up = opener.opened() >= self.options.recycle_after;
        if !tabs.closed && !used_up && tabs.last_was_in(opener.context()) {
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
                ahead: Arc::new(Semaphore::new(1)),
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

    /// The same for a context that is used once: no tab is opened in it ahead of a next use, and one that is there for the next
    /// use of another context stays.
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
        let next = if ahead { self.after(context) } else { Next::Elsewhere };
        if let Some(used) = self.take(context, &options, ahead) {
            match used.tab.tell(options.clone(), deadline).await {
                Ok(()) => {
                    self.prepare(context, &options, next);
                    return Ok(self.lease(used, place));
                }
                // It may have crashed while it was idle: a new one will do.
                Err(error) if error.is_browser_gone() || error.is_timeout() => return Err(error),
                Err(error) => tracing::debug!(%error, "a used tab is replaced"),
            }
        }
        let way = self.inner.way(context, next);
        let used = Used::open(way, context, options.clone(), deadline).await?;
        self.prepare(context, &options, next);
        Ok(self.lease(used, place))
    }

    /// Where the next use may be, now that there is one in this context.
    fn after(&self, context: &Context) -> Next {
        let mut tabs = self.inner.tabs();
        if tabs.last_was_in(context) {
            return Next::Here;
        }
        tabs.openers.clear();
        match tabs.last.replace(context.id().map(str::to_owned)) {
            None => Next::Unknown,
            Some(_) => Next::Elsewhere,
        }
    }

    /// Opens the tab of the next use, where tabs are not used again and contexts do not take turns.
    fn prepare(&self, context: &Context, options: &TabOptions, next: Next) {
        if self.inner.options.reuse_tabs || next == Next::Elsewhere {
            return;
        }
        let turn = {
            let tabs = self.inner.tabs();
            if tabs.closed || !tabs.idle.is_empty() {
                return;
            }
            Arc::clone(&self.inner.ahead).try_acquire_owned()
        };
        // Somebody else is at it.
        let Ok(turn) = turn else { return };
        let way = self.inner.way(context, next);
        let (context, weak) = (context.clone(), Arc::downgrade(&self.inner));
        // As a tab that was cleared: it has only been set up.
        let options = TabOptions {
            setup: options.setup.clone(),
            ..TabOptions::default()
        };
        let deadline = Deadline::after(self.inner.options.clear_timeout);
        let runtime = context.browser().session().runtime().clone();
        let opening = async move {
            let opened = Used::open(way, &context, options, deadline).await;
            let Some(pool) = weak.upgrade() else { return };
            let mut tabs = pool.tabs();
            drop(turn);
            match opened {
                Ok(used) if !tabs.closed && tabs.last_was_in(&context) => tabs.idle.push_back(used),
                Ok(_) => {}
                // The next use opens its own, and says what is the matter.
                Err(error) => tracing::debug!(%error, "no tab was opened ahead of its use"),
            }
        };
        // The caller's own runtime may end before.
        self.inner.tabs().tasks.spawn_on(opening, &runtime);
    }

    /// A used tab of this context, if there is one; else room is made for a new one.
    fn take(&self, context: &Context, options: &TabOptions, ahead: bool) -> Option<Used> {
        let mut tabs = self.inner.tabs();
        tabs.idle.retain(|used| used.tab.is_alive());
        let fits = |used: &Used| used.tab.context().id() == context.id() && used.tab.has_setup(&options.setup);
        if let Some(at) = tabs.idle.iter().rposition(fits) {
            return tabs.idle.remove(at);
        }
        if !self.inner.options.reuse_tabs {
            if ahead {
                // Opened ahead of a use that did not come.
                tabs.idle.clear();
            }
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
        Lease::new(&self.inner, used, place)
    }

    /// The origins of the tabs that are handed out in this context.
    pub(crate) fn origins(&self, context: &Context) -> BTreeSet<String> {
        self.inner.tabs().origins(context)
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
