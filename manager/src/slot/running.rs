//! One life of a session, from a start to the close that ends it.

use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use silkroute_core::{Error, FetchError, FetchErrorKind, Result, Session};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::pulse::Pulse;

/// A live session, shared by the fetches that run on it.
///
/// When the last of them lets go the session goes home, to whoever waits to close it or to hand it over. That is what
/// makes `&mut` for `close` possible without a lock around each fetch.
#[derive(Debug)]
pub(crate) struct Running {
    session: Option<Box<dyn Session>>,
    home: Option<oneshot::Sender<Box<dyn Session>>>,
    /// Set when nobody could wait any longer: the last holder then closes the session.
    condemned: AtomicBool,
    /// Tells the fetches on it when to stop.
    pub(crate) pulse: Arc<Pulse>,
    born: Instant,
    /// Milliseconds from `born` to its latest use.
    used: AtomicU64,
    runtime: Handle,
    close_timeout: Duration,
}

impl Running {
    /// Puts a live session to work. The receiver gets it back.
    pub(crate) fn new(
        session: Box<dyn Session>,
        pulse: Arc<Pulse>,
        runtime: Handle,
        close_timeout: Duration,
    ) -> (Self, oneshot::Receiver<Box<dyn Session>>) {
        let (home, returned) = oneshot::channel();
        let running = Self {
            session: Some(session),
            home: Some(home),
            condemned: AtomicBool::new(false),
            pulse,
            born: Instant::now(),
            used: AtomicU64::new(0),
            runtime,
            close_timeout,
        };
        (running, returned)
    }

    /// Notes that it was used until now.
    pub(crate) fn touch(&self, now: Instant) {
        let used = now.saturating_duration_since(self.born);
        let used = u64::try_from(used.as_millis()).unwrap_or(u64::MAX);
        self.used.store(used, Ordering::Relaxed);
    }

    pub(crate) fn last_used(&self) -> Instant {
        self.born + Duration::from_millis(self.used.load(Ordering::Relaxed))
    }

    pub(crate) fn condemn(&self) {
        self.condemned.store(true, Ordering::Release);
        self.pulse.cancel();
    }
}

impl Deref for Running {
    type Target = dyn Session;

    #[expect(clippy::expect_used, reason = "only drop takes it out")]
    fn deref(&self) -> &Self::Target {
        self.session.as_deref().expect("a running session holds its session")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (Some(session), Some(home)) = (self.session.take(), self.home.take()) else {
            return;
        };
        let condemned = self.condemned.load(Ordering::Acquire);
        let (session, home) = if condemned {
            (session, Some(home))
        } else {
            match home.send(session) {
                Ok(()) => return,
                // Nobody waits for it: the manager itself is gone.
                Err(session) => (session, None),
            }
        };
        let close_timeout = self.close_timeout;
        self.runtime.spawn(async move {
            let mut session = session;
            if let Err(error) = close(session.as_mut(), close_timeout).await {
                tracing::warn!(kind = session.kind(), %error, "a session that nobody waited for did not close cleanly");
            }
            if let Some(home) = home {
                // A manager that is gone by now has no use for it.
                drop(home.send(session));
            }
        });
    }
}

/// A session that is being handed over. Dropped on the way, it is closed.
#[derive(Debug)]
pub(crate) struct Handover {
    session: Option<Box<dyn Session>>,
    runtime: Handle,
    close_timeout: Duration,
}

impl Handover {
    pub(crate) fn new(session: Box<dyn Session>, runtime: Handle, close_timeout: Duration) -> Self {
        Self {
            session: Some(session),
            runtime,
            close_timeout,
        }
    }

    #[expect(clippy::expect_used, reason = "only this and drop take it out, and both end it")]
    pub(crate) fn accept(mut self) -> Box<dyn Session> {
        self.session
            .take()
            .expect("a handover holds its session until it is accepted")
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else {
            return;
        };
        let close_timeout = self.close_timeout;
        self.runtime.spawn(async move {
            if let Err(error) = close(session.as_mut(), close_timeout).await {
                tracing::warn!(kind = session.kind(), %error, "a session that nobody took over did not close cleanly");
            }
        });
    }
}

/// Closes a session within the time it may take. A panic is an error like any other.
pub(crate) async fn close(session: &mut dyn Session, limit: Duration) -> Result<()> {
    let kind = session.kind();
    match tokio::time::timeout(limit, AssertUnwindSafe(session.close()).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(panicked("close", kind, &*panic)),
        Err(_) => Err(FetchError::new(
            FetchErrorKind::Timeout,
            format!("a session of kind '{kind}' did not close within {limit:?}, and was given up"),
        )
        .into()),
    }
}

/// The error that a panic of a session's becomes.
pub(crate) fn panicked(doing: &str, kind: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    FetchError::new(
        FetchErrorKind::Other,
        format!("a session of kind '{kind}' panicked in {doing}: {message}"),
    )
    .hint("this is a defect of that session's crate")
    .into()
}
