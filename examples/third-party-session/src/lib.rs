#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod config;
mod latency;
mod nearest;
mod options;
mod recordings;
mod response;
mod session;

use silkroute_core::{Result, Session, SessionPlugin};

pub use config::ArchiveConfig;
pub use latency::Latency;
pub use options::ArchiveOptions;
pub use response::ArchiveResponse;
pub use session::ArchiveSession;

/// The `archive` kind, as the registry sees it.
#[derive(Debug)]
pub struct ArchivePlugin;

impl SessionPlugin for ArchivePlugin {
    type Config = ArchiveConfig;
    type Options = ArchiveOptions;

    const SUMMARY: &'static str = "replays the responses that a HAR file holds";

    fn build(config: ArchiveConfig) -> Result<Box<dyn Session>> {
        Ok(Box::new(ArchiveSession::new(config)))
    }
}

silkroute_core::register_session!(ArchivePlugin);
