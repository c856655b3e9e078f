//! How an identity comes to life, and how it ends: the tasks of the pool.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use silkroute_core::{Error, FetchError, FetchErrorKind, Result, Session};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::Member;
use crate::roster::{Due, Roster};
use crate::saving::save;
use crate::settings::{STABLE_AFTER, START_FAILURES, after, backoff};
use crate::shared::{Shared, closed};
use crate::slot::{Cause, Ending, Maker, Phase, Why};
use crate::store::{Saved, Store};

/// A start that is to be done.
pub(crate) struct Job {
    pub(crate) index: usize,
    pub(crate) member: Arc<Member>,
    pub(crate) maker: Option<Maker>,
    pub(crate) restored: bool,
    pub(crate) session: Option<Box<dyn Session>>,
    pub(crate) tell: watch::Sender<Option<Result<()>>>,
}

/// What came of a start that went to its end.
enum Started {
    /// It is ready; and whether what it keeps is on disk.
    Ready { saved: bool },
    /// It runs, and is not valid, even after its warm-up.
    Invalid,
}

/// Starts a session, makes it ready, and tells those who wait for it.
pub(crate) async fn start(shared: Arc<Shared>, job: Job, cancel: CancellationToken) {
    let Job {
        index,
        member,
        maker,
        restored,
        mut session,
        tell,
    } = job;
    let begun = Instant::now();
    let limit = shared.settings.start_timeout;
    let enlivened = async {
        let _turn = shared.starts.acquire().await;
        let built = match &mut session {
            Some(built) => built,
            empty => empty.insert(unpanicked(async { build(&member, maker.as_ref()) }).await?),
        };
        timeout(limit, unpanicked(enliven(&shared, &member, &mut **built, restored)))
            .await
            .unwrap_or_else(|_| {
                Err(
                    FetchError::new(FetchErrorKind::Timeout, format!("it was not ready within {limit:?}"))
                        .hint("raise the pool's `start_timeout`, or lower `max_starting`")
                        .into(),
                )
            })
    };
    let result = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(closed()),
        result = enlivened => result,
    };
    if !matches!(result, Ok(Started::Ready { .. }))
        && let Some(session) = &mut session
    {
        close(&member, &mut **session, shared.settings.close_timeout).await;
    }
    let result = settle(&shared, index, &member, session, result, begun);
    // Who waited may have gone.
    tell.send_replace(Some(result));
}

/// Puts a session that was started, or was not, where it belongs.
fn settle(
    shared: &Arc<Shared>,
    index: usize,
    member: &Member,
    session: Option<Box<dyn Session>>,
    result: Result<Started>,
    begun: Instant,
) -> Result<()> {
    if let Err(error) = &result
        && let Some(failed) = error.as_fetch()
        && failed.kind() == FetchErrorKind::Proxy
    {
        shared.report(member.bound_to(), false);
    }
    shared.with(|roster| {
        let now = Instant::now();
        let slot = &mut roster.slots[index];
        match (result, session) {
            (Ok(Started::Ready { saved }), Some(session)) => {
                tracing::debug!(identity = %member.label(), took = ?begun.elapsed(), "an identity of a pool is ready");
                slot.phase = Phase::Alive(Arc::new(session));
                slot.ready = Some(now);
                slot.restored = true;
                slot.invalid_starts = 0;
                slot.saved = saved.then_some(now);
                slot.kept |= saved;
                roster.settle(index);
                Ok(())
            }
            (result, session) => {
                slot.phase = Phase::Idle(session);
                let source = match result {
                    Ok(Started::Invalid) => {
                        slot.invalid_starts = slot.invalid_starts.saturating_add(1);
                        invalid()
                    }
                    // Without a session there is none that is ready.
                    Ok(Started::Ready { .. }) => closed(),
                    Err(error) => error,
                };
                let given_up = source
                    .as_fetch()
                    .is_some_and(|error| error.kind() == FetchErrorKind::Cancelled);
                if given_up {
                    roster.settle(index);
                    return Err(source);
                }
                let error = failed(roster, index, member, source, now);
                roster.settle(index);
                Err(error)
            }
        }
    })
}

