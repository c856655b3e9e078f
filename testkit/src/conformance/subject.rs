//! The session kind that is held against the contract.

use std::time::Duration;

use silkroute_core::{Proxy, Registration, Result, Session, async_trait};

use super::Capabilities;
use crate::site::TestSite;

/// A session kind, as the suite needs to know it.
#[async_trait]
pub trait Subject: Send + Sync + 'static {
    /// The kind's record, which `register_session!` made; `None` where it has none, and its configuration and options are
    /// then not checked.
    fn registration(&self) -> Option<&'static Registration>;

    /// What its sessions can do; everything, unless said otherwise.
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    /// What this machine lacks for any check to run, such as a browser; nothing, unless said otherwise. All checks then
    /// pass without having run, and their output says so. Where the lack is no excuse, panic here.
    fn missing(&self) -> Option<String> {
        None
    }

    /// Builds a session that has not been started, for use against this site.
    ///
    /// It trusts [`TestSite::ca_pem`], may fetch from the loopback addresses, follows redirects, has what `setup` asks
    /// for as far as its capabilities say, and does not retry: the suite counts what the site sees. A session that
    /// replays has its recordings made here, from [`record`](super::record).
    ///
    /// # Errors
    /// Whatever keeps it from being built; the check fails with it.
    async fn build(&self, site: &TestSite, setup: &Setup) -> Result<Box<dyn Session>>;
}

/// How a check wants its session to be configured. What is not set is the session's own default.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The time that a fetch may take when its request says nothing; for those that have
    /// [`Capability::SessionTimeout`](super::Capability::SessionTimeout).
    pub timeout: Option<Duration>,
    /// Headers of all its requests; for those that have [`Capability::SessionHeaders`](super::Capability::SessionHeaders).
    pub headers: Vec<(&'static str, &'static str)>,
    /// The proxy of all its requests; for those that have [`Capability::SessionProxy`](super::Capability::SessionProxy).
    pub proxy: Option<Proxy>,
}
