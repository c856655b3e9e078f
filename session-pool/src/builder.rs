//! Building a pool in code.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use silkroute_core::{Error, Proxy, ProxyPool, Result, Session};

use crate::config::FromRegistry;
use crate::hooks::NoHooks;
use crate::life::build as make;
use crate::roster::{Roster, hash_of};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::slot::{Maker, Slot};
use crate::store::{Store, proxy_name};
use crate::{Assign, Member, PoolConfig, PoolHooks, SessionPool};

/// How old a state on disk may become while its identity is at work.
const SAVE_EVERY: Duration = Duration::from_secs(30);
/// The longest name of an identity. With `.json` behind it, it is a file name everywhere.
const LONGEST_NAME: usize = 100;

/// Builds a [`SessionPool`]. What cannot be shows at [`build`](Self::build).
#[must_use]
pub struct SessionPoolBuilder {
    config: PoolConfig,
    seats: Vec<Seat>,
    hooks: Arc<dyn PoolHooks>,
    save_every: Duration,
}

/// Somebody that is to be in the pool.
struct Seat {
    name: Option<String>,
    maker: Option<Maker>,
    session: Option<Box<dyn Session>>,
}

impl Default for SessionPoolBuilder {
    fn default() -> Self {
        Self {
            config: PoolConfig::bare(),
            seats: Vec::new(),
            hooks: Arc::new(NoHooks),
            save_every: SAVE_EVERY,
        }
    }
}

impl SessionPoolBuilder {
    /// Starts from a configuration: the identities are sessions of a kind that is linked into the program.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field that cannot be.
    pub fn from_config(mut config: PoolConfig) -> Result<Self> {
        let session = std::mem::take(&mut config.session);
        let vary = std::mem::take(&mut config.vary);
        let names = std::mem::take(&mut config.names);
        let made = FromRegistry::new(session, vary, config.proxies.is_some())?;
        let builder = |config| Self {
            config,
            ..Self::default()
        };
        match (config.size, names.is_empty()) {
            (Some(size), true) => Ok(builder(config).boxed(size.get(), move |member| made.make(member))),
            (None, false) => Ok(builder(config).named_boxed(names, move |member| made.make(member))),
            (Some(_), false) => Err(Error::config("size", "`size` and `names` are both set: keep one")),
            (None, true) => Err(Error::config(
                "size",
                "say how many identities there are, or name them with `names`",
            )),
        }
    }

    /// This many identities, called `identity-001` and so on, whose sessions the closure makes: one when an identity is first
    /// needed, and another when the identity is retired.
    pub fn identities<S: Session>(
        self,
        count: usize,
        make: impl Fn(&Member) -> Result<S> + Send + Sync + 'static,
    ) -> Self {
        self.boxed(count, move |member| make(member).map(|session| Box::new(session) as _))
    }

    /// The same for a closure whose sessions are of different types.
    pub fn boxed(
        mut self,
        count: usize,
        make: impl Fn(&Member) -> Result<Box<dyn Session>> + Send + Sync + 'static,
    ) -> Self {
        let maker: Maker = Arc::new(make);
        self.seats.extend((0..count).map(|_| Seat {
            name: None,
            maker: Some(Arc::clone(&maker)),
            session: None,
        }));
        self
    }

    /// Identities with names of their own, such as those of accounts.
    pub fn named<S: Session>(
        self,
        names: impl IntoIterator<Item = impl Into<String>>,
        make: impl Fn(&Member) -> Result<S> + Send + Sync + 'static,
    ) -> Self {
        self.named_boxed(names, move |member| make(member).map(|session| Box::new(session) as _))
    }

    fn named_boxed(
        mut self,
        names: impl IntoIterator<Item = impl Into<String>>,
        make: impl Fn(&Member) -> Result<Box<dyn Session>> + Send + Sync + 'static,
    ) -> Self {
        let maker: Maker = Arc::new(make);
        self.seats.extend(names.into_iter().map(|name| Seat {
            name: Some(name.into()),
            maker: Some(Arc::clone(&maker)),
            session: None,
        }));
        self
    }

