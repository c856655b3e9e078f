//! A browser: launched by us, or running elsewhere.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::cdp::transport::{self, Reader, Trust, Writer};
use crate::cdp::{CdpSession, Connection, RawCommand};
use crate::context::{Context, ContextOptions};
use crate::downloads::Downloads;
use crate::launch::{self, GRACE, LaunchOptions, Process};
use crate::setup::Setup;
use crate::targets::{DEFAULT_CONTEXT, Targets};
use crate::{CloseReason, Deadline, Error, Result};

/// Which browser it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Version {
    /// Such as `Chrome/156.0.8078.79`, or `HeadlessChrome/..`.
    pub product: String,
    /// Its own `User-Agent`.
    pub user_agent: String,
}

/// How to reach a browser that runs elsewhere.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `ws://` or `wss://`, or `http://` or `https://`, where `/json/version` names the websocket.
    pub cdp_url: Url,
    /// A PEM file of root certificates to trust besides Mozilla's, for `wss` and `https`. Default: none.
    pub ca_certificate: Option<PathBuf>,
    /// How long it may take until it answers. Default 30 s.
    pub timeout: Duration,
}

impl ConnectOptions {
    /// This URL, with the defaults.
    pub fn new(cdp_url: Url) -> Self {
        Self {
            cdp_url,
            ca_certificate: None,
            timeout: Duration::from_secs(30),
        }
    }
}

async fn trusted(file: Option<&Path>, deadline: Deadline) -> Result<Trust> {
    let Some(file) = file else {
        return Trust::new(None).map_err(|error| Error::io("the certificates of public authorities", error));
    };
    let what = || format!("the certificates in {}", file.display());
    let pem = deadline.run("reading certificates", tokio::fs::read(file)).await?;
    pem.and_then(|pem| Trust::new(Some(&pem)))
        .map_err(|error| Error::io(what(), error))
}

pub(crate) struct Inner {
    pub(crate) connection: Connection,
    pub(crate) targets: Targets,
    version: Version,
    process: Option<Mutex<Process>>,
    /// Whether it was launched such that WebRTC sends nothing past a proxy.
    pub(crate) no_direct_udp: bool,
    /// Held by the tab that is to stay in front for a moment.
    pub(crate) front: tokio::sync::Mutex<()>,
    /// Where downloads can be had: on this machine, with a profile of ours.
    pub(crate) downloads: Option<Arc<Downloads>>,
}

/// A browser. A cheap clone; with the last one, and the last [`Context`] and [`Tab`](crate::Tab), a browser that was
/// launched is killed, and one that was connected to is left running, without what we opened in it.
#[derive(Clone)]
pub struct Browser {
    pub(crate) inner: Arc<Inner>,
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("product", &self.inner.version.product)
            .field("pid", &self.pid())
            .field("closed", &self.close_reason())
            .finish_non_exhaustive()
    }
}

impl Browser {
    /// Starts a browser and waits until it answers. Dropping the future ends what was started.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Launch`] with what the browser said, [`Error::Io`]; [`Error::Timeout`] where there is no
    /// profile folder in time.
    pub async fn launch(options: &LaunchOptions) -> Result<Self> {
        let deadline = Deadline::after(options.start_timeout);
        let starting = launch::start(options);
        let (connection, process) = deadline.run("making a profile folder", starting).await??;
        match Self::over(connection, true, process.temp(), deadline).await {
            Ok(mut inner) => {
                inner.process = Some(Mutex::new(process));
                inner.no_direct_udp = options.keeps_udp_in();
                Ok(Self { inner: Arc::new(inner) })
            }
            Err(error) => Err(process.launch_error(error).await),
        }
    }

    /// Connects to a browser that runs elsewhere.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Timeout`], [`Error::Invalid`]; [`Error::Io`] for a file of certificates that cannot be read.
    pub async fn connect(options: &ConnectOptions) -> Result<Self> {
        let deadline = Deadline::after(options.timeout);
        let trust = trusted(options.ca_certificate.as_deref(), deadline).await?;
        let url = transport::resolve(&options.cdp_url, &trust, deadline).await?;
        let opening = deadline
            .run("opening the websocket", transport::connect_websocket(&url, &trust))
            .await?;
        let (reader, writer) = opening.map_err(|error| Error::Connect {
            url: transport::public(&options.cdp_url),
            reason: error.to_string(),
        })?;
        let connection = Connection::new(Reader::WebSocket(reader), Writer::WebSocket(writer));
        Ok(Self {
            inner: Arc::new(Self::over(connection, false, None, deadline).await?),
        })
    }

