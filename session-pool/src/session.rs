//! The pool as a session.

use std::collections::HashSet;
use std::fmt;
use std::future::ready;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use silkroute_core::cookies::StorageState;
use silkroute_core::{
    Error, ExpectedIdentity, Identity, Proxy, ProxyPool, Request, Response, Result, Session, SessionOptions,
    async_trait,
};
use tokio::time::{Instant, timeout_at};

use crate::settings::{Settings, after};
use crate::shared::{Shared, closed};
use crate::slot::{Live, Phase};
use crate::store::{Note, Store, proxy_name};
use crate::{Member, PoolConfig, PoolHandle, PoolOptions, SessionPoolBuilder, fetch, life, saving};

/// Many identities behind one session: each has a session of its own, with its own proxy, cookies and fingerprint, and every
/// request goes out by one of them.
///
/// ```no_run
/// use silkroute_core::{Fetch, ProxyPool, Session};
/// use silkroute_session_http::HttpSession;
/// use silkroute_session_pool::SessionPool;
///
/// # async fn example(proxies: ProxyPool) -> silkroute_core::Result<()> {
/// let mut pool = SessionPool::builder()
///     .identities(50, |member| {
///         let session = HttpSession::builder().impersonate(member.pick(["chrome", "firefox", "safari"]));
///         match member.proxy() {
///             Some(proxy) => session.proxy(proxy.clone()).build(),
///             None => session.build(),
///         }
///     })
///     .proxies(proxies)
///     .directory("identities")
///     .build()?;
/// pool.start().await?;
/// let response = pool.fetch(&Fetch::get("https://shop.test/")?).await?;
/// println!("{} by {}", response.status(), response.meta()[silkroute_session_pool::IDENTITY_META]);
/// pool.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct SessionPool {
    shared: Arc<Shared>,
    alive: bool,
    timeout: Duration,
    concurrency: Option<NonZeroUsize>,
}

impl SessionPool {
    /// Sets it up.
    pub fn builder() -> SessionPoolBuilder {
        SessionPoolBuilder::default()
    }

    /// The pool of a configuration: the identities are sessions of a kind that is linked into the program.
    ///
    /// # Errors
    /// See [`SessionPoolBuilder::from_config`] and [`SessionPoolBuilder::build`].
    pub fn from_config(config: PoolConfig) -> Result<Self> {
        SessionPoolBuilder::from_config(config)?.build()
    }

    pub(crate) fn with(shared: Shared, timeout: Duration, concurrency: Option<NonZeroUsize>) -> Self {
        Self {
            shared: Arc::new(shared),
            alive: false,
            timeout,
            concurrency,
        }
    }

    /// A handle, to keep when the pool itself goes into a manager.
    pub fn handle(&self) -> PoolHandle {
        PoolHandle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Brings the identities back that an earlier run left in the directory.
    async fn restore(&self, store: &Store) -> Result<()> {
        store.prepare().await?;
        let members: Vec<_> = {
            let roster = self.shared.roster();
            let fresh = roster
                .slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| !slot.restored && !slot.is_gone());
            fresh.map(|(index, slot)| (index, Arc::clone(&slot.member))).collect()
        };
        for (index, member) in members {
            let Some(saved) = store.read(member.name()).await? else {
                continue;
            };
            self.shared.roster().slots[index].kept = true;
            if let Some(note) = saved.note {
                self.bring_back(store, index, &member, note).await?;
            }
        }
        Ok(())
    }

    /// Saves what lives, and tells of whom nothing can have changed since: who has a lease or a save of its own may have more to save.
    async fn save_live(&self, limit: Duration) -> HashSet<usize> {
        if self.shared.settings.store.is_none() {
            return HashSet::new();
        }
        let live: Vec<_> = {
            let roster = self.shared.roster();
            let each = roster.slots.iter().enumerate();
            each.filter_map(|(index, slot)| match &slot.phase {
                Phase::Alive(live) => {
                    let unused = slot.in_flight == 0 && slot.held == 0;
                    Some((index, unused, Arc::clone(&slot.member), Arc::clone(live)))
                }
                _ => None,
            })
            .collect()
        };
        let saved = join_all(live.into_iter().map(async |(index, unused, member, live)| {
            let saved = saving::save(&self.shared, &member, &**live, limit).await;
            (saved && unused).then_some(index)
        }));
        saved.await.into_iter().flatten().collect()
    }

