#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod binding;
mod builder;
mod config;
mod fetch;
mod handle;
mod hooks;
mod lease;
mod life;
mod member;
mod options;
mod passage;
mod plugin;
mod roster;
mod saving;
mod session;
mod settings;
mod shared;
mod slot;
mod store;

pub use builder::SessionPoolBuilder;
pub use config::PoolConfig;
pub use fetch::IDENTITY_META;
pub use handle::{MemberState, MemberStats, PoolHandle};
pub use hooks::PoolHooks;
pub use member::Member;
pub use options::PoolOptions;
pub use plugin::{PoolPlugin, REGISTRATION};
pub use session::SessionPool;
pub use settings::Assign;
