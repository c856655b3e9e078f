//! One session of the protocol: the browser itself, or one target that was attached to.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chromiumoxide::Command;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::connection::{Connection, Reply};
use super::message::{Event, RawCommand};
use super::subscription::{Subscriber, Subscription};
use crate::{CloseReason, Deadline, Error, Result, TargetInfo};

/// Looks at the events of a session as they are read. Called by the reader of the connection, in order: it must be quick
/// and must not wait. What takes longer belongs behind a [`Subscription`].
pub trait Observer: Send + Sync {
    /// Whether events of this name are of interest. Others are not even copied.
    fn wants(&self, method: &str) -> bool;
    /// An event came.
    fn on_event(&self, event: &Event);
    /// The session ended.
    fn on_close(&self, _reason: &CloseReason) {}
    /// Whether it can be forgotten.
    fn is_done(&self) -> bool {
        false
    }
}

/// What the connection knows of a session.
pub(super) struct SessionState {
    pub(super) id: Option<Arc<str>>,
    pub(super) parent: Option<Arc<str>>,
    pub(super) target: TargetInfo,
    observers: Mutex<Vec<Arc<dyn Observer>>>,
    closed: watch::Sender<Option<CloseReason>>,
}

impl SessionState {
    pub(super) fn new(id: Option<Arc<str>>, parent: Option<Arc<str>>, target: TargetInfo) -> Arc<Self> {
        Arc::new(Self {
            id,
            parent,
            target,
            observers: Mutex::default(),
            closed: watch::Sender::new(None),
        })
    }

    fn observers(&self) -> std::sync::MutexGuard<'_, Vec<Arc<dyn Observer>>> {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dispatch(&self, method: &str, params: &str) {
        let interested: Vec<_> = {
            let mut observers = self.observers();
            observers.retain(|observer| !observer.is_done());
            observers
                .iter()
                .filter(|observer| observer.wants(method))
                .cloned()
                .collect()
        };
        if interested.is_empty() {
            return;
        }
        let event = Event {
            method: method.into(),
            params: params.into(),
        };
        for observer in interested {
            observer.on_event(&event);
        }
    }

    /// Notes why it ended; the first reason stays.
    pub(super) fn mark_closed(&self, reason: &CloseReason) {
        self.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            closed.get_or_insert_with(|| reason.clone());
            first
        });
    }

    /// Tells the observers, once, and lets go of them, which ends the subscriptions.
    pub(super) fn tell_closed(&self, reason: &CloseReason) {
        let observers = std::mem::take(&mut *self.observers());
        for observer in observers {
            observer.on_close(reason);
        }
    }

    pub(super) fn closed(&self) -> Option<CloseReason> {
        self.closed.borrow().clone()
    }
}

/// A session of the protocol: commands go in, replies and events come out. A cheap clone.
///
/// Every command has a deadline, and all that wait fail at once when the target or the browser goes away.
#[derive(Clone)]
pub struct CdpSession {
    pub(super) connection: Connection,
    pub(super) state: Arc<SessionState>,
}

impl fmt::Debug for CdpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CdpSession")
            .field("id", &self.state.id)
            .field("target", &self.state.target)
            .field("closed", &self.state.closed())
            .finish_non_exhaustive()
    }
}

impl CdpSession {
    /// Its id; `None` for the session of the browser itself.
    pub fn id(&self) -> Option<&str> {
        self.state.id.as_deref()
    }

    /// The target, as it was when it was attached to.
    pub fn target(&self) -> &TargetInfo {
        &self.state.target
    }

