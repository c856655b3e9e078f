//! What a browser can be told before it starts.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::Proxy;

/// Whether the browser shows itself.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Headless {
    /// The real browser without a window.
    #[default]
    New,
    /// The old headless mode, a smaller program of its own (`chromium-headless-shell`): faster, and easily told apart.
    Shell,
    /// With a window. Needs a display, on Linux at least Xvfb.
    Off,
}

/// How to launch a browser.
///
/// ```
/// use silkroute_browser::{Headless, LaunchOptions};
///
/// let options = LaunchOptions { headless: Headless::Shell, ..LaunchOptions::default() };
/// assert!(options.user_data_dir.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct LaunchOptions {
    /// The program. Default: found by itself, see [`find`](crate::launch::find).
    pub executable_path: Option<PathBuf>,
    /// Run Google Chrome rather than Chromium. Default false.
    pub real_chrome: bool,
    /// Whether it shows itself. Default [`Headless::New`].
    pub headless: Headless,
    /// A profile folder that is kept. Default: a fresh one, removed at the end. A folder serves one browser at a time.
    pub user_data_dir: Option<PathBuf>,
    /// The window, in pixels. Default 1920 x 1080.
    pub window_size: (u32, u32),
    /// The proxy of the default context. Its credentials are given by
    /// [`TabOptions::proxy_credentials`](crate::TabOptions). Contexts can have proxies of their own.
    pub proxy: Option<Proxy>,
    /// WebRTC sends nothing that does not go through a proxy, and asks no resolver: no UDP at all, and no addresses of this
    /// machine. Always so with a [`proxy`](Self::proxy). For others, of contexts, it is best set too: without it pages of
    /// such contexts still resolve the names of the servers that they give to WebRTC. Default false.
    pub disable_non_proxied_udp: bool,
    /// The `User-Agent` of all pages and workers, shared and service workers included. Default: the browser's own.
    pub user_agent: Option<String>,
    /// The accepted languages of all pages and workers, such as `de-DE,de`. Default: the browser's own.
    pub accept_language: Option<String>,
    /// Take any certificate. Default false.
    pub ignore_https_errors: bool,
    /// A DNS-over-HTTPS server, as a URL template, and no other resolver. Not for a kept profile, which has a setting of its
    /// own, nor for the headless shell, which knows no such thing. Default: the system's resolver.
    pub dns_over_https: Option<String>,
    /// Whether the browser shows PDF files itself. Otherwise they are downloads, and `navigator.pdfViewerEnabled` is false; a
    /// kept profile does as it is set. Default false.
    pub pdf_viewer: bool,
    /// The proxies that may ask for a user and a password. Nobody else may, sites neither: they get no answer, and what they send
    /// with their question is what is shown, where else the page waits for somebody to type. A kept profile does as it is
    /// set. Default: everybody may.
    pub auth_proxies: Option<Vec<Proxy>>,
    /// Chromium's sandbox. Default: on, unless we are root, under whom it cannot work.
    pub sandbox: Option<bool>,
    /// Further flags, with their dashes. Of a flag given twice the last wins, and lists of features are joined.
    pub extra_flags: Vec<String>,
    /// Names of default flags to leave out, with or without dashes and value.
    pub ignore_default_flags: Vec<String>,
    /// Further environment variables, such as `TZ`.
    pub env: Vec<(String, String)>,
    /// How long it may take from the start to the first answer. Default 30 s.
    pub start_timeout: Duration,
}

impl LaunchOptions {
    /// Whether WebRTC sends nothing past a proxy.
    pub(crate) fn keeps_udp_in(&self) -> bool {
        self.proxy.is_some() || self.disable_non_proxied_udp
    }
}

impl Default for LaunchOptions {
    fn default() -> Self {
        Self {
            executable_path: None,
            real_chrome: false,
            headless: Headless::default(),
            user_data_dir: None,
            window_size: (1920, 1080),
            proxy: None,
            disable_non_proxied_udp: false,
            user_agent: None,
            accept_language: None,
            ignore_https_errors: false,
            dns_over_https: None,
            pdf_viewer: false,
            auth_proxies: None,
            sandbox: None,
            extra_flags: Vec::new(),
            ignore_default_flags: Vec::new(),
            env: Vec::new(),
            start_timeout: Duration::from_secs(30),
        }
    }
}