    fn no_state_of_its_own(&self) -> Error {
        let instead = match &self.shared.settings.store {
            Some(_) => "its `directory` keeps that of each identity; `PoolHandle` gives it, and takes one for it",
            None => {
                "each identity has its own: give the pool a `directory`, or see `storage_state` and \
                 `load_storage_state` of `PoolHandle`"
            }
        };
        Error::Unsupported {
            kind: PoolOptions::KIND.to_owned(),
            what: "one state for all".to_owned(),
            instead: instead.to_owned(),
        }
    }

    async fn bring_back(&self, store: &Store, index: usize, member: &Member, note: Note) -> Result<()> {
        let Some(proxy) = proxy_of(&self.shared.settings, member, &note) else {
            // Its cookies belong to an address that it would no longer come from.
            let aside = store.set_aside(member.name(), note.generation).await?;
            self.shared.roster().slots[index].kept = false;
            let aside = aside.unwrap_or_default();
            tracing::warn!(
                identity = member.name(), proxy = note.proxy.as_deref().unwrap_or("none"), kept = %aside.display(),
                "an identity was bound to a proxy that the pool no longer has: a new one takes its place"
            );
            return Ok(());
        };
        let returned = Member::new(
            member.name().to_owned(),
            member.number(),
            note.generation,
            note.seed,
            proxy,
        );
        let mut roster = self.shared.roster();
        let slot = &mut roster.slots[index];
        slot.member = Arc::new(returned);
        slot.taken = note.requests;
        slot.born = note.born();
        Ok(())
    }
}

/// The proxy that a note speaks of, which may be none; `None`: it is not for this member to go by.
fn proxy_of(settings: &Settings, member: &Member, note: &Note) -> Option<Option<Proxy>> {
    match (member.bound_to(), &note.proxy) {
        // Also in a pool with proxies: a session that was given brings its own.
        (None, None) => Some(None),
        (Some(_), Some(name)) => settings
            .proxies
            .iter()
            .flat_map(ProxyPool::proxies)
            .find(|proxy| proxy_name(proxy) == *name)
            .map(|proxy| Some(proxy.clone())),
        _ => None,
    }
}

