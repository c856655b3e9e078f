//! An HTTP session that lacks something.

use std::sync::atomic::{AtomicBool, Ordering};

use silkroute_core::cookies::StorageState;
use silkroute_core::{Error, Identity, Request, Response, Result, Session, async_trait};
use silkroute_session_http::HttpSession;

/// What it lacks.
#[derive(Debug)]
pub(crate) enum Lack {
    /// It cannot look like anybody but itself, and does not say who that is, as a `dynamic` session.
    OtherIdentities,
    /// It takes up a state, and fails to say so.
    Answers,
    /// It fails to say what it keeps while this is set, which that ends.
    FirstState(AtomicBool),
}

#[derive(Debug)]
pub(crate) struct Lacking(pub(crate) HttpSession, pub(crate) Lack);

impl Lacking {
    fn has_no_identity(&self) -> bool {
        matches!(self.1, Lack::OtherIdentities)
    }
}

#[async_trait]
impl Session for Lacking {
    fn kind(&self) -> &'static str {
        "lacking"
    }

    fn is_alive(&self) -> bool {
        self.0.is_alive()
    }

    fn user_agent(&self) -> Option<String> {
        self.0.user_agent()
    }

    fn identity(&self) -> Option<Identity> {
        Session::identity(&self.0).filter(|_| !self.has_no_identity())
    }

    fn can_be(&self, identity: &Identity) -> bool {
        !self.has_no_identity() && self.0.can_be(identity)
    }

    async fn start(&mut self) -> Result<()> {
        self.0.start().await
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        if self.has_no_identity() && request.parts().identity.is_some() {
            return Err(Error::Unsupported {
                kind: self.kind().to_owned(),
                what: "looking like another".to_owned(),
                instead: "use another kind".to_owned(),
            });
        }
        self.0.fetch(request).await
    }

    async fn close(&mut self) -> Result<()> {
        self.0.close().await
    }

    async fn storage_state(&self) -> Result<StorageState> {
        match &self.1 {
            Lack::FirstState(due) if due.swap(false, Ordering::SeqCst) => {
                Err(Error::invalid("its state", "it is busy"))
            }
            _ => self.0.storage_state().await,
        }
    }

    async fn load_storage_state(&self, state: &StorageState) -> Result<()> {
        self.0.load_storage_state(state).await?;
        match self.1 {
            Lack::Answers => Err(Error::invalid("the answer", "it does not come")),
            Lack::OtherIdentities | Lack::FirstState(_) => Ok(()),
        }
    }
}
