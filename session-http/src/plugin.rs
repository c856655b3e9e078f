//! How this session kind makes itself known.

use silkroute_core::{Result, Session, SessionPlugin, register_session};

use crate::{HttpConfig, HttpOptions, HttpSession};

/// The session kind `http`.
#[derive(Clone, Copy, Debug)]
pub struct HttpPlugin;

impl SessionPlugin for HttpPlugin {
    type Config = HttpConfig;
    type Options = HttpOptions;

    const SUMMARY: &'static str = "HTTP with a browser's TLS, HTTP/2 and header fingerprint";

    fn build(config: HttpConfig) -> Result<Box<dyn Session>> {
        HttpSession::from_config(config).map(|session| Box::new(session) as _)
    }
}

register_session!(HttpPlugin);