    /// One identity with a session that exists already. It has whatever proxy that session has; when it is retired, nobody takes
    /// its place.
    pub fn session(mut self, name: impl Into<String>, session: Box<dyn Session>) -> Self {
        self.seats.push(Seat {
            name: Some(name.into()),
            maker: None,
            session: Some(session),
        });
        self
    }

    /// The proxies that identities are bound to, in turn. Default: none. How many failures put one out, and for how long, is the
    /// proxy pool's; its rotation means nothing here. Who takes the place of another is bound to the one with the fewest
    /// identities, and of several to that with the best [score](ProxyPool); who follows one that was blocked, to another.
    pub fn proxies(mut self, proxies: ProxyPool) -> Self {
        self.config.proxies = Some(proxies);
        self
    }

    /// Which identity sends a request that does not say. Default: [`Assign::Spread`].
    pub fn assign(mut self, assign: Assign) -> Self {
        self.config.assign = assign;
        self
    }

    /// How many fetches an identity serves at once. Default: as many as its session does.
    #[doc(alias = "concurrency")]
    pub fn places(mut self, places: NonZeroUsize) -> Self {
        self.config.places = Some(places);
        self
    }

    /// After how many blocked responses in a row an identity is retired; 0: never. Default: 3.
    #[doc(alias = "max_error_score")]
    pub fn max_blocks(mut self, blocks: u32) -> Self {
        self.config.max_blocks = blocks;
        self
    }

    /// The statuses that show that an identity is blocked. Default: 401, 403, 429. A challenge that its session
    /// did not pass does so whatever its status. [`PoolHooks::is_blocked`] may know better.
    pub fn blocked_statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.config.blocked_statuses = statuses.into_iter().collect();
        self
    }

    /// After how many requests an identity is retired. Default: never. Those of warm-ups do not count.
    #[doc(alias = "max_usage_count")]
    pub fn max_usage(mut self, requests: u64) -> Self {
        self.config.max_usage = Some(requests);
        self
    }

    /// At which age an identity is retired, restarts included. Default: never.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.config.max_age = Some(age);
        self
    }

    /// How long the place of an identity that was retired stays empty. Default: no time.
    #[doc(alias = "cooldown")]
    pub fn rest(mut self, rest: Duration) -> Self {
        self.config.rest = Some(rest);
        self
    }

    /// What your program does for each identity. Default: nothing.
    pub fn hooks(mut self, hooks: impl PoolHooks) -> Self {
        self.hooks = Arc::new(hooks);
        self
    }

    /// Where identities are kept over restarts. Default: nowhere. Each is a file of its own, `NAME.json`, a storage state in
    /// Playwright's format that only its owner may read; a login that a browser saved can be put there.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.directory = Some(directory.into());
        self
    }

    /// How old what is in the directory may become while an identity is at work: a crash loses no more than that. Default: 30 s.
    pub fn save_every(mut self, interval: Duration) -> Self {
        self.save_every = interval;
        self
    }

    /// The time a fetch may take when its request names none. Default: that of the first identity's session.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = Some(timeout);
        self
    }

    /// The time an identity may take to start, warm-up included. Default: 60 s.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.config.start_timeout = timeout;
        self
    }

    /// The time that closing the pool may take in all, half of it for saving its identities; while it works, that of one identity. A
    /// manager with a shorter `close_timeout` of its own gives the pool up before. Default: 8 s, where a manager has 10 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.config.close_timeout = timeout;
        self
    }

    /// How many identities start at the same time. Default: 4.
    pub fn max_starting(mut self, count: NonZeroUsize) -> Self {
        self.config.max_starting = count;
        self
    }

    /// Builds it, with no input or output. One session is made, to see whether the closure can and how long its fetches may take,
    /// and dropped.
    ///
    /// # Errors
    /// There is no identity; two have one name, or one that cannot be a file's; the closure fails, or makes a session without
    /// asking for the proxy that it is bound to; there is a directory, and two proxies differ by their passwords alone.
    pub fn build(self) -> Result<SessionPool> {
        let config = self.config;
        if self.seats.is_empty() {
            return Err(Error::invalid(
                "the session pool",
                "it has no identities: give it one at least",
            ));
        }
        let proxies: Vec<_> = config.proxies.iter().flat_map(ProxyPool::proxies).cloned().collect();
        if config.directory.is_some() {
            no_two_of_a_name(&proxies)?;
        }
        let (mut slots, mut timeout) = (Vec::<Slot>::with_capacity(self.seats.len()), config.timeout);
        let mut concurrency = Some(0_usize);
        let mut last_probe: Option<(Maker, Option<NonZeroUsize>)> = None;
        for (index, seat) in self.seats.into_iter().enumerate() {
            let name = name_of(index, seat.name)?;
            if slots.iter().any(|slot| slot.member.name() == name) {
                return Err(Error::invalid(
                    format!("the session pool's `{name}`"),
                    "two identities have this name",
                ));
            }
            let proxy: Option<Proxy> = seat
                .maker
                .as_ref()
                .and(proxies.get(index % proxies.len().max(1)).cloned());
            let member = Member::new(name, index + 1, 1, fastrand::u64(..), proxy);
            let own = match (&seat.session, &seat.maker) {
                (Some(session), _) => {
                    timeout.get_or_insert(session.timeout());
                    session.concurrency()
                }
                (None, Some(maker)) => match &last_probe {
                    Some((probed, own)) if Arc::ptr_eq(probed, maker) => *own,
                    _ => {
                        let probe = make(&member, Some(maker))?;
                        timeout.get_or_insert(probe.timeout());
                        last_probe = Some((Arc::clone(maker), probe.concurrency()));
                        probe.concurrency()
                    }
                },
                (None, None) => None,
            };
            let places = own.into_iter().chain(config.places).min().map(NonZeroUsize::get);
            concurrency = concurrency.zip(places).map(|(sum, places)| sum.saturating_add(places));
            let hash = hash_of(member.name());
            slots.push(Slot::new(member, seat.maker, seat.session, places, hash));
        }
        let anyone_will_do = matches!(config.assign, Assign::Spread | Assign::Fill);
        let settings = Settings {
            assign: config.assign.clone(),
            max_blocks: Some(config.max_blocks).filter(|&blocks| blocks > 0),
            blocked_statuses: statuses(&config.blocked_statuses)?,
            rest: config.rest.unwrap_or_default(),
            start_timeout: config.start_timeout,
            close_timeout: config.close_timeout,
            save_every: self.save_every,
            proxies: config.proxies,
            hooks: self.hooks,
            store: config.directory.map(Store::new),
        };
        let roster = Roster::new(slots, config.assign, config.max_usage, config.max_age);
        let shared = Shared::new(settings, roster, config.max_starting.get());
        let concurrency = concurrency.filter(|_| anyone_will_do).and_then(NonZeroUsize::new);
        Ok(SessionPool::with(
            shared,
            timeout.unwrap_or(Duration::from_secs(30)),
            concurrency,
        ))
    }
}

