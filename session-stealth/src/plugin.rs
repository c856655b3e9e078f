//! How this session kind makes itself known.

use silkroute_core::{Result, Session, SessionPlugin, register_session};

use crate::{StealthConfig, StealthOptions, StealthSession};

/// The session kind `stealth`.
#[derive(Clone, Copy, Debug)]
pub struct StealthPlugin;

impl SessionPlugin for StealthPlugin {
    type Config = StealthConfig;
    type Options = StealthOptions;

    const SUMMARY: &'static str = "a browser that says the same of itself everywhere, and that waits at challenges";

    fn build(config: StealthConfig) -> Result<Box<dyn Session>> {
        StealthSession::from_config(config).map(|session| Box::new(session) as _)
    }
}

register_session!(StealthPlugin);
