//! A tab: one page, its frames and workers, and what it was told.

mod arriving;
mod blocking;
mod capture;
mod clearing;
mod conditions;
mod console;
mod content;
mod document;
mod embedded;
mod events;
mod input;
mod intercept;
mod loader;
mod navigation;
mod options;
mod picture;
mod refused;
mod reset;
mod script;
mod selector;
mod track;
mod tracker;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

pub use blocking::{Blocking, RequestFilter};
pub use capture::{CaptureFilter, Captured};
pub use console::ConsoleEntry;
pub use document::{Document, DocumentKind, DocumentTiming, Redirect, RedirectKind};
pub use input::Point;
pub use navigation::{Navigation, WaitUntil};
pub use options::{ColorScheme, Geolocation, TabOptions, UserAgent, Viewport};
pub use picture::{ImageFormat, PdfOptions, ScreenshotOptions};
pub use reset::LocalStorage;
pub use selector::{ScrollOutcome, SelectorState};

use crate::cdp::{CdpSession, RawCommand};
use crate::context::Context;
use crate::downloads::Wish;
use crate::targets::{NewPage, Parting};
use crate::{Deadline, Error, Result, TargetKind};
use capture::Capture;
pub(crate) use clearing::Clearing;
use embedded::Embedded;
pub(crate) use embedded::Left;
use intercept::{Interceptor, Journey, Rewrite, Rules};
pub(crate) use refused::is_refused;
use tracker::Tracker;

/// Dialogs of one use of a tab that are remembered.
const MOST_DIALOGS: usize = 100;

/// What of a tab is changed while it is used.
#[derive(Default)]
struct Told {
    options: Arc<TabOptions>,
    /// The identifiers of the init scripts.
    scripts: Vec<String>,
    rules: Arc<Rules>,
    /// Of the page and of its frames.
    interceptors: Vec<Interceptor>,
    dialogs: Vec<String>,
    /// What the length of bodies is that the browser keeps.
    body_limit: Option<u64>,
    /// The isolated world of the document with this loader.
    world: Option<(String, i64)>,
}

pub(crate) struct TabState {
    pub(crate) session: CdpSession,
    root: CdpSession,
    target: String,
    tracker: Arc<Tracker>,
    capture: Arc<Capture>,
    embedded: Arc<Embedded>,
    /// Whether packets of WebRTC, which would go past the proxy, go nowhere.
    no_udp: bool,
    told: Mutex<Told>,
    /// For the download that the last navigation may have come to.
    wish: Mutex<Option<Arc<Wish>>>,
}

/// A tab. It is closed when this is dropped.
pub struct Tab {
    state: Arc<TabState>,
    context: Context,
}

impl fmt::Debug for Tab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tab")
            .field("target", &self.state.target)
            .field("alive", &self.is_alive())
            .finish_non_exhaustive()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let parting = self.context.browser().inner.targets.parting(&self.state.target);
        self.state.told().interceptors.clear();
        if self.context.browser().is_alive() {
            close_in_passing(self.state.root.clone(), self.state.session.clone(), parting);
        }
    }
}

/// Closes a page in passing. The task ends by itself, within five seconds.
fn close_in_passing(root: CdpSession, session: CdpSession, parting: Parting) {
    let runtime = root.runtime().clone();
    runtime.spawn(async move {
        close_page(&root, &session).await;
        drop(parting);
    });
}

/// Chromium forgets to close a page that goes elsewhere at the same moment: it is asked until it is gone.
pub(crate) async fn close_page(root: &CdpSession, session: &CdpSession) {
    const STEP: Duration = Duration::from_millis(500);
    let commands = (
        RawCommand::new("Page.stopLoading", json!({})),
        RawCommand::new("Target.closeTarget", json!({"targetId": session.target().target_id})),
    );
    let (Ok(stop), Ok(close)) = commands else { return };
    for _ in 0..10 {
        session.post(stop.clone(), STEP).await;
        root.post(close.clone(), STEP).await;
        if tokio::time::timeout(STEP, session.closed()).await.is_ok() {
            break;
        }
    }
    // A crashed renderer's session has ended while its page is still there.
    root.post(close, STEP).await;
}

