//! Who looks after targets as they come: our tabs, their frames and workers, popups, and what belongs to others.

mod keeping;
mod noticing;
mod opening;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::cdp::{CdpSession, Connection, RawCommand};
use crate::context::ContextState;
use crate::tab::TabState;
use crate::{CloseReason, Deadline, Result};
use keeping::keep;
use noticing::{adopt, notice_all};
use opening::Creating;
pub(crate) use opening::NewPage;

/// Targets that came and were not yet looked at. No page brings so many at one time; if one does, the browser is given up
/// rather than our memory.
const QUEUE: usize = 4_096;

/// The name here of the context that the browser has from the start; the browser's own name for it is not told.
pub(crate) const DEFAULT_CONTEXT: &str = "";

/// For what is sent in answer to an event: the browser reads its pipe at once or not at all.
const POST: Duration = Duration::from_secs(10);

/// Something to do about a session, in the order in which it came.
pub(crate) enum Job {
    /// A target was attached to, below a tab or below the browser.
    Attached {
        session: Box<str>,
        tab: Option<Weak<TabState>>,
    },
    /// A page asks a question.
    Dialog { session: CdpSession, accept: bool },
    /// A download that nobody wants.
    Download { guid: String },
    /// Pages that nobody claimed are to be looked at again.
    Settle,
}

/// Has downloads cancelled.
#[derive(Clone)]
pub(crate) struct Cancel(mpsc::Sender<Job>);

impl Cancel {
    pub(crate) fn download(&self, guid: String) {
        if self.0.try_send(Job::Download { guid }).is_err() {
            tracing::debug!("a download goes on: too much else to do");
        }
    }
}

#[derive(Default)]
struct Book {
    /// Tabs being created whose target is not known yet.
    creating: usize,
    /// Pages that attached while tabs were being created.
    unclaimed: HashMap<String, CdpSession>,
    /// Tabs whose target is known, and is not attached yet.
    awaited: HashMap<String, oneshot::Sender<CdpSession>>,
    /// Pages of ours from which the next page to be opened is a tab.
    openers: HashMap<String, oneshot::Sender<CdpSession>>,
    /// Pages that are our tabs.
    ours: HashSet<String>,
    contexts: HashMap<String, Weak<ContextState>>,
}

struct Shared {
    book: Mutex<Book>,
    jobs: mpsc::Sender<Job>,
    /// Whether all pages of the default context are ours.
    launched: bool,
}

/// The book of targets, and the task that keeps it.
pub(crate) struct Targets {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Targets {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Targets {
    pub(crate) fn start(connection: &Connection, launched: bool) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            book: Mutex::default(),
            jobs,
            launched,
        });
        notice_all(&shared, connection);
        let task = tokio::spawn(keep(Arc::clone(&shared), connection.clone(), queue)).abort_handle();
        Self { shared, task }
    }

    pub(crate) fn cancel(&self) -> Cancel {
        Cancel(self.shared.jobs.clone())
    }

    pub(crate) fn add_context(&self, id: &str, context: &Arc<ContextState>) {
        self.shared
            .book()
            .contexts
            .insert(id.to_owned(), Arc::downgrade(context));
    }

    pub(crate) fn forget_context(&self, id: &str) {
        self.shared.book().contexts.remove(id);
    }

    /// The page of a tab is ours until what this gives back is dropped.
    pub(crate) fn parting(&self, target: &str) -> Parting {
        Parting {
            shared: Arc::clone(&self.shared),
            target: target.to_owned(),
        }
    }

    /// The pages of our tabs, those that are being closed among them.
    pub(crate) fn ours(&self) -> HashSet<String> {
        self.shared.book().ours.clone()
    }

    /// Whether pages are being opened that are not among [`ours`](Self::ours) yet.
    pub(crate) fn is_opening(&self) -> bool {
        self.shared.book().creating > 0
    }

    /// Opens an empty page and gives back its session; the page waits to be told to run. Nothing is left of it if this is dropped.
    pub(crate) async fn open(
        &self,
        root: &CdpSession,
        context: Option<&str>,
        deadline: Deadline,
    ) -> Result<(NewPage, CdpSession)> {
        // In front it would have its window drawn anew, tabs and all. It counts as visible all the same.
        let mut params = json!({"url": "about:blank", "background": true});
        if let Some(context) = context {
            params["browserContextId"] = context.into();
        }
        let create = RawCommand::new("Target.createTarget", params)?;
        let (sender, opened) = oneshot::channel();
        let (creating, late) = (Creating::new(&self.shared), late(deadline));
        root.runtime()
            .spawn(opening::open(creating, root.clone(), create, sender, late));
        let opened = deadline.run("opening a tab", opened).await?;
        opened.map_err(|_| opening::gone(CloseReason::Detached))?
    }

    /// Has a page of ours open the next one, and gives back its session as [`open`](Self::open) does. One at one time from each
    /// page.
    ///
    /// `act` is what makes the page do so, sent in one go; it has no answer before the new page runs.
    pub(crate) async fn open_from(
        &self,
        root: &CdpSession,
        opener: &CdpSession,
        act: Vec<RawCommand>,
        deadline: Deadline,
    ) -> Result<(NewPage, CdpSession)> {
        let (sender, opened) = oneshot::channel();
        let (creating, late) = (Creating::new(&self.shared), late(deadline));
        let opening = opening::open_from(creating, root.clone(), opener.clone(), act, sender, late);
        root.runtime().spawn(opening);
        let opened = deadline.run("opening a tab from another", opened).await?;
        opened.map_err(|_| opening::gone(CloseReason::Detached))?
    }

    /// Has what attaches below a session of this tab set up as the tab's, and its dialogs answered.
    pub(crate) fn adopt(&self, connection: &Connection, session: &CdpSession, tab: &Arc<TabState>) {
        adopt(&self.shared, connection, session, Arc::downgrade(tab));
    }
}

/// What the browser was told it does, whether or not anybody waits, or their runtime is there: who looks after it ends by itself,
/// a while after the deadline.
fn late(deadline: Deadline) -> Deadline {
    Deadline::after(deadline.remaining() + POST)
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page of ours that is about to go.
pub(crate) struct Parting {
    shared: Arc<Shared>,
    target: String,
}

impl Drop for Parting {
    fn drop(&mut self) {
        self.shared.book().ours.remove(&self.target);
    }
}
