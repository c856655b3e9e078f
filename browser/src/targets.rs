//! Who looks after targets as they come: our tabs, their frames and workers, popups, and what belongs to others.

mod opening;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::cdp::{CdpSession, Connection, Event, Observer, RawCommand};
use crate::context::ContextState;
use crate::tab::TabState;
use crate::{CloseReason, Deadline, Result, TargetKind};
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
        connection.root().observe(Arc::new(Attaching {
            jobs: shared.jobs.clone(),
            tab: None,
            connection: Overflow::of(connection),
        }));
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
        // What the browser was told it does, whether or not anybody waits: the task ends by itself, a while after the deadline.
        let late = Deadline::after(deadline.remaining() + POST);
        tokio::spawn(opening::open(
            Creating::new(&self.shared),
            root.clone(),
            create,
            sender,
            late,
        ));
        let opened = deadline.run("opening a tab", opened).await?;
        opened.map_err(|_| opening::gone(CloseReason::Detached))?
    }

    /// Has what attaches below a session of this tab set up as the tab's, and its dialogs answered.
    pub(crate) fn adopt(&self, connection: &Connection, session: &CdpSession, tab: &Arc<TabState>) {
        adopt(&self.shared, connection, session, Arc::downgrade(tab));
    }
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

/// Ends the connection when the queue overflows. Weakly held, as observers belong to the connection.
struct Overflow(Box<dyn Fn() + Send + Sync>);

impl Overflow {
    fn of(connection: &Connection) -> Self {
        let connection = connection.downgrade();
        Self(Box::new(move || {
            if let Some(connection) = connection.upgrade() {
                connection.close(&CloseReason::Lost(
                    "more targets came than can be looked after".to_owned(),
                ));
            }
        }))
    }
}

/// Writes down what attaches, for the task to look at.
struct Attaching {
    jobs: mpsc::Sender<Job>,
    tab: Option<Weak<TabState>>,
    connection: Overflow,
}

impl Observer for Attaching {
    fn wants(&self, method: &str) -> bool {
        method == "Target.attachedToTarget"
    }

    fn on_event(&self, event: &Event) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Attached {
            session_id: Box<str>,
        }
        let Ok(attached) = event.read::<Attached>() else { return };
        let job = Job::Attached {
            session: attached.session_id,
            tab: self.tab.clone(),
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.jobs.try_send(job) {
            (self.connection.0)();
        }
    }
}

/// Answers dialogs: what asks whether to leave may leave, everything else is dismissed.
struct Dialogs {
    jobs: mpsc::Sender<Job>,
    tab: Weak<TabState>,
}

impl Observer for Dialogs {
    fn wants(&self, method: &str) -> bool {
        method == "Page.javascriptDialogOpening"
    }

    fn on_event(&self, event: &Event) {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Opening {
            r#type: String,
        }
        let kind = event.read::<Opening>().unwrap_or_default().r#type;
        let Some(tab) = self.tab.upgrade() else { return };
        tab.note_dialog(&kind);
        let job = Job::Dialog {
            session: tab.session.clone(),
            accept: kind == "beforeunload",
        };
        if self.jobs.try_send(job).is_err() {
            tracing::debug!("a dialog stays open: too much else to do");
        }
    }
}

fn adopt(shared: &Shared, connection: &Connection, session: &CdpSession, tab: Weak<TabState>) {
    session.observe(Arc::new(Attaching {
        jobs: shared.jobs.clone(),
        tab: Some(tab.clone()),
        connection: Overflow::of(connection),
    }));
    session.observe(Arc::new(Dialogs {
        jobs: shared.jobs.clone(),
        tab,
    }));
}

async fn keep(shared: Arc<Shared>, connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Attached { session, tab } => {
                // It may have detached meanwhile.
                let Some(session) = connection.session(&session) else {
                    continue;
                };
                match session.target().kind() {
                    TargetKind::Page => page(&shared, &connection, session).await,
                    _ => below(&shared, &connection, session, tab).await,
                }
            }
            Job::Dialog { session, accept } => {
                post(&session, "Page.handleJavaScriptDialog", json!({"accept": accept})).await;
            }
            Job::Download { guid } => {
                // Which context it is of is not told.
                let contexts: Vec<String> = shared.book().contexts.keys().cloned().collect();
                let root = connection.root();
                post(&root, "Browser.cancelDownload", json!({"guid": guid})).await;
                for context in contexts.iter().filter(|id| id.as_str() != DEFAULT_CONTEXT) {
                    let params = json!({"guid": guid, "browserContextId": context});
                    post(&root, "Browser.cancelDownload", params).await;
                }
            }
            Job::Settle => {
                let unclaimed = {
                    let mut book = shared.book();
                    if book.creating > 0 {
                        HashMap::new()
                    } else {
                        std::mem::take(&mut book.unclaimed)
                    }
                };
                for session in unclaimed.into_values() {
                    foreign(&shared, &connection, session).await;
                }
            }
        }
    }
}

