//! How this session kind makes itself known.

use silkroute_core::{Result, Session, SessionPlugin, register_session};

use crate::{CacheConfig, CacheOptions, CacheSessionBuilder};

/// The session kind `cache`.
#[derive(Clone, Copy, Debug)]
pub struct CachePlugin;

impl SessionPlugin for CachePlugin {
    type Config = CacheConfig;
    type Options = CacheOptions;

    const SUMMARY: &'static str = "records what another session fetches, and replays it: for developing offline";

    fn build(config: CacheConfig) -> Result<Box<dyn Session>> {
        Ok(Box::new(CacheSessionBuilder::from_config(config)?.build()?))
    }
}

register_session!(CachePlugin);
