//! The kind keeps the contract of silkroute's sessions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::sync::Mutex;

use silkroute_core::{Registration, Result, Session, async_trait};
use silkroute_session_archive::{ArchiveConfig, ArchiveSession, Latency, REGISTRATION};
use silkroute_testkit::conformance::{Capabilities, Capability, Setup, Subject, record};
use silkroute_testkit::site::TestSite;
use tempfile::NamedTempFile;

mod recorder;

#[derive(Default)]
struct Archive {
    /// The archives of its sessions, which are deleted with it.
    files: Mutex<Vec<NamedTempFile>>,
}

#[async_trait]
impl Subject for Archive {
    fn registration(&self) -> Option<&'static Registration> {
        Some(&REGISTRATION)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all().only_methods(&["GET", "HEAD"]).without(&[
            Capability::Live,
            Capability::Bodies,
            Capability::Headers,
            Capability::Cookies,
            Capability::CookieStore,
            Capability::Proxy,
            Capability::SessionHeaders,
            Capability::SessionProxy,
        ])
    }

    async fn build(&self, site: &TestSite, setup: &Setup) -> Result<Box<dyn Session>> {
        let file = recorder::write(&record(site).await);
        let mut config = ArchiveConfig::new(file.path());
        config.latency = Latency::Recorded;
        if let Some(timeout) = setup.timeout {
            config.timeout = timeout;
        }
        self.files.lock().unwrap().push(file);
        Ok(Box::new(ArchiveSession::new(config)))
    }
}

silkroute_testkit::conformance!(Archive::default());
