//! What a cache can be configured with.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::CacheMode;

/// What a cache can be configured with, as configuration files write it.
///
/// ```
/// use silkroute_session_cache::{CacheConfig, CacheSession};
/// use silkroute_session_http as _; // the kind of the session behind it
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: CacheConfig = toml::from_str(r#"
///     directory = "recorded"
///     mode = "record"
///     session = { kind = "http", timeout = "10s" }
/// "#)?;
/// let cache = CacheSession::from_config(config)?;
/// # let _ = cache;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheConfig {
    /// The session that fetches: a `kind`, and what that kind can be configured with.
    pub session: Map<String, Value>,
    /// Where the records are kept.
    pub directory: PathBuf,
    /// What to do about requests that do not say: replay, record, refresh or off.
    #[serde(default)]
    pub mode: CacheMode,
    /// Whether records grow old, as RFC 9111 says. They do not, for that is what one wants while developing.
    #[serde(default)]
    pub freshness: bool,
    /// The longest body that is recorded, in bytes.
    #[serde(default = "max_body")]
    pub max_body: u64,
    /// The bytes that the directory may hold; nothing: no limit. At the limit the records that were not used for the longest go.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// Whether credentials are recorded: `Set-Cookie` and other such headers of responses, and the cookies they set.
    #[serde(default)]
    pub secrets: bool,
    /// The statuses of responses that are not recorded. A challenge that a session did not pass never is.
    #[serde(default = "skip_statuses")]
    pub skip_statuses: Vec<u16>,
    /// Headers of a request that do not count when its record is looked for.
    #[serde(default = "ignore_headers")]
    pub ignore_headers: Vec<String>,
    /// Whether URLs that differ in what follows `#` are different.
    #[serde(default)]
    pub keep_fragments: bool,
}

/// 16 MiB.
fn max_body() -> u64 {
    16 * 1024 * 1024
}

fn skip_statuses() -> Vec<u16> {
    vec![401, 403, 407, 408, 429, 444, 500, 502, 503, 504]
}

fn ignore_headers() -> Vec<String> {
    vec!["referer".to_owned()]
}

impl CacheConfig {
    /// A cache of what this session fetches, in this directory.
    pub fn new(session: Map<String, Value>, directory: impl Into<PathBuf>) -> Self {
        Self {
            session,
            directory: directory.into(),
            mode: CacheMode::default(),
            freshness: false,
            max_body: max_body(),
            max_bytes: None,
            secrets: false,
            skip_statuses: skip_statuses(),
            ignore_headers: ignore_headers(),
            keep_fragments: false,
        }
    }
}

/// `session` may hold credentials: its fields are shown by name.
impl fmt::Debug for CacheConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheConfig")
            .field("session", &self.session.keys().collect::<Vec<_>>())
            .field("directory", &self.directory)
            .field("mode", &self.mode)
            .field("freshness", &self.freshness)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}
