//! One named session and its life: `Idle -> Starting -> Alive -> Draining -> Idle`.
//!
//! The state sits behind a mutex that is held for a few instructions, never across an await. Whoever has the box holds
//! the session: the state while it is idle, the task of a start or a stop while it changes, and a [`Running`] while it
//! is alive. A transition is a task of the manager's own, so a request that is cancelled cannot leave it half done.

mod death;
mod failure;
mod idle;
mod pulse;
mod running;
mod start;
mod stop;

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use silkroute_core::{Error, Identity, Result, Session};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::entry::Entry;
use crate::limits::Limits;
use crate::stats::{Counters, SessionState, SessionStats};

use failure::Failure;
pub(crate) use pulse::{CutShort, Pulse};
pub(crate) use running::{Running, panicked};
pub(crate) use stop::Then;

/// What a transition came to, for all who wait for it; `None` until it has.
pub(crate) type Outcome = watch::Receiver<Option<Result<()>>>;

/// Where the task of a transition tells what it came to.
type Settle = watch::Sender<Option<Result<()>>>;

/// A session under its name.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: Arc<str>,
    pub(crate) kind: &'static str,
    pub(crate) lazy: bool,
    pub(crate) concurrency: Option<usize>,
    pub(crate) timeout: Duration,
    pub(crate) counters: Counters,
    pub(crate) meters: crate::meters::Meters,
    pub(super) limits: Arc<Limits>,
    pub(super) tasks: TaskTracker,
    /// Cancelled when the manager is dropped.
    pub(super) shutdown: CancellationToken,
    stop_when_idle: Option<Duration>,
    recycle_after: Option<NonZeroU64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    life: Life,
    /// Whether it takes requests. A closed manager's sessions do not.
    open: bool,
    /// A permit for each fetch it can serve at once. Closed, and later replaced, with the session.
    places: Option<Arc<Semaphore>>,
    failure: Option<Failure>,
}

#[derive(Debug)]
enum Life {
    Idle(Box<dyn Session>),
    Starting(Attempt),
    Alive(Generation),
    Draining(Outcome),
    /// A fetch that nobody polls any more keeps the session from being closed. Its last holder closes it.
    Stuck(oneshot::Receiver<Box<dyn Session>>),
    /// Popped or removed.
    Gone,
}

#[derive(Debug)]
struct Attempt {
    outcome: Outcome,
    cancel: CancellationToken,
}

#[derive(Debug)]
struct Generation {
    /// Dropped before `running`: a manager that goes away waits for nothing, so that the session closes itself.
    home: oneshot::Receiver<Box<dyn Session>>,
    running: Arc<Running>,
    since: Instant,
    served: u64,
    /// Tells the idle watch that this life is over.
    _ended: DropGuard,
    _beats: AbortOnDropHandle<()>,
}

/// What a request finds at the door.
pub(crate) enum Entered {
    /// It serves so many fetches at once: a place in it comes first.
    Queue(Arc<Semaphore>),
    Found(Found),
}

/// What a request finds.
pub(crate) enum Found {
    Lease(Arc<Running>),
    Wait(Outcome),
}

