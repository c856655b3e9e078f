//! All sessions at once: their start, their close, and work in between.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use silkroute_core::{Error, Result};

use crate::slot::{Slot, Then};
use crate::{SessionHandle, SessionManager, SessionState};

impl SessionManager {
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

    /// Whether it is still one of its sessions, and not just one of the same name.
    fn holds(&self, slot: &Arc<Slot>) -> bool {
        self.read()
            .slots
            .get(&slot.id)
            .is_some_and(|held| Arc::ptr_eq(held, slot))
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