/// Shows how many there are, and what the configuration shows.
impl fmt::Debug for SessionPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionPoolBuilder")
            .field("identities", &self.seats.len())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn name_of(index: usize, given: Option<String>) -> Result<String> {
    let Some(name) = given else {
        return Ok(format!("identity-{:03}", index + 1));
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte);
    if name.is_empty() || name.starts_with('.') || name.len() > LONGEST_NAME || !name.bytes().all(fits) {
        return Err(Error::invalid(
            format!("the identity's name `{}`", name.escape_debug()),
            format!("a name is up to {LONGEST_NAME} of a-z, A-Z, 0-9, - _ . @ +, not beginning with a dot"),
        ));
    }
    Ok(name)
}

/// Files name proxies whatever their passwords: what these alone tell apart would be mixed up after a restart.
fn no_two_of_a_name(proxies: &[Proxy]) -> Result<()> {
    let mut names = HashSet::new();
    match proxies.iter().find(|proxy| !names.insert(proxy_name(proxy))) {
        None => Ok(()),
        Some(proxy) => Err(Error::config(
            "proxies",
            format!(
                "two of {proxy} have the same user and differ by their passwords alone, by which the files in `directory` do \
                 not tell them apart: give them different users, or leave `directory` out"
            ),
        )),
    }
}

fn statuses(codes: &[u16]) -> Result<Vec<StatusCode>> {
    let read = |&code| {
        StatusCode::from_u16(code).map_err(|_| Error::config("blocked_statuses", format!("{code} is no HTTP status")))
    };
    codes.iter().map(read).collect()
}
