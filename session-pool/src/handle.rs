//! A pool from outside, while a manager or a spider has it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use silkroute_core::cookies::StorageState;
use silkroute_core::{Error, ProxyHealth, Result};
use tokio::time::Instant;

use crate::lease::Lease;
use crate::roster::{Turn, Want};
use crate::settings::after;
use crate::shared::{Shared, closed};
use crate::slot::{Cause, Ending, Phase};

/// A pool from outside: what its identities do, while a manager or a spider has the pool itself. A cheap clone.
#[derive(Clone)]
pub struct PoolHandle {
    pub(crate) shared: Arc<Shared>,
}

/// What an identity does.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// It has not been needed yet.
    Idle,
    /// Its session starts, or is being warmed up.
    Starting,
    /// It fetches.
    Alive,
    /// Its proxy failed, or it did not start: for a while it sends nothing.
    Resting,
    /// It is being retired, or its session died and is being closed.
    Ending,
    /// It is retired, and there is nobody to take its place; or it did not go through its proxy.
    Gone,
}

/// What a pool knows of an identity.
#[non_exhaustive]
#[derive(Clone, Debug, Serialize)]
pub struct MemberStats {
    /// Its name.
    pub name: String,
    /// How many identities had this place before, and this one: the first is 1.
    pub generation: u32,
    /// What it does.
    pub state: MemberState,
    /// Its proxy, without credentials.
    pub proxy: Option<String>,
    /// How many requests it has at the moment.
    pub in_flight: usize,
    /// How many requests it was given.
    pub requests: u64,
    /// How many of the responses showed that it was blocked.
    pub blocked: u64,
}

impl PoolHandle {
    /// What each identity does, in the order of the pool.
    pub fn stats(&self) -> Vec<MemberStats> {
        let now = Instant::now();
        let roster = self.shared.roster();
        let each = roster.slots.iter().map(|slot| MemberStats {
            name: slot.member.name().to_owned(),
            generation: slot.member.generation(),
            state: match &slot.phase {
                Phase::Gone(_) => MemberState::Gone,
                Phase::Ending => MemberState::Ending,
                _ if slot.ending.is_some() => MemberState::Ending,
                _ if slot.is_resting(now) => MemberState::Resting,
                Phase::Starting(_) => MemberState::Starting,
                Phase::Alive(_) => MemberState::Alive,
                Phase::Idle(_) => MemberState::Idle,
            },
            proxy: slot.member.bound_to().map(|proxy| proxy.label()),
            in_flight: slot.in_flight,
            requests: slot.taken,
            blocked: slot.blocked,
        });
        each.collect()
    }

    /// How the pool's proxies have fared; empty if it has none.
    pub fn proxies(&self) -> Vec<ProxyHealth> {
        self.shared
            .settings
            .proxies
            .as_ref()
            .map(silkroute_core::ProxyPool::health)
            .unwrap_or_default()
    }

    /// Retires an identity: it finishes what it is doing, its saved state is removed, and another takes its place, if the pool makes
    /// its own, with another proxy, if there is one that will do. In a pool that is not alive it is done at the next start.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that the pool does not have.
    pub fn retire(&self, name: &str) -> Result<()> {
        let index = self.index_of(name)?;
        self.shared
            .with(|roster| roster.end(index, Ending::Retire(Cause::Asked)));
        Ok(())
    }

    /// What an identity keeps of the sites it visited. It is started for it if need be.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that the pool does not have, or while the identity has no place free; whatever keeps its
    /// session from starting; [`Error::Unsupported`] where its kind has no state to give.
    pub async fn storage_state(&self, name: &str) -> Result<StorageState> {
        match self.lease_of(name).await?.session() {
            Some(session) => session.storage_state().await,
            None => Err(closed()),
        }
    }

    /// Puts a state on top of what an identity keeps of the sites it visited: a login that came from elsewhere, or that
    /// [`storage_state`](Self::storage_state) gave. It is started for it if need be, with its warm-up. No other identity
    /// gets any of it. In a pool with a directory it is saved there when the identity's next state is.
    ///
    /// ```
    /// # async fn example(pool: silkroute_session_pool::PoolHandle) -> silkroute_core::Result<()> {
    /// let login = silkroute_core::cookies::StorageState::read("login.json")?;
    /// pool.load_storage_state("identity-002", &login).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`storage_state`](Self::storage_state), and where the session does not take the state.
    pub async fn load_storage_state(&self, name: &str, state: &StorageState) -> Result<()> {
        match self.lease_of(name).await?.session() {
            Some(session) => session.load_storage_state(state).await,
            None => Err(closed()),
        }
    }

    /// A place at an identity, whose session is alive, for a look at what it keeps.
    async fn lease_of(&self, name: &str) -> Result<Lease> {
        let want = Want {
            only: Some(self.index_of(name)?),
            ..Want::default()
        };
        let index = match self.shared.with(|roster| roster.peek(&want, Instant::now())) {
            Turn::Seat(index) => index,
            _ => {
                return Err(Error::invalid(
                    format!("the identity `{name}`"),
                    "it is resting, retired, or has no place free; ask again later",
                ));
            }
        };
        let mut lease = Lease::new(&self.shared, index);
        let deadline = after(Instant::now(), self.shared.settings.start_timeout);
        match lease.ready(deadline).await {
            Some(ready) => ready?,
            None => {
                return Err(Error::invalid(
                    format!("the identity `{name}`"),
                    "it did not start in time",
                ));
            }
        }
        Ok(lease)
    }

    fn index_of(&self, name: &str) -> Result<usize> {
        let roster = self.shared.roster();
        roster.index_of(name).ok_or_else(|| {
            let names: Vec<_> = roster.slots.iter().take(10).map(|slot| slot.member.name()).collect();
            let more = if roster.slots.len() > names.len() { ", ..." } else { "" };
            Error::invalid(
                format!("the identity `{}`", name.escape_debug()),
                format!("the pool has {}{more}", names.join(", ")),
            )
        })
    }
}

impl fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolHandle")
            .field("identities", &self.shared.roster().slots.len())
            .finish_non_exhaustive()
    }
}
