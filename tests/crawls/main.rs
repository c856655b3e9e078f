//! Crawls of the test site over real sessions.
#![cfg(all(feature = "http", feature = "spider"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod routing;
mod shop;
mod support;
mod trouble;