fn invalid() -> Error {
    let error = FetchError::new(
        FetchErrorKind::Other,
        "the identity is not valid, even after its warm-up",
    );
    error
        .hint("see what `PoolHooks::is_valid` asks for")
        .retryable(true)
        .into()
}

/// Has an identity that did not start rest, or retires it if that happens too often. One that has something on disk is not given up
/// for what may be the network's fault, the machine's or the site's: only `is_valid` can say that it is of no use.
fn failed(roster: &mut Roster, index: usize, member: &Member, source: Error, now: Instant) -> Error {
    let slot = &mut roster.slots[index];
    slot.failed_starts = slot.failed_starts.saturating_add(1);
    let wait = backoff(slot.failed_starts);
    let error = Error::Start {
        session: member.label(),
        attempt: slot.failed_starts,
        retry_in: Some(wait),
        source: Arc::new(source),
    };
    tracing::warn!(identity = %member.label(), %error, "an identity of a pool did not start");
    let failures = if slot.kept {
        slot.invalid_starts
    } else {
        slot.failed_starts
    };
    let retire = slot.maker.is_some() && failures >= START_FAILURES;
    roster.rest(index, now + wait, Why::Start(error.clone()));
    if retire {
        roster.end(index, Ending::Retire(Cause::Starts));
    }
    error
}

/// Makes the session of a member.
pub(crate) fn build(member: &Member, maker: Option<&Maker>) -> Result<Box<dyn Session>> {
    let Some(maker) = maker else {
        let lost = format!("the session of `{}`", member.name());
        return Err(Error::invalid(
            lost,
            "it was lost when an earlier start did not end; add it anew",
        ));
    };
    let session = maker(member)?;
    if member.proxy_was_asked_for() {
        return Ok(session);
    }
    Err(Error::invalid(
        format!("the session made for `{}`", member.name()),
        "the pool has proxies, and this session was made without asking for the one it is bound to: give it \
         `member.proxy()`",
    ))
}

async fn enliven(shared: &Shared, member: &Member, session: &mut dyn Session, restored: bool) -> Result<Started> {
    let settings = &shared.settings;
    session.start().await?;
    let saved = match &settings.store {
        Some(store) => store.read(member.name()).await?,
        None => None,
    };
    // A session that was alive before in this process may still know all of it, and in a newer edition: an HTTP session does.
    // Putting the saved one beneath it would be right; on top of it, the older would win.
    let mut valid = false;
    // What could not be removed of the one that had the place before is not this one's.
    let own = |saved: &Saved| {
        saved
            .note
            .as_ref()
            .is_none_or(|note| note.generation == member.generation())
    };
    if let Some(saved) = saved.filter(own) {
        let forgot = !restored || {
            let known = session.storage_state().await?;
            known.cookies.is_empty() && known.origins.is_empty()
        };
        if forgot {
            session.load_storage_state(&saved.state).await?;
        }
        valid = settings.hooks.is_valid(session, member).await?;
    }
    if !valid {
        settings.hooks.warm_up(session, member).await?;
        if !settings.hooks.is_valid(session, member).await? {
            return Ok(Started::Invalid);
        }
    }
    if !session.is_alive() {
        let what = "it started and has ended since, or its `is_alive` does not say that it is";
        return Err(FetchError::new(FetchErrorKind::SessionDied, what).into());
    }
    let Some(store) = &settings.store else {
        return Ok(Started::Ready { saved: false });
    };
    let state = session.storage_state().await?;
    let written = store.write(member.name(), state, shared.note(member)).await;
    if let Err(error) = &written {
        tracing::warn!(identity = %member.label(), %error, "an identity is ready, and its state was not saved");
    }
    Ok(Started::Ready { saved: written.is_ok() })
}