    /// Why it ended, if it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.state.closed()
    }

    /// Waits until it has ended.
    pub async fn closed(&self) -> CloseReason {
        let mut closed = self.state.closed.subscribe();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(CloseReason::Closed),
            Err(_) => CloseReason::Closed,
        }
    }

    /// Sends a typed command and gives back its result as it came. Cancel-safe: the reply is then dropped.
    ///
    /// # Errors
    /// [`Error::Protocol`], [`Error::Gone`], [`Error::Timeout`].
    pub async fn call<C: Command>(&self, command: C, deadline: Deadline) -> Result<Box<RawValue>> {
        self.send(RawCommand::of(&command)?, deadline).await
    }

    /// [`call`](Self::call), and the result read as a type, which should name only the fields that are used.
    ///
    /// # Errors
    /// Also [`Error::Malformed`].
    pub async fn call_as<R: DeserializeOwned>(&self, command: impl Command, deadline: Deadline) -> Result<R> {
        self.send_as(RawCommand::of(&command)?, deadline).await
    }

    /// Sends any command and gives back its result as it came.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn send(&self, command: RawCommand, deadline: Deadline) -> Result<Box<RawValue>> {
        let method = command.method.clone();
        let exchange = async { self.begin(&command).await?.wait().await };
        deadline.run(&method, exchange).await?
    }

    /// [`send`](Self::send), and the result read as a type.
    ///
    /// # Errors
    /// Also [`Error::Malformed`].
    pub async fn send_as<R: DeserializeOwned>(&self, command: RawCommand, deadline: Deadline) -> Result<R> {
        let method = command.method.clone();
        let result = self.send(command, deadline).await?;
        serde_json::from_str(result.get()).map_err(|error| Error::malformed(&method, error))
    }

    /// Sends all of them without waiting in between, then waits for all the replies: one round trip for the lot.
    ///
    /// # Errors
    /// The first error in their order; all were sent all the same.
    pub async fn send_all(&self, commands: &[RawCommand], deadline: Deadline) -> Result<Vec<Box<RawValue>>> {
        let what = commands.last().map_or("nothing", |command| command.method());
        let exchange = async {
            let mut replies = Vec::with_capacity(commands.len());
            for command in commands {
                replies.push(self.begin(command).await?);
            }
            let mut results = Vec::with_capacity(replies.len());
            for reply in replies {
                results.push(reply.wait().await?);
            }
            Ok(results)
        };
        deadline.run(what, exchange).await?
    }

    /// Sends without interest in the reply, for what is done in passing or in answer to an event. Waits at most `budget`
    /// for room in the queue of the connection.
    pub(crate) async fn post(&self, command: RawCommand, budget: Duration) {
        match tokio::time::timeout(budget, self.begin(&command)).await {
            Ok(Ok(_) | Err(Error::Gone { .. })) => {}
            Ok(Err(error)) => tracing::debug!(method = command.method(), %error, "a command was not sent"),
            Err(_) => tracing::debug!(
                method = command.method(),
                "a command was not sent: the browser does not read"
            ),
        }
    }

    /// What the connection runs on, for what is left to do when a handle is dropped, wherever that is. On one that has ended
    /// nothing is done, nor need be: the connection has ended with it.
    pub(crate) fn runtime(&self) -> &Handle {
        self.connection.runtime()
    }

    /// Puts the command into the queue of the connection; the reply can be waited for later.
    pub(crate) async fn begin(&self, command: &RawCommand) -> Result<Reply> {
        self.connection.begin(&self.state, command).await
    }

    /// The events whose names begin with one of `prefixes`, from now on, in a queue of `capacity`.
    pub fn subscribe(&self, prefixes: &[&str], capacity: usize) -> Subscription {
        let (subscriber, subscription) = Subscriber::new(prefixes, capacity);
        self.observe(subscriber);
        subscription
    }

    /// Has every event shown to `observer` from now on.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.state.observers().push(Arc::clone(&observer));
        // It may have ended before the observer was there to be told.
        if let Some(reason) = self.state.closed() {
            self.state.observers().retain(|known| !Arc::ptr_eq(known, &observer));
            observer.on_close(&reason);
        }
    }

    /// The sessions attached below this one: cross-site frames and workers.
    pub fn children(&self) -> Vec<Self> {
        self.connection.children(&self.state)
    }
}
