//! A cache that records keeps the contract of the session behind it.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "the suite documents its checks; a test states its invariants by failing"
)]

use std::sync::Mutex;

use silkroute_core::{Registration, Result, Retry, Session, async_trait};
use silkroute_session_cache::{CacheSession, REGISTRATION};
use silkroute_session_http::HttpSession;
use silkroute_testkit::conformance::{Setup, Subject};
use silkroute_testkit::site::TestSite;
use tempfile::TempDir;

#[derive(Default)]
struct Recording {
    /// The records of its sessions, which are deleted with it.
    folders: Mutex<Vec<TempDir>>,
}

#[async_trait]
impl Subject for Recording {
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
        let folder = tempfile::tempdir().unwrap();
        let session = CacheSession::builder(builder.build()?, folder.path().join("recorded")).build()?;
        self.folders.lock().unwrap().push(folder);
        Ok(Box::new(session))
    }
}

silkroute_testkit::conformance!(Recording::default());
