#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod builder;
mod config;
mod entry;
mod fetch;
mod freshness;
mod key;
mod limit;
mod options;
mod plugin;
mod response;
mod session;
mod store;
mod wire;

pub use builder::CacheSessionBuilder;
pub use config::CacheConfig;
pub use options::{CacheMode, CacheOptions};
pub use plugin::{CachePlugin, REGISTRATION};
pub use response::{CachedResponse, RECORDED_AT_META, STATUS_META};
pub use session::CacheSession;
