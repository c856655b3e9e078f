//! The kind keeps the contract of silkroute's sessions.
#![allow(missing_docs, reason = "the suite documents its checks")]

mod support;

use silkroute_core::{Registration, Result, Retry, Session, async_trait};
use silkroute_session_stealth::{REGISTRATION, StealthSession};
use silkroute_testkit::conformance::{Capabilities, Capability, Setup, Subject};
use silkroute_testkit::site::TestSite;

struct Stealth;

#[async_trait]
impl Subject for Stealth {
    fn registration(&self) -> Option<&'static Registration> {
        Some(&REGISTRATION)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all().without(&[Capability::RawBodies])
    }

    fn missing(&self) -> Option<String> {
        support::no_browser()
    }

    async fn build(&self, _: &TestSite, setup: &Setup) -> Result<Box<dyn Session>> {
        let mut builder = StealthSession::builder()
            .max_pages(4)
            .ignore_https_errors(true)
            .start_timeout(support::LONG)
            .timeout(support::LONG)
            .retry(Retry::none());
        if let Some(timeout) = setup.timeout {
            builder = builder.timeout(timeout);
        }
        for (name, value) in &setup.headers {
            builder = builder.extra_header(name, value)?;
        }
        if let Some(proxy) = &setup.proxy {
            builder = builder.proxy(proxy.clone());
        }
        Ok(Box::new(builder.build()?))
    }
}

silkroute_testkit::conformance!(Stealth);
