//! A session on a browser, whatever its kind.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use silkroute_core::cookies::StorageState;
use silkroute_core::{
    CookieJar, Error, ExpectedIdentity, FetchError, FetchErrorKind, Identity, Proxy, ProxyPool, Request, Response,
    Result, Session, SessionOptions, async_trait,
};

use super::config::{BrowserConfig, BrowserKindConfig};
use super::fetch;
use super::hooks::Hooks;
use super::kind::BrowserKind;
use super::plan::check_proxy;
use super::running::launch_options;
use super::variants::Browsers;
use crate::{Browser, Headless, launch};

/// A configuration, checked and ready to use.
pub(super) struct Settings<K: BrowserKind> {
    pub(super) kind: K,
    pub(super) config: BrowserConfig,
    pub(super) jar: CookieJar,
    pub(super) hooks: Hooks,
    pub(super) proxies: Proxies,
}

/// The proxies of a session.
pub(super) enum Proxies {
    Direct,
    One(Proxy),
    Pool(ProxyPool),
}

/// A session on a browser: what all kinds of them are inside. It is built from a kind, its configuration, a jar and
/// closures.
pub struct BrowserSession<K: BrowserKind> {
    settings: Arc<Settings<K>>,
    browsers: Option<Browsers<K>>,
}

impl<K: BrowserKind> BrowserSession<K> {
    /// Checks the configuration, with no input or output.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field that cannot be, alone or with another.
    pub fn new<C: BrowserKindConfig>(kind: K, config: &C, jar: Option<CookieJar>, hooks: Hooks) -> Result<Self> {
        let config = config.browser();
        check(&config, &hooks)?;
        let proxies = match (&config.proxy, &config.proxy_pool) {
            (Some(proxy), _) => Proxies::One(proxy.clone()),
            (None, Some(pool)) => Proxies::Pool(pool.clone()),
            (None, None) => Proxies::Direct,
        };
        for proxy in config.own_proxies() {
            check_proxy::<K::Options>(proxy)?;
        }
        let jar = jar.unwrap_or_default();
        for cookie in &config.cookies.0 {
            jar.insert(cookie.clone())
                .map_err(|error| Error::config("cookies", error))?;
        }
        let settings = Settings {
            kind,
            config,
            jar,
            hooks,
            proxies,
        };
        Ok(Self {
            settings: Arc::new(settings),
            browsers: None,
        })
    }

    /// The jar that it keeps cookies in. It stays over `close` and a new `start`.
    pub fn cookie_jar(&self) -> &CookieJar {
        &self.settings.jar
    }

    /// Its own browser, while it is alive.
    pub fn browser(&self) -> Option<&Browser> {
        self.browsers.as_ref().map(|browsers| &browsers.own().browser)
    }

    /// Its kind's own part.
    pub fn kind_state(&self) -> &K {
        &self.settings.kind
    }

    /// Why a request cannot look like this identity, and what to do about it; `None` where it can.
    fn why_not(&self, identity: &Identity) -> Option<String> {
        if Session::identity(self).as_ref() == Some(identity) {
            return None;
        }
        let is_one = identity.version.is_some() && identity.check().is_ok();
        match is_one && self.settings.kind.can_be(identity) {
            true => self.settings.config.contradicts(identity),
            false => Some(K::OTHER_IDENTITY.to_owned()),
        }
    }
}

