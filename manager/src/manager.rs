//! Sessions by name.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures_util::FutureExt;
use futures_util::future::join_all;
use indexmap::IndexMap;
use silkroute_core::{Error, Registry, Request, Response, Result, Session};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::slot::{Slot, Then};
use crate::{IntoEntry, Limits, ManagerConfig, SessionHandle, SessionState, SessionStats};

/// Holds sessions by name, starts them when they are to start, and routes every request to the right one.
///
/// A cheap clone, `Send` and `Sync`; every method takes `&self`, so sessions can be added, popped and removed while
/// requests run.
///
/// ```no_run
/// # use silkroute_core::{Fetch, RequestExt, Result, Session};
/// use silkroute_manager::{SessionExt, SessionManager};
///
/// # async fn example(http: impl Session, stealth: impl Session) -> Result<()> {
/// let manager = SessionManager::new();
/// manager
///     .add("http", http)? // the first is the default
///     .add("stealth", stealth.lazy())?; // starts when a request first names it
///
/// manager
///     .run(async |manager| {
///         let page = manager.fetch(Fetch::get("https://shop.test/")?).await?;
///         let product = manager.fetch(Fetch::get("https://shop.test/7")?.session("stealth")).await?;
///         println!("{} {}", page.status(), product.text());
///         Ok(())
///     })
///     .await
/// # }
/// ```
#[derive(Clone)]
pub struct SessionManager {
    inner: Arc<Inner>,
}

struct Inner {
    sessions: RwLock<Sessions>,
    limits: Arc<Limits>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    /// Ends the tasks of the manager's own when its last clone goes.
    _end: DropGuard,
}

#[derive(Default)]
struct Sessions {
    slots: IndexMap<Arc<str>, Arc<Slot>>,
    default: Option<Arc<str>>,
    closed: bool,
}

impl SessionManager {
    /// A manager without sessions.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A manager without sessions, with these limits.
    pub fn with_limits(limits: Limits) -> Self {
        let shutdown = CancellationToken::new();
        Self {
            inner: Arc::new(Inner {
                sessions: RwLock::default(),
                limits: Arc::new(limits),
                tasks: TaskTracker::new(),
                _end: shutdown.clone().drop_guard(),
                shutdown,
            }),
        }
    }

    /// A manager with the sessions and the limits that a configuration describes, none of them started.
    ///
    /// ```no_run
    /// # use silkroute_core::{Registry, Result};
    /// use silkroute_manager::{ManagerConfig, SessionManager};
    ///
    /// # fn main() -> Result<()> {
    /// let config = ManagerConfig::from_toml(
    ///     r#"
    ///     [sessions.fast]
    ///     kind = "http"
    ///     timeout = "10s"
    ///
    ///     [sessions.careful]
    ///     kind = "http"
    ///     max_concurrency = 2
    ///     lazy = true
    ///     default = true
    ///
    ///     [limits]
    ///     drain_timeout = "5s"
    ///     "#,
    /// )?;
    /// let manager = SessionManager::from_config(&config, &Registry::discover()?)?;
    /// # let _ = manager;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A kind that is not registered, or a field that its kind does not take: the error names the place.
    pub fn from_config(config: &ManagerConfig, registry: &Registry) -> Result<Self> {
        let manager = Self::with_limits(config.limits().clone());
        for (id, entry) in config.build(registry)? {
            manager.add(&id, entry)?;
        }
        Ok(manager)
    }

    /// Adds a session under a name. The first is the default, until one is added [`as_default`](crate::SessionExt::as_default).
    ///
    /// A session that is alive already is adopted as it is. One that is added after [`start`](Self::start) starts when a
    /// request first needs it.
    ///
    /// # Errors
    /// [`Error::DuplicateSession`] when the name is taken, [`Error::Invalid`] when it is empty.
    pub fn add(&self, id: &str, session: impl IntoEntry) -> Result<&Self> {
        if id.is_empty() {
            return Err(Error::invalid("the session name ``", "it is empty"));
        }
        let entry = session.into_entry();
        let mut sessions = self.write();
        if sessions.slots.contains_key(id) {
            return Err(Error::DuplicateSession { id: id.to_owned() });
        }
        let key: Arc<str> = Arc::from(id);
        let default = entry.default || sessions.default.is_none();
        let slot = Slot::new(
            Arc::clone(&key),
            entry,
            !sessions.closed,
            Arc::clone(&self.inner.limits),
            self.inner.tasks.clone(),
            self.inner.shutdown.clone(),
        )?;
        if default {
            sessions.default = Some(Arc::clone(&key));
        }
        sessions.slots.insert(key, slot);
        Ok(self)
    }

