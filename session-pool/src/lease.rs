//! A place in the pool, while a request has it.

use std::sync::Arc;

use silkroute_core::{Result, Session};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Member;
use crate::roster::{Told, Wait};
use crate::shared::Shared;
use crate::slot::Live;

/// A place in a slot. Dropped, it is free again.
pub(crate) struct Lease {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: usize,
    pub(crate) member: Arc<Member>,
    session: Option<Live>,
}

impl Lease {
    pub(crate) fn new(shared: &Arc<Shared>, index: usize) -> Self {
        let member = Arc::clone(&shared.roster().slots[index].member);
        Self {
            shared: Arc::clone(shared),
            index,
            member,
            session: None,
        }
    }

    /// Waits until the session is alive, having it started if need be; `None`: it is not by then.
    pub(crate) async fn ready(&mut self, deadline: Instant) -> Option<Result<()>> {
        let ready = tokio::time::timeout_at(deadline, self.shared.ready(self.index))
            .await
            .ok()?;
        Some(ready.map(|live| self.session = Some(live)))
    }

    /// The session, once it is [`ready`](Self::ready).
    pub(crate) fn session(&self) -> Option<&dyn Session> {
        self.session.as_deref().map(|session| &**session)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // First, so that whoever finds no place taken has the session to itself.
        self.session = None;
        self.shared.with(|roster| roster.release(self.index, Instant::now()));
        self.shared.released.notify_waiters();
    }
}

/// A place in the queue. Dropped, it is given up, and so is a slot that has come meanwhile.
pub(crate) struct Queued {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ticket: u64,
    pub(crate) told: oneshot::Receiver<Told>,
    pub(crate) settled: bool,
}

impl Queued {
    pub(crate) fn new(shared: &Arc<Shared>, wait: Wait) -> Self {
        Self {
            shared: Arc::clone(shared),
            ticket: wait.ticket,
            told: wait.told,
            settled: false,
        }
    }

    /// What it is told. Only one that is told to ask again may be asked for anything afterwards.
    pub(crate) async fn told(&mut self) -> Told {
        // A queue that is gone has nothing to give; asking again finds out.
        let told = (&mut self.told).await.unwrap_or(Told::Again);
        self.settled = true;
        told
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if !self.settled {
            let (ticket, told) = (self.ticket, &mut self.told);
            self.shared.with(|roster| roster.forget(ticket, told, Instant::now()));
        }
    }
}
