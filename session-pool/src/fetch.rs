//! The path of one request: an identity, its session, the fetch, and what the answer says of the identity.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use silkroute_core::{
    CacheOutcome, Error, FetchError, FetchErrorKind, Request, RequestParts, Response, Result, SessionOptions,
};
use tokio::time::{Instant, timeout_at};

use crate::lease::{Lease, Queued};
use crate::life::panicked;
use crate::passage::{HAND_IT_OVER, astray};
use crate::roster::{Told, Turn, Want, hash_of};
use crate::saving::save_if_due;
use crate::settings::after;
use crate::shared::Shared;
use crate::slot::{Cause, Ending, Phase};
use crate::{Assign, PoolOptions};

/// Where a response's meta says which identity fetched it.
pub const IDENTITY_META: &str = "pool.identity";

/// A session ends its fetch by itself when the time is up, and knows best what it was doing. It gets this long to say so.
const FIRST_WORD: Duration = Duration::from_millis(200);
/// How many identities a request may find that do not start.
const TRIES: u32 = 3;

/// What to do about a request's proxy to which no identity is bound.
const LEAVE_IT_OUT: &str = "leave the request's proxy out: each identity goes through its own";

/// Fetches, within the time that the request has.
pub(crate) async fn fetch(
    shared: &Arc<Shared>,
    request: &dyn Request,
    default_timeout: Duration,
) -> Result<Box<dyn Response>> {
    let parts = request.parts();
    let begun = Instant::now();
    let timeout = parts.timeout.unwrap_or(default_timeout);
    let deadline = after(begun, timeout);
    let visit = Visit {
        shared,
        parts,
        timeout,
        deadline,
        want: want(shared, parts)?,
    };
    let lease = visit.lease().await?;
    let waited = begun.elapsed();
    let Some(session) = lease.session() else {
        return Err(visit.late("its session came and went"));
    };
    let result = match timeout_at(deadline + FIRST_WORD, session.fetch(request)).await {
        Ok(result) => result,
        Err(_) => Err(visit.late("the identity's session did not answer in time")),
    };
    if let Some(error) = astray(&lease.member, session.kind(), parts, &result) {
        tracing::error!(identity = %lease.member.label(), %error, "an identity of a pool goes out as it must not");
        shared.with(|roster| roster.end(lease.index, Ending::Retire(Cause::Astray)));
        return Err(error.into());
    }
    judge(&lease, &result);
    save_if_due(shared, lease.index);
    match result {
        Ok(mut response) => {
            let parts = response.parts_mut();
            parts.meta.insert(IDENTITY_META.to_owned(), lease.member.name().into());
            parts.timing.queued += waited;
            Ok(response)
        }
        Err(Error::Fetch(mut error)) => {
            error.add_context("identity", lease.member.label());
            Err(Error::Fetch(error))
        }
        Err(other) => Err(other),
    }
}