    /// A browser at the other end of a connection that is there already.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn attach(connection: Connection, deadline: Deadline) -> Result<Self> {
        Ok(Self {
            inner: Arc::new(Self::over(connection, false, None, deadline).await?),
        })
    }

    /// `temp` is a folder for what passes through this machine's disk.
    async fn over(connection: Connection, launched: bool, temp: Option<PathBuf>, deadline: Deadline) -> Result<Inner> {
        let targets = Targets::start(&connection, launched);
        let downloads = temp.map(|temp| Arc::new(Downloads::new(temp, targets.cancel())));
        let root = connection.root();
        let version = root
            .send_as(RawCommand::new("Browser.getVersion", json!({}))?, deadline)
            .await?;
        // Tabs are containers of pages, and not paused; the browser's own pages are not ours to touch.
        let attach = json!({
            "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true,
            "filter": [{"type": "tab", "exclude": true}, {"type": "browser", "exclude": true},
                       {"type": "browser_ui", "exclude": true}, {}],
        });
        let mut commands = vec![RawCommand::new("Target.setAutoAttach", attach)?];
        if launched {
            // Nothing is written to disk behind anyone's back. Elsewhere that is for others to say.
            let behavior = match &downloads {
                Some(downloads) => downloads.behavior(None),
                None => json!({"behavior": "deny"}),
            };
            commands.push(RawCommand::new("Browser.setDownloadBehavior", behavior)?);
        }
        if let Some(downloads) = &downloads {
            root.observe(Arc::clone(downloads) as _);
        }
        root.send_all(&commands, deadline).await?;
        Ok(Inner {
            connection,
            targets,
            version,
            process: None,
            no_direct_udp: false,
            front: tokio::sync::Mutex::default(),
            downloads,
        })
    }

    /// Which browser it is.
    pub fn version(&self) -> &Version {
        &self.inner.version
    }

    /// The session of the browser itself.
    pub fn session(&self) -> CdpSession {
        self.inner.connection.root()
    }

    /// Whether it can be used.
    pub fn is_alive(&self) -> bool {
        self.close_reason().is_none()
    }

    /// Why it cannot be used any more.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.session().close_reason()
    }

    /// Waits until it has gone, for whatever reason.
    pub async fn closed(&self) -> CloseReason {
        self.session().closed().await
    }

    /// Whether we launched it.
    pub(crate) fn is_launched(&self) -> bool {
        self.inner.process.is_some()
    }

    /// Its process, where we launched it.
    pub fn pid(&self) -> Option<u32> {
        self.process(|process| process.pid())
    }

    /// All its processes, where we launched it and the system tells.
    pub fn processes(&self) -> Vec<u32> {
        self.process(|process| process.processes()).unwrap_or_default()
    }

    fn process<T>(&self, with: impl FnOnce(&mut Process) -> T) -> Option<T> {
        let process = self.inner.process.as_ref()?;
        Some(with(&mut process.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The context that the browser has from the start. Of a browser that was connected to it holds its user's cookies.
    pub fn default_context(&self) -> Context {
        Context::default_of(self.clone(), None)
    }

    /// The same, and as long as a clone of it is kept, what shared workers and service workers are told before they run. Only
    /// for a browser that was launched: elsewhere the workers of that context may be others'.
    pub fn default_context_with(&self, setup: Setup) -> Context {
        let context = Context::default_of(self.clone(), setup);
        self.inner.targets.add_context(DEFAULT_CONTEXT, &context.state);
        context
    }

    /// A context of its own: cookies, cache, storage and proxy apart from all others. It is disposed of with its last clone.
    /// Dropping the future disposes of what was made.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn new_context(&self, options: ContextOptions, deadline: Deadline) -> Result<Context> {
        Context::create(self.clone(), options, deadline).await
    }

    /// Ends it. A launched browser is asked to, given five seconds, and then killed; when this returns, no process and no
    /// fresh profile is left. One that was connected to stays, without the pages that we opened in it. Safe to call again.
    ///
    /// # Errors
    /// [`Error::Timeout`] when something is left after ten seconds. Of one that was connected to also those of commands, when pages
    /// of ours may be left in it.
    pub async fn close(&self) -> Result<()> {
        let Some(gone) = self.process(|process| process.gone()) else {
            let closed = self.close_ours(Deadline::after(2 * GRACE)).await;
            self.inner.connection.close(&CloseReason::Closed);
            return match closed {
                // With the browser go its pages.
                Err(error) if error.is_browser_gone() => Ok(()),
                closed => closed,
            };
        };
        let grace = Deadline::after(GRACE);
        if self.is_alive() {
            // It may hang up before it answers.
            let asked = self
                .session()
                .send(RawCommand::new("Browser.close", json!({}))?, grace)
                .await;
            if let Err(error) = asked.as_ref()
                && !error.is_gone()
            {
                tracing::debug!(%error, "the browser does not close when asked");
            }
        }
        if gone.wait(grace).await.is_err() {
            self.process(Process::kill);
        }
        let ended = gone.wait(Deadline::after(GRACE)).await;
        self.inner.connection.close(&CloseReason::Closed);
        ended
    }

    /// Closes the pages that we opened, and waits until they are gone. Chromium forgets to close a page that goes elsewhere at the
    /// same moment, so it is asked again.
    async fn close_ours(&self, deadline: Deadline) -> Result<()> {
        const STEP: Duration = Duration::from_millis(100);
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Listed {
            target_infos: Vec<Target>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Target {
            target_id: String,
        }
        let root = self.session();
        while self.is_alive() {
            // In this order: what was being opened is then among ours.
            let opening = self.inner.targets.is_opening();
            let mut left = self.inner.targets.ours();
            if left.is_empty() && !opening {
                break;
            }
            let listed: Listed = root
                .send_as(RawCommand::new("Target.getTargets", json!({}))?, deadline)
                .await?;
            let there: HashSet<String> = listed.target_infos.into_iter().map(|info| info.target_id).collect();
            left.retain(|target| there.contains(target));
            if left.is_empty() && !opening {
                break;
            }
            for target in &left {
                let close = RawCommand::new("Target.closeTarget", json!({"targetId": target}))?;
                match root.send(close, deadline).await {
                    // It may have gone by itself.
                    Ok(_) | Err(Error::Protocol { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            deadline.run("closing pages", tokio::time::sleep(STEP)).await?;
        }
        Ok(())
    }

    /// Kills it at once, without waiting.
    pub fn kill(&self) {
        self.process(Process::kill);
        self.inner.connection.close(&CloseReason::Closed);
    }
}
