//! The session itself.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use silkroute_browser::Browser;
use silkroute_browser::session::BrowserSession;
use silkroute_core::cookies::StorageState;
use silkroute_core::{CookieJar, Request, Response, Result, Session, async_trait};

use crate::kind::Dynamic;
use crate::{DynamicConfig, DynamicSessionBuilder};

/// A session that renders pages in a headless browser: what their scripts put there is in the body.
///
/// It starts one browser and keeps `max_pages` tabs in it. See the crate's documentation.
///
/// ```no_run
/// use silkroute_core::{Fetch, RequestExt, Session};
/// use silkroute_session_dynamic::{DynamicSession, PageOptions};
///
/// # async fn example() -> silkroute_core::Result<()> {
/// let mut session = DynamicSession::new();
/// session.start().await?;
/// let request = Fetch::get("https://example.com/")?
///     .with(PageOptions { wait_selector: Some("h1".into()), ..PageOptions::default() })?;
/// let response = session.fetch(&request).await?;
/// println!("{} {}", response.status(), response.text());
/// session.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct DynamicSession {
    inner: BrowserSession<Dynamic>,
}

impl DynamicSession {
    /// A session with all the defaults: one tab in a fresh profile of the browser that is installed.
    ///
    /// # Panics
    /// Never: the defaults are a configuration that can be.
    #[expect(clippy::expect_used, reason = "the defaults are a configuration that can be")]
    pub fn new() -> Self {
        Self::builder().build().expect("the defaults can be built")
    }

    /// Sets it up first.
    pub fn builder() -> DynamicSessionBuilder {
        DynamicSessionBuilder::default()
    }

    /// The session of a configuration.
    ///
    /// # Errors
    /// See [`DynamicSessionBuilder::build`].
    pub fn from_config(config: DynamicConfig) -> Result<Self> {
        DynamicSessionBuilder::from_config(config).build()
    }

    pub(crate) fn with(inner: BrowserSession<Dynamic>) -> Self {
        Self { inner }
    }

    /// The jar that it keeps cookies in. It stays over [`close`](Session::close) and a new [`start`](Session::start).
    pub fn cookie_jar(&self) -> &CookieJar {
        self.inner.cookie_jar()
    }

    /// Its browser, while it is alive.
    pub fn browser(&self) -> Option<&Browser> {
        self.inner.browser()
    }
}

impl Default for DynamicSession {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DynamicSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynamicSession").field(&self.inner).finish()
    }
}

#[async_trait]
impl Session for DynamicSession {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn is_alive(&self) -> bool {
        self.inner.is_alive()
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.inner.concurrency()
    }

    fn timeout(&self) -> Duration {
        self.inner.timeout()
    }

    fn user_agent(&self) -> Option<String> {
        self.inner.user_agent()
    }

    async fn start(&mut self) -> Result<()> {
        self.inner.start().await
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        self.inner.fetch(request).await
    }

    async fn storage_state(&self) -> Result<StorageState> {
        self.inner.storage_state().await
    }

    async fn load_storage_state(&self, state: &StorageState) -> Result<()> {
        self.inner.load_storage_state(state).await
    }

    async fn close(&mut self) -> Result<()> {
        self.inner.close().await
    }
}
