//! What the tests, the demo and the examples of silkroute stand on.
//!
//! - [`site`]: a local web site that behaves, and misbehaves, on demand, and records every request as it was on the
//!   wire; with a TLS authority of its own and an authenticating proxy.
//! - [`mod@conformance`]: the contract of `Session`, as checks that a session crate runs with one line.
//! - [`mod@display`]: a display without a monitor.
//! - [`mod@warnings`]: what was warned of.
//!
//! Everything listens on 127.0.0.1 and on ports that the system chooses.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")
)]

pub mod conformance;
pub mod display;
pub mod site;
pub mod warnings;
