//! What a crawl that outlives its process keeps besides its pages, and how the next run takes it up.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use silkroute_core::cookies::StorageState;
use silkroute_core::{Error, FetchError, FetchErrorKind};
use silkroute_manager::{SessionLease, SessionState, SessionStats};
use tokio::time::Instant;

use super::Engine;
use super::ledger::{Before, Starts, lock};
use crate::escalation::Memory;
use crate::frontier::Values;
use crate::schedule::SavedHost;
use crate::{BoxError, CrawlError, Result, Spider, Stats};

/// What changes all the time (statistics, delays, cookies) is kept this often, with all that is no page's brought to the disk,
/// and at the end.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// A session's state of more bytes, such as that of a browser that keeps local storage, is kept less often.
const LARGE: usize = 1 << 20;
const SAVE_LARGE_EVERY: Duration = Duration::from_secs(30);
/// How long a session may take to say what it keeps.
const ASK_SESSION: Duration = Duration::from_secs(2);
/// How long it may take to take up what it kept. It is asked once, so it may be slower.
const LOAD_SESSION: Duration = Duration::from_secs(10);

const STATS: &str = "stats";
const HOSTS: &str = "hosts";
pub(super) const STARTS: &str = "starts";
const LADDER: &str = "ladder";
const SESSION: &str = "session/";

impl<S: Spider> Engine<S> {
    /// Takes up what an earlier run left; `false`: the crawl was ended before the exports had all of it.
    pub(super) async fn resume(self: &Arc<Self>) -> Result<bool, CrawlError> {
        let (Some(ledger), Some(durable)) = (&self.ledger, self.frontier.durable()) else {
            return Ok(true);
        };
        let failed = |source: BoxError| CrawlError::frontier("say what an earlier run left", source);
        let resumed = durable.resume(self.spider.name()).await.map_err(failed)?;
        let mut values = resumed.values;
        let starts = read::<Starts>(&values, STARTS).map_err(failed)?.unwrap_or_default();
        let starts = self.settle_beginning(durable, &values, starts).await?;
        *lock(&ledger.starts) = starts;
        let stats = values
            .remove(STATS)
            .map(|saved| Stats::load(&saved))
            .transpose()
            .map_err(failed)?;
        let hosts = read::<Vec<SavedHost>>(&values, HOSTS)
            .map_err(failed)?
            .unwrap_or_default();
        if let (Some(climber), Some(saved)) = (&self.climber, values.get(LADDER)) {
            *climber.memory() = Memory::load(saved).map_err(|error| failed(error.into()))?;
        }
        for (name, data) in values.range(SESSION.to_owned()..) {
            let Some(session) = name.strip_prefix(SESSION) else {
                break;
            };
            let state = std::str::from_utf8(data).map_err(BoxError::from);
            let state = state.and_then(|text| Ok(StorageState::from_json(text)?));
            let before = Before {
                state: state.map_err(failed)?,
                giving: tokio::sync::Mutex::default(),
            };
            lock(&ledger.sessions).insert(session.to_owned(), Arc::new(before));
        }
        {
            let now = Instant::now();
            let mut state = self.control.lock();
            if let Some(mut stats) = stats {
                stats.set_to(&state.stats);
                state.before = stats.elapsed;
                if let Some(logs) = &state.logs {
                    logs.go_on_from(&stats.log_counts);
                }
                state.stats = stats;
            }
            state.stats.pages_before = resumed.pages;
            // These were counted with what they count.
            (state.stats.pages, state.stats.items) = (resumed.pages, resumed.items);
            (state.pages_taken, state.items_taken) = (resumed.pages, resumed.items);
            state.pending = i64::try_from(resumed.pending).unwrap_or(i64::MAX);
            state.starts_done = starts.done;
            if starts.done {
                state.starts = starts.taken;
            }
            for host in hosts {
                state.schedule.restore(host, now);
            }
            for (lane, rank) in &resumed.lanes {
                let (session, host) = lane.rsplit_once(' ').unwrap_or((lane, ""));
                if !self.sessions.contains(session) {
                    return Err(CrawlError::frontier("go on", self.without_session(session)));
                }
                let session = state.schedule.session(session);
                state.schedule.offer(&Arc::from(host), lane, session, *rank, now);
            }
        }
        if starts.done && resumed.pending == 0 {
            tracing::warn!(
                spider = self.spider.name(),
                frontier = durable.home(),
                pages = resumed.pages,
                "an earlier run finished this crawl, and nothing is left to fetch; to crawl anew, give another frontier"
            );
        } else if resumed.pages > 0 || resumed.pending > 0 {
            let (pages, pending) = (resumed.pages, resumed.pending);
            tracing::info!(
                spider = self.spider.name(),
                pages,
                pending,
                "the crawl goes on where it was"
            );
        }
        tokio::select! {
            biased;
            begun = self.begin_exports(durable, &values, resumed.items) => begun.map(|()| true),
            () = self.drained() => {
                let spider = self.spider.name();
                tracing::warn!(spider, "the exports do not have all items yet: the next run writes them");
                Ok(false)
            }
        }
    }