/// What a request asks of the pool.
fn want(shared: &Shared, parts: &RequestParts) -> Result<Want> {
    let options: PoolOptions = match parts.options.block(PoolOptions::KIND) {
        Some(_) => parts.options.get()?,
        None => PoolOptions::default(),
    };
    let roster = shared.roster();
    let only = match &options.identity {
        None => None,
        Some(name) => Some(roster.index_of(name).ok_or_else(|| Error::Options {
            kind: PoolOptions::KIND.to_owned(),
            path: format!("{}.identity", PoolOptions::KIND),
            reason: format!("the pool has no identity `{}`", name.escape_debug()),
        })?),
    };
    if let Some(proxy) = &parts.proxy {
        let bound = |slot: &crate::slot::Slot| slot.member.bound_to() == Some(proxy);
        let known = match only {
            Some(index) => bound(&roster.slots[index]),
            None => roster.slots.iter().any(bound),
        };
        if !known {
            let all = shared.settings.proxies.as_ref();
            let pooled = all.is_some_and(|all| all.proxies().any(|own| own == proxy));
            return Err(Error::Unsupported {
                kind: PoolOptions::KIND.to_owned(),
                // Identities move on to other proxies.
                what: match pooled {
                    true => format!("the proxy {proxy}: no identity that may send the request is bound to it now"),
                    false => format!("the proxy {proxy}, to which no identity that may send the request is bound"),
                },
                instead: match pooled {
                    true => LEAVE_IT_OUT.to_owned(),
                    false => format!("{LEAVE_IT_OUT}; or add the proxy to the pool"),
                },
            });
        }
    }
    drop(roster);
    if let Some(identity) = &parts.identity {
        return Err(Error::Unsupported {
            kind: PoolOptions::KIND.to_owned(),
            what: format!("looking like `{}`", identity.name()),
            instead: "each identity of the pool is bound to its proxy and its cookies: leave the request's `identity` out, or \
                      name one of the pool's with `PoolOptions::identity`"
                .to_owned(),
        });
    }
    let key = match (options.key, &shared.settings.assign) {
        (Some(key), _) => Some(hash_of(&key)),
        (None, Assign::Host) => parts.url.host_str().map(hash_of),
        (None, Assign::Meta(name)) => parts.meta.get(name).map(|value| match value.as_str() {
            Some(text) => hash_of(text),
            None => hash_of(&value.to_string()),
        }),
        (None, Assign::Spread | Assign::Fill) => None,
    };
    Ok(Want {
        only,
        proxy: parts.proxy.clone(),
        key: key.filter(|_| only.is_none()),
    })
}

/// A request on its way to an identity.
struct Visit<'a> {
    shared: &'a Arc<Shared>,
    parts: &'a RequestParts,
    timeout: Duration,
    deadline: Instant,
    want: Want,
}