impl Slot {
    pub(crate) fn new(
        id: Arc<str>,
        entry: Entry,
        open: bool,
        limits: Arc<Limits>,
        tasks: TaskTracker,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>> {
        let Entry {
            session,
            lazy,
            stop_when_idle,
            recycle_after,
            max_concurrency,
            default: _,
        } = entry;
        let both = [session.concurrency(), max_concurrency];
        let concurrency = both.into_iter().flatten().min().map(NonZeroUsize::get);
        let slot = Arc::new(Self {
            kind: session.kind(),
            lazy,
            concurrency,
            timeout: session.timeout(),
            counters: Counters::default(),
            meters: crate::meters::Meters::default(),
            limits,
            tasks,
            shutdown,
            stop_when_idle,
            recycle_after,
            state: Mutex::new(State {
                life: Life::Gone,
                open,
                places: concurrency.map(new_places),
                failure: None,
            }),
            id,
        });
        let life = if session.is_alive() {
            let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
                Error::invalid(
                    format!("session '{}'", slot.id),
                    "it is alive already; add it from within a tokio runtime, or add it before it is started",
                )
            })?;
            Life::Alive(slot.generation(session, runtime))
        } else {
            Life::Idle(session)
        };
        slot.state().life = life;
        Ok(slot)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The way in, at the cost of one look at the state where nothing is to be waited for.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Entered> {
        let mut state = self.state();
        self.check_open(&state)?;
        match &state.places {
            Some(places) => Ok(Entered::Queue(Arc::clone(places))),
            None => self.find_to_fetch(&mut state).map(Entered::Found),
        }
    }