    /// Gives the sessions that have started what they had in the run before.
    pub(super) async fn resume_sessions(&self) {
        // One that was used before the crawl was so to log in, or by a crawl before this one.
        let given = self.alive().map(async |session| {
            self.give_state_back(&session.id, session.requests > 0).await;
        });
        join_all(given).await;
    }

    /// Gives the sessions that [`on_start`](Spider::on_start) was the first to use what they had in the run before, and
    /// keeps what it did with them.
    pub(super) async fn resume_those_started(&self) {
        let given = self
            .alive()
            .map(async |session| self.give_state_back(&session.id, true).await);
        join_all(given).await;
    }

    fn alive(&self) -> impl Iterator<Item = SessionStats> {
        let all = self.sessions.stats().into_iter();
        all.filter(|session| session.state == SessionState::Alive)
    }

    fn without_session(&self, session: &str) -> Error {
        let available = self.sessions.session_ids();
        Error::UnknownSession {
            id: session.to_owned(),
            available,
        }
    }

    /// Gives a session the cookies it had in the run before. It has started. Where it `has_newer` ones, these stay.
    pub(super) async fn give_state_back(&self, session: &str, has_newer: bool) {
        let Some(ledger) = &self.ledger else { return };
        // Most have nothing to be given, and wait for nobody.
        let before = lock(&ledger.sessions).get(session).cloned();
        let Some(before) = before else { return };
        let _giving = before.giving.lock().await;
        if !lock(&ledger.sessions).contains_key(session) {
            return;
        }
        let given = async {
            let running = self.sessions.get(session)?.lease().await?;
            let newer = if has_newer { Some(ask(&running).await?) } else { None };
            load(&running, &before.state).await?;
            match newer {
                Some(newer) => load(&running, &newer).await,
                None => Ok(()),
            }
        };
        if let Err(error) = given.await {
            tracing::warn!(session, %error, "it goes on without the cookies of the run before");
        }
        // Not sooner: until then the disk has what the session has not, and `save` leaves it there.
        lock(&ledger.sessions).remove(session);
    }

