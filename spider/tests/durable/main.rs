//! Crawls on a frontier on disk, over real sessions to the test site, stopped in every way there is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]
#![allow(unreachable_pub, reason = "the support is shared by all")]

mod apart;
mod begun;
mod cookies;
mod cut;
mod disk;
mod exports;
mod fixture;
mod gate;
mod kill;
mod limits;
#[cfg(feature = "log-counts")]
mod log_counts;
mod mute;
mod order;
mod resume;
mod signals;
mod state;
mod support;
mod trouble;