    /// Takes a session out and closes it: running fetches finish first, new ones are refused at once. When it was the
    /// default, the first that is left becomes it.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], or it could not be closed cleanly; it is out either way.
    pub async fn remove(&self, id: &str) -> Result<()> {
        self.take(id)?.stop(Then::Remove).await.map(drop)
    }

    /// Takes a session out and hands it over as it is, alive if it was: running fetches finish first, new ones are
    /// refused at once. Closing it is the caller's. When it was the default, the first that is left becomes it.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], or a fetch did not let go of it.
    pub async fn pop(&self, id: &str) -> Result<Box<dyn Session>> {
        let slot = self.take(id)?;
        slot.stop(Then::HandOver)
            .await?
            .ok_or_else(|| slot.closed("it was taken out of its manager"))
    }

    /// One session, to look at or to use directly.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], listing those there are.
    pub fn get(&self, id: &str) -> Result<SessionHandle> {
        self.read().find(id).map(SessionHandle::new)
    }

    /// Fetches a request through the session that it names, or through the default.
    ///
    /// The session is started if it is not alive; a request beyond what it can serve at once waits its turn. All of that
    /// counts against the request's timeout (the session's where it has none). The response carries the
    /// request, and the request's `meta` beneath its own.
    ///
    /// Cancel-safe: dropping the future frees what the request held, and leaves a start that it caused to go on.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], [`Error::NoSessions`], [`Error::Start`], [`Error::Closed`], or what the session says.
    pub async fn fetch(&self, request: impl Request) -> Result<Box<dyn Response>> {
        self.fetch_shared(Arc::new(request)).await
    }

