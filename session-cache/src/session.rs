//! The cache as a session.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use silkroute_core::cookies::StorageState;
use silkroute_core::{
    ExpectedIdentity, FetchError, FetchErrorKind, Identity, Request, Response, Result, Session, SessionOptions,
    async_trait,
};

use crate::key::KeyRules;
use crate::store::Store;
use crate::{CacheConfig, CacheMode, CacheOptions, CacheSessionBuilder};

/// How a cache works.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: CacheMode,
    pub(crate) freshness: bool,
    pub(crate) secrets: bool,
    pub(crate) skip_statuses: Vec<StatusCode>,
    pub(crate) keys: KeyRules,
    pub(crate) store: Store,
}

/// A session that records what another one fetches, and replays it.
///
/// ```no_run
/// use silkroute_core::{Fetch, Session};
/// use silkroute_session_cache::{CacheMode, CacheSession, STATUS_META};
/// use silkroute_session_http::HttpSession;
///
/// # async fn example() -> silkroute_core::Result<()> {
/// let mut session = CacheSession::builder(HttpSession::new(), "recorded").mode(CacheMode::Record).build()?;
/// session.start().await?;
/// let page = Fetch::get("https://shop.test/")?;
/// assert_eq!(session.fetch(&page).await?.meta()[STATUS_META], "recorded");
/// assert_eq!(session.fetch(&page).await?.meta()[STATUS_META], "replayed");
/// session.close().await?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "HttpCacheMiddleware")]
#[derive(Debug)]
pub struct CacheSession {
    pub(crate) inner: Box<dyn Session>,
    pub(crate) settings: Settings,
    alive: bool,
}

impl CacheSession {
    /// Sets up a cache of what this session fetches, in this directory.
    pub fn builder(session: impl Session, directory: impl Into<PathBuf>) -> CacheSessionBuilder {
        CacheSessionBuilder::boxed(Box::new(session), directory)
    }

    /// The cache of a configuration, before a session of a kind that is linked into the program.
    ///
    /// # Errors
    /// See [`CacheSessionBuilder::from_config`] and [`CacheSessionBuilder::build`].
    pub fn from_config(config: CacheConfig) -> Result<Self> {
        CacheSessionBuilder::from_config(config)?.build()
    }

    pub(crate) fn with(inner: Box<dyn Session>, settings: Settings) -> Self {
        Self {
            inner,
            settings,
            alive: false,
        }
    }

    /// Whether it may ever ask the other session for anything.
    fn fetches(&self) -> bool {
        self.settings.mode != CacheMode::Replay
    }
}

#[async_trait]
#[deny(
    clippy::missing_trait_methods,
    reason = "what is not handed on would be the default's"
)]
impl Session for CacheSession {
    fn kind(&self) -> &'static str {
        CacheOptions::KIND
    }

    fn is_alive(&self) -> bool {
        self.alive && (!self.fetches() || self.inner.is_alive())
    }

    /// The other session's; a cache that only replays has no limit.
    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.inner.concurrency().filter(|_| self.fetches())
    }

    fn timeout(&self) -> Duration {
        self.inner.timeout()
    }

    fn user_agent(&self) -> Option<String> {
        self.inner.user_agent()
    }

    fn identity(&self) -> Option<Identity> {
        self.inner.identity()
    }

    fn expected_identity(&self) -> ExpectedIdentity {
        self.inner.expected_identity()
    }

    /// The other session's answer; a cache that only replays is whoever was recorded.
    fn can_be(&self, identity: &Identity) -> bool {
        self.inner.can_be(identity)
    }

    fn can_be_exactly(&self, identity: &Identity) -> bool {
        self.inner.can_be_exactly(identity)
    }

    /// Starts the other session, unless it only replays.
    async fn start(&mut self) -> Result<()> {
        if self.is_alive() {
            return Ok(());
        }
        if self.fetches() {
            self.settings.store.prepare().await?;
            self.inner.start().await?;
        } else {
            self.settings.store.exists().await?;
        }
        self.alive = true;
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        if !self.is_alive() {
            let closed = FetchError::new(FetchErrorKind::Cancelled, "the session is not started, or was closed")
                .request(request)
                .hint("start it: `session.start().await`");
            return Err(closed.into());
        }
        self.answer(request).await
    }

    async fn close(&mut self) -> Result<()> {
        self.alive = false;
        let closed = self.inner.close().await;
        self.settings.store.settle().await;
        closed
    }

    async fn storage_state(&self) -> Result<StorageState> {
        self.inner.storage_state().await
    }

    async fn load_storage_state(&self, state: &StorageState) -> Result<()> {
        self.inner.load_storage_state(state).await
    }
}
