//! How this session kind makes itself known.

use silkroute_core::{Result, Session, SessionPlugin, register_session};

use crate::{PoolConfig, PoolOptions, SessionPool, SessionPoolBuilder};

/// The session kind `pool`.
#[derive(Clone, Copy, Debug)]
pub struct PoolPlugin;

impl SessionPlugin for PoolPlugin {
    type Config = PoolConfig;
    type Options = PoolOptions;

    const SUMMARY: &'static str =
        "many identities, each with its own proxy, cookies and fingerprint, behind one session";

    fn build(config: PoolConfig) -> Result<Box<dyn Session>> {
        let pool: SessionPool = SessionPoolBuilder::from_config(config)?.build()?;
        Ok(Box::new(pool))
    }
}

register_session!(PoolPlugin);
