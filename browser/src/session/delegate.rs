//! What the session type of a kind hands on.

/// Implements [`Session`](silkroute_core::Session) and `Debug` for a kind's session: a struct whose field `inner` is a
/// [`BrowserSession`](crate::session::BrowserSession), to which all of it goes.
#[macro_export]
macro_rules! browser_session {
    ($session:ident) => {
        impl ::std::fmt::Debug for $session {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_tuple(::std::stringify!($session))
                    .field(&self.inner)
                    .finish()
            }
        }

        #[$crate::__private::async_trait]
        impl $crate::__private::Session for $session {
            fn kind(&self) -> &'static str {
                self.inner.kind()
            }

            fn is_alive(&self) -> bool {
                self.inner.is_alive()
            }

            fn concurrency(&self) -> Option<::std::num::NonZeroUsize> {
                self.inner.concurrency()
            }

            fn timeout(&self) -> ::std::time::Duration {
                self.inner.timeout()
            }

            fn user_agent(&self) -> Option<String> {
                self.inner.user_agent()
            }

            fn identity(&self) -> Option<$crate::__private::Identity> {
                self.inner.identity()
            }

            fn expected_identity(&self) -> $crate::__private::ExpectedIdentity {
                self.inner.expected_identity()
            }

            fn can_be(&self, identity: &$crate::__private::Identity) -> bool {
                self.inner.can_be(identity)
            }

            fn can_be_exactly(&self, identity: &$crate::__private::Identity) -> bool {
                self.inner.can_be_exactly(identity)
            }

            async fn start(&mut self) -> $crate::__private::Result<()> {
                self.inner.start().await
            }

            async fn fetch(
                &self,
                request: &dyn $crate::__private::Request,
            ) -> $crate::__private::Result<Box<dyn $crate::__private::Response>> {
                self.inner.fetch(request).await
            }

            async fn storage_state(&self) -> $crate::__private::Result<$crate::__private::StorageState> {
                self.inner.storage_state().await
            }

            async fn load_storage_state(
                &self,
                state: &$crate::__private::StorageState,
            ) -> $crate::__private::Result<()> {
                self.inner.load_storage_state(state).await
            }

            async fn close(&mut self) -> $crate::__private::Result<()> {
                self.inner.close().await
            }
        }
    };
}