impl Visit<'_> {
    /// An identity whose session is alive.
    async fn lease(&self) -> Result<Lease> {
        let mut tries = 0;
        loop {
            let mut lease = self.seat().await?;
            match lease.ready(self.deadline).await {
                Some(Ok(())) => return Ok(lease),
                None => return Err(self.late(&format!("identity `{}` was not ready in time", lease.member.name()))),
                // Its session died, and is on its way back; this costs no try, for it happens once for each death.
                Some(Err(error)) if is_death(&error) => {}
                Some(Err(error)) => {
                    tries += 1;
                    if tries >= TRIES || is_closed(&error) {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// A place in a slot, waited for in the order in which requests came.
    async fn seat(&self) -> Result<Lease> {
        let mut ticket = None;
        loop {
            let turn = self
                .shared
                .with(|roster| roster.take(&self.want, ticket, Instant::now()));
            let wait = match turn {
                Turn::Seat(index) => return Ok(Lease::new(self.shared, index)),
                Turn::Never => return Err(self.never()),
                Turn::Wait(wait) => wait,
            };
            let (back, all_rest) = (wait.back, wait.all_rest);
            ticket = Some(wait.ticket);
            let mut queued = Queued::new(self.shared, wait);
            if all_rest && back.is_none_or(|back| back >= self.deadline) {
                drop(queued);
                return Err(self.all_rest());
            }
            let wake = back.filter(|&back| back < self.deadline);
            match timeout_at(wake.unwrap_or(self.deadline), queued.told()).await {
                Ok(Told::Seat(index)) => return Ok(Lease::new(self.shared, index)),
                Ok(Told::Again) => {}
                // Whoever rested is back.
                Err(_) if wake.is_some() => {}
                Err(_) => {
                    drop(queued);
                    return Err(self.late("no identity had a place free"));
                }
            }
        }
    }

    fn late(&self, what: &str) -> Error {
        FetchError::new(
            FetchErrorKind::Timeout,
            format!("no whole response within {:?}: {what}", self.timeout),
        )
        .parts(self.parts)
        .hint("raise the request's timeout, or give the pool more identities or more places for each")
        .into()
    }

    /// All that could send it rest, for longer than the request has time.
    fn all_rest(&self) -> Error {
        let now = Instant::now();
        let roster = self.shared.roster();
        let rests = roster
            .slots
            .iter()
            .filter_map(|slot| slot.rest.as_ref())
            .filter(|rest| rest.until > now);
        let first = rests.min_by_key(|rest| rest.until).cloned();
        drop(roster);
        let error = FetchError::new(FetchErrorKind::Proxy, "all identities that could send it rest")
            .parts(self.parts)
            .retryable(true);
        match first {
            Some(rest) => {
                let back = rest.until.saturating_duration_since(now);
                error
                    .context("the first is back in", format!("{:.1}s", back.as_secs_f64()))
                    .context("because", rest.why)
                    .into()
            }
            None => error.into(),
        }
    }

    /// There is nobody to send it, and nobody will come.
    fn never(&self) -> Error {
        let roster = self.shared.roster();
        let may = |index| self.want.only.is_none_or(|only| only == index);
        let mut left = roster.slots.iter().enumerate();
        if let Some(proxy) = &self.want.proxy
            && left.any(|(index, slot)| may(index) && !slot.is_gone())
        {
            let what = format!("no identity that may send it is bound to {proxy} now");
            return FetchError::new(FetchErrorKind::Other, what)
                .parts(self.parts)
                .hint(LEAVE_IT_OUT)
                .into();
        }
        let mut causes = roster.slots.iter().filter_map(|slot| match &slot.phase {
            Phase::Gone(cause) => Some((slot.member.name(), *cause)),
            _ => None,
        });
        let last = causes.next_back();
        let hint = match last {
            Some((_, Cause::Astray)) => HAND_IT_OVER,
            _ => "make identities with a closure, so that new ones take the places of those that are retired",
        };
        let last = last.map_or_else(|| "none".to_owned(), |(name, cause)| format!("{name}: {cause}"));
        FetchError::new(FetchErrorKind::Other, "no identity is left that could send it")
            .parts(self.parts)
            .context("the last to go", last)
            .hint(hint)
            .into()
    }
}

/// What the answer says of the identity and of its proxy. A block is held against both: which of them the site means is not known.
fn judge(lease: &Lease, result: &Result<Box<dyn Response>>) {
    let shared = &lease.shared;
    let settings = &shared.settings;
    let proxy = lease.member.bound_to();
    let blocked = match result {
        // A cache had it: neither was asked for it.
        Ok(response) if response.cache() == Some(CacheOutcome::Hit) => return,
        Ok(response) => is_blocked(lease, &**response)
            .unwrap_or_else(|| response.blocked().is_some() || settings.blocked_statuses.contains(&response.status())),
        Err(error) => match error.as_fetch().map(FetchError::kind) {
            Some(FetchErrorKind::Proxy) => {
                shared.report(proxy, false);
                return;
            }
            Some(FetchErrorKind::Challenge) => true,
            _ => return,
        },
    };
    if blocked {
        shared.report_blocked(proxy);
    } else {
        shared.report(proxy, true);
    }
    shared.with(|roster| {
        let slot = &mut roster.slots[lease.index];
        if !blocked {
            slot.blocked_in_a_row = 0;
            return;
        }
        slot.blocked += 1;
        slot.blocked_in_a_row = slot.blocked_in_a_row.saturating_add(1);
        if settings.max_blocks.is_some_and(|max| slot.blocked_in_a_row >= max) {
            roster.end(lease.index, Ending::Retire(Cause::Blocked));
        }
    });
}

/// What the hook says. Of one that panicked, nothing: it must not cost the request its response.
fn is_blocked(lease: &Lease, response: &dyn Response) -> Option<bool> {
    let hooks = &lease.shared.settings.hooks;
    catch_unwind(AssertUnwindSafe(|| hooks.is_blocked(response))).unwrap_or_else(|panic| {
        let error = panicked(&*panic);
        tracing::warn!(
            identity = %lease.member.label(), %error,
            "`is_blocked` did not say whether an identity is blocked: the default decides"
        );
        None
    })
}

fn is_death(error: &Error) -> bool {
    matches!(error, Error::Fetch(error) if error.kind() == FetchErrorKind::SessionDied)
}

fn is_closed(error: &Error) -> bool {
    matches!(error, Error::Fetch(error) if error.kind() == FetchErrorKind::Cancelled)
}