#[async_trait]
#[deny(
    clippy::missing_trait_methods,
    reason = "what a pool does about it is to be decided each time"
)]
impl Session for SessionPool {
    fn kind(&self) -> &'static str {
        PoolOptions::KIND
    }

    fn is_alive(&self) -> bool {
        self.alive
    }

    /// All places together, where each identity has a number of them and any may serve any request. A pool that assigns by host or
    /// by meta has no limit of its own: requests for an identity that is busy wait in the pool, so as not to hold up the others.
    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.concurrency
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    /// None: each identity has its own.
    fn user_agent(&self) -> Option<String> {
        None
    }

    /// None: each identity has its own.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// None: each identity has its own.
    fn expected_identity(&self) -> ExpectedIdentity {
        Box::pin(ready(None))
    }

    /// Nobody but those who are in it.
    fn can_be(&self, _: &Identity) -> bool {
        false
    }

    /// Nobody but those who are in it.
    fn can_be_exactly(&self, _: &Identity) -> bool {
        false
    }

    /// Reads what is in the directory, if it has one. Identities start when they are first needed.
    async fn start(&mut self) -> Result<()> {
        if self.alive {
            return Ok(());
        }
        if let Some(store) = &self.shared.settings.store {
            self.restore(store).await?;
        }
        self.shared.open();
        self.alive = true;
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        if !self.alive {
            let error = match closed() {
                Error::Fetch(error) => error.request(request),
                other => return Err(other),
            };
            return Err(error.into());
        }
        fetch::fetch(&self.shared, request, self.timeout).await
    }

    /// Saves every identity and closes its session, all at the same time. It ends within the pool's `close_timeout`; one that is
    /// given up before has saved what its identities keep, if it had the time for that.
    async fn close(&mut self) -> Result<()> {
        self.alive = false;
        let (begun, limit) = (Instant::now(), self.shared.settings.close_timeout);
        let mut tasks = self.shared.shut();
        // Starts close what they had begun. All that comes first has half of the time, so that sessions have the other half.
        let deadline = after(begun, limit / 2);
        let (saved, ended) = join(
            self.save_live(limit / 2),
            timeout_at(deadline, async { while tasks.join_next().await.is_some() {} }),
        )
        .await;
        if ended.is_err() {
            tracing::warn!("some identities of a pool were still starting or ending when it closed");
            tasks.shutdown().await;
        }
        // Fetches there are none, but a handle may still look at an identity's state.
        let quiet = async {
            loop {
                let released = self.shared.released.notified();
                if self.shared.roster().is_quiet() {
                    break;
                }
                released.await;
            }
        };
        if timeout_at(deadline, quiet).await.is_err() {
            tracing::warn!("somebody still had an identity of a pool in hand when it closed");
        }
        let sessions: Vec<_> = {
            let mut roster = self.shared.roster();
            let each = roster.slots.iter_mut().enumerate();
            each.filter_map(|(index, slot)| {
                let session = Some(take_out(&mut slot.phase)?);
                let shared = &*self.shared;
                Some((Arc::clone(&slot.member), Out { shared, index, session }))
            })
            .collect()
        };
        let end = after(begun, limit);
        let closed = join_all(sessions.into_iter().map(async |(member, mut out)| {
            let left = || end.saturating_duration_since(Instant::now());
            let session = out.session.as_mut()?;
            if !saved.contains(&out.index) {
                saving::save(&self.shared, &member, &**session, left() / 2).await;
            }
            let failed = life::close(&member, &mut **session, left()).await?;
            Some((member.label(), failed))
        }))
        .await;
        let failures: Vec<_> = closed.into_iter().flatten().collect();
        self.shared.roster().clear();
        if failures.is_empty() {
            Ok(())
        } else {
            Err(Error::Close { failures })
        }
    }

    async fn storage_state(&self) -> Result<StorageState> {
        Err(self.no_state_of_its_own())
    }

    async fn load_storage_state(&self, _: &StorageState) -> Result<()> {
        Err(self.no_state_of_its_own())
    }
}

/// A session that was taken out of its slot to be closed. Dropped, as when its closing is given up, it is back.
struct Out<'a> {
    shared: &'a Shared,
    index: usize,
    session: Option<Box<dyn Session>>,
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.shared.roster().slots[self.index].phase = Phase::Idle(self.session.take());
    }
}

/// The live session of a slot. The pool is closing: no fetch runs and no task is left that could hold it.
fn take_out(phase: &mut Phase) -> Option<Box<dyn Session>> {
    match std::mem::replace(phase, Phase::Idle(None)) {
        Phase::Alive(live) => Live::try_unwrap(live).ok(),
        // Of a task that had to be given up.
        Phase::Starting(_) | Phase::Ending => None,
        other => {
            *phase = other;
            None
        }
    }
}

impl fmt::Debug for SessionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roster = self.shared.roster();
        let started = roster
            .slots
            .iter()
            .filter(|slot| matches!(slot.phase, Phase::Alive(_)))
            .count();
        f.debug_struct("SessionPool")
            .field("alive", &self.alive)
            .field("identities", &roster.slots.len())
            .field("started", &started)
            .field("proxies", &self.shared.settings.proxies.as_ref().map(ProxyPool::len))
            .field("assign", &self.shared.settings.assign)
            .finish_non_exhaustive()
    }
}

impl Drop for SessionPool {
    fn drop(&mut self) {
        self.shared.shut().abort_all();
        // A handle that is still somewhere must not keep sessions alive.
        let mut roster = self.shared.roster();
        let sessions: Vec<_> = roster
            .slots
            .iter_mut()
            .map(|slot| std::mem::replace(&mut slot.phase, Phase::Idle(None)))
            .collect();
        drop(roster);
        drop(sessions);
    }
}
