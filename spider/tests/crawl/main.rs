//! Crawls of a web in memory, on a clock of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]
#![allow(unreachable_pub, dead_code, reason = "the support is shared by all")]
#![allow(clippy::type_complexity, reason = "hooks are types of functions")]

mod basics;
mod defects;
mod escalation;
mod feeds;
mod hooks;
mod items;
mod limits;
mod links;
#[cfg(feature = "log-counts")]
mod log_counts;
mod real_time;
mod reports;
mod robots;
mod rungs;
mod scheduling;
mod sessions;
mod streams;
mod support;
mod web;
