//! One session of a manager, to look at and to use directly.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use silkroute_core::cookies::StorageState;
use silkroute_core::{Error, FetchError, FetchErrorKind, Identity, Request, Response, Result, Session};
use tokio::time::Instant;

use crate::slot::{Running, Slot, Then};
use crate::stats::{SessionState, SessionStats};

/// One session of a manager: a cheap handle that stays valid, if of little use, when the session is taken out.
#[derive(Clone)]
pub struct SessionHandle {
    slot: Arc<Slot>,
}

impl SessionHandle {
    pub(crate) fn new(slot: Arc<Slot>) -> Self {
        Self { slot }
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.slot.id
    }

    /// Its kind.
    pub fn kind(&self) -> &'static str {
        self.slot.kind
    }

    /// Whether it starts on first use only.
    pub fn is_lazy(&self) -> bool {
        self.slot.lazy
    }

    /// How many fetches it gets at once: the smaller of its own limit and that of its [entry](crate::Entry::max_concurrency);
    /// `None`: any number.
    pub fn concurrency(&self) -> Option<NonZeroUsize> {
        self.slot.concurrency.and_then(NonZeroUsize::new)
    }

    /// Where it is in its life.
    pub fn state(&self) -> SessionState {
        self.slot.current_state()
    }

    /// Whether it is ready to fetch.
    pub fn is_alive(&self) -> bool {
        self.state() == SessionState::Alive
    }

    /// What the manager knows of it.
    pub fn stats(&self) -> SessionStats {
        self.slot.stats()
    }

    /// Fetches through this session, whichever the request names.
    ///
    /// # Errors
    /// As [`SessionManager::fetch`](crate::SessionManager::fetch).
    pub async fn fetch(&self, request: impl Request) -> Result<Box<dyn Response>> {
        self.slot.fetch(Arc::new(request)).await
    }

    /// Starts it if it is not alive, also before a back-off has passed.
    ///
    /// # Errors
    /// It did not start, or its manager is closed.
    pub async fn start(&self) -> Result<()> {
        while let Some(mut outcome) = self.slot.start()? {
            self.slot.settled(&mut outcome).await?;
        }
        Ok(())
    }

    /// Lets running fetches finish and closes it. The next request starts it again. One that was taken out of the manager is left
    /// to whoever took it.
    ///
    /// # Errors
    /// It could not be closed cleanly.
    pub async fn stop(&self) -> Result<()> {
        self.slot.stop(Then::Rest).await.map(drop)
    }

    /// Stops it, then starts it.
    ///
    /// # Errors
    /// It could not be closed cleanly, or did not start.
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        self.start().await
    }

    /// The session itself, started if need be. While the lease is held the manager neither closes it nor hands it over
    /// (up to the drain timeout of its [`Limits`](crate::Limits)). It takes none of the session's places, and is none of the
    /// fetches after which a session is [recycled](crate::Entry::recycle_after).
    ///
    /// # Errors
    /// It did not start within its own timeout, or is closed.
    pub async fn lease(&self) -> Result<SessionLease> {
        match tokio::time::timeout(self.slot.timeout, self.slot.lease()).await {
            Ok(running) => Ok(SessionLease {
                running: running?,
                used: true,
            }),
            Err(_) => Err(FetchError::new(
                FetchErrorKind::Timeout,
                format!(
                    "session '{}' was not ready within {:?}",
                    self.slot.id, self.slot.timeout
                ),
            )
            .into()),
        }
    }

    /// The session itself if it is alive, on a lease that is no use of it: for a look at what it keeps now and then. It is
    /// not started, and one that [stops when it is idle](crate::Entry::stop_when_idle) is as idle as before.
    ///
    /// ```
    /// # async fn example(handle: silkroute_manager::SessionHandle) -> silkroute_core::Result<()> {
    /// if let Some(session) = handle.peek() {
    ///     let cookies = session.storage_state().await?.cookies.len();
    ///     println!("{} has {cookies} cookies", handle.id());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn peek(&self) -> Option<SessionLease> {
        let running = self.slot.peek()?;
        Some(SessionLease { running, used: false })
    }

    /// Who the session is, or will be once it has started, as far as that can be told without starting it; see
    /// [`Session::expected_identity`]. Waits for a start that is under way.
    ///
    /// ```
    /// # async fn example(browser: silkroute_manager::SessionHandle) {
    /// if let Some(identity) = browser.expected_identity().await {
    ///     println!("{} will say {:?}", browser.id(), identity.user_agent());
    /// }
    /// # }
    /// ```
    pub async fn expected_identity(&self) -> Option<Identity> {
        self.slot.expected_identity().await
    }

    /// Saves what the session keeps of the sites it visited, cookies and local storage, in Playwright's format: log in today,
    /// [`load_state`](Self::load_state) tomorrow, on this or on another kind of session. Only the file's owner may read it,
    /// and it is written whole or not at all. Starts the session if need be.
    ///
    /// # Errors
    /// The session's kind has no state to save ([`Error::Unsupported`]), it did not start, or the file cannot be written.
    pub async fn save_state(&self, path: impl AsRef<Path>) -> Result<()> {
        let state = self.lease().await?.storage_state().await?;
        off_thread(path.as_ref(), move |path| state.write(path)).await
    }

    /// Puts what [`save_state`](Self::save_state) or Playwright wrote on top of what the session keeps. Starts the session if
    /// need be.
    ///
    /// # Errors
    /// The file cannot be read or is no storage state, the session's kind takes none ([`Error::Unsupported`]), or it did not
    /// start.
    pub async fn load_state(&self, path: impl AsRef<Path>) -> Result<()> {
        let state = off_thread(path.as_ref(), |path| StorageState::read(path)).await?;
        self.lease().await?.load_storage_state(&state).await
    }
}

/// Reads or writes a file where that may block.
async fn off_thread<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> Result<T> + Send + 'static,
) -> Result<T> {
    let path: PathBuf = path.to_owned();
    let shown = path.display().to_string();
    match tokio::task::spawn_blocking(move || work(&path)).await {
        Ok(result) => result,
        Err(error) => Err(Error::invalid(format!("the storage state `{shown}`"), error)),
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandle")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("state", &self.state())
            .finish()
    }
}

/// A live session on loan from its manager.
#[derive(Debug)]
pub struct SessionLease {
    running: Arc<Running>,
    /// Whether it counts as a use.
    used: bool,
}

impl Deref for SessionLease {
    type Target = dyn Session;

    fn deref(&self) -> &Self::Target {
        &**self.running
    }
}

impl Drop for SessionLease {
    fn drop(&mut self) {
        if self.used {
            self.running.touch(Instant::now());
        }
    }
}
