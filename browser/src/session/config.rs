//! What a browser session can be configured with: one list of fields, from which each kind's own struct is made.

use silkroute_core::{Identity, Proxy, ProxyPool};

use crate::launch::flag_name;

/// Makes the struct of a kind's configuration: every field that browser sessions have in common, the kind's own behind
/// them, and no others, with [`Default`] and [`BrowserKindConfig`](crate::session::BrowserKindConfig).
///
/// Fields of the kind's own have doc comments and a default. The crate that uses it needs `silkroute-core`, `serde` (with
/// `derive`) and `schemars`.
///
/// ```
/// silkroute_browser::browser_config! {
///     /// What an `archive` session can be configured with.
///     pub struct ArchiveConfig {
///         /// Whether to ask the archive first.
///         pub archived: bool = true,
///     }
/// }
///
/// let config = ArchiveConfig::default();
/// assert!(config.archived && config.max_pages == 1);
/// ```
#[macro_export]
macro_rules! browser_config {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$own_meta:meta])* pub $own:ident : $own_type:ty = $own_default:expr,)*
        }
    ) => {
        $crate::browser_config! {
            @struct [$(#[$meta])*] [$vis] $name { $($(#[$own_meta])* pub $own: $own_type = $own_default,)* }
        }

        impl $crate::session::BrowserKindConfig for $name {
            fn browser(&self) -> $crate::session::BrowserConfig {
                $crate::session::BrowserConfig {
                    headless: self.headless.clone(),
                    executable_path: self.executable_path.clone(),
                    real_chrome: self.real_chrome.clone(),
                    cdp_url: self.cdp_url.clone(),
                    cdp_ca_certificate: self.cdp_ca_certificate.clone(),
                    cdp_default_context: self.cdp_default_context.clone(),
                    user_data_dir: self.user_data_dir.clone(),
                    window_size: self.window_size.clone(),
                    sandbox: self.sandbox.clone(),
                    dns_over_https: self.dns_over_https.clone(),
                    extra_flags: self.extra_flags.clone(),
                    ignore_default_flags: self.ignore_default_flags.clone(),
                    start_timeout: self.start_timeout.clone(),
                    max_pages: self.max_pages.clone(),
                    reuse_tabs: self.reuse_tabs.clone(),
                    recycle_tabs_after: self.recycle_tabs_after.clone(),
                    clear_storage: self.clear_storage.clone(),
                    keep_local_storage: self.keep_local_storage.clone(),
                    permissions: self.permissions.clone(),
                    proxy: self.proxy.clone(),
                    proxy_pool: self.proxy_pool.clone(),
                    cookies: self.cookies.clone(),
                    cookie_store: self.cookie_store.clone(),
                    timeout: self.timeout.clone(),
                    retry: self.retry.clone(),
                    body_limit: self.body_limit.clone(),
                    wait_until: self.wait_until.clone(),
                    network_idle: self.network_idle.clone(),
                    wait_selector: self.wait_selector.clone(),
                    wait_selector_state: self.wait_selector_state.clone(),
                    wait: self.wait.clone(),
                    on_timeout: self.on_timeout.clone(),
                    navigation_timeout: self.navigation_timeout.clone(),
                    wait_timeout: self.wait_timeout.clone(),
                    auto_scroll: self.auto_scroll.clone(),
                    page_setup: self.page_setup.clone(),
                    page_action: self.page_action.clone(),
                    init_scripts: self.init_scripts.clone(),
                    disable_resources: self.disable_resources.clone(),
                    blocked_domains: self.blocked_domains.clone(),
                    block_ads: self.block_ads.clone(),
                    capture_xhr: self.capture_xhr.clone(),
                    screenshot: self.screenshot.clone(),
                    pdf: self.pdf.clone(),
                    console: self.console.clone(),
                    google_search: self.google_search.clone(),
                    extra_headers: self.extra_headers.clone(),
                    user_agent: self.user_agent.clone(),
                    locale: self.locale.clone(),
                    timezone_id: self.timezone_id.clone(),
                    viewport: self.viewport.clone(),
                    color_scheme: self.color_scheme.clone(),
                    geolocation: self.geolocation.clone(),
                    ignore_https_errors: self.ignore_https_errors.clone(),
                }
            }
        }
    };
    (@struct [$(#[$meta:meta])*] [$vis:vis] $name:ident {
        $($(#[$own_meta:meta])* pub $own:ident : $own_type:ty = $own_default:expr,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        $vis struct $name {
            /// How the browser shows itself: new (no window), shell (the headless shell) or off (with a window).
            pub headless: $crate::Headless,
            /// The browser's program. Default: Chromium or Chrome, found by itself; see `launch::find`.
            pub executable_path: Option<::std::path::PathBuf>,
            /// Whether to run Google Chrome rather than Chromium.
            pub real_chrome: bool,
            /// A browser that runs elsewhere: ws, wss, http or https. What is set at a launch then has no effect and is refused.
            pub cdp_url: Option<$crate::session::CdpUrl>,
            /// Root certificates to trust besides Mozilla's where it is reached over TLS: the path of a PEM file.
            pub cdp_ca_certificate: Option<::std::path::PathBuf>,
            /// Whether to use that browser's own context, with its user's cookies and logins, rather than a fresh one.
            pub cdp_default_context: bool,
            /// A profile folder that is kept. Default: a fresh one, removed at the end.
            pub user_data_dir: Option<::std::path::PathBuf>,
            /// The window, in pixels: `[width, height]`.
            pub window_size: (u32, u32),
            /// Chromium's sandbox. Default: on, unless we are root, under whom it cannot work.
            pub sandbox: Option<bool>,
            /// Whether names are resolved over HTTPS, by Cloudflare; or the URL template of a server.
            pub dns_over_https: $crate::session::Toggle<$crate::session::DnsOverHttps>,
            /// Further flags of the browser, with their dashes.
            pub extra_flags: Vec<String>,
            /// Names of our default flags to leave out.
            pub ignore_default_flags: Vec<String>,
            /// How long the browser may take until it answers.
            #[serde(with = "silkroute_core::duration")]
            #[schemars(with = "String")]
            pub start_timeout: ::std::time::Duration,
            /// Tabs at one time, 1 to 50.
            pub max_pages: usize,
            /// Whether a tab is cleared and used again; a new one for each page takes up to 1.6 times as long.
            pub reuse_tabs: bool,
            /// After so many uses a tab is closed rather than cleared; without `reuse_tabs` the process that tabs take over ends.
            pub recycle_tabs_after: u32,
            /// Whether what sites stored, cookies and cache apart, goes with each page. Default: it does, but for what is in a profile
            /// that is not ours: that of `user_data_dir`, or the browser's own with `cdp_default_context`.
            pub clear_storage: Option<bool>,
            /// Whether local storage is kept from page to page and among the session's state, as cookies are.
            pub keep_local_storage: bool,
            /// What pages may do without asking, such as geolocation or notifications; all else is denied where this is not empty.
            pub permissions: Vec<String>,
            /// The proxy of every request. Not together with `proxy_pool`.
            pub proxy: Option<$crate::__private::Proxy>,
            /// Proxies to take turns, each with a context of its own. Not together with `proxy`.
            pub proxy_pool: Option<$crate::__private::ProxyPool>,
            /// Cookies to begin with, put into the jar.
            pub cookies: $crate::session::Cookies,
            /// Whether the jar's cookies are sent, and those of pages kept in it.
            pub cookie_store: bool,
            /// The time for a whole fetch: a free tab, all attempts, the navigation, waits, actions and the body.
            #[serde(with = "silkroute_core::duration")]
            #[schemars(with = "String")]
            pub timeout: ::std::time::Duration,
            /// How often to try, and how long to wait in between.
            pub retry: $crate::__private::Retry,
            /// The longest body, in bytes.
            pub body_limit: u64,
            /// When a navigation counts as done: commit, dom_content_loaded, load or network_idle.
            pub wait_until: $crate::WaitUntil,
            /// Whether to wait besides until there were no requests for half a second.
            pub network_idle: bool,
            /// A CSS selector to wait for.
            pub wait_selector: Option<String>,
            /// What is waited for: attached, visible, hidden or detached.
            pub wait_selector_state: $crate::SelectorState,
            /// A while to wait at the end, after everything else.
            #[serde(with = "silkroute_core::duration")]
            #[schemars(with = "String")]
            pub wait: ::std::time::Duration,
            /// What comes of a wait that runs out of its time: error or continue.
            pub on_timeout: $crate::session::OnTimeout,
            /// The longest that the navigation may take. Default: what is left of `timeout`.
            #[serde(with = "silkroute_core::duration::option")]
            #[schemars(with = "Option<String>")]
            pub navigation_timeout: Option<::std::time::Duration>,
            /// The longest that each of the waits after it may take. Default: what is left of `timeout`; with `on_timeout` continue, four fifths of that.
            #[serde(with = "silkroute_core::duration::option")]
            #[schemars(with = "Option<String>")]
            pub wait_timeout: Option<::std::time::Duration>,
            /// Whether to scroll down until the page does not grow any more; or how: `{max_scrolls, quiet}`.
            pub auto_scroll: $crate::session::Toggle<$crate::session::AutoScroll>,
            /// The name of a closure of the session's to run before each navigation.
            pub page_setup: Option<String>,
            /// The name of a closure of the session's to run on each page.
            pub page_action: Option<String>,
            /// Scripts to run in every document before its own.
            pub init_scripts: Vec<String>,
            /// Whether to leave out fonts, images, media, styles and the like; or a list of types.
            pub disable_resources: $crate::session::Toggle<$crate::session::Resources>,
            /// Domains not to load from, with all below them.
            pub blocked_domains: Vec<String>,
            /// Whether to leave out what the ad filter knows.
            pub block_ads: bool,
            /// A regular expression: responses to scripts whose URL matches are on the response.
            pub capture_xhr: Option<String>,
            /// Whether to take a picture at the end; or how: `{format, full_page}`.
            pub screenshot: $crate::session::Toggle<$crate::ScreenshotOptions>,
            /// Whether to print the page at the end; or how: `{paper_width, paper_height, margin, landscape, background}`.
            pub pdf: $crate::session::Toggle<$crate::PdfOptions>,
            /// Whether to note what pages write to their consoles. A page could notice.
            pub console: bool,
            /// Whether a navigation without a `Referer` comes from a Google search.
            pub google_search: bool,
            /// Headers of every request of every page. Credentials among them go with the document alone.
            pub extra_headers: $crate::session::Headers,
            /// The `User-Agent`. Default: the browser's own.
            pub user_agent: Option<String>,
            /// The locale, such as de-DE: of scripts, of the accepted languages and of `navigator.languages`.
            pub locale: Option<String>,
            /// The time zone, such as Europe/Berlin.
            pub timezone_id: Option<String>,
            /// The size of pages, in CSS pixels: `{width, height, device_scale_factor}`. Default: the window's.
            pub viewport: Option<$crate::Viewport>,
            /// The colour scheme that the user prefers: light or dark.
            pub color_scheme: Option<$crate::ColorScheme>,
            /// Where the browser is, if pages may ask: `{latitude, longitude, accuracy}`.
            pub geolocation: Option<$crate::Geolocation>,
            /// Whether any certificate is taken.
            pub ignore_https_errors: bool,
            $($(#[$own_meta])* pub $own: $own_type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    headless: $crate::Headless::New,
                    executable_path: None,
                    real_chrome: false,
                    cdp_url: None,
                    cdp_ca_certificate: None,
                    cdp_default_context: false,
                    user_data_dir: None,
                    window_size: (1920, 1080),
                    sandbox: None,
                    dns_over_https: $crate::session::Toggle::Off,
                    extra_flags: Vec::new(),
                    ignore_default_flags: Vec::new(),
                    start_timeout: ::std::time::Duration::from_secs(30),
                    max_pages: 1,
                    reuse_tabs: true,
                    recycle_tabs_after: 100,
                    clear_storage: None,
                    keep_local_storage: false,
                    permissions: Vec::new(),
                    proxy: None,
                    proxy_pool: None,
                    cookies: $crate::session::Cookies::default(),
                    cookie_store: true,
                    timeout: ::std::time::Duration::from_secs(30),
                    retry: $crate::__private::Retry::default(),
                    body_limit: 64 * 1024 * 1024,
                    wait_until: $crate::WaitUntil::Load,
                    network_idle: false,
                    wait_selector: None,
                    wait_selector_state: $crate::SelectorState::Attached,
                    wait: ::std::time::Duration::ZERO,
                    on_timeout: $crate::session::OnTimeout::Error,
                    navigation_timeout: None,
                    wait_timeout: None,
                    auto_scroll: $crate::session::Toggle::Off,
                    page_setup: None,
                    page_action: None,
                    init_scripts: Vec::new(),
                    disable_resources: $crate::session::Toggle::Off,
                    blocked_domains: Vec::new(),
                    block_ads: false,
                    capture_xhr: None,
                    screenshot: $crate::session::Toggle::Off,
                    pdf: $crate::session::Toggle::Off,
                    console: false,
                    google_search: false,
                    extra_headers: $crate::session::Headers::default(),
                    user_agent: None,
                    locale: None,
                    timezone_id: None,
                    viewport: None,
                    color_scheme: None,
                    geolocation: None,
                    ignore_https_errors: false,
                    $($own: $own_default,)*
                }
            }
        }
    };
}

browser_config! {
    @struct
    [
        /// What all browser sessions can be configured with.
    ]
    [pub]
    BrowserConfig {}
}

impl BrowserConfig {
    /// The proxies of the session.
    pub(super) fn own_proxies(&self) -> impl Iterator<Item = &Proxy> {
        let pool = self.proxy_pool.iter().flat_map(ProxyPool::proxies);
        self.proxy.iter().chain(pool)
    }

    /// Those of them that we have a user for: nobody else's question can be answered.
    pub(super) fn asking_proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.own_proxies().filter(|proxy| proxy.username().is_some())
    }

    /// Whether browsers are launched for proxies, of which the session has some: they then send nothing of WebRTC past them,
    /// as [`disable_non_proxied_udp`](crate::LaunchOptions::disable_non_proxied_udp) has it. A browser at `cdp_url` is as it was
    /// launched.
    pub fn is_launched_for_proxies(&self) -> bool {
        self.cdp_url.is_none() && self.own_proxies().next().is_some()
    }

    /// Whether it chooses words of its own for who the browser is.
    pub(super) fn says_who(&self) -> bool {
        let names_it = |name: &http::HeaderName| {
            [http::header::USER_AGENT, http::header::ACCEPT_LANGUAGE].contains(name)
                || name.as_str().starts_with("sec-ch-ua")
        };
        let flags_it = |flag: &String| flag_name(flag) == "user-agent";
        self.user_agent.is_some()
            || self.extra_headers.as_map().keys().any(names_it)
            || self.extra_flags.iter().any(flags_it)
    }

    /// Why no request can look like this, if it says what that does not.
    pub(super) fn contradicts(&self, identity: &Identity) -> Option<String> {
        if self.says_who() {
            let reason = "its own configuration says who it is, by `user_agent`, a header or a flag: leave that out, or the \
                          request's `identity`";
            return Some(reason.to_owned());
        }
        let (option, own) = self.chosen_language()?;
        let first = identity.languages.first()?;
        (!own.replace('_', "-").eq_ignore_ascii_case(first)).then(|| {
            format!(
                "its own `{option}` is `{own}`, and the identity's first language is `{first}`: leave one of them out"
            )
        })
    }

    /// The language that browsers are launched for, where somebody chose one, and by which option.
    pub(super) fn chosen_language(&self) -> Option<(&str, &str)> {
        // It takes the place of the one that the locale makes.
        let flag = self
            .extra_flags
            .iter()
            .rev()
            .find(|flag| flag_name(flag) == "accept-lang");
        match flag.and_then(|flag| flag.split_once('=')) {
            Some((flag, languages)) => languages.split(',').next().map(|first| (flag, first)),
            None => self.locale.as_deref().map(|locale| ("locale", locale)),
        }
    }

    /// Whether browsers are launched with a fresh profile.
    pub(super) fn is_fresh(&self) -> bool {
        self.cdp_url.is_none() && self.user_data_dir.is_none()
    }
}

/// A kind's configuration: a struct made by [`browser_config!`](crate::browser_config).
pub trait BrowserKindConfig: Default {
    /// Those fields that all browser kinds have.
    fn browser(&self) -> BrowserConfig;
}
