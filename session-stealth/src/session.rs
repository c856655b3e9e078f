//! The session itself.

use http::HeaderMap;
use silkroute_browser::Browser;
use silkroute_browser::session::BrowserSession;
use silkroute_core::{CookieJar, Identity, Result};

use crate::kind::Stealth;
use crate::{StealthConfig, StealthSessionBuilder};

/// A session on a browser that says the same of itself in every page, frame and worker, and of which nothing says that a
/// program drives it.
///
/// ```no_run
/// use silkroute_core::{Fetch, RequestExt, Session};
/// use silkroute_session_stealth::{ChallengeOutcome, PageResponse, StealthSession};
///
/// # async fn example() -> silkroute_core::Result<()> {
/// let mut session = StealthSession::builder().solve_challenge(true).build()?;
/// session.start().await?;
/// let response = session.fetch(&Fetch::get("https://my-shop.test/")?).await?;
/// if let Some(PageResponse { challenge: ChallengeOutcome::Passed { kind, took, .. }, .. }) = response.downcast_ref() {
///     println!("a challenge ({kind}) took {took:?}");
/// }
/// session.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct StealthSession {
    inner: BrowserSession<Stealth>,
}

impl StealthSession {
    /// A session with all the defaults: the browser that is installed, without a window, as itself.
    ///
    /// # Panics
    /// Never: the defaults are a configuration that can be.
    #[expect(clippy::expect_used, reason = "the defaults are a configuration that can be")]
    pub fn new() -> Self {
        Self::builder().build().expect("the defaults can be built")
    }

    /// Sets it up first.
    pub fn builder() -> StealthSessionBuilder {
        StealthSessionBuilder::default()
    }

    /// The session of a configuration.
    ///
    /// # Errors
    /// See [`StealthSessionBuilder::build`].
    pub fn from_config(config: StealthConfig) -> Result<Self> {
        StealthSessionBuilder::from_config(config).build()
    }

    pub(crate) fn with(inner: BrowserSession<Stealth>) -> Self {
        Self { inner }
    }

    /// The jar that it keeps cookies in, clearances of challenges among them. It stays over [`close`](silkroute_core::Session::close) and a
    /// new [`start`](silkroute_core::Session::start).
    pub fn cookie_jar(&self) -> &CookieJar {
        self.inner.cookie_jar()
    }

    /// Its browser, while it is alive.
    pub fn browser(&self) -> Option<&Browser> {
        self.inner.browser()
    }

    /// Who it is: what the fingerprint said, with everything that it left open filled in. `None` until it has started;
    /// [`expected_identity`](silkroute_core::Session::expected_identity) mostly tells it before, without starting a browser.
    ///
    /// A request of an HTTP session can be it, as [`identity`](silkroute_core::RequestExt::identity). That session itself
    /// cannot where the installed browser is newer than the newest whose TLS it knows; see [`headers`](Self::headers).
    pub fn identity(&self) -> Option<Identity> {
        self.inner.kind_state().identity()
    }

    /// What its browser says of itself in the headers of a navigation to a secure origin: `User-Agent`, client hints, `Accept`,
    /// `Accept-Language`. Given to an HTTP session's builder they take the place of that session's own, so that both say the
    /// same although its TLS is of an older version. `None` until it has started.
    pub fn headers(&self) -> Option<HeaderMap> {
        self.inner
            .kind_state()
            .appearance()
            .map(|appearance| appearance.headers())
    }
}

impl Default for StealthSession {
    fn default() -> Self {
        Self::new()
    }
}

silkroute_browser::browser_session!(StealthSession);
