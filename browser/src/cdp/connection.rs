//! The connection: numbers commands, brings replies to those who wait and events to their session.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::message::{Attached, Ended, Incoming, Outgoing, RawCommand, ReplyError};
use super::session::{CdpSession, SessionState};
use super::transport::{PipeReader, PipeWriter, Reader, Writer};
use crate::{CloseReason, Error, Result, TargetInfo};

/// Commands that wait to be written. The browser reads at once; a full queue means that it has stopped.
const QUEUE: usize = 512;

enum Failure {
    Refused(ReplyError),
    Gone(CloseReason),
}

struct Pending {
    session: Option<Arc<str>>,
    reply: oneshot::Sender<Result<Box<RawValue>, Failure>>,
}

#[derive(Default)]
struct Routes {
    pending: HashMap<u64, Pending>,
    sessions: HashMap<Arc<str>, Arc<SessionState>>,
    closed: Option<CloseReason>,
}

struct Shared {
    next_id: AtomicU64,
    outgoing: mpsc::Sender<String>,
    routes: Mutex<Routes>,
    root: Arc<SessionState>,
    /// What it runs on. Handles may be dropped elsewhere, where there is none.
    runtime: Handle,
}

/// Ends the two tasks with the last handle.
struct Tasks([AbortHandle; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// A connection to a browser. A cheap clone; it ends with the last one, and a browser that we launched ends with it.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    tasks: Arc<Tasks>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("closed", &self.shared.root.closed())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Speaks NUL-separated JSON over two byte streams, as a browser with `--remote-debugging-pipe` does. Must be called
    /// within a tokio runtime.
    pub fn over_streams(
        read: impl tokio::io::AsyncRead + Send + Unpin + 'static,
        write: impl tokio::io::AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self::new(
            Reader::Pipe(PipeReader::new(read)),
            Writer::Pipe(PipeWriter::new(write)),
        )
    }

    pub(crate) fn new(mut reader: Reader, mut writer: Writer) -> Self {
        let (outgoing, mut queue) = mpsc::channel::<String>(QUEUE);
        let shared = Arc::new(Shared {
            next_id: AtomicU64::new(1),
            outgoing,
            routes: Mutex::default(),
            root: SessionState::new(None, None, TargetInfo::browser()),
            runtime: Handle::current(),
        });
        let for_reader = Arc::clone(&shared);
        let reading = tokio::spawn(async move {
            let why = loop {
                match reader.next().await {
                    Ok(Some(message)) => for_reader.receive(&message),
                    Ok(None) => break "the browser hung up".to_owned(),
                    Err(error) => break error.to_string(),
                }
            };
            for_reader.close(&CloseReason::Lost(why));
        });
        let for_writer = Arc::clone(&shared);
        let writing = tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                if let Err(error) = writer.send(message).await {
                    for_writer.close(&CloseReason::Lost(error.to_string()));
                    break;
                }
            }
        });
        let tasks = Arc::new(Tasks([reading.abort_handle(), writing.abort_handle()]));
        Self { shared, tasks }
    }

    /// The session of the browser itself.
    pub fn root(&self) -> CdpSession {
        CdpSession {
            connection: self.clone(),
            state: Arc::clone(&self.shared.root),
        }
    }

    /// The session with this id, if it is attached.
    pub fn session(&self, id: &str) -> Option<CdpSession> {
        let state = self.shared.routes().sessions.get(id).cloned()?;
        Some(CdpSession {
            connection: self.clone(),
            state,
        })
    }

    /// How many commands wait for their reply.
    pub fn pending(&self) -> usize {
        self.shared.routes().pending.len()
    }

    /// Ends it: all that waits fails, nothing more is read or written, and the streams are closed.
    pub fn close(&self, reason: &CloseReason) {
        self.shared.close(reason);
        self.tasks.0.iter().for_each(AbortHandle::abort);
    }

    /// What it runs on.
    pub(super) fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    pub(super) fn children(&self, parent: &SessionState) -> Vec<CdpSession> {
        let routes = self.shared.routes();
        let children = routes
            .sessions
            .values()
            .filter(|state| state.parent == parent.id && parent.id.is_some());
        children
            .map(|state| CdpSession {
                connection: self.clone(),
                state: Arc::clone(state),
            })
            .collect()
    }

    pub(super) async fn begin(&self, session: &Arc<SessionState>, command: &RawCommand) -> Result<Reply> {
        let gone = |reason| Error::Gone {
            what: command.method().to_owned(),
            reason,
        };
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let outgoing = Outgoing {
            id,
            session: session.id.as_deref(),
            method: command.method(),
            params: &command.params,
        };
        let message = serde_json::to_string(&outgoing).map_err(|error| Error::invalid(command.method(), error))?;
        {
            let mut routes = self.shared.routes();
            // Asked under the lock that closing takes, so that no command slips in behind it.
            if let Some(reason) = routes.closed.clone().or_else(|| session.closed()) {
                return Err(gone(reason));
            }
            routes.pending.insert(
                id,
                Pending {
                    session: session.id.clone(),
                    reply: sender,
                },
            );
        }
        let reply = Reply {
            id,
            method: command.method().into(),
            receiver,
            shared: Arc::clone(&self.shared),
        };
        if self.shared.outgoing.send(message).await.is_err() {
            return Err(gone(self.shared.root.closed().unwrap_or(CloseReason::Closed)));
        }
        Ok(reply)
    }
}