/// A page: a tab that is being opened, or something else.
async fn page(shared: &Shared, connection: &Connection, session: CdpSession) {
    let target = session.target().target_id.clone();
    let opened = session.target().opener_id.clone();
    {
        let mut book = shared.book();
        if let Some(awaited) = book.awaited.remove(&target) {
            // Dropped by whoever waited: the tab is closed below as nobody's.
            if awaited.send(session.clone()).is_ok() {
                return;
            }
        } else if book.creating > 0 && opened.is_none() {
            book.unclaimed.insert(target, session);
            return;
        }
    }
    foreign(shared, connection, session).await;
}

/// A page that nobody waits for: closed if we or a page of ours opened it, let go if it belongs to others.
async fn foreign(shared: &Shared, connection: &Connection, session: CdpSession) {
    let target = session.target();
    let ours = {
        let book = shared.book();
        let opener = target
            .opener_id
            .as_ref()
            .is_some_and(|opener| book.ours.contains(opener));
        let context = target
            .browser_context_id
            .as_ref()
            .is_some_and(|id| book.contexts.contains_key(id));
        opener || context || shared.launched || book.ours.contains(&target.target_id)
    };
    let root = connection.root();
    if ours {
        tracing::debug!(url = %target.url, "a page that nobody waits for is closed");
        post(&root, "Target.closeTarget", json!({"targetId": target.target_id})).await;
        post(&session, "Runtime.runIfWaitingForDebugger", json!({})).await;
    } else {
        post(&session, "Runtime.runIfWaitingForDebugger", json!({})).await;
        post(&root, "Target.detachFromTarget", json!({"sessionId": session.id()})).await;
    }
}

/// A frame or worker of a tab, or a worker of a whole context.
async fn below(shared: &Shared, connection: &Connection, session: CdpSession, tab: Option<Weak<TabState>>) {
    let kind = session.target().kind();
    let of_tab = tab.as_ref().and_then(Weak::upgrade);
    // A shared or service worker that is let go of at once never runs.
    let mut watched = of_tab.is_some();
    let commands = match (&of_tab, kind) {
        (Some(tab), _) => {
            adopt(shared, connection, &session, Arc::downgrade(tab));
            tab.child_attached(&session)
        }
        (None, TargetKind::SharedWorker | TargetKind::ServiceWorker) => {
            let id = session.target().browser_context_id.clone().unwrap_or_default();
            let context = {
                let book = shared.book();
                let fallback = || book.contexts.get(DEFAULT_CONTEXT).filter(|_| shared.launched);
                book.contexts.get(&id).or_else(fallback).and_then(Weak::upgrade)
            };
            watched |= context.is_some() || shared.launched;
            context
                .map(|context| context.commands(session.target()))
                .unwrap_or_default()
        }
        (None, _) => Vec::new(),
    };
    for command in commands {
        session.post(command, POST).await;
    }
    if watched {
        post(&session, "Runtime.runIfWaitingForDebugger", json!({})).await;
    } else {
        let_run(&session).await;
        post(
            &connection.root(),
            "Target.detachFromTarget",
            json!({"sessionId": session.id()}),
        )
        .await;
    }
}

/// Has a target of other people's run, and waits until it does: let go of before, it never would.
async fn let_run(session: &CdpSession) {
    const BUDGET: Duration = Duration::from_secs(1);
    let Ok(command) = RawCommand::new("Runtime.runIfWaitingForDebugger", json!({})) else {
        return;
    };
    if let Err(error) = session.send(command, Deadline::after(BUDGET)).await {
        tracing::debug!(%error, "a target does not say that it runs");
    }
}

async fn post(session: &CdpSession, method: &'static str, params: serde_json::Value) {
    match RawCommand::new(method, params) {
        Ok(command) => session.post(command, POST).await,
        Err(error) => tracing::debug!(%error, "a command cannot be written"),
    }
}