    /// Keeps now and then what changes all the time.
    pub(super) async fn save_now_and_then(self: Arc<Self>) {
        if self.ledger.is_none() {
            return;
        }
        let over = self.control.over.cancelled();
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = tokio::time::sleep(SAVE_EVERY) => {}
                // The end is saved when nothing changes any more.
                () = &mut over => return,
            }
            if let Err(error) = self.save(false).await {
                return self.control.fail(error);
            }
        }
    }

    /// Keeps statistics, delays and the state of the sessions, as far as they changed, and brings them to the disk with what was
    /// kept before; at the `end` also what is not yet due.
    pub(super) async fn save(&self, end: bool) -> Result<(), CrawlError> {
        let (Some(ledger), Some(durable)) = (&self.ledger, self.frontier.durable()) else {
            return Ok(());
        };
        let failed = |source: BoxError| CrawlError::frontier("keep the state of the crawl", source);
        let mut values = Values::new();
        {
            let state = self.control.lock();
            let stats = state.current_stats();
            let hosts = state.schedule.save(Instant::now());
            let starts = Starts {
                taken: state.starts.max(lock(&ledger.starts).taken),
                done: state.starts_done,
            };
            drop(state);
            values.insert(STATS.to_owned(), stats.save().map_err(failed)?);
            values.insert(
                HOSTS.to_owned(),
                serde_json::to_vec(&hosts).map_err(|error| failed(error.into()))?,
            );
            values.insert(
                STARTS.to_owned(),
                serde_json::to_vec(&starts).map_err(|error| failed(error.into()))?,
            );
        }
        let mut asked = Vec::new();
        for session in self.sessions.stats() {
            let early = |kept: &Instant| kept.elapsed() < SAVE_LARGE_EVERY;
            if lock(&ledger.sessions).contains_key(&session.id)
                || lock(&ledger.stateless).contains(&session.id)
                || (!end && lock(&ledger.large).get(&session.id).is_some_and(early))
            {
                continue;
            }
            // None but those that are alive, and as no use of theirs: one that has nothing to do may rest.
            let Some(running) = self.sessions.get(&session.id).ok().and_then(|handle| handle.peek()) else {
                continue;
            };
            asked.push(async move { (session.id, ask(&running).await) });
        }
        // All at once: one that does not answer holds up no other, and ten are waited for no longer than one.
        for (session, answer) in join_all(asked).await {
            match answer {
                Ok(state) => {
                    let written = tokio::task::spawn_blocking(move || serde_json::to_vec(&state)).await;
                    let json = written.map_err(|error| failed(error.into()))?;
                    let json = json.map_err(|error| failed(error.into()))?;
                    if json.len() > LARGE {
                        lock(&ledger.large).insert(session.clone(), Instant::now());
                    }
                    values.insert(format!("{SESSION}{session}"), json);
                }
                Err(error @ Error::Unsupported { .. }) => {
                    tracing::warn!(session, %error, "the crawl does not keep its cookies");
                    lock(&ledger.stateless).insert(session);
                }
                Err(error) => tracing::warn!(session, %error, "its cookies are not kept"),
            }
        }
        // After the cookies: those that went from one session to another are kept with who that one is by them.
        if let Some(climber) = &self.climber {
            let saved = climber.memory().save().map_err(|error| failed(error.into()))?;
            values.insert(LADDER.to_owned(), saved);
        }
        {
            let mut saved = lock(&ledger.saved);
            values.retain(|name, data| {
                let hash = ledger.hasher.hash_one(&*data);
                saved.insert(name.clone(), hash) != Some(hash)
            });
        }
        if !values.is_empty() {
            durable.commit(Vec::new(), values).await.map(drop).map_err(failed)?;
        }
        if end {
            // It is closed next, which brings all of it to the disk.
            return Ok(());
        }
        // No page need come that would bring it there: neither this nor what was committed of requests that were none.
        let synced = durable.sync().await;
        synced.map_err(|source| CrawlError::frontier("bring the state of the crawl to the disk", source))
    }
}

/// What a session keeps.
pub(super) async fn ask(session: &SessionLease) -> silkroute_core::Result<StorageState> {
    within(ASK_SESSION, session.storage_state()).await
}

/// Puts a state on top of what a session keeps.
pub(super) async fn load(session: &SessionLease, state: &StorageState) -> silkroute_core::Result<()> {
    within(LOAD_SESSION, session.load_storage_state(state)).await
}

/// What a session answers, which may be nothing.
async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = silkroute_core::Result<T>>,
) -> silkroute_core::Result<T> {
    let answered = tokio::time::timeout(limit, answer).await;
    answered.unwrap_or_else(|_| {
        let error = FetchError::new(FetchErrorKind::Timeout, format!("it did not answer within {limit:?}"));
        Err(error.into())
    })
}

pub(super) fn read<T: serde::de::DeserializeOwned>(values: &Values, name: &str) -> Result<Option<T>> {
    values
        .get(name)
        .map(|data| serde_json::from_slice(data).map_err(|error| format!("its value `{name}`: {error}").into()))
        .transpose()
}
