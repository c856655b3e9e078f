//! What a pool can be configured with.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use silkroute_core::{Error, ProxyPool, Registry, Result, Session};

use crate::{Assign, Member};

/// What a pool can be configured with, as configuration files write it. What only code can say, the hooks, is not here.
///
/// ```
/// use silkroute_session_pool::{PoolConfig, SessionPool};
/// use silkroute_session_http as _; // the kind of its sessions
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: PoolConfig = toml::from_str(r#"
///     size = 50
///     proxies = ["http://user:secret@10.0.0.1:3128", "http://user:secret@10.0.0.2:3128"]
///     assign = "host"
///     max_usage = 500
///     directory = "identities"
///     session = { kind = "http", timeout = "10s" }
///     vary = { impersonate = ["chrome", "firefox", "safari"] }
/// "#)?;
/// let pool = SessionPool::from_config(config)?;
/// assert!(!format!("{pool:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PoolConfig {
    /// How many identities there are. Or give `names`.
    #[serde(default)]
    pub size: Option<NonZeroUsize>,
    /// The names of the identities, such as those of accounts. Or give `size`.
    #[serde(default)]
    pub names: Vec<String>,
    /// The sessions of the identities: a `kind`, and what that kind can be configured with.
    pub session: Map<String, Value>,
    /// What differs from one identity to the next: fields of `session`, each with a list of which an identity keeps one.
    #[serde(default)]
    pub vary: BTreeMap<String, Vec<Value>>,
    /// The proxies that the identities are bound to, as a list or as a proxy pool with its cooldown. Each identity keeps one;
    /// it is put into `session` as `proxy`.
    #[serde(default)]
    pub proxies: Option<ProxyPool>,
    /// Which identity sends a request that does not say: spread, fill, host, or {"meta": "name"}.
    #[serde(default)]
    pub assign: Assign,
    /// How many fetches an identity serves at once. None: as many as its session does.
    #[serde(default)]
    pub places: Option<NonZeroUsize>,
    /// After how many blocked responses in a row an identity is retired; 0: never.
    #[serde(default = "three")]
    pub max_blocks: u32,
    /// The statuses that show that an identity is blocked. A challenge that its session did not pass does so whatever its status.
    #[serde(default = "blocked")]
    pub blocked_statuses: Vec<u16>,
    /// After how many requests an identity is retired.
    #[serde(default)]
    pub max_usage: Option<u64>,
    /// At which age an identity is retired, such as "2h".
    #[serde(default, with = "silkroute_core::duration::option")]
    #[schemars(with = "Option<String>")]
    pub max_age: Option<Duration>,
    /// How long the place of an identity that was retired stays empty.
    #[serde(default, with = "silkroute_core::duration::option")]
    #[schemars(with = "Option<String>")]
    pub rest: Option<Duration>,
    /// Where identities are kept over restarts: a storage state each, in Playwright's format.
    #[serde(default)]
    pub directory: Option<PathBuf>,
    /// The time a fetch may take when its request names none. None: that of the first identity's session.
    #[serde(default, with = "silkroute_core::duration::option")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
    /// The time an identity may take to start.
    #[serde(default = "minute", with = "silkroute_core::duration")]
    #[schemars(with = "String")]
    pub start_timeout: Duration,
    /// The time that closing the pool may take in all, half of it for saving its identities; while it works, that of one identity. A
    /// manager with a shorter `close_timeout` of its own gives the pool up before.
    #[serde(default = "eight_seconds", with = "silkroute_core::duration")]
    #[schemars(with = "String")]
    pub close_timeout: Duration,
    /// How many identities start at the same time.
    #[serde(default = "four")]
    pub max_starting: NonZeroUsize,
}

fn three() -> u32 {
    3
}

fn blocked() -> Vec<u16> {
    vec![401, 403, 429]
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

/// Less than the ten seconds that a manager gives a session to close.
fn eight_seconds() -> Duration {
    Duration::from_secs(8)
}

fn four() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(3)
}

impl PoolConfig {
    /// A pool of this many sessions, with this configuration.
    pub fn new(size: NonZeroUsize, session: Map<String, Value>) -> Self {
        Self {
            size: Some(size),
            session,
            ..Self::bare()
        }
    }

    pub(crate) fn bare() -> Self {
        Self {
            size: None,
            names: Vec::new(),
            session: Map::new(),
            vary: BTreeMap::new(),
            proxies: None,
            assign: Assign::default(),
            places: None,
            max_blocks: three(),
            blocked_statuses: blocked(),
            max_usage: None,
            max_age: None,
            rest: None,
            directory: None,
            timeout: None,
            start_timeout: minute(),
            close_timeout: eight_seconds(),
            max_starting: four(),
        }
    }
}

/// `session` and `vary` may hold credentials: their fields are shown by name.
impl fmt::Debug for PoolConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolConfig")
            .field("size", &self.size)
            .field("names", &self.names)
            .field("session", &self.session.keys().collect::<Vec<_>>())
            .field("vary", &self.vary.keys().collect::<Vec<_>>())
            .field("proxies", &self.proxies)
            .field("assign", &self.assign)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Makes sessions of a kind that the registry knows.
pub(crate) struct FromRegistry {
    registry: Registry,
    fields: Map<String, Value>,
    vary: BTreeMap<String, Vec<Value>>,
}

impl FromRegistry {
    pub(crate) fn new(fields: Map<String, Value>, vary: BTreeMap<String, Vec<Value>>, proxies: bool) -> Result<Self> {
        let registry = Registry::discover()?;
        let clash = ["proxy", "proxy_pool"].into_iter().find_map(|field| {
            let session = fields.contains_key(field).then_some("session");
            let place = session.or_else(|| vary.contains_key(field).then_some("vary"))?;
            Some(format!("{place}.{field}"))
        });
        if let Some(path) = clash.filter(|_| proxies) {
            let reason = "the pool has `proxies`, and each identity is bound to one of them: keep one of both";
            return Err(Error::config(path, reason));
        }
        if let Some((field, _)) = vary.iter().find(|(_, values)| values.is_empty()) {
            return Err(Error::config(
                format!("vary.{field}"),
                "it is empty: give it something to pick from",
            ));
        }
        Ok(Self { registry, fields, vary })
    }

    pub(crate) fn make(&self, member: &Member) -> Result<Box<dyn Session>> {
        let mut fields = self.fields.clone();
        for (salt, (field, values)) in (1..).zip(&self.vary) {
            if let Some(value) = values.get(member.index(values.len(), salt)) {
                fields.insert(field.clone(), value.clone());
            }
        }
        if let Some(proxy) = member.proxy() {
            fields.insert("proxy".to_owned(), proxy.url().as_str().into());
        }
        self.registry
            .build_table(fields)
            .map_err(|error| error.below("session"))
    }
}
