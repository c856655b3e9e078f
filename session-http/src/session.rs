//! The session itself.

use std::sync::Arc;
use std::time::Duration;

use silkroute_core::cookies::StorageState;
use silkroute_core::{
    CookieJar, FetchError, FetchErrorKind, Identity, Request, Response, Result, Session, SessionOptions, async_trait,
};

use crate::live::Live;
use crate::settings::{Proxies, Settings};
use crate::{HttpConfig, HttpOptions, HttpSessionBuilder, fetch};

/// A session that speaks HTTP as a browser does: TLS, HTTP/2 and headers.
///
/// It fetches any number of requests at once, on connections that it keeps and reuses. See the crate's documentation.
///
/// ```no_run
/// use silkroute_core::{Fetch, Session};
/// use silkroute_session_http::HttpSession;
///
/// # async fn example() -> silkroute_core::Result<()> {
/// let mut session = HttpSession::new();
/// session.start().await?;
/// let response = session.fetch(&Fetch::get("https://example.com/")?).await?;
/// println!("{} {}", response.status(), response.text());
/// session.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct HttpSession {
    settings: Arc<Settings>,
    live: Option<Live>,
}

impl HttpSession {
    /// A session with all the defaults: the newest Chrome of this machine.
    pub fn new() -> Self {
        Self::with(Settings::standard())
    }

    /// Sets it up first.
    pub fn builder() -> HttpSessionBuilder {
        HttpSessionBuilder::default()
    }

    /// The session of a configuration.
    ///
    /// # Errors
    /// See [`HttpSessionBuilder::build`].
    pub fn from_config(config: HttpConfig) -> Result<Self> {
        HttpSessionBuilder::from_config(config).build()
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            live: None,
        }
    }

    /// The jar that it keeps cookies in. It stays over [`close`](Session::close) and a new [`start`](Session::start).
    pub fn cookie_jar(&self) -> &CookieJar {
        &self.settings.jar
    }

    /// Whom it impersonates, with the version filled in and, from a list, the one it picked; `None`: nobody.
    pub fn identity(&self) -> Option<&Identity> {
        self.settings.profile.identity.as_ref()
    }
}

impl Default for HttpSession {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for HttpSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("HttpSession");
        out.field("alive", &self.live.is_some())
            .field("identity", &self.settings.profile.name)
            .field("timeout", &self.settings.timeout);
        match &self.settings.proxies {
            Proxies::Direct => {}
            Proxies::One(proxy) => {
                out.field("proxy", proxy);
            }
            Proxies::Pool(pool) => {
                out.field("proxies", &pool.len());
            }
        }
        out.finish_non_exhaustive()
    }
}

#[async_trait]
impl Session for HttpSession {
    fn kind(&self) -> &'static str {
        HttpOptions::KIND
    }

    fn is_alive(&self) -> bool {
        self.live.is_some()
    }

    fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    fn user_agent(&self) -> Option<String> {
        match self.settings.headers.get(http::header::USER_AGENT) {
            Some(own) => own.to_str().ok().map(str::to_owned),
            None => self.identity()?.user_agent(),
        }
    }

    /// Whom it impersonates, unless headers of its own say who it is.
    fn identity(&self) -> Option<Identity> {
        let own = HttpSession::identity(self).filter(|_| self.settings.says_who().is_none());
        own.cloned()
    }

    /// All that it could impersonate, and besides the browsers built on Chromium that are up to 13 versions newer than the
    /// newest of them. None, where it impersonates nobody or its own headers say who it is.
    fn can_be(&self, identity: &Identity) -> bool {
        self.settings.profile_for(identity).is_ok()
    }

    /// All that it could impersonate.
    fn can_be_exactly(&self, identity: &Identity) -> bool {
        self.settings.can_be_exactly(identity)
    }

    async fn start(&mut self) -> Result<()> {
        if self.live.is_none() {
            self.live = Some(Live::new(&self.settings)?);
        }
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let Some(live) = &self.live else {
            let closed = FetchError::new(FetchErrorKind::Cancelled, "the session is not started, or was closed")
                .request(request)
                .hint("start it: `session.start().await`");
            return Err(closed.into());
        };
        Ok(fetch::fetch(&self.settings, live, request.parts()).await?)
    }

    /// Drops all connections.
    async fn close(&mut self) -> Result<()> {
        self.live = None;
        Ok(())
    }

    /// The cookies of its jar, and the local storage that came with [`load_storage_state`](Session::load_storage_state).
    async fn storage_state(&self) -> Result<StorageState> {
        Ok(self.settings.jar.storage_state())
    }

    /// Puts its cookies into the jar, alive or not. Local storage is kept for whoever asks for the state.
    async fn load_storage_state(&self, state: &StorageState) -> Result<()> {
        self.settings.jar.load(state).map(drop)
    }
}
