//! The kind keeps the contract of silkroute's sessions.
#![allow(missing_docs, reason = "the suite documents its checks")]

use silkroute_core::{Registration, Result, Retry, Session, async_trait};
use silkroute_session_http::{HttpSession, REGISTRATION};
use silkroute_testkit::conformance::{Setup, Subject};
use silkroute_testkit::site::TestSite;

struct Http;

#[async_trait]
impl Subject for Http {
    fn registration(&self) -> Option<&'static Registration> {
        Some(&REGISTRATION)
    }

    async fn build(&self, site: &TestSite, setup: &Setup) -> Result<Box<dyn Session>> {
        let mut builder = HttpSession::builder()
            .ca_certificate(site.ca_pem())
            .retry(Retry::none());
        if let Some(timeout) = setup.timeout {
            builder = builder.timeout(timeout);
        }
        for (name, value) in &setup.headers {
            builder = builder.header(*name, *value);
        }
        if let Some(proxy) = &setup.proxy {
            builder = builder.proxy(proxy.clone());
        }
        Ok(Box::new(builder.build()?))
    }
}

silkroute_testkit::conformance!(Http);