/// Ends a session that nobody uses, and lets the next identity into its place.
pub(crate) async fn end(shared: Arc<Shared>, due: Due) {
    let Due {
        index,
        mut session,
        ending,
    } = due;
    let member = Arc::clone(&shared.roster().slots[index].member);
    let limit = shared.settings.close_timeout;
    // Before it is closed: a pool that is closed meanwhile may have no time for what comes later.
    match (ending, &shared.settings.store, &session) {
        // What it keeps is not to blame: made as it should be, the identity may have it again.
        (Ending::Retire(Cause::Astray), ..) => {}
        (Ending::Retire(cause), Some(store), _) => forget(store, &member, cause).await,
        (Ending::Revive, _, Some(session)) => {
            save(&shared, &member, &**session, limit).await;
        }
        _ => {}
    }
    if let Some(session) = &mut session {
        close(&member, &mut **session, limit).await;
    }
    shared.with(|roster| {
        let now = Instant::now();
        let slot = &mut roster.slots[index];
        match ending {
            Ending::Revive => {
                slot.phase = Phase::Idle(session);
                slot.ending = None;
                if slot.died(now) {
                    let what = format!("it ended within {STABLE_AFTER:?} of its start");
                    let source = FetchError::new(FetchErrorKind::SessionDied, what).into();
                    failed(roster, index, &member, source, now);
                }
            }
            // The same maker would send the next one the same way.
            Ending::Retire(cause) if slot.maker.is_none() || cause == Cause::Astray => roster.strike(index, cause),
            Ending::Retire(cause) => {
                let next = shared.successor(roster, &member, cause);
                let proxy = next.bound_to().cloned();
                let slot = &mut roster.slots[index];
                // Who comes after one that did not start is likely to fare no better at once.
                let rest = slot.rest.take();
                roster.succeed(index, next);
                roster.slots[index].rest = rest;
                if !shared.settings.rest.is_zero() {
                    roster.rest(index, after(now, shared.settings.rest), Why::New);
                }
                let proxies = shared.settings.proxies.as_ref();
                if let Some(left) = proxies.zip(proxy.as_ref()).and_then(|(all, own)| all.cooling_for(own)) {
                    roster.rest(index, after(now, left), Why::Proxy);
                }
            }
        }
        roster.grant(index, now);
    });
}

/// Sees to it that what is on disk of an identity that is retired comes back with nobody.
async fn forget(store: &Store, member: &Member, cause: Cause) {
    tracing::info!(identity = %member.label(), %cause, "an identity of a pool is retired");
    let done = if cause == Cause::Starts {
        let aside = store.set_aside(member.name(), member.generation()).await;
        aside.map(|aside| {
            if let Some(aside) = aside {
                tracing::warn!(identity = %member.label(), kept = %aside.display(), "what was saved of it is set aside");
            }
        })
    } else {
        store.remove(member.name()).await
    };
    if let Err(error) = done {
        tracing::warn!(identity = %member.label(), %error, "the state of a retired identity is still there");
    }
}

/// Closes a session, and does not wait for one that does not.
pub(crate) async fn close(member: &Member, session: &mut dyn Session, limit: Duration) -> Option<Error> {
    let failed = match timeout(limit, unpanicked(session.close())).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error,
        Err(_) => FetchError::new(FetchErrorKind::Timeout, format!("it was not closed within {limit:?}")).into(),
    };
    tracing::warn!(identity = %member.label(), error = %failed, "an identity's session did not close cleanly");
    Some(failed)
}

/// Makes an error of a panic in what others have written: sessions, their makers and hooks.
pub(crate) async fn unpanicked<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// What a panic says, as an error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    FetchError::new(
        FetchErrorKind::Other,
        format!("a session, its maker or a hook panicked: {said}"),
    )
    .into()
}
