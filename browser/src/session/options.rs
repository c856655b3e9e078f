//! What a request may say to a browser session: one list of fields, from which each kind's own struct is made.

use std::time::Duration;

use silkroute_core::SessionOptions;

/// A kind's per-request options: a struct made by [`page_options!`](crate::page_options).
pub trait BrowserOptions: SessionOptions + Clone + Send + Sync {
    /// Those fields that all browser kinds have.
    fn page(&self) -> PageOverrides;
}

/// Makes the struct of a kind's per-request options: every field that browser sessions have in common, the kind's own
/// behind them, and no others, with [`SessionOptions`] and [`BrowserOptions`].
///
/// Fields of the kind's own are `Option`s and have doc comments. The crate that uses it needs `silkroute-core`, `serde` (with
/// `derive`) and `schemars`.
///
/// ```
/// silkroute_browser::page_options! {
///     /// What a request may say to an `archive` session.
///     pub struct ArchiveOptions for "archive" {
///         /// Whether to ask the archive first.
///         pub archived: Option<bool>,
///     }
/// }
///
/// let options = ArchiveOptions { wait_selector: Some("#list".into()), archived: Some(true), ..Default::default() };
/// # let _ = options;
/// ```
#[macro_export]
macro_rules! page_options {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident for $kind:literal {
            $($(#[$own_meta:meta])* pub $own:ident : $own_type:ty,)*
        }
    ) => {
        $crate::page_options! { @struct [$(#[$meta])*] [$vis] $name { $($(#[$own_meta])* pub $own: $own_type,)* } }

        impl $crate::__private::SessionOptions for $name {
            const KIND: &'static str = $kind;
        }

        impl $crate::session::BrowserOptions for $name {
            fn page(&self) -> $crate::session::PageOverrides {
                $crate::page_options! { @copy self }
            }
        }
    };
    (@copy $self:ident) => {
        $crate::session::PageOverrides {
            wait_until: $self.wait_until,
            network_idle: $self.network_idle,
            wait_selector: $self.wait_selector.clone(),
            wait_selector_state: $self.wait_selector_state,
            wait: $self.wait,
            on_timeout: $self.on_timeout,
            navigation_timeout: $self.navigation_timeout,
            wait_timeout: $self.wait_timeout,
            auto_scroll: $self.auto_scroll,
            page_setup: $self.page_setup.clone(),
            page_action: $self.page_action.clone(),
            init_scripts: $self.init_scripts.clone(),
            disable_resources: $self.disable_resources.clone(),
            blocked_domains: $self.blocked_domains.clone(),
            block_ads: $self.block_ads,
            capture_xhr: $self.capture_xhr.clone(),
            screenshot: $self.screenshot,
            pdf: $self.pdf,
            console: $self.console,
            google_search: $self.google_search,
            extra_headers: $self.extra_headers.clone(),
            user_agent: $self.user_agent.clone(),
            locale: $self.locale.clone(),
            timezone_id: $self.timezone_id.clone(),
            viewport: $self.viewport,
            color_scheme: $self.color_scheme,
            geolocation: $self.geolocation,
            ignore_https_errors: $self.ignore_https_errors,
            body_limit: $self.body_limit,
            retry: $self.retry.clone(),
            cookie_store: $self.cookie_store,
        }
    };
    (@struct [$(#[$meta:meta])*] [$vis:vis] $name:ident {
        $($(#[$own_meta:meta])* pub $own:ident : $own_type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        $vis struct $name {
            /// When the navigation counts as done: commit, dom_content_loaded, load or network_idle.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub wait_until: Option<$crate::WaitUntil>,
            /// Whether to wait besides until there were no requests for half a second.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub network_idle: Option<bool>,
            /// A CSS selector to wait for.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub wait_selector: Option<String>,
            /// What is waited for: attached, visible, hidden or detached.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub wait_selector_state: Option<$crate::SelectorState>,
            /// A while to wait at the end, after everything else.
            #[serde(with = "silkroute_core::duration::option", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<String>")]
            pub wait: Option<::std::time::Duration>,
            /// What comes of a wait that runs out of its time: error or continue.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub on_timeout: Option<$crate::session::OnTimeout>,
            /// The longest that the navigation may take.
            #[serde(with = "silkroute_core::duration::option", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<String>")]
            pub navigation_timeout: Option<::std::time::Duration>,
            /// The longest that each of the waits after it may take.
            #[serde(with = "silkroute_core::duration::option", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<String>")]
            pub wait_timeout: Option<::std::time::Duration>,
            /// Whether to scroll down until the page does not grow any more; or how: `{max_scrolls, quiet}`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub auto_scroll: Option<$crate::session::Toggle<$crate::session::AutoScroll>>,
            /// The name of a closure of the session's to run before the navigation.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub page_setup: Option<String>,
            /// The name of a closure of the session's to run on the page.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub page_action: Option<String>,
            /// Scripts to run in every document before its own, after the session's.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub init_scripts: Option<Vec<String>>,
            /// Whether to leave out fonts, images, media, styles and the like; or a list of types.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub disable_resources: Option<$crate::session::Toggle<$crate::session::Resources>>,
            /// Domains not to load from, with all below them, besides the session's.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub blocked_domains: Option<Vec<String>>,
            /// Whether to leave out what the ad filter knows.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub block_ads: Option<bool>,
            /// A regular expression: responses to scripts whose URL matches are on the response.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub capture_xhr: Option<String>,
            /// Whether to take a picture at the end; or how: `{format, full_page}`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub screenshot: Option<$crate::session::Toggle<$crate::ScreenshotOptions>>,
            /// Whether to print the page at the end; or how: `{paper_width, paper_height, margin, landscape, background}`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub pdf: Option<$crate::session::Toggle<$crate::PdfOptions>>,
            /// Whether to note what the page writes to its console. A page could notice.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub console: Option<bool>,
            /// Whether a navigation without a `Referer` comes from a Google search.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub google_search: Option<bool>,
            /// Headers of every request of the page, on top of the session's. Credentials among them go with the document alone.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub extra_headers: Option<$crate::session::Headers>,
            /// The `User-Agent` of pages, frames and dedicated workers.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub user_agent: Option<String>,
            /// The locale, such as de-DE: of scripts, of the accepted languages and of `navigator.languages`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub locale: Option<String>,
            /// The time zone, such as Europe/Berlin.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub timezone_id: Option<String>,
            /// The size of the page, in CSS pixels: `{width, height, device_scale_factor}`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub viewport: Option<$crate::Viewport>,
            /// The colour scheme that the user prefers: light or dark.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub color_scheme: Option<$crate::ColorScheme>,
            /// Where the browser is, if pages may ask: `{latitude, longitude, accuracy}`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub geolocation: Option<$crate::Geolocation>,
            /// Whether any certificate is taken.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub ignore_https_errors: Option<bool>,
            /// The longest body, in bytes.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub body_limit: Option<u64>,
            /// How often to try, and how long to wait in between.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub retry: Option<$crate::__private::Retry>,
            /// Whether the jar's cookies are sent, and those of the page kept in it.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub cookie_store: Option<bool>,
            $(
                $(#[$own_meta])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $own: $own_type,
            )*
        }
    };
}

page_options! {
    @struct
    [
        /// What a request asks of a browser session of any kind. What is left out is as the session has it.
    ]
    [pub]
    PageOverrides {}
}

impl PageOverrides {
    /// Durations that are given and cannot be used.
    pub(crate) fn empty_duration(&self) -> Option<&'static str> {
        let zero = |time: Option<Duration>| time.is_some_and(|time| time.is_zero());
        [
            ("navigation_timeout", self.navigation_timeout),
            ("wait_timeout", self.wait_timeout),
        ]
        .into_iter()
        .find_map(|(name, time)| zero(time).then_some(name))
    }
}