/// A reply to come. Dropping it forgets it.
pub(crate) struct Reply {
    id: u64,
    method: Box<str>,
    receiver: oneshot::Receiver<Result<Box<RawValue>, Failure>>,
    shared: Arc<Shared>,
}

impl Reply {
    /// Waits for it; the caller bounds the wait.
    pub(crate) async fn wait(mut self) -> Result<Box<RawValue>> {
        let what = self.method.to_string();
        match (&mut self.receiver).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(Failure::Refused(error))) => Err(Error::Protocol {
                method: what,
                code: error.code,
                message: error.message,
            }),
            Ok(Err(Failure::Gone(reason))) => Err(Error::Gone { what, reason }),
            Err(_) => Err(Error::Gone {
                what,
                reason: CloseReason::Closed,
            }),
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.shared.routes().pending.remove(&self.id);
    }
}

impl Shared {
    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, message: &str) {
        let incoming: Incoming<'_> = match serde_json::from_str(message) {
            Ok(incoming) => incoming,
            Err(error) => {
                return tracing::debug!(%error, bytes = message.len(), "a message of the browser cannot be read");
            }
        };
        match (incoming.id, incoming.method) {
            (Some(id), _) => self.reply(id, incoming.result, incoming.error),
            (None, Some(method)) => {
                let params = incoming.params.map_or("{}", RawValue::get);
                self.event(incoming.session.as_deref(), &method, params);
            }
            (None, None) => tracing::debug!("a message of the browser is neither reply nor event"),
        }
    }

    fn reply(&self, id: u64, result: Option<&RawValue>, error: Option<ReplyError>) {
        let Some(pending) = self.routes().pending.remove(&id) else {
            return tracing::trace!(id, "a reply that nobody waits for");
        };
        let reply = match error {
            Some(error) => Err(Failure::Refused(error)),
            None => Ok(result.map_or_else(|| RawValue::NULL.to_owned(), ToOwned::to_owned)),
        };
        // Whoever waited may have given up this moment.
        let _ = pending.reply.send(reply);
    }

    fn event(&self, session: Option<&str>, method: &str, params: &str) {
        let state = match session {
            None => Some(Arc::clone(&self.root)),
            Some(id) => self.routes().sessions.get(id).cloned(),
        };
        let Some(state) = state else {
            return tracing::trace!(method, "an event of a session that is not attached");
        };
        match method {
            "Target.attachedToTarget" => self.attach(&state, params),
            "Target.detachedFromTarget" | "Target.targetCrashed" | "Inspector.targetCrashed" => {
                // Those who observe the parent are told first, while the child can still be found.
                state.dispatch(method, params);
                return self.detach(&state, method, params);
            }
            _ => {}
        }
        state.dispatch(method, params);
    }

    /// Known before anyone is told, so that the next event of the new session finds its way.
    fn attach(&self, parent: &Arc<SessionState>, params: &str) {
        match serde_json::from_str::<Attached>(params) {
            Ok(Attached {
                session_id,
                target_info,
            }) => {
                let state = SessionState::new(Some(Arc::clone(&session_id)), parent.id.clone(), target_info);
                let mut routes = self.routes();
                if routes.closed.is_none() {
                    routes.sessions.insert(session_id, state);
                }
            }
            Err(error) => tracing::debug!(%error, "a target was attached to in words that cannot be read"),
        }
    }

    fn detach(&self, on: &Arc<SessionState>, method: &str, params: &str) {
        let ended: Ended = serde_json::from_str(params).unwrap_or_default();
        let (ids, reason) = match method {
            "Target.detachedFromTarget" => (ended.session_id.into_iter().collect(), CloseReason::Detached),
            "Target.targetCrashed" => {
                let routes = self.routes();
                let of_target = routes.sessions.iter().filter(|(_, state)| {
                    ended
                        .target_id
                        .as_deref()
                        .is_some_and(|target| target == state.target.target_id)
                });
                (
                    of_target.map(|(id, _)| Arc::clone(id)).collect::<Vec<_>>(),
                    CloseReason::Crashed,
                )
            }
            _ => (on.id.clone().into_iter().collect(), CloseReason::Crashed),
        };
        for id in ids {
            self.end(&id, &reason);
        }
    }

    /// Ends a session and all below it.
    fn end(&self, id: &Arc<str>, reason: &CloseReason) {
        let mut doomed = vec![Arc::clone(id)];
        while let Some(id) = doomed.pop() {
            let (state, waiting) = {
                let mut routes = self.routes();
                let Some(state) = routes.sessions.remove(&id) else {
                    continue;
                };
                let below = routes
                    .sessions
                    .iter()
                    .filter(|(_, state)| state.parent.as_ref() == Some(&id));
                doomed.extend(below.map(|(child, _)| Arc::clone(child)));
                // Closed under the lock, so that no command slips in behind the ones that fail here.
                let waiting: Vec<_> = routes
                    .pending
                    .extract_if(|_, pending| pending.session.as_ref() == Some(&id))
                    .collect();
                state.mark_closed(reason);
                (state, waiting)
            };
            for (_, pending) in waiting {
                let _ = pending.reply.send(Err(Failure::Gone(reason.clone())));
            }
            state.tell_closed(reason);
        }
    }

    fn close(&self, reason: &CloseReason) {
        let (pending, sessions) = {
            let mut routes = self.routes();
            if routes.closed.is_some() {
                return;
            }
            routes.closed = Some(reason.clone());
            (
                std::mem::take(&mut routes.pending),
                std::mem::take(&mut routes.sessions),
            )
        };
        for pending in pending.into_values() {
            let _ = pending.reply.send(Err(Failure::Gone(reason.clone())));
        }
        for state in sessions.into_values().chain([Arc::clone(&self.root)]) {
            state.mark_closed(reason);
            state.tell_closed(reason);
        }
    }
}

/// A connection that is not kept open by this.
pub(crate) struct WeakConnection {
    shared: std::sync::Weak<Shared>,
    tasks: std::sync::Weak<Tasks>,
}

impl WeakConnection {
    pub(crate) fn upgrade(&self) -> Option<Connection> {
        Some(Connection {
            shared: self.shared.upgrade()?,
            tasks: self.tasks.upgrade()?,
        })
    }
}

impl Connection {
    pub(crate) fn downgrade(&self) -> WeakConnection {
        WeakConnection {
            shared: Arc::downgrade(&self.shared),
            tasks: Arc::downgrade(&self.tasks),
        }
    }
}
