//! A browser that runs for a session: its tabs, and a context for each proxy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use silkroute_core::Proxy;
use silkroute_core::identity::Os;
use tokio::sync::OnceCell;

use super::config::BrowserConfig;
use super::kind::BrowserKind;
use super::ledger::Ledger;
use super::storage::StorageLedger;
use super::words::OwnWords;
use crate::{
    Browser, ConnectOptions, Context, ContextOptions, Deadline, Headless, LaunchOptions, LocalStorage, PoolOptions,
    Result, Tab, TabOptions, TabPool,
};

/// Contexts that are kept besides the main one, for the proxies that were used last.
const MOST_CONTEXTS: usize = 16;

/// A context, and what it has of the jar.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) context: Context,
    pub(super) ledger: Ledger,
    pub(super) storage: StorageLedger,
    own_words: OnceCell<OwnWords>,
}

impl Home {
    fn new(context: Context, is_a_users: bool) -> Self {
        Self {
            context,
            ledger: Ledger::of(is_a_users),
            storage: StorageLedger::default(),
            own_words: OnceCell::new(),
        }
    }
}

/// URLs that are being fetched, and how often.
pub(super) type InFlight = Mutex<HashMap<String, usize>>;

type Kept = (Proxy, Arc<OnceCell<Arc<Home>>>);

/// A browser that runs.
pub(super) struct Running<K: BrowserKind> {
    pub(super) browser: Browser,
    pub(super) pool: TabPool,
    pub(super) state: K::Running,
    main: Arc<Home>,
    /// Oldest use first.
    others: Mutex<Vec<Kept>>,
    permissions: Vec<String>,
    /// An empty tab that stays, where the browser would forget the cookies of its session with its last window.
    _window: Option<Tab>,
    pub(super) in_flight: InFlight,
    /// Whether sites may ask somebody, who is not there, for a user and a password.
    pub(super) asks_anybody: bool,
}

impl<K: BrowserKind> Running<K> {
    /// Starts a browser, or connects to one. Dropping the future ends what was started.
    /// `any_proxy`: not the session's proxies alone may ask for a user and a password.
    pub(super) async fn start(kind: &K, config: &BrowserConfig, variant: &K::Variant, any_proxy: bool) -> Result<Self> {
        let deadline = Deadline::after(config.start_timeout);
        let browser = match &config.cdp_url {
            Some(url) => {
                let options = ConnectOptions {
                    timeout: config.start_timeout,
                    ca_certificate: config.cdp_ca_certificate.clone(),
                    ..ConnectOptions::new(url.url().clone())
                };
                Browser::connect(&options).await?
            }
            None => {
                let mut launch = launch_options(config);
                // It is there for proxies, though it has none at its launch.
                launch.disable_non_proxied_udp |= any_proxy;
                launch.auth_proxies = (!any_proxy).then(|| config.asking_proxies().cloned().collect());
                kind.launch(variant, &mut launch, deadline).await?;
                Browser::launch(&launch).await?
            }
        };
        let asks_anybody = any_proxy || !config.is_fresh();
        let result = Self::over(kind, config, variant, browser.clone(), asks_anybody, deadline).await;
        if result.is_err() {
            browser.kill();
        }
        result
    }

    async fn over(
        kind: &K,
        config: &BrowserConfig,
        variant: &K::Variant,
        browser: Browser,
        asks_anybody: bool,
        deadline: Deadline,
    ) -> Result<Self> {
        let state = kind.running(variant, &browser, deadline).await?;
        let setup = kind.context_setup(&state);
        let context = if config.cdp_url.is_none() || config.cdp_default_context {
            match setup {
                Some(setup) => browser.default_context_with(Some(setup)),
                None => browser.default_context(),
            }
        } else {
            let options = ContextOptions {
                proxy: config.proxy.clone(),
                setup,
            };
            browser.new_context(options, deadline).await?
        };
        grant(&context, &config.permissions, deadline).await?;
        let window = match forgets_cookies(config) {
            true => Some(context.open(TabOptions::default(), deadline).await?),
            false => None,
        };
        let pool = TabPool::new(PoolOptions {
            max_pages: config.max_pages,
            reuse_tabs: config.reuse_tabs,
            recycle_after: config.recycle_tabs_after,
            clear_storage: config.clear_storage.unwrap_or(true),
            clear_default_context: config.clear_storage.unwrap_or(config.is_fresh()),
            local_storage: if config.keep_local_storage {
                LocalStorage::Stays
            } else {
                LocalStorage::Goes
            },
            ..PoolOptions::default()
        })?;
        Ok(Self {
            browser,
            pool,
            state,
            main: Arc::new(Home::new(context, config.cdp_default_context)),
            others: Mutex::default(),
            permissions: config.permissions.clone(),
            _window: window,
            in_flight: InFlight::default(),
            asks_anybody,
        })
    }

