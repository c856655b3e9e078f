//! How this session kind makes itself known.

use silkroute_core::{Result, Session, SessionPlugin, register_session};

use crate::{DynamicConfig, DynamicSession, PageOptions};

/// The session kind `dynamic`.
#[derive(Clone, Copy, Debug)]
pub struct DynamicPlugin;

impl SessionPlugin for DynamicPlugin {
    type Config = DynamicConfig;
    type Options = PageOptions;

    const SUMMARY: &'static str = "pages that need JavaScript, rendered by a headless browser";

    fn build(config: DynamicConfig) -> Result<Box<dyn Session>> {
        DynamicSession::from_config(config).map(|session| Box::new(session) as _)
    }
}

register_session!(DynamicPlugin);
