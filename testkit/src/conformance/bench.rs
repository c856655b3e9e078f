//! What a check works with: the subject, and a site of its own.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use silkroute_core::{Fetch, Request, Response, Result, Session};
use tokio::net::TcpSocket;
use url::Url;

use super::words::{Must as _, SOON, within};
use super::{Capabilities, Capability, Setup, Subject};
use crate::site::{Recorded, TestSite};

/// What a check works with: the subject, and a site of its own.
pub struct Bench {
    subject: Box<dyn Subject>,
    capabilities: Capabilities,
    site: TestSite,
    /// It never listens, and nobody else gets its port.
    deaf: TcpSocket,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench")
            .field("capabilities", &self.capabilities)
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

impl Bench {
    /// A site, and this subject to fetch from it.
    ///
    /// # Panics
    /// The site cannot be started.
    pub async fn new(subject: impl Subject) -> Self {
        let deaf = TcpSocket::new_v4().must("a socket can be had");
        deaf.bind((Ipv4Addr::LOCALHOST, 0).into()).must("a port can be had");
        Self {
            deaf,
            capabilities: subject.capabilities(),
            subject: Box::new(subject),
            site: TestSite::start().await.must("the test site starts"),
        }
    }

    /// The site.
    pub fn site(&self) -> &TestSite {
        &self.site
    }

    /// The newest request to a path.
    pub(super) fn seen(&self, path: &str) -> Arc<Recorded> {
        match self.site().requests_to(path).pop() {
            Some(request) => request,
            None => panic!("a request that got a response MUST have reached the site: {path}"),
        }
    }

    pub(super) fn subject(&self) -> &dyn Subject {
        &*self.subject
    }

    /// Whether the session can do this. If not, the test's output says that something was left out.
    pub(super) fn can(&self, capability: Capability) -> bool {
        let can = self.capabilities.can(capability);
        if !can {
            eprintln!("the session has no {capability:?}: what needs it is left out, or must be refused");
        }
        can
    }

    pub(super) fn can_send(&self, method: &str) -> bool {
        self.capabilities.can_send(method)
    }

    /// A session that has not been started.
    pub(super) async fn built(&self) -> Box<dyn Session> {
        self.built_with(&Setup::default()).await
    }

    pub(super) async fn built_with(&self, setup: &Setup) -> Box<dyn Session> {
        self.subject
            .build(&self.site, setup)
            .await
            .must("Subject::build gives a session")
    }

    /// A session that is alive.
    pub(super) async fn started(&self) -> Box<dyn Session> {
        self.started_with(&Setup::default()).await
    }

    pub(super) async fn started_with(&self, setup: &Setup) -> Box<dyn Session> {
        let mut session = self.built_with(setup).await;
        session.start().await.must("a session that can be built MUST start");
        session
    }

    /// How many fetches at once it may be asked for, at most `wanted`: beyond its own limit requests wait in a manager.
    pub(super) fn at_once(session: &dyn Session, wanted: usize) -> usize {
        session.concurrency().map_or(wanted, |limit| limit.get().min(wanted))
    }

    pub(super) fn get(&self, path: &str) -> Fetch {
        Fetch::from(self.site.http_url(path))
    }

    pub(super) fn request(&self, method: &str, path: &str) -> Fetch {
        Fetch::new(method, self.site.http_url(path).as_str()).must("the suite's own requests are right")
    }

    /// The response to a fetch that must succeed.
    pub(super) async fn fetched(&self, session: &dyn Session, request: &dyn Request) -> Box<dyn Response> {
        let parts = request.parts();
        let rule = format!("{} {} brings a response", parts.method, parts.url.path());
        session.fetch(request).await.must(&rule)
    }

    /// Closes it and does not care how; for the end of a check that is about something else.
    pub(super) async fn finish(&self, mut session: Box<dyn Session>) {
        let _ = within(SOON, "close MUST NOT wait without bound", session.close()).await;
    }

    /// A session still does its work.
    pub(super) async fn works(&self, session: &dyn Session, when: &str) {
        let rule = format!("a live session MUST fetch {when}");
        let request = self.get("/json");
        let response: Result<_> = within(SOON, &rule, session.fetch(&request)).await;
        let status = response.must(&rule).status();
        assert_eq!(status.as_u16(), 200, "{rule}; the site answers /json with 200");
    }

    /// Waits until the site has seen what it must soon see.
    pub(super) async fn soon(&self, rule: &str, seen: impl FnMut(&TestSite) -> bool) {
        self.site.wait_until(seen, SOON).await.must(rule);
    }

    /// A URL of this machine where nothing listens.
    pub(super) fn refused_url(&self, userinfo: &str) -> Url {
        let address = self.refused_address();
        Url::parse(&format!("http://{userinfo}{address}/nobody-home")).must("an address makes a URL")
    }

    /// A proxy of this machine where nothing listens, with credentials.
    pub(super) fn refused_proxy(&self, credentials: &str) -> String {
        format!("http://{credentials}@{}", self.refused_address())
    }

    fn refused_address(&self) -> SocketAddr {
        self.deaf.local_addr().must("a socket that is bound has an address")
    }
}
