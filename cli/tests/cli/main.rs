//! The real command, against the test site.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod command;
#[cfg(feature = "spider")]
mod crawl;
#[cfg(feature = "dynamic")]
mod dynamic;
#[cfg(unix)]
mod endings;
mod fetch;
mod flags;
mod kinds;
#[cfg(feature = "spider")]
mod ladder;
#[cfg(all(unix, feature = "disk", feature = "dynamic"))]
mod paused;
#[cfg(feature = "stealth")]
mod stealth;
mod usage;
