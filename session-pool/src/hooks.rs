//! What the user's program does for each identity.

use std::sync::Arc;

use silkroute_core::{Response, Result, Session, async_trait};

use crate::Member;

/// What your program does for each identity of a pool: log in, accept the consent, say whether it is still welcome. Every method
/// has a default that does nothing.
///
/// ```
/// use silkroute_core::{Fetch, RequestExt, Response, Result, Session, async_trait};
/// use silkroute_session_pool::{Member, PoolHooks};
///
/// #[derive(Debug)]
/// struct Login;
///
/// #[async_trait]
/// impl PoolHooks for Login {
///     async fn warm_up(&self, session: &dyn Session, member: &Member) -> Result<()> {
///         let form = Fetch::post("https://shop.test/login")?.form([("user", member.name()), ("password", "...")]);
///         session.fetch(&form).await.map(drop)
///     }
///
///     async fn is_valid(&self, session: &dyn Session, _: &Member) -> Result<bool> {
///         Ok(session.fetch(&Fetch::get("https://shop.test/account")?).await?.status().is_success())
///     }
///
///     fn is_blocked(&self, response: &dyn Response) -> Option<bool> {
///         response.text().contains("are you a robot?").then_some(true)
///     }
/// }
/// ```
#[async_trait]
pub trait PoolHooks: Send + Sync + 'static {
    /// Makes a new identity ready, before its first request: it logs in, accepts the consent, chooses the country. Not called for one
    /// whose saved state is still valid. What the session keeps of it is saved afterwards, where the pool has a directory.
    ///
    /// # Errors
    /// Whatever keeps it from being ready. The identity rests and is tried again; after three failures in a row it is retired, unless
    /// something of it was saved.
    async fn warm_up(&self, session: &dyn Session, member: &Member) -> Result<()> {
        let _ = (session, member);
        Ok(())
    }

    /// Whether an identity is ready: asked when its state has been read from disk, and after every [`warm_up`](Self::warm_up). Yes,
    /// unless said otherwise. Three starts in a row that end with a no, after their warm-up, cost an identity its place, and what was
    /// saved of it is set aside.
    ///
    /// # Errors
    /// It could not be found out, which counts as a failed start, and not as a no: a site that is down is an error.
    async fn is_valid(&self, session: &dyn Session, member: &Member) -> Result<bool> {
        let _ = (session, member);
        Ok(true)
    }

    /// Whether a response shows that the site has had enough of the identity. `None`, which is how it is when nothing
    /// is said, and when it panics: it does where its session [says so](silkroute_core::ResponseParts::blocked), and where its status
    /// is on the pool's list.
    fn is_blocked(&self, response: &dyn Response) -> Option<bool> {
        let _ = response;
        None
    }
}

/// So that a program can look at what its hooks noted.
#[async_trait]
#[deny(
    clippy::missing_trait_methods,
    reason = "what is not handed on would be the default's"
)]
impl<H: PoolHooks + ?Sized> PoolHooks for Arc<H> {
    async fn warm_up(&self, session: &dyn Session, member: &Member) -> Result<()> {
        (**self).warm_up(session, member).await
    }

    async fn is_valid(&self, session: &dyn Session, member: &Member) -> Result<bool> {
        (**self).is_valid(session, member).await
    }

    fn is_blocked(&self, response: &dyn Response) -> Option<bool> {
        (**self).is_blocked(response)
    }
}

/// Those of a pool that was given none.
pub(crate) struct NoHooks;

impl PoolHooks for NoHooks {}
