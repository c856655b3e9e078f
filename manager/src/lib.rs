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
mod entry;
mod fetch;
mod handle;
mod limits;
mod manager;
mod meters;
mod slot;
mod stats;

pub use config::ManagerConfig;
pub use entry::{Entry, IntoEntry, SessionExt};
pub use handle::{SessionHandle, SessionLease};
pub use limits::Limits;
pub use manager::SessionManager;
pub use stats::{SessionState, SessionStats};
