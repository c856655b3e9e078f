//! Building a browser session in code: one list of methods for all kinds.

/// Gives a builder the methods that all browser kinds have in common. The builder is a struct with a field `config`, made by
/// [`browser_config!`](crate::browser_config), and a field `parts` of type [`Parts`](crate::session::Parts).
#[macro_export]
macro_rules! browser_builder {
    ($builder:ident) => {
        $crate::__browser_builder_parts!($builder);

        impl $builder {
            /// How the browser shows itself: new (no window), shell (the headless shell) or off (with a window). Default: new.
            #[must_use]
            pub fn headless(mut self, headless: $crate::Headless) -> Self {
                self.config.headless = headless;
                self
            }

            /// The browser's program. Default: Chromium or Chrome, found by itself; see `launch::find`.
            #[must_use]
            pub fn executable_path(mut self, executable_path: impl Into<::std::path::PathBuf>) -> Self {
                self.config.executable_path = Some(executable_path.into());
                self
            }

            /// Whether to run Google Chrome rather than Chromium. Default: false.
            #[must_use]
            pub fn real_chrome(mut self, real_chrome: bool) -> Self {
                self.config.real_chrome = real_chrome;
                self
            }

            /// A browser that runs elsewhere: ws, wss, http or https. What is set at a launch then has no effect and is refused.
            #[must_use]
            pub fn cdp_url(mut self, cdp_url: $crate::session::CdpUrl) -> Self {
                self.config.cdp_url = Some(cdp_url);
                self
            }

            /// Root certificates to trust besides Mozilla's where the browser at `cdp_url` is reached over TLS: the path of a
            /// PEM file. Default: none.
            #[must_use]
            pub fn cdp_ca_certificate(mut self, cdp_ca_certificate: impl Into<::std::path::PathBuf>) -> Self {
                self.config.cdp_ca_certificate = Some(cdp_ca_certificate.into());
                self
            }

            /// Whether to use that browser's own context, with its user's cookies and logins, rather than a fresh one. Default: false.
            #[must_use]
            pub fn cdp_default_context(mut self, cdp_default_context: bool) -> Self {
                self.config.cdp_default_context = cdp_default_context;
                self
            }

            /// A profile folder that is kept. Default: a fresh one, removed at the end.
            #[must_use]
            pub fn user_data_dir(mut self, user_data_dir: impl Into<::std::path::PathBuf>) -> Self {
                self.config.user_data_dir = Some(user_data_dir.into());
                self
            }

            /// The window, in pixels: `[width, height]`.
            #[must_use]
            pub fn window_size(mut self, width: u32, height: u32) -> Self {
                self.config.window_size = (width, height);
                self
            }

            /// Chromium's sandbox. Default: on, unless we are root, under whom it cannot work.
            #[must_use]
            pub fn sandbox(mut self, sandbox: bool) -> Self {
                self.config.sandbox = Some(sandbox);
                self
            }

            /// Whether names are resolved over HTTPS, by Cloudflare; or the URL template of a server. Default: off.
            #[must_use]
            pub fn dns_over_https(
                mut self,
                dns_over_https: impl Into<$crate::session::Toggle<$crate::session::DnsOverHttps>>,
            ) -> Self {
                self.config.dns_over_https = dns_over_https.into();
                self
            }

            /// Further flags of the browser, with their dashes. Default: none.
            #[must_use]
            pub fn extra_flags(mut self, extra_flags: impl IntoIterator<Item = impl Into<String>>) -> Self {
                self.config.extra_flags = extra_flags.into_iter().map(Into::into).collect();
                self
            }

            /// Names of our default flags to leave out. Default: none.
            #[must_use]
            pub fn ignore_default_flags(
                mut self,
                ignore_default_flags: impl IntoIterator<Item = impl Into<String>>,
            ) -> Self {
                self.config.ignore_default_flags = ignore_default_flags.into_iter().map(Into::into).collect();
                self
            }

            /// How long the browser may take until it answers. Default: 30 s.
            #[must_use]
            pub fn start_timeout(mut self, start_timeout: ::std::time::Duration) -> Self {
                self.config.start_timeout = start_timeout;
                self
            }

            /// Tabs at one time, 1 to 50. Default: 1.
            #[must_use]
            pub fn max_pages(mut self, max_pages: usize) -> Self {
                self.config.max_pages = max_pages;
                self
            }

            /// Whether a tab is cleared and used again; a new one for each page takes up to 1.6 times as long.
            /// Default: true.
            #[must_use]
            pub fn reuse_tabs(mut self, reuse_tabs: bool) -> Self {
                self.config.reuse_tabs = reuse_tabs;
                self
            }

            /// After so many uses a tab is closed rather than cleared; without `reuse_tabs` the process that tabs take over ends. Default: 100.
            #[must_use]
            pub fn recycle_tabs_after(mut self, recycle_tabs_after: u32) -> Self {
                self.config.recycle_tabs_after = recycle_tabs_after;
                self
            }

            /// Whether what sites stored, cookies and cache apart, goes with each page. Default: it does, but for what is in a profile
            /// that is not ours: that of `user_data_dir`, or the browser's own with `cdp_default_context`.
            #[must_use]
            pub fn clear_storage(mut self, clear_storage: bool) -> Self {
                self.config.clear_storage = Some(clear_storage);
                self
            }

            /// Whether local storage is kept from page to page and among the session's state, as cookies are: saved with it, and
            /// there for the next page of a session that loads it. Default: false.
            #[must_use]
            pub fn keep_local_storage(mut self, keep_local_storage: bool) -> Self {
                self.config.keep_local_storage = keep_local_storage;
                self
            }

            /// What pages may do without asking, such as geolocation or notifications; all else is denied where this is not empty. Default: none.
            #[must_use]
            pub fn permissions(mut self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
                self.config.permissions = permissions.into_iter().map(Into::into).collect();
                self
            }

            /// The proxy of every request. Not together with `proxy_pool`.
            #[must_use]
            pub fn proxy(mut self, proxy: $crate::__private::Proxy) -> Self {
                self.config.proxy = Some(proxy);
                self
            }

            /// Proxies to take turns, each with a context of its own. Not together with `proxy`.
            #[must_use]
            pub fn proxy_pool(mut self, proxy_pool: $crate::__private::ProxyPool) -> Self {
                self.config.proxy_pool = Some(proxy_pool);
                self
            }

            /// Whether the jar's cookies are sent, and those of pages kept in it. Default: true.
            #[must_use]
            pub fn cookie_store(mut self, cookie_store: bool) -> Self {
                self.config.cookie_store = cookie_store;
                self
            }

            /// The time for a whole fetch: a free tab, all attempts, the navigation, waits, actions and the body. Default: 30 s.
            #[must_use]
            pub fn timeout(mut self, timeout: ::std::time::Duration) -> Self {
                self.config.timeout = timeout;
                self
            }

            /// How often to try, and how long to wait in between. Default: three attempts in all.
            #[must_use]
            pub fn retry(mut self, retry: $crate::__private::Retry) -> Self {
                self.config.retry = retry;
                self
            }

            /// The longest body, in bytes. Default: 64 MiB.
            #[must_use]
            pub fn body_limit(mut self, body_limit: u64) -> Self {
                self.config.body_limit = body_limit;
                self
            }

            /// When a navigation counts as done: commit, dom_content_loaded, load or network_idle. Default: load.
            #[must_use]
            pub fn wait_until(mut self, wait_until: $crate::WaitUntil) -> Self {
                self.config.wait_until = wait_until;
                self
            }

            /// Whether to wait besides until there were no requests for half a second. Default: false.
            #[must_use]
            pub fn network_idle(mut self, network_idle: bool) -> Self {
                self.config.network_idle = network_idle;
                self
            }

            /// A CSS selector to wait for.
            #[must_use]
            pub fn wait_selector(mut self, wait_selector: impl Into<String>) -> Self {
                self.config.wait_selector = Some(wait_selector.into());
                self
            }

            /// What is waited for: attached, visible, hidden or detached. Default: attached.
            #[must_use]
            pub fn wait_selector_state(mut self, wait_selector_state: $crate::SelectorState) -> Self {
                self.config.wait_selector_state = wait_selector_state;
                self
            }

            /// A while to wait at the end, after everything else. Default: none.
            #[must_use]
            pub fn wait(mut self, wait: ::std::time::Duration) -> Self {
                self.config.wait = wait;
                self
            }

            /// What comes of a wait that runs out of its time: error or continue. Default: error.
            #[must_use]
            pub fn on_timeout(mut self, on_timeout: $crate::session::OnTimeout) -> Self {
                self.config.on_timeout = on_timeout;
                self
            }

            /// The longest that the navigation may take. Default: what is left of `timeout`.
            #[must_use]
            pub fn navigation_timeout(mut self, navigation_timeout: ::std::time::Duration) -> Self {
                self.config.navigation_timeout = Some(navigation_timeout);
                self
            }

            /// The longest that each of the waits after it may take. Default: what is left of `timeout`; with `on_timeout` continue, four fifths of that.
            #[must_use]
            pub fn wait_timeout(mut self, wait_timeout: ::std::time::Duration) -> Self {
                self.config.wait_timeout = Some(wait_timeout);
                self
            }

            /// Whether to scroll down until the page does not grow any more; or how: `{max_scrolls, quiet}`. Default: off.
            #[must_use]
            pub fn auto_scroll(
                mut self,
                auto_scroll: impl Into<$crate::session::Toggle<$crate::session::AutoScroll>>,
            ) -> Self {
                self.config.auto_scroll = auto_scroll.into();
                self
            }

            /// Scripts to run in every document before its own. Default: none.
            #[must_use]
            pub fn init_scripts(mut self, init_scripts: impl IntoIterator<Item = impl Into<String>>) -> Self {
                self.config.init_scripts = init_scripts.into_iter().map(Into::into).collect();
                self
            }

            /// Whether to leave out fonts, images, media, styles and the like; or a list of types. Default: off.
            #[must_use]
            pub fn disable_resources(
                mut self,
                disable_resources: impl Into<$crate::session::Toggle<$crate::session::Resources>>,
            ) -> Self {
                self.config.disable_resources = disable_resources.into();
                self
            }

            /// Domains not to load from, with all below them. Default: none.
            #[must_use]
            pub fn blocked_domains(mut self, blocked_domains: impl IntoIterator<Item = impl Into<String>>) -> Self {
                self.config.blocked_domains = blocked_domains.into_iter().map(Into::into).collect();
                self
            }

            /// Whether to leave out what the ad filter knows. Default: false.
            #[must_use]
            pub fn block_ads(mut self, block_ads: bool) -> Self {
                self.config.block_ads = block_ads;
                self
            }

            /// A regular expression: responses to scripts whose URL matches are on the response.
            #[must_use]
            pub fn capture_xhr(mut self, capture_xhr: impl Into<String>) -> Self {
                self.config.capture_xhr = Some(capture_xhr.into());
                self
            }

            /// Whether to take a picture at the end; or how: `{format, full_page}`. Default: off.
            #[must_use]
            pub fn screenshot(
                mut self,
                screenshot: impl Into<$crate::session::Toggle<$crate::ScreenshotOptions>>,
            ) -> Self {
                self.config.screenshot = screenshot.into();
                self
            }

            /// Whether to print the page at the end; or how: `{paper_width, paper_height, margin, landscape, background}`. Default: off.
            #[must_use]
            pub fn pdf(mut self, pdf: impl Into<$crate::session::Toggle<$crate::PdfOptions>>) -> Self {
                self.config.pdf = pdf.into();
                self
            }

            /// Whether to note what pages write to their consoles. A page could notice. Default: false.
            #[must_use]
            pub fn console(mut self, console: bool) -> Self {
                self.config.console = console;
                self
            }

            /// Whether a navigation without a `Referer` comes from a Google search. Default: false.
            #[must_use]
            pub fn google_search(mut self, google_search: bool) -> Self {
                self.config.google_search = google_search;
                self
            }

            /// The `User-Agent`. Default: the browser's own, without a word of being headless.
            #[must_use]
            pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
                self.config.user_agent = Some(user_agent.into());
                self
            }

            /// The locale, such as de-DE: of scripts, of the accepted languages and of `navigator.languages`.
            #[must_use]
            pub fn locale(mut self, locale: impl Into<String>) -> Self {
                self.config.locale = Some(locale.into());
                self
            }

            /// The time zone, such as Europe/Berlin.
            #[must_use]
            pub fn timezone_id(mut self, timezone_id: impl Into<String>) -> Self {
                self.config.timezone_id = Some(timezone_id.into());
                self
            }

            /// The size of pages, in CSS pixels: `{width, height, device_scale_factor}`. Default: the window's.
            #[must_use]
            pub fn viewport(mut self, viewport: $crate::Viewport) -> Self {
                self.config.viewport = Some(viewport);
                self
            }

            /// The colour scheme that the user prefers: light or dark.
            #[must_use]
            pub fn color_scheme(mut self, color_scheme: $crate::ColorScheme) -> Self {
                self.config.color_scheme = Some(color_scheme);
                self
            }

            /// Where the browser is, if pages may ask: `{latitude, longitude, accuracy}`.
            #[must_use]
            pub fn geolocation(mut self, geolocation: $crate::Geolocation) -> Self {
                self.config.geolocation = Some(geolocation);
                self
            }

            /// Whether any certificate is taken. Default: false.
            #[must_use]
            pub fn ignore_https_errors(mut self, ignore_https_errors: bool) -> Self {
                self.config.ignore_https_errors = ignore_https_errors;
                self
            }

            /// A header of every request of every page; credentials go with the document alone. Of the same name the later one
            /// counts.
            ///
            /// # Errors
            /// A name or a value that no header can have.
            pub fn extra_header(mut self, name: &str, value: &str) -> $crate::__private::Result<Self> {
                let headers = $crate::session::Headers::new([(name, value)])?;
                self.config.extra_headers = self.config.extra_headers.with(&headers);
                Ok(self)
            }

            /// A cookie to begin with.
            #[must_use]
            pub fn cookie(mut self, cookie: $crate::__private::Cookie) -> Self {
                self.config.cookies.0.push(cookie);
                self
            }
        }
    };
}
