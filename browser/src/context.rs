//! Browser contexts: cookies, cache, storage and proxy of their own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use silkroute_core::{Cookie, Proxy};
use tokio::sync::oneshot;

use crate::browser::Browser;
use crate::cdp::{CdpSession, RawCommand};
use crate::cookies;
use crate::launch::proxy_server;
use crate::local_storage::Written;
use crate::setup::Setup;
use crate::tab::{Clearing, Left, Tab, TabOptions};
use crate::{CloseReason, Deadline, Error, Result, TargetInfo};

/// What a context is made with.
#[derive(Clone, Default)]
pub struct ContextOptions {
    /// Its proxy. Default: the browser's. Never bypassed, not even for this machine: packets of WebRTC, which no proxy takes,
    /// are lost, where the browser knows `Network.emulateNetworkConditionsByRule`; see
    /// [`LaunchOptions::disable_non_proxied_udp`](crate::LaunchOptions) too.
    pub proxy: Option<Proxy>,
    /// What its shared workers and service workers are told before they run.
    pub setup: Setup,
}

impl fmt::Debug for ContextOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextOptions")
            .field("proxy", &self.proxy)
            .field("setup", &self.setup.is_some())
            .finish()
    }
}

pub(crate) struct ContextState {
    pub(crate) browser: Browser,
    /// `None`: the one that the browser has from the start.
    pub(crate) id: Option<String>,
    setup: Setup,
    proxy: Option<Proxy>,
    written: Arc<Written>,
    left: Left,
    clearing: Clearing,
}

impl ContextState {
    pub(crate) fn commands(&self, target: &TargetInfo) -> Vec<RawCommand> {
        self.setup
            .as_ref()
            .map(|setup| setup.commands(target))
            .unwrap_or_default()
    }
}

impl Drop for ContextState {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        self.browser.inner.targets.forget_context(&id);
        dispose(self.browser.session(), &id);
    }
}

/// In passing; the task ends by itself within its second.
fn dispose(root: CdpSession, id: &str) {
    let Ok(command) = RawCommand::new("Target.disposeBrowserContext", json!({"browserContextId": id})) else {
        return;
    };
    let runtime = root.runtime().clone();
    runtime.spawn(async move { root.post(command, Duration::from_secs(1)).await });
}

/// A context that the browser has made, disposed of unless it is taken.
struct Made {
    root: CdpSession,
    id: String,
    taken: bool,
}

impl Made {
    /// What the browser was told it does, whether or not anybody waits, or their runtime is there: the task ends by itself, a while
    /// after the deadline.
    async fn make(root: CdpSession, params: serde_json::Value, deadline: Deadline) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Created {
            browser_context_id: String,
        }
        const LATE: Duration = Duration::from_secs(10);
        let create = RawCommand::new("Target.createBrowserContext", params)?;
        let late = Deadline::after(deadline.remaining() + LATE);
        let (sender, made) = oneshot::channel();
        let runtime = root.runtime().clone();
        runtime.spawn(async move {
            let created = root.send_as::<Created>(create, late).await;
            let made = created.map(|created| Self {
                root,
                id: created.browser_context_id,
                taken: false,
            });
            // Where nobody takes it, it is disposed of.
            let _ = sender.send(made);
        });
        let made = deadline.run("making a browser context", made).await?;
        made.map_err(|_| Error::Gone {
            what: "making a browser context".to_owned(),
            reason: CloseReason::Closed,
        })?
    }

    fn take(mut self) -> String {
        self.taken = true;
        std::mem::take(&mut self.id)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if !self.taken {
            dispose(self.root.clone(), &self.id);
        }
    }
}

/// A browser context. A cheap clone; one that was made for us is disposed of with the last clone and the last of its tabs.
#[derive(Clone)]
pub struct Context {
    pub(crate) state: Arc<ContextState>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", &self.state.id)
            .field("proxy", &self.state.proxy)
            .finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn default_of(browser: Browser, setup: Setup) -> Self {
        Self {
            state: Arc::new(ContextState {
                browser,
                id: None,
                setup,
                proxy: None,
                written: Arc::default(),
                left: Left::default(),
                clearing: Clearing::default(),
            }),
        }
    }