    pub(super) fn main(&self) -> Arc<Home> {
        Arc::clone(&self.main)
    }

    /// The context of a proxy that is not the session's own. It is kept, as a new one costs more than a new tab.
    pub(super) async fn through(&self, kind: &K, proxy: &Proxy, deadline: Deadline) -> Result<Arc<Home>> {
        let cell = {
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            let at = others.iter().position(|(known, _)| known == proxy);
            let kept = match at {
                Some(at) => others.remove(at),
                None => (proxy.clone(), Arc::default()),
            };
            if others.len() == MOST_CONTEXTS {
                // Those who use it keep it until they are done.
                others.remove(0);
            }
            let cell = Arc::clone(&kept.1);
            others.push(kept);
            cell
        };
        let made = cell.get_or_try_init(async || self.open(kind, Some(proxy.clone()), deadline).await);
        // Others may be at it, with more time than this fetch has.
        deadline.run("a context for the proxy", made).await?.cloned()
    }

    /// A context of its own, which ends with the last use of it.
    pub(super) async fn apart(&self, kind: &K, proxy: Option<&Proxy>, deadline: Deadline) -> Result<Arc<Home>> {
        self.open(kind, proxy.cloned(), deadline).await
    }

    async fn open(&self, kind: &K, proxy: Option<Proxy>, deadline: Deadline) -> Result<Arc<Home>> {
        let options = ContextOptions {
            proxy,
            setup: kind.context_setup(&self.state),
        };
        let context = self.browser.new_context(options, deadline).await?;
        grant(&context, &self.permissions, deadline).await?;
        Ok(Arc::new(Home::new(context, false)))
    }

    /// What the pages of a context say of the browser by themselves. It is asked when somebody wants to know, once: a fresh profile
    /// says the same in all its contexts.
    pub(super) async fn own_words<'a>(
        &'a self,
        config: &BrowserConfig,
        home: &'a Home,
        deadline: Deadline,
    ) -> Result<&'a OwnWords> {
        let home = if config.is_fresh() { &*self.main } else { home };
        let asked = home
            .own_words
            .get_or_try_init(async || OwnWords::ask(&home.context, deadline).await);
        // Another fetch, with more time than this one has, may be at it.
        deadline.run("asking the browser who it is", asked).await?
    }

    /// Ends it: running fetches fail, and nothing is left of a browser that was launched.
    pub(super) async fn close(&self) -> Result<()> {
        self.pool.close();
        self.browser.close().await
    }
}

async fn grant(context: &Context, permissions: &[String], deadline: Deadline) -> Result<()> {
    if permissions.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = permissions.iter().map(String::as_str).collect();
    context.grant_permissions(&names, None, deadline).await
}

/// Whether the browser forgets the cookies of its session when its last window closes. A fresh profile is told not to, which only
/// Linux lets a file say; on macOS it never does.
fn forgets_cookies(config: &BrowserConfig) -> bool {
    config.cdp_url.is_none()
        && config.headless != Headless::Shell
        && match Os::HOST {
            Os::MacOs => false,
            Os::Linux => !config.is_fresh(),
            _ => true,
        }
}

pub(super) fn launch_options(config: &BrowserConfig) -> LaunchOptions {
    LaunchOptions {
        executable_path: config.executable_path.clone(),
        real_chrome: config.real_chrome,
        headless: config.headless,
        user_data_dir: config.user_data_dir.clone(),
        window_size: config.window_size,
        proxy: config.proxy.clone(),
        disable_non_proxied_udp: config.is_launched_for_proxies(),
        user_agent: config.user_agent.clone(),
        accept_language: config.locale.as_deref().map(super::tell::languages),
        // Tabs are told of it, so that a request can say otherwise.
        ignore_https_errors: false,
        dns_over_https: config.dns_over_https.get().map(|server| server.template().to_owned()),
        pdf_viewer: false,
        auth_proxies: None,
        sandbox: config.sandbox,
        extra_flags: config.extra_flags.clone(),
        ignore_default_flags: config.ignore_default_flags.clone(),
        env: Vec::new(),
        start_timeout: config.start_timeout,
    }
}
