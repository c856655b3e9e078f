//! The session itself.

use silkroute_browser::Browser;
use silkroute_browser::session::BrowserSession;
use silkroute_core::{CookieJar, Result};

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

    /// The jar that it keeps cookies in. It stays over [`close`](silkroute_core::Session::close) and a new [`start`](silkroute_core::Session::start).
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

silkroute_browser::browser_session!(DynamicSession);
