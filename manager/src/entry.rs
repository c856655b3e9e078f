//! How a session enters a manager.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use silkroute_core::Session;

/// A session on its way into a manager, with what the manager shall do with it.
///
/// Any session turns into one by itself; [`SessionExt`] adds the wishes.
#[derive(Debug)]
pub struct Entry {
    pub(crate) session: Box<dyn Session>,
    pub(crate) lazy: bool,
    pub(crate) default: bool,
    pub(crate) stop_when_idle: Option<Duration>,
    pub(crate) recycle_after: Option<NonZeroU64>,
    pub(crate) max_concurrency: Option<NonZeroUsize>,
}

impl Entry {
    /// An entry for a session that is boxed already, such as one that [`pop`](crate::SessionManager::pop) gave back.
    pub fn boxed(session: Box<dyn Session>) -> Self {
        Self {
            session,
            lazy: false,
            default: false,
            stop_when_idle: None,
            recycle_after: None,
            max_concurrency: None,
        }
    }

    /// Starts it when a request first names it, not with the manager.
    #[must_use]
    pub fn lazy(mut self) -> Self {
        self.lazy = true;
        self
    }

    /// Makes it the default, in place of the one there is.
    #[must_use]
    pub fn as_default(mut self) -> Self {
        self.default = true;
        self
    }

    /// Closes it when it has had nothing to do for this long. The next request starts it again.
    #[must_use]
    pub fn stop_when_idle(mut self, idle: Duration) -> Self {
        self.stop_when_idle = Some(idle);
        self
    }

    /// Closes and restarts it after this many fetches, for sessions that grow with use.
    #[must_use]
    pub fn recycle_after(mut self, fetches: NonZeroU64) -> Self {
        self.recycle_after = Some(fetches);
        self
    }

    /// Gives it no more than this many fetches at once; the others wait in the order they came. A session that takes fewer by
    /// itself keeps its own limit.
    #[must_use]
    pub fn max_concurrency(mut self, fetches: NonZeroUsize) -> Self {
        self.max_concurrency = Some(fetches);
        self
    }
}

/// What can enter a manager: any session, or an [`Entry`] made of one.
pub trait IntoEntry {
    /// Makes the entry.
    fn into_entry(self) -> Entry;
}

impl IntoEntry for Entry {
    fn into_entry(self) -> Entry {
        self
    }
}

impl<S: Session> IntoEntry for S {
    fn into_entry(self) -> Entry {
        Entry::boxed(Box::new(self))
    }
}

/// The wishes that go with a session into a manager.
///
/// ```no_run
/// # use silkroute_core::{Result, Session};
/// use silkroute_manager::{SessionExt, SessionManager};
///
/// # fn example(fast: impl Session, heavy: impl Session, api: impl Session) -> Result<()> {
/// let manager = SessionManager::new();
/// manager
///     .add("fast", fast)?
///     .add("heavy", heavy.lazy())?
///     .add("api", api.as_default())?;
/// # Ok(())
/// # }
/// ```
pub trait SessionExt: Session + Sized {
    /// Starts it when a request first names it, not with the manager.
    #[must_use]
    fn lazy(self) -> Entry {
        self.into_entry().lazy()
    }

    /// Makes it the default, in place of the one there is.
    #[must_use]
    #[expect(clippy::wrong_self_convention, reason = "it reads as the wish it is, next to `lazy`")]
    fn as_default(self) -> Entry {
        self.into_entry().as_default()
    }

    /// Closes it when it has had nothing to do for this long. The next request starts it again.
    #[must_use]
    fn stop_when_idle(self, idle: Duration) -> Entry {
        self.into_entry().stop_when_idle(idle)
    }

    /// Closes and restarts it after this many fetches.
    #[must_use]
    fn recycle_after(self, fetches: NonZeroU64) -> Entry {
        self.into_entry().recycle_after(fetches)
    }

    /// Gives it no more than this many fetches at once; the others wait in the order they came. A session that takes fewer by
    /// itself, as its [`concurrency`](Session::concurrency) says, keeps its own limit.
    #[must_use]
    fn max_concurrency(self, fetches: NonZeroUsize) -> Entry {
        self.into_entry().max_concurrency(fetches)
    }
}

impl<S: Session> SessionExt for S {}
