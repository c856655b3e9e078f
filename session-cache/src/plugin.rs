//! How this session kind makes itself known.

use silkroute_core::{Result, Session, SessionPlugin, register_session};

use crate::{CacheConfig, CacheOptions, CacheSession};

/// The session kind `cache`.
#[derive(Clone, Copy, Debug)]
pub struct CachePlugin;

impl SessionPlugin for CachePlugin {
    type Config = CacheConfig;
    type Options = CacheOptions;

    const SUMMARY: &'static str = "records what another session fetches, and replays it: for developing offline";

    fn build(config: CacheConfig) -> Result<Box<dyn Session>> {
        CacheSession::from_config(config).map(|session| Box::new(session) as _)
    }
}

register_session!(CachePlugin);