    pub(crate) async fn create(browser: Browser, options: ContextOptions, deadline: Deadline) -> Result<Self> {
        // Disposed of by the browser should the connection break.
        let mut params = json!({"disposeOnDetach": true});
        if let Some(proxy) = &options.proxy {
            params["proxyServer"] = proxy_server(proxy).into();
            params["proxyBypassList"] = "<-loopback>".into();
        }
        let root = browser.session();
        let id = Made::make(root.clone(), params, deadline).await?.take();
        let state = ContextState {
            browser,
            id: Some(id.clone()),
            setup: options.setup,
            proxy: options.proxy,
            written: Arc::default(),
            left: Left::default(),
            clearing: Clearing::default(),
        };
        let context = Self { state: Arc::new(state) };
        context.state.browser.inner.targets.add_context(&id, &context.state);
        // Nothing is written to disk behind anyone's back.
        let downloads = match &context.state.browser.inner.downloads {
            Some(downloads) => downloads.behavior(Some(&id)),
            None => json!({"behavior": "deny", "browserContextId": id, "eventsEnabled": false}),
        };
        root.send(RawCommand::new("Browser.setDownloadBehavior", downloads)?, deadline)
            .await?;
        Ok(context)
    }

    /// Its browser.
    pub fn browser(&self) -> &Browser {
        &self.state.browser
    }

    /// Its id; `None` for the one that the browser has from the start.
    pub fn id(&self) -> Option<&str> {
        self.state.id.as_deref()
    }

    /// Its own proxy.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.state.proxy.as_ref()
    }

    /// Whose local storage its tabs changed.
    pub(crate) fn written(&self) -> &Arc<Written> {
        &self.state.written
    }

    /// What frames of its tabs stored that is still to be cleared.
    pub(crate) fn left(&self) -> &Left {
        &self.state.left
    }

    /// Where what sites stored is being cleared.
    pub(crate) fn clearing(&self) -> &Clearing {
        &self.state.clearing
    }

    /// Opens a tab, empty and ready to navigate. Dropping the future closes what was opened.
    ///
    /// # Errors
    /// Those of commands, and [`Error::Invalid`](crate::Error::Invalid) for options that cannot be.
    pub async fn open(&self, options: TabOptions, deadline: Deadline) -> Result<Tab> {
        Tab::open(self.clone(), options, deadline).await
    }

    /// All its cookies. Those with a partition key keep it among their other attributes.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn cookies(&self, deadline: Deadline) -> Result<Vec<Cookie>> {
        cookies::all(&self.state.browser.session(), self.id(), deadline).await
    }

    /// Puts cookies in, replacing those of the same name, domain and path.
    ///
    /// # Errors
    /// Those of commands; a cookie that the browser refuses fails all.
    pub async fn set_cookies(&self, cookies: &[Cookie], deadline: Deadline) -> Result<()> {
        cookies::set(&self.state.browser.session(), self.id(), cookies, deadline).await
    }

    /// Takes all cookies out.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn clear_cookies(&self, deadline: Deadline) -> Result<()> {
        let command = RawCommand::new("Storage.clearCookies", cookies::scope(self.id()))?;
        self.state.browser.session().send(command, deadline).await.map(drop)
    }

    /// Grants permissions such as `geolocation` or `notifications` to an origin, or to all; what is not named is denied.
    ///
    /// # Errors
    /// Those of commands; a permission that the browser does not know is one.
    pub async fn grant_permissions(
        &self,
        permissions: &[&str],
        origin: Option<&str>,
        deadline: Deadline,
    ) -> Result<()> {
        let mut params = cookies::scope(self.id());
        params["permissions"] = permissions.into();
        if let Some(origin) = origin {
            params["origin"] = origin.into();
        }
        let command = RawCommand::new("Browser.grantPermissions", params)?;
        self.state.browser.session().send(command, deadline).await.map(drop)
    }
}
