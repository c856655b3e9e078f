//! Building a cache in code.

use std::path::PathBuf;

use http::{HeaderName, StatusCode};
use serde_json::Map;
use silkroute_core::{Error, FingerprintRules, Registry, Result, Session};

use crate::key::KeyRules;
use crate::session::Settings;
use crate::store::Store;
use crate::{CacheConfig, CacheMode, CacheSession};

/// Builds a [`CacheSession`]. What cannot be shows at [`build`](Self::build).
#[derive(Debug)]
#[must_use]
pub struct CacheSessionBuilder {
    session: Box<dyn Session>,
    config: CacheConfig,
}

impl CacheSessionBuilder {
    /// As [`CacheSession::builder`], for a session that is boxed already.
    pub fn boxed(session: Box<dyn Session>, directory: impl Into<PathBuf>) -> Self {
        Self {
            session,
            config: CacheConfig::new(Map::new(), directory),
        }
    }

    /// Starts from a configuration: the session is of a kind that is linked into the program.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field that cannot be.
    pub fn from_config(mut config: CacheConfig) -> Result<Self> {
        let table = std::mem::take(&mut config.session);
        let session = Registry::discover()?
            .build_table(table)
            .map_err(|error| error.below("session"))?;
        Ok(Self { session, config })
    }

    /// What to do about requests that do not say. Default: [`CacheMode::Record`].
    pub fn mode(mut self, mode: CacheMode) -> Self {
        self.config.mode = mode;
        self
    }

    /// Whether records grow old, as RFC 9111 says: a fresh one is used, a stale one only when the site says that it still holds, and
    /// what must not be kept is not recorded. Default: no; a record is good until it is deleted or refreshed.
    pub fn freshness(mut self, freshness: bool) -> Self {
        self.config.freshness = freshness;
        self
    }

    /// The longest body that is recorded, in bytes. Default: 16 MiB. Longer ones are fetched each time.
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.config.max_body = bytes;
        self
    }

    /// The bytes of records that the directory may hold. At the limit those go that were not used for the longest, and bodies that
    /// there is no room for are not recorded. Default: no limit, so that what was recorded is there to be replayed.
    ///
    /// Each session counts for itself what it records: where several record to one directory, of one process or of several, each
    /// further one may exceed it by a sixteenth. Room is made on a thread of its own, and what is recorded meanwhile comes on top
    /// until the session is closed.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.config.max_bytes = Some(bytes);
        self
    }

    /// Whether credentials are recorded: `Set-Cookie` and other such headers of responses, and the cookies they set. Default: no.
    pub fn secrets(mut self, keep: bool) -> Self {
        self.config.secrets = keep;
        self
    }

    /// The statuses of responses that are not recorded. A challenge that a session did not pass never is. Default: those of
    /// refusals and of failures that pass, 401, 403, 407, 408, 429, 444, 500, 502, 503 and 504.
    pub fn skip_statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.config.skip_statuses = statuses.into_iter().collect();
        self
    }

    /// Headers of a request that do not count when its record is looked for. Default: `Referer`, which says where a link was found and
    /// not what it leads to.
    pub fn ignore_headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.config.ignore_headers = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether URLs that differ in what follows `#` are different. Default: no.
    pub fn keep_fragments(mut self, keep: bool) -> Self {
        self.config.keep_fragments = keep;
        self
    }

    /// Builds it, with no input or output.
    ///
    /// # Errors
    /// [`Error::Config`] for a status that is none, a header that cannot be, or a limit of 0 bytes.
    pub fn build(self) -> Result<CacheSession> {
        let config = self.config;
        let status = |&code: &u16| {
            StatusCode::from_u16(code).map_err(|_| Error::config("skip_statuses", format!("{code} is no HTTP status")))
        };
        let header = |name: &String| {
            name.parse::<HeaderName>().map_err(|_| {
                Error::config(
                    "ignore_headers",
                    format!("`{}` cannot be the name of a header", name.escape_debug()),
                )
            })
        };
        if config.max_bytes == Some(0) {
            return Err(Error::config(
                "max_bytes",
                "with 0 bytes nothing could be recorded; leave it out for no limit, or use the mode `off`",
            ));
        }
        let settings = Settings {
            mode: config.mode,
            freshness: config.freshness,
            secrets: config.secrets,
            skip_statuses: config.skip_statuses.iter().map(status).collect::<Result<_>>()?,
            keys: KeyRules {
                rules: FingerprintRules {
                    keep_fragments: config.keep_fragments,
                    include_headers: true,
                    include_options: true,
                },
                ignored: config.ignore_headers.iter().map(header).collect::<Result<_>>()?,
            },
            store: Store::new(config.directory, config.max_body, config.max_bytes),
        };
        Ok(CacheSession::with(self.session, settings))
    }
}