impl Tab {
    pub(crate) async fn open(context: Context, options: TabOptions, deadline: Deadline) -> Result<Self> {
        options.check()?;
        let browser = context.browser();
        let opened = browser
            .inner
            .targets
            .open(&browser.session(), context.id(), deadline)
            .await?;
        Self::of_page(context, opened, options, deadline).await
    }

    /// The same, where this tab's page is made to open it.
    pub(crate) async fn open_another(
        &self,
        act: Vec<RawCommand>,
        options: TabOptions,
        deadline: Deadline,
    ) -> Result<Self> {
        options.check()?;
        let targets = &self.context.browser().inner.targets;
        let opened = targets
            .open_from(&self.state.root, &self.state.session, act, deadline)
            .await?;
        Self::of_page(self.context.clone(), opened, options, deadline).await
    }

    /// A tab of a page that waits to be told to run.
    async fn of_page(
        context: Context,
        (page, session): (NewPage, CdpSession),
        options: TabOptions,
        deadline: Deadline,
    ) -> Result<Self> {
        let browser = context.browser();
        let (root, targets) = (browser.session(), &browser.inner.targets);
        let target = session.target().target_id.clone();
        let tracker = Arc::new(Tracker::new(&target, Arc::clone(context.written())));
        let capture = Arc::new(Capture::default());
        session.observe(Arc::clone(&tracker) as _);
        capture.observe(&session);
        let state = Arc::new(TabState {
            session,
            root: root.clone(),
            target: target.clone(),
            tracker,
            capture,
            embedded: Arc::default(),
            no_udp: context.proxy().is_some() && !browser.inner.no_direct_udp,
            told: Mutex::default(),
            wish: Mutex::default(),
        });
        targets.adopt(&browser.inner.connection, &state.session, &state);
        state.first_words(options, deadline).await?;
        page.keep();
        Ok(Self { state, context })
    }

    /// Its context.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The session of its page, for commands that this crate has no method for.
    pub fn session(&self) -> &CdpSession {
        &self.state.session
    }

    /// The browser's id of its page.
    pub fn id(&self) -> &str {
        &self.state.target
    }

    /// Whether its page, and its browser, are there.
    pub fn is_alive(&self) -> bool {
        self.state.session.close_reason().is_none()
    }

    /// The dialogs that its pages opened since it was last reset, by type; all were answered at once: `beforeunload` by
    /// leaving, all others by dismissing them.
    pub fn dialogs(&self) -> Vec<String> {
        self.state.told().dialogs.clone()
    }

    /// What its pages wrote to their consoles since it was last reset, where [`TabOptions::console`] is on; the last 200.
    pub fn console(&self) -> Vec<ConsoleEntry> {
        self.state.tracker.track().console.iter().cloned().collect()
    }

    /// Whether any server has answered since the last navigation began.
    pub(crate) fn answered(&self) -> bool {
        self.state.tracker.track().answered()
    }

    /// Whether a request has gone out, over a connection that stood, since the last navigation began.
    pub(crate) fn sent(&self) -> bool {
        self.state.tracker.track().sent()
    }

    /// Closes it, and waits until it is closed.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout). It is closed in passing all the same.
    pub async fn close(self, deadline: Deadline) -> Result<()> {
        deadline
            .run("closing a tab", close_page(&self.state.root, &self.state.session))
            .await
    }
}

