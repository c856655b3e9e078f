//! A session that is one identity and can be no other, which it knows before it starts: as a browser.

use silkroute_core::cookies::StorageState;
use silkroute_core::{
    Error, ExpectedIdentity, Fetch, Identity, Request, RequestExt as _, Response, Result, Session, async_trait,
};
use silkroute_session_http::HttpSession;

#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) inner: HttpSession,
    pub(crate) identity: Identity,
}

#[async_trait]
impl Session for Fixed {
    fn kind(&self) -> &'static str {
        "fixed"
    }

    fn is_alive(&self) -> bool {
        self.inner.is_alive()
    }

    fn user_agent(&self) -> Option<String> {
        self.identity()?.user_agent()
    }

    fn identity(&self) -> Option<Identity> {
        self.is_alive().then(|| self.identity.clone())
    }

    fn expected_identity(&self) -> ExpectedIdentity {
        Box::pin(std::future::ready(Some(self.identity.clone())))
    }

    async fn start(&mut self) -> Result<()> {
        self.inner.start().await
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let mut parts = request.parts().clone();
        if let Some(other) = parts.identity.filter(|identity| !self.can_be(identity)) {
            return Err(Error::Unsupported {
                kind: self.kind().to_owned(),
                what: format!("looking like `{}`", other.name()),
                instead: "use another kind".to_owned(),
            });
        }
        parts.identity = None;
        self.inner
            .fetch(&Fetch::from(parts).identity(self.identity.clone()))
            .await
    }

    async fn close(&mut self) -> Result<()> {
        self.inner.close().await
    }

    async fn storage_state(&self) -> Result<StorageState> {
        self.inner.storage_state().await
    }

    async fn load_storage_state(&self, state: &StorageState) -> Result<()> {
        self.inner.load_storage_state(state).await
    }
}
