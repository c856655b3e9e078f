//! What a pool, its handles, its leases and its tasks share.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use silkroute_core::{Error, FetchError, FetchErrorKind, Proxy, Result};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Member;
use crate::binding::proxy_of_successor;
use crate::life::{self, Job};
use crate::roster::Roster;
use crate::settings::{Settings, after};
use crate::slot::{Cause, Ending, Live, Phase};

/// What a pool, its handles, its leases and its tasks share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    roster: Mutex<Roster>,
    /// How many identities start at the same time.
    pub(crate) starts: Arc<Semaphore>,
    /// Told when somebody gives a session back.
    pub(crate) released: Notify,
    /// There while the pool is alive.
    work: Mutex<Option<Work>>,
}

/// The tasks of a pool that is alive.
struct Work {
    tasks: JoinSet<()>,
    cancel: CancellationToken,
    runtime: Handle,
}

impl Shared {
    pub(crate) fn new(settings: Settings, roster: Roster, starts: usize) -> Self {
        Self {
            settings,
            roster: Mutex::new(roster),
            starts: Arc::new(Semaphore::new(starts)),
            released: Notify::new(),
            work: Mutex::new(None),
        }
    }

    pub(crate) fn roster(&self) -> MutexGuard<'_, Roster> {
        // A panic in there is a defect, and leaves every slot in one of its phases: the others may go on.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the roster or changes it, and then sees to the sessions that are to be ended.
    pub(crate) fn with<T>(self: &Arc<Self>, look: impl FnOnce(&mut Roster) -> T) -> T {
        let (result, due) = {
            let mut roster = self.roster();
            let result = look(&mut roster);
            (result, std::mem::take(&mut roster.due))
        };
        for due in due {
            let shared = Arc::clone(self);
            self.spawn(|_| life::end(shared, due));
        }
        result
    }

    /// Begins a life of the pool.
    pub(crate) fn open(self: &Arc<Self>) {
        *self.work() = Some(Work {
            tasks: JoinSet::new(),
            cancel: CancellationToken::new(),
            runtime: Handle::current(),
        });
        self.with(Roster::open);
    }

    /// Tells all tasks to stop and hands them over, to be waited for. From now on none is spawned.
    pub(crate) fn shut(&self) -> JoinSet<()> {
        self.roster().shut();
        match self.work().take() {
            Some(work) => {
                work.cancel.cancel();
                work.tasks
            }
            None => JoinSet::new(),
        }
    }

    /// Runs a task for as long as the pool is alive. It is told by the token when that is over.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, make: impl FnOnce(CancellationToken) -> F) {
        let mut work = self.work();
        let Some(Work { tasks, cancel, runtime }) = work.as_mut() else {
            return;
        };
        // Those that have ended: none of them panics, and none gives anything back.
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(make(cancel.clone()), runtime);
    }

    /// The session of a slot in which the caller has a place, started if need be.
    pub(crate) async fn ready(self: &Arc<Self>, index: usize) -> Result<Live> {
        loop {
            let mut outcome = match self.look(index)? {
                Look::Alive(live) => return Ok(live),
                Look::Starting(outcome) => outcome,
            };
            let started = outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
            match started {
                Ok(Some(Err(error))) => return Err(error),
                Ok(_) => {}
                Err(_) => return Err(closed()),
            }
        }
    }

    fn look(self: &Arc<Self>, index: usize) -> Result<Look> {
        let mut roster = self.roster();
        if !roster.is_open() {
            return Err(closed());
        }
        let slot = &mut roster.slots[index];
        match &mut slot.phase {
            Phase::Alive(live) if live.is_alive() => Ok(Look::Alive(Arc::clone(live))),
            Phase::Alive(_) => {
                roster.end(index, Ending::Revive);
                Err(died())
            }
            Phase::Starting(outcome) => Ok(Look::Starting(outcome.clone())),
            Phase::Idle(session) => {
                let session = session.take();
                let (tell, outcome) = watch::channel(None);
                let job = Job {
                    index,
                    member: Arc::clone(&slot.member),
                    maker: slot.maker.clone(),
                    restored: slot.restored,
                    session,
                    tell,
                };
                slot.phase = Phase::Starting(outcome.clone());
                let shared = Arc::clone(self);
                // With the lock still held: until it is let go the pool cannot be shut, so that the task does come to be.
                self.spawn(|cancel| life::start(shared, job, cancel));
                Ok(Look::Starting(outcome))
            }
            Phase::Ending | Phase::Gone(_) => Err(died()),
        }
    }

    /// Says how a proxy did. One that is left out for it takes its identities along.
    pub(crate) fn report(self: &Arc<Self>, proxy: Option<&Proxy>, ok: bool) {
        let (Some(proxies), Some(proxy)) = (&self.settings.proxies, proxy) else {
            return;
        };
        proxies.report(proxy, ok);
        if !ok && let Some(left) = proxies.cooling_for(proxy) {
            tracing::info!(%proxy, ?left, "a proxy of a pool fails, and its identities rest");
            self.with(|roster| roster.rest_all_of(proxy, after(Instant::now(), left)));
        }
    }

    /// Says that a site blocked what came through a proxy.
    pub(crate) fn report_blocked(&self, proxy: Option<&Proxy>) {
        if let (Some(proxies), Some(proxy)) = (&self.settings.proxies, proxy) {
            proxies.report_blocked(proxy);
        }
    }

    /// The identity that follows another in its place, with a new seed.
    pub(crate) fn successor(&self, roster: &Roster, of: &Member, cause: Cause) -> Member {
        let proxies = self.settings.proxies.as_ref();
        let proxy = proxies.and_then(|all| proxy_of_successor(all, &roster.slots, of.bound_to(), cause));
        Member::new(
            of.name().to_owned(),
            of.number(),
            of.generation() + 1,
            fastrand::u64(..),
            proxy,
        )
    }
}

enum Look {
    Alive(Live),
    Starting(crate::slot::Outcome),
}

/// The session in a slot has died or is being ended: another will do.
fn died() -> Error {
    FetchError::new(FetchErrorKind::SessionDied, "the session of this identity has ended").into()
}

pub(crate) fn closed() -> Error {
    FetchError::new(FetchErrorKind::Cancelled, "the pool is closed, or was not started")
        .hint("start it: `session.start().await`")
        .into()
}
