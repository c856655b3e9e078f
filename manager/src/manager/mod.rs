//! Sessions by name.

mod all;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use indexmap::IndexMap;
use silkroute_core::{Error, Registry, Request, Response, Result, Session};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::slot::{Slot, Then};
use crate::{IntoEntry, Limits, ManagerConfig, SessionHandle, SessionStats};

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