    /// [`fetch`](Self::fetch), for a request that is shared already because it may be sent again.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_shared(&self, request: Arc<dyn Request>) -> Result<Box<dyn Response>> {
        let slot = self.read().route(request.parts().session.as_deref())?;
        slot.fetch(request).await
    }

    /// Whether a request could be routed: the session that it names is here, or there is a default.
    ///
    /// # Errors
    /// [`Error::UnknownSession`] or [`Error::NoSessions`].
    pub fn check(&self, request: &dyn Request) -> Result<()> {
        self.read().route(request.parts().session.as_deref()).map(drop)
    }

    /// Starts all sessions that are not lazy, at the same time. If one fails, those that this call started are closed
    /// again. One that is popped or removed meanwhile does not count. Opens a manager that was closed.
    ///
    /// # Errors
    /// [`Error::Start`], of the first session that failed in the order they were added.
    pub async fn start(&self) -> Result<()> {
        let slots: Vec<_> = {
            let mut sessions = self.write();
            sessions.closed = false;
            for slot in sessions.slots.values() {
                slot.reopen();
            }
            sessions.slots.values().cloned().collect()
        };
        let starts = slots.iter().filter(|slot| !slot.lazy).map(async |slot| {
            let handle = SessionHandle::new(Arc::clone(slot));
            let started_here = matches!(
                handle.state(),
                SessionState::Idle | SessionState::Failed | SessionState::Dead
            );
            let result = handle.start().await;
            (slot, started_here, result)
        });
        let started = join_all(starts).await;
        let failed = started
            .iter()
            .filter(|(slot, ..)| self.holds(slot))
            .find_map(|(_, _, result)| result.as_ref().err().cloned());
        let Some(error) = failed else {
            return Ok(());
        };
        let undo = started
            .iter()
            .filter(|(_, started_here, result)| *started_here && result.is_ok())
            .map(async |(slot, ..)| {
                if let Err(error) = slot.stop(Then::Rest).await {
                    tracing::warn!(session = %slot.id, %error, "session did not close cleanly after another failed to start");
                }
            });
        join_all(undo).await;
        Err(error)
    }

    /// Closes all sessions at the same time: running fetches finish first, up to the limit, new ones are refused. The
    /// sessions stay, and [`start`](Self::start) opens the manager again.
    ///
    /// # Errors
    /// [`Error::Close`] with the error of each that could not be closed cleanly; the others are closed all the same.
    pub async fn close(&self) -> Result<()> {
        let slots: Vec<_> = {
            let mut sessions = self.write();
            sessions.closed = true;
            for slot in sessions.slots.values() {
                slot.shut();
            }
            sessions.slots.values().cloned().collect()
        };
        let results = join_all(slots.iter().map(async |slot| (slot, slot.stop(Then::Rest).await))).await;
        let failures: Vec<_> = results
            .into_iter()
            .filter_map(|(slot, result)| Some((slot.id.to_string(), result.err()?)))
            .collect();
        if failures.is_empty() {
            Ok(())
        } else {
            Err(Error::Close { failures })
        }
    }

    /// Starts, does the work, and closes whatever happens: also when the work fails, panics or is cancelled.
    ///
    /// # Errors
    /// What failed first: the start, the work, or the close.
    pub async fn run<T, E: From<Error>>(&self, work: impl AsyncFnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        let unfinished = CloseOnDrop(Some(self.clone()));
        let result = match self.start().await {
            Ok(()) => AssertUnwindSafe(work(self)).catch_unwind().await,
            Err(error) => Ok(Err(error.into())),
        };
        let closed = self.close().await;
        unfinished.done();
        match (result, closed) {
            (Err(panic), _) => std::panic::resume_unwind(panic),
            (Ok(Ok(value)), Ok(())) => Ok(value),
            (Ok(Ok(_)), Err(error)) => Err(error.into()),
            (Ok(Err(error)), Ok(())) => Err(error),
            (Ok(Err(error)), Err(closing)) => {
                tracing::error!(%closing, "and sessions did not close cleanly either");
                Err(error)
            }
        }
    }

    /// The name of the default session.
    ///
    /// # Errors
    /// [`Error::NoSessions`].
    pub fn default_session_id(&self) -> Result<String> {
        self.read()
            .default
            .as_deref()
            .map(str::to_owned)
            .ok_or(Error::NoSessions)
    }

    /// Makes a session the default.
    ///
    /// # Errors
    /// [`Error::UnknownSession`].
    pub fn set_default(&self, id: &str) -> Result<()> {
        let mut sessions = self.write();
        let slot = sessions.find(id)?;
        sessions.default = Some(Arc::clone(&slot.id));
        Ok(())
    }

    /// The names of all sessions, in the order they were added.
    pub fn session_ids(&self) -> Vec<String> {
        self.read().ids()
    }

    /// Whether there is a session of this name.
    pub fn contains(&self, id: &str) -> bool {
        self.read().slots.contains_key(id)
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.read().slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of each session, in the order they were added.
    pub fn stats(&self) -> Vec<SessionStats> {
        self.read().slots.values().map(|slot| slot.stats()).collect()
    }

    /// Takes a session out of the map; nobody finds it any more.
    fn take(&self, id: &str) -> Result<Arc<Slot>> {
        let mut sessions = self.write();
        let slot = sessions.find(id)?;
        sessions.slots.shift_remove(id);
        if sessions.default.as_deref() == Some(id) {
            sessions.default = sessions.slots.keys().next().cloned();
        }
        slot.shut();
        Ok(slot)
    }

    /// Whether it is still one of its sessions, and not just one of the same name.
    fn holds(&self, slot: &Arc<Slot>) -> bool {
        self.read()
            .slots
            .get(&slot.id)
            .is_some_and(|held| Arc::ptr_eq(held, slot))
    }

    fn read(&self) -> RwLockReadGuard<'_, Sessions> {
        self.inner.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Sessions> {
        self.inner.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SessionManager {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SessionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sessions = self.read();
        f.debug_struct("SessionManager")
            .field("sessions", &sessions.slots.keys().collect::<Vec<_>>())
            .field("default", &sessions.default)
            .field("closed", &sessions.closed)
            .finish()
    }
}

impl Sessions {
    fn route(&self, id: Option<&str>) -> Result<Arc<Slot>> {
        match id {
            Some(id) => self.find(id),
            None => self.find(self.default.as_deref().ok_or(Error::NoSessions)?),
        }
    }

    fn find(&self, id: &str) -> Result<Arc<Slot>> {
        self.slots.get(id).cloned().ok_or_else(|| Error::UnknownSession {
            id: id.to_owned(),
            available: self.ids(),
        })
    }

    fn ids(&self) -> Vec<String> {
        self.slots.keys().map(|id| id.to_string()).collect()
    }
}

/// Closes the manager of a [`run`](SessionManager::run) whose future was dropped.
struct CloseOnDrop(Option<SessionManager>);

impl CloseOnDrop {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let (Some(manager), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let tasks = manager.inner.tasks.clone();
        tasks.spawn_on(
            async move {
                if let Err(error) = manager.close().await {
                    tracing::warn!(%error, "sessions of a cancelled run did not close cleanly");
                }
            },
            &runtime,
        );
    }
}
