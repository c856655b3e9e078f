//! How this session kind makes itself known.

use silkroute_core::{Result, Session, SessionPlugin, register_session};

use crate::{PoolConfig, PoolOptions, SessionPool};

/// The session kind `pool`.
#[derive(Clone, Copy, Debug)]
pub struct PoolPlugin;

impl SessionPlugin for PoolPlugin {
    type Config = PoolConfig;
    type Options = PoolOptions;

    const SUMMARY: &'static str =
        "many identities, each with its own proxy, cookies and fingerprint, behind one session";

    fn build(config: PoolConfig) -> Result<Box<dyn Session>> {
        SessionPool::from_config(config).map(|pool| Box::new(pool) as _)
    }
}

register_session!(PoolPlugin);
