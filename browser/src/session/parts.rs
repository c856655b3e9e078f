//! What is told a builder that no configuration can hold: a jar, closures.

use silkroute_core::CookieJar;

use super::hooks::Hooks;

/// What a builder holds besides a configuration.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The jar, if it is not to be the session's own.
    pub jar: Option<CookieJar>,
    /// The closures.
    pub hooks: Hooks,
}

/// The methods for them; see [`browser_builder!`](crate::browser_builder).
#[doc(hidden)]
#[macro_export]
macro_rules! __browser_builder_parts {
    ($builder:ident) => {
        impl $builder {
            /// The jar that cookies are kept in, which other sessions may share. Default: one of its own.
            #[must_use]
            pub fn cookie_jar(mut self, jar: $crate::__private::CookieJar) -> Self {
                self.parts.jar = Some(jar);
                self
            }

            /// A closure that requests name with the option `page_setup`: it runs on the empty tab, before the navigation.
            /// An error of it is one of the fetch.
            #[must_use]
            pub fn page_setup<F>(mut self, name: impl Into<String>, hook: F) -> Self
            where
                F: for<'a> Fn(
                        &'a $crate::session::Page<'a>,
                    ) -> $crate::__private::BoxFuture<'a, $crate::__private::Result<()>>
                    + Send
                    + Sync
                    + 'static,
            {
                self.parts.hooks.add_setup(name, ::std::sync::Arc::new(hook));
                self
            }

            /// A closure that requests name with the option `page_action`: it runs on the page once the navigation is done,
            /// before the other waits but for `network_idle`. An error of it is one of the fetch.
            #[must_use]
            pub fn page_action<F>(mut self, name: impl Into<String>, hook: F) -> Self
            where
                F: for<'a> Fn(
                        &'a $crate::session::Page<'a>,
                    ) -> $crate::__private::BoxFuture<'a, $crate::__private::Result<()>>
                    + Send
                    + Sync
                    + 'static,
            {
                self.parts.hooks.add_action(name, ::std::sync::Arc::new(hook));
                self
            }

            /// Runs this closure before the navigations of requests that name none.
            #[must_use]
            pub fn default_page_setup(mut self, name: impl Into<String>) -> Self {
                self.config.page_setup = Some(name.into());
                self
            }

            /// Runs this closure on the pages of requests that name none.
            #[must_use]
            pub fn default_page_action(mut self, name: impl Into<String>) -> Self {
                self.config.page_action = Some(name.into());
                self
            }
        }
    };
}