impl<K: BrowserKind> fmt::Debug for BrowserSession<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let mut out = f.debug_struct("BrowserSession");
        out.field("kind", &settings.kind)
            .field("browser", &self.browser())
            .field("max_pages", &settings.config.max_pages)
            .field("timeout", &settings.config.timeout)
            .field("hooks", &settings.hooks);
        match &settings.proxies {
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
impl<K: BrowserKind> Session for BrowserSession<K> {
    fn kind(&self) -> &'static str {
        K::Options::KIND
    }

    fn is_alive(&self) -> bool {
        self.browser().is_some_and(Browser::is_alive)
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.settings.config.max_pages)
    }

    fn timeout(&self) -> Duration {
        self.settings.config.timeout
    }

    /// The one of the configuration, else of the kind, else the browser's own; the last two are known once it has started.
    fn user_agent(&self) -> Option<String> {
        let own = || self.browser().map(|browser| browser.version().user_agent.clone());
        let config = self.settings.config.user_agent.clone();
        config.or_else(|| self.settings.kind.user_agent()).or_else(own)
    }

    /// The kind's, unless the configuration has it say something else.
    fn identity(&self) -> Option<Identity> {
        let says_other = self.settings.config.says_who();
        self.settings.kind.identity().filter(|_| !says_other)
    }

    /// The kind's, unless the configuration has it say something else, or the browser runs elsewhere.
    fn expected_identity(&self) -> ExpectedIdentity {
        let config = &self.settings.config;
        if self.is_alive() {
            return Box::pin(std::future::ready(self.identity()));
        }
        if config.says_who() || config.cdp_url.is_some() {
            return Box::pin(std::future::ready(None));
        }
        self.settings.kind.expected_identity(launch_options(config))
    }

    /// What the kind can be, as far as the configuration says nothing else: its own `locale` must be the identity's first language.
    fn can_be(&self, identity: &Identity) -> bool {
        self.why_not(identity).is_none()
    }

    async fn start(&mut self) -> Result<()> {
        if self.is_alive() {
            return Ok(());
        }
        // Of a browser that died something may be left.
        self.close().await?;
        self.browsers = Some(Browsers::start(&self.settings).await?);
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let Some(browsers) = &self.browsers else {
            let closed = FetchError::new(FetchErrorKind::Cancelled, "the session is not started, or was closed")
                .request(request)
                .hint("start it: `session.start().await`");
            return Err(closed.into());
        };
        if let Some(identity) = &request.parts().identity
            && let Some(instead) = self.why_not(identity)
        {
            return Err(Error::Unsupported {
                kind: K::Options::KIND.to_owned(),
                what: format!("looking like `{}`", identity.name()),
                instead,
            });
        }
        let response = Box::pin(fetch::fetch(&self.settings, browsers, request.parts())).await?;
        Ok(response)
    }

    /// The cookies of its jar, and local storage: that which came with [`load_storage_state`](Session::load_storage_state) and,
    /// with `keep_local_storage`, what pages made of it by the end of their fetches. Nothing else that sites stored is among
    /// it.
    async fn storage_state(&self) -> Result<StorageState> {
        Ok(self.settings.jar.storage_state())
    }

    /// Puts its cookies and its local storage into the jar, alive or not; the next fetch has them. Without
    /// `keep_local_storage` pages do not get the latter: it is kept for whoever asks for the state.
    async fn load_storage_state(&self, state: &StorageState) -> Result<()> {
        self.settings.jar.load(state)?;
        if !self.settings.config.keep_local_storage
            && state.origins.iter().any(|origin| !origin.local_storage.is_empty())
        {
            tracing::warn!("the state has local storage, which pages get only with `keep_local_storage`");
        }
        Ok(())
    }

    /// Ends the browser, its processes and its fresh profile. A browser that runs elsewhere stays, without our pages.
    async fn close(&mut self) -> Result<()> {
        match self.browsers.take() {
            Some(browsers) => Ok(browsers.close().await?),
            None => Ok(()),
        }
    }
}

fn check(config: &BrowserConfig, hooks: &Hooks) -> Result<()> {
    if config.proxy.is_some() && config.proxy_pool.is_some() {
        return Err(Error::config(
            "proxy",
            "`proxy` and `proxy_pool` are both set: keep one",
        ));
    }
    if !(1..=50).contains(&config.max_pages) {
        let reason = format!("it is {}, not 1 to 50", config.max_pages);
        return Err(Error::config("max_pages", reason));
    }
    let times = [
        ("timeout", Some(config.timeout)),
        ("start_timeout", Some(config.start_timeout)),
        ("navigation_timeout", config.navigation_timeout),
        ("wait_timeout", config.wait_timeout),
    ];
    if let Some((name, _)) = times.iter().find(|(_, time)| time.is_some_and(|time| time.is_zero())) {
        return Err(Error::config(*name, "no time at all: nothing could ever be fetched"));
    }
    if let Some(pattern) = &config.capture_xhr {
        regex::Regex::new(pattern).map_err(|error| Error::config("capture_xhr", error))?;
    }
    for (option, name) in [("page_setup", &config.page_setup), ("page_action", &config.page_action)] {
        if let Some(name) = name {
            hooks
                .find(option, name)
                .map_err(|reason| Error::config(option, reason))?;
        }
    }
    if config.dns_over_https.get().is_some()
        && let Some(reason) = launch::no_dns_over_https(config.headless, config.user_data_dir.is_some())
    {
        return Err(Error::config("dns_over_https", reason));
    }
    check_cdp_url(config)
}

/// What only a launch can bring about must not be asked of a browser that runs already.
fn check_cdp_url(config: &BrowserConfig) -> Result<()> {
    let Some(url) = &config.cdp_url else {
        let for_it = [
            ("cdp_default_context", config.cdp_default_context),
            ("cdp_ca_certificate", config.cdp_ca_certificate.is_some()),
        ];
        if let Some((name, _)) = for_it.iter().find(|(_, set)| *set) {
            return Err(Error::config(*name, "it needs a `cdp_url`"));
        }
        return Ok(());
    };
    // A configuration file reads it without a look at its scheme.
    super::values::CdpUrl::new(url.url().as_str()).map_err(|error| Error::config("cdp_url", error))?;
    let standard = BrowserConfig::default();
    let of_launch = [
        ("executable_path", config.executable_path.is_some()),
        ("real_chrome", config.real_chrome),
        ("headless", config.headless != Headless::New),
        ("user_data_dir", config.user_data_dir.is_some()),
        ("window_size", config.window_size != standard.window_size),
        ("sandbox", config.sandbox.is_some()),
        ("dns_over_https", config.dns_over_https.get().is_some()),
        ("extra_flags", !config.extra_flags.is_empty()),
        ("ignore_default_flags", !config.ignore_default_flags.is_empty()),
        ("proxy", config.proxy.is_some() && config.cdp_default_context),
    ];
    match of_launch.iter().find(|(_, set)| *set) {
        Some((name, _)) => Err(Error::config(
            *name,
            "it takes effect when a browser is launched, and the one at `cdp_url` runs already: leave it out",
        )),
        None => Ok(()),
    }
}