impl TabState {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(&self) -> MutexGuard<'_, Option<Arc<Wish>>> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_dialog(&self, kind: &str) {
        let mut told = self.told();
        if told.dialogs.len() < MOST_DIALOGS {
            told.dialogs.push(kind.to_owned());
        }
    }

    /// All that a new page is told, in one go, and then that it may run.
    async fn first_words(&self, options: TabOptions, deadline: Deadline) -> Result<()> {
        let mut commands = vec![
            RawCommand::new("Page.enable", json!({}))?,
            RawCommand::new("Page.setLifecycleEventsEnabled", json!({"enabled": true}))?,
            options::network(options.body_limit)?,
            RawCommand::new("DOMStorage.enable", json!({}))?,
            below()?,
        ];
        let resume = RawCommand::new("Runtime.runIfWaitingForDebugger", json!({}))?;
        self.told().body_limit = options.body_limit;
        let (told, fetch) = self.adopt_options(options)?;
        let scripts = told.scripts.len();
        commands.extend(told.commands);
        let first_script = commands.len();
        commands.extend(told.scripts);
        commands.extend(fetch);
        commands.push(resume);
        let answers = self.session.send_all(&commands, deadline).await?;
        self.note_scripts(&answers[first_script..first_script + scripts]);
        self.tell_network(deadline).await?;
        // Tabs in the background would count as hidden, and draw twice a second. Sent before the page has answered once it
        // crashes the renderer.
        self.session
            .send(
                RawCommand::new("Emulation.setFocusEmulationEnabled", json!({"enabled": true}))?,
                deadline,
            )
            .await?;
        Ok(())
    }

    /// Why the browser did not take the request of this navigation as it was changed.
    fn refused(&self) -> Option<Error> {
        let told = self.told();
        let mut journey = told.rules.journey.lock().unwrap_or_else(PoisonError::into_inner);
        let message = journey.as_mut()?.refused.take()?;
        let reason = format!("the browser does not send it with these headers: {message}");
        Some(Error::invalid("the request", reason))
    }

    /// Has the next document's request be another one than a GET.
    async fn intercept_next(&self, rewrite: Rewrite, deadline: Deadline) -> Result<()> {
        let rules = {
            let mut told = self.told();
            *told.rules.journey.lock().unwrap_or_else(PoisonError::into_inner) = Some(Journey::new(rewrite));
            if told.interceptors.is_empty() {
                let interceptor = Interceptor::start(&self.session, Arc::clone(&told.rules));
                told.interceptors.push(interceptor);
            }
            Arc::clone(&told.rules)
        };
        Interceptor::enable(&self.session, &rules, deadline).await
    }

    /// What a frame or worker of this tab is told before it runs.
    pub(crate) fn child_attached(&self, session: &CdpSession) -> Vec<RawCommand> {
        let frame = session.target().kind() == TargetKind::Frame;
        let mut commands: Vec<Result<RawCommand>> = vec![RawCommand::new("Network.enable", json!({}))];
        if frame {
            commands.push(RawCommand::new("Page.enable", json!({})));
            commands.push(RawCommand::new("DOMStorage.enable", json!({})));
            self.capture.observe(session);
            self.embedded.observe(session);
        }
        commands.push(below());
        let (options, rules) = {
            let mut told = self.told();
            if frame && told.options.intercepts() {
                // Those of frames that have gone have ended.
                told.interceptors.retain(|interceptor| !interceptor.has_ended());
                let interceptor = Interceptor::start(session, Arc::clone(&told.rules));
                told.interceptors.push(interceptor);
            }
            (Arc::clone(&told.options), Arc::clone(&told.rules))
        };
        match options.commands(session.target()) {
            Ok(told) => commands.extend(told.into_iter().map(Ok)),
            Err(error) => commands.push(Err(error)),
        }
        let sockets = options.blocked_sockets();
        if !sockets.is_empty() || self.no_udp {
            commands.push(conditions::rules(&sockets, self.no_udp));
        }
        if frame {
            if options.intercepts() {
                commands.push(rules.enable());
            }
            for script in &options.init_scripts {
                commands.push(reset::init_script(script));
            }
        }
        let good = commands.into_iter().filter_map(|command| {
            command
                .inspect_err(|error| tracing::warn!(%error, "a frame is not told all that its tab was"))
                .ok()
        });
        good.collect()
    }
}

/// Frames of other sites and dedicated workers attach to their page, and wait. Workers of a whole context attach to the
/// browser; attached twice they would wait for ever.
fn below() -> Result<RawCommand> {
    let filter: Value =
        json!([{"type": "service_worker", "exclude": true}, {"type": "shared_worker", "exclude": true}, {}]);
    RawCommand::new(
        "Target.setAutoAttach",
        json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": filter}),
    )
}
