//! A pool of HTTP sessions keeps the contract of silkroute's sessions, however it assigns requests.
#![allow(missing_docs, reason = "the suite documents its checks")]

use std::num::NonZeroUsize;

use silkroute_core::{ProxyPool, Registration, Result, Retry, Session, async_trait};
use silkroute_session_http::HttpSession;
use silkroute_session_pool::{Assign, REGISTRATION, SessionPool};
use silkroute_testkit::conformance::{Capabilities, Capability, Setup, Subject};
use silkroute_testkit::site::TestSite;

struct Pool {
    assign: Assign,
    places: Option<NonZeroUsize>,
}

#[async_trait]
impl Subject for Pool {
    fn registration(&self) -> Option<&'static Registration> {
        Some(&REGISTRATION)
    }

    fn capabilities(&self) -> Capabilities {
        // A request goes out by the proxy of its identity, and by no other.
        let all = Capabilities::all().without(&[Capability::Proxy]);
        match self.assign {
            Assign::Host => all,
            // The next request may well be another identity's.
            _ => all.without(&[Capability::CookieStore]),
        }
    }

    async fn build(&self, site: &TestSite, setup: &Setup) -> Result<Box<dyn Session>> {
        let (ca, setup) = (site.ca_pem().to_owned(), setup.clone());
        let proxy = setup.proxy.clone();
        let mut pool = SessionPool::builder()
            .assign(self.assign.clone())
            .identities(3, move |member| {
                let mut builder = HttpSession::builder().ca_certificate(ca.as_str()).retry(Retry::none());
                if let Some(timeout) = setup.timeout {
                    builder = builder.timeout(timeout);
                }
                for (name, value) in &setup.headers {
                    builder = builder.header(*name, *value);
                }
                if let Some(proxy) = member.proxy() {
                    builder = builder.proxy(proxy.clone());
                }
                builder.build()
            });
        if let Some(places) = self.places {
            pool = pool.places(places);
        }
        if let Some(proxy) = proxy {
            pool = pool.proxies(ProxyPool::new([proxy])?);
        }
        Ok(Box::new(pool.build()?))
    }
}

mod by_host {
    use super::*;

    silkroute_testkit::conformance!(Pool {
        assign: Assign::Host,
        places: None,
    });
}

mod spread_over_few_places {
    use super::*;

    silkroute_testkit::conformance!(Pool {
        assign: Assign::Spread,
        places: NonZeroUsize::new(4),
    });
}