    /// The session, started if need be, for as long as the lease is held.
    ///
    /// Waits as long as it takes: the caller has the deadline.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Arc<Running>> {
        loop {
            let found = self.find(&mut self.state())?;
            match found {
                Found::Lease(running) => return Ok(running),
                Found::Wait(mut outcome) => self.settled(&mut outcome).await?,
            }
        }
    }

    /// [`lease`](Self::lease) for a fetch, from what it found already, if it did.
    pub(crate) async fn lease_to_fetch(self: &Arc<Self>, mut found: Option<Found>) -> Result<Arc<Running>> {
        loop {
            let now = match found.take() {
                Some(found) => found,
                None => self.find_to_fetch(&mut self.state())?,
            };
            match now {
                Found::Lease(running) => return Ok(running),
                Found::Wait(mut outcome) => self.settled(&mut outcome).await?,
            }
        }
    }

    /// The session if it is alive. Neither starts it nor counts as a use.
    pub(crate) fn peek(&self) -> Option<Arc<Running>> {
        match &self.state().life {
            Life::Alive(generation) if generation.running.is_alive() => Some(Arc::clone(&generation.running)),
            _ => None,
        }
    }

    /// Who the session is or will be, without a start. Waits for one that is under way: the session is away meanwhile.
    pub(crate) async fn expected_identity(&self) -> Option<Identity> {
        loop {
            let found = {
                let mut state = self.state();
                self.unstick(&mut state);
                match &state.life {
                    Life::Idle(session) => ControlFlow::Break(session.expected_identity()),
                    Life::Alive(generation) => ControlFlow::Break(generation.running.expected_identity()),
                    Life::Starting(attempt) => ControlFlow::Continue(attempt.outcome.clone()),
                    Life::Draining(outcome) => ControlFlow::Continue(outcome.clone()),
                    Life::Stuck(_) | Life::Gone => return None,
                }
            };
            match found {
                ControlFlow::Break(expected) => return expected.await,
                ControlFlow::Continue(mut outcome) => drop(outcome.wait_for(Option::is_some).await.ok()?),
            }
        }
    }

    /// Waits until a transition has come to something.
    pub(crate) async fn settled(&self, outcome: &mut Outcome) -> Result<()> {
        match outcome.wait_for(Option::is_some).await {
            Ok(value) => value.clone().unwrap_or(Ok(())),
            Err(_) => Err(self.runtime_ended()),
        }
    }

    /// What a fetch finds. The session has served it then, and is recycled when it has served enough.
    fn find_to_fetch(self: &Arc<Self>, state: &mut State) -> Result<Found> {
        let found = self.find(state)?;
        if let (Found::Lease(_), Life::Alive(generation)) = (&found, &mut state.life) {
            generation.served += 1;
            if self.recycle_after.is_some_and(|limit| generation.served >= limit.get()) {
                self.begin_stop(state, Then::Rest);
            }
        }
        Ok(found)
    }

    fn find(self: &Arc<Self>, state: &mut State) -> Result<Found> {
        self.check_open(state)?;
        self.unstick(state);
        match &state.life {
            Life::Alive(generation) if generation.running.is_alive() => {
                Ok(Found::Lease(Arc::clone(&generation.running)))
            }
            Life::Alive(_) => Ok(Found::Wait(self.begin_recovery(state))),
            Life::Idle(_) => {
                if let Some(refusal) = self.refusal(state) {
                    return Err(refusal);
                }
                self.begin_start(state).map(Found::Wait)
            }
            Life::Starting(attempt) => Ok(Found::Wait(attempt.outcome.clone())),
            Life::Draining(outcome) => Ok(Found::Wait(outcome.clone())),
            Life::Stuck(_) => Err(self.closed("a fetch that is no longer polled still holds it; drop that fetch")),
            Life::Gone => Err(self.closed("it was taken out of its manager")),
        }
    }

    /// Lets requests in again after a close, and forgets what failed.
    pub(crate) fn reopen(&self) {
        let mut state = self.state();
        state.failure = None;
        if !state.open && !matches!(state.life, Life::Gone) {
            state.open = true;
            state.places = self.concurrency.map(new_places);
        }
    }

    /// Lets no further request in, and sends away those that wait for a place.
    pub(crate) fn shut(&self) {
        self.shut_locked(&mut self.state());
    }

    fn shut_locked(&self, state: &mut State) {
        state.open = false;
        if let Some(places) = &state.places {
            places.close();
        }
    }

    pub(crate) fn stats(&self) -> SessionStats {
        self.counters
            .snapshot(&self.id, self.kind, self.lazy, self.current_state())
    }

    pub(crate) fn current_state(&self) -> SessionState {
        let mut state = self.state();
        self.unstick(&mut state);
        match &state.life {
            Life::Idle(_) if self.refusal(&state).is_some() => SessionState::Failed,
            Life::Idle(_) => SessionState::Idle,
            Life::Starting(_) => SessionState::Starting,
            Life::Alive(generation) if generation.running.is_alive() => SessionState::Alive,
            Life::Alive(_) => SessionState::Dead,
            Life::Draining(_) | Life::Stuck(_) => SessionState::Draining,
            Life::Gone => SessionState::Gone,
        }
    }

    fn generation(self: &Arc<Self>, session: Box<dyn Session>, runtime: tokio::runtime::Handle) -> Generation {
        let (pulse, beats) = Pulse::start(&runtime, self.timeout);
        let (running, home) = Running::new(session, pulse, runtime, self.limits.close_timeout);
        let running = Arc::new(running);
        let ended = CancellationToken::new();
        if let Some(idle) = self.stop_when_idle {
            self.watch_idleness(idle, &running, ended.clone());
        }
        Generation {
            running,
            home,
            since: Instant::now(),
            served: 0,
            _ended: ended.drop_guard(),
            _beats: beats,
        }
    }

    /// A session that was stuck and has come home since is idle.
    fn unstick(&self, state: &mut State) {
        if let Life::Stuck(home) = &mut state.life {
            match home.try_recv() {
                Ok(session) => state.life = Life::Idle(session),
                Err(oneshot::error::TryRecvError::Empty) => {}
                Err(oneshot::error::TryRecvError::Closed) => state.life = Life::Gone,
            }
        }
    }

    fn check_open(&self, state: &State) -> Result<()> {
        if state.open {
            return Ok(());
        }
        Err(self.closed(match state.life {
            Life::Gone => "it was taken out of its manager",
            _ => "its manager was closed; call start() to open it again",
        }))
    }

    fn runtime_ended(&self) -> Error {
        self.closed("the runtime that it lived on has ended, and the session with it")
    }

    pub(crate) fn closed(&self, reason: &str) -> Error {
        Error::Closed {
            session: self.id.to_string(),
            reason: reason.to_owned(),
        }
    }
}

fn new_places(limit: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)))
}

/// Locks a mutex whose holders cannot leave it half written: a panic of theirs does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
